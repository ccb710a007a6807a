#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "config/document.h"
#include "core/backend.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/program.h"
#include "core/random.h"
#include "core/testbed.h"
#include "core/time.h"
#include "experiments/activity_rule.h"
#include "experiments/catalogue.h"
#include "experiments/experiment.h"
#include "experiments/programs.h"
#include "experiments/session.h"
#include "experiments/verdict.h"

namespace gpreempt::experiments {
namespace {

using std::chrono::milliseconds;

constexpr Duration kPollPeriod = milliseconds(1);
/// Several polls long: a poll falls into each kernel whatever its phase.
constexpr Duration kLastKernel = milliseconds(7);

/// Single kernels with pauses, at times that drift through the polls.
Program pulses(const Setting& setting, const GpuInfo& gpu, std::uint32_t count) {
  Program program{
      .name = "pulses", .trains = {{kernel_on(gpu, 0.25, kLastKernel)}}, .arrivals = {}};
  RandomStream random(setting.seed, "experiment/activity");
  Duration at = milliseconds(5);
  for (std::uint32_t i = 0; i < count; ++i) {
    at += milliseconds(25) + Duration(static_cast<std::int64_t>(random.below(10'000'000)));
    program.arrivals.push_back(Arrival{.at = at, .train = 0});
  }
  return program;
}

/// The edges against the process's own records.
ActivityEvidence compare(const std::vector<Event>& events,
                         const std::vector<RequestRecord>& requests) {
  ActivityEvidence evidence{.period = kPollPeriod, .delays = {}, .expected = requests.size()};
  for (const Event& event : events) {
    const auto* const edge = std::get_if<ActivityEdge>(&event.what);
    if (edge == nullptr || edge->busy) {
      continue;
    }
    evidence.unproven += edge->proven ? 0U : 1U;
    const RequestRecord* last = nullptr;
    for (const RequestRecord& request : requests) {
      last = request.arrival <= event.at ? &request : last;
    }
    if (last == nullptr || event.at < last->end) {
      ++evidence.early;
    } else {
      evidence.delays.push_back(to_ns(event.at - last->end));
    }
  }
  return evidence;
}

Result<std::vector<Verdict>> watch(Session& session, const Setting& setting,
                                   const std::string& name) {
  if (const std::string& reason = session.backend().info().watch; !reason.empty()) {
    return fail(Errc::kUnsupported, reason);
  }
  const Program program =
      pulses(setting, session.backend().info().gpus.front(), setting.quick ? 20 : 100);
  Pid pid;
  GPREEMPT_TRY(store(pid, session.testbed().launch(program)));
  Followed process;
  GPREEMPT_TRY(store(process, session.follow(pid, AttachMode::kObserve)));
  GPREEMPT_TRY(session.backend().watch(process.id, kPollPeriod));
  session.testbed().start();
  GPREEMPT_TRY(session.serve_until(session.backend().now() + program.arrivals.back().at +
                                   milliseconds(100)));
  return judge_activity(name, compare(session.events(), session.testbed().requests(pid)));
}

}  // namespace

Result<std::vector<Verdict>> run_activity(const Setting& setting) {
  struct Firmware {
    std::string name;
    std::optional<bool> early;
  };
  const std::vector<Firmware> firmwares = {{.name = "as-it-is", .early = std::nullopt},
                                           {.name = "begin", .early = true},
                                           {.name = "end", .early = false}};
  std::vector<Verdict> verdicts;
  for (const Firmware& firmware : firmwares) {
    const WorldRequest request{.gpus = 1, .read_index_early = firmware.early, .seed = setting.seed};
    Result<std::vector<Verdict>> seen = in_world(
        setting, request, [&](Session& session) { return watch(session, setting, firmware.name); });
    if (!seen && seen.error().code == Errc::kUnsupported) {
      seen = std::vector<Verdict>{unavailable("activity/" + firmware.name, seen.error().what)};
    }
    GPREEMPT_TRY(seen);
    verdicts.insert(verdicts.end(), seen->begin(), seen->end());
  }
  return verdicts;
}

}  // namespace gpreempt::experiments
