#include "experiments/mqd_priority.h"

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "backends/kfd/discovery/queue_join.h"
#include "config/document.h"
#include "core/error.h"
#include "core/ids.h"
#include "core/program.h"
#include "core/time.h"
#include "experiments/hardware_view.h"
#include "experiments/session.h"
#include "experiments/verdict.h"

namespace gpreempt::experiments {
namespace {

using std::chrono::milliseconds;

std::uint32_t pipe_priority_of(std::uint32_t priority) {
  constexpr std::uint32_t kLastLow = 6;
  constexpr std::uint32_t kLastMedium = 10;
  if (priority <= kLastLow) {
    return 0;
  }
  return priority <= kLastMedium ? 1 : 2;
}

Verdict judge_class(std::uint32_t priority, Pid pid, const std::vector<kfd::QueueRow>& rows) {
  Verdict verdict{
      .name = fmt::format("priority/in-the-mqd/{}", priority),
      .value = {},
      .expected = fmt::format("queue {}, pipe {}", priority, pipe_priority_of(priority))};
  std::uint32_t found = 0;
  std::uint32_t right = 0;
  std::string seen;
  for (const kfd::QueueRow& row : rows) {
    if (row.pid != pid || !row.queue_priority || !row.pipe_priority) {
      continue;
    }
    ++found;
    right += *row.queue_priority == priority && *row.pipe_priority == pipe_priority_of(priority)
                 ? 1U
                 : 0U;
    seen = fmt::format("queue {}, pipe {}", *row.queue_priority, *row.pipe_priority);
  }
  if (found == 0) {
    return unavailable(verdict.name, "mqds lists no compute queue of this process");
  }
  verdict.value = seen;
  verdict.answer = right == found ? Answer::kYes : Answer::kNo;
  verdict.reason = fmt::format(
      "{} of {} compute queues of a process that asked for priority {} "
      "have it in their descriptor",
      right, found, priority);
  return verdict;
}

}  // namespace

Result<std::vector<Verdict>> read_priorities(Session& session) {
  constexpr std::array<std::uint32_t, 4> kPriorities = {0, 7, 11, 15};
  std::vector<std::pair<std::uint32_t, Pid>> processes;
  for (const std::uint32_t priority : kPriorities) {
    Program program{.name = "idle",
                    .offline = true,
                    .hardware_priority = priority,
                    .trains = {},
                    .arrivals = {}};
    processes.emplace_back(priority, Pid{});
    GPREEMPT_TRY(store(processes.back().second, session.run(std::move(program))));
  }
  GPREEMPT_TRY(session.wait(milliseconds(10)));
  const Result<std::vector<kfd::QueueRow>> rows = look_at_queues(session);
  if (!rows) {
    if (rows.error().code != Errc::kUnsupported && rows.error().code != Errc::kNotPermitted) {
      return tl::unexpected<Error>(rows.error());
    }
    return std::vector<Verdict>{unavailable("priority/in-the-mqd", rows.error().what)};
  }
  std::vector<Verdict> verdicts;
  verdicts.reserve(processes.size());
  for (const auto& [priority, pid] : processes) {
    verdicts.push_back(judge_class(priority, pid, *rows));
  }
  return verdicts;
}

}  // namespace gpreempt::experiments
