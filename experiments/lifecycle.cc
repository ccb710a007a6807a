#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "backends/kfd/discovery/queue_join.h"
#include "backends/kfd/discovery/queue_slots.h"
#include "config/document.h"
#include "core/backend.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/program.h"
#include "core/testbed.h"
#include "core/time.h"
#include "experiments/catalogue.h"
#include "experiments/experiment.h"
#include "experiments/hardware_view.h"
#include "experiments/programs.h"
#include "experiments/session.h"
#include "experiments/verdict.h"

namespace gpreempt::experiments {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t kSamples = 10;
/// By when a model's queues are to be known after its start.
constexpr Duration kIdentifyLimit = seconds(5);

struct Life {
  Duration identified{};            ///< from before the launch until its queues are known
  std::vector<QueueInfo> first;     ///< as known then, oldest first
  std::vector<std::size_t> counts;  ///< of its compute queues, sample by sample
  Duration destroyed{};             ///< from exit() until it is known to be gone
  std::size_t left = 0;             ///< queues of it that are still listed then
  // From the hardware's view; empty reason: it could be read.
  std::string no_view;
  std::size_t descriptors = 0;
  std::size_t slots = 0;
  std::size_t not_one_per_xcc = 0;
  std::uint32_t xccs = 0;
};

Program lively(const GpuInfo& gpu) {
  Program program = endless("model", gpu, 0.25, milliseconds(1));
  program.runtime = Runtime::kHip;
  program.queues = 4;
  return program;
}

Result<void> look_at_slots(Session& session, Pid pid, Life& life) {
  const Result<std::vector<kfd::QueueRow>> rows = look_at_queues(session);
  if (!rows) {
    const Errc code = rows.error().code;
    if (code != Errc::kUnsupported && code != Errc::kNotPermitted && code != Errc::kIo) {
      return tl::unexpected<Error>(rows.error());
    }
    life.no_view = rows.error().what;
    return {};
  }
  for (const kfd::QueueRow& row : *rows) {
    if (row.pid != pid || row.type != QueueType::kCompute) {
      continue;
    }
    ++life.descriptors;
    life.slots += row.found.slots.size();
    const bool right =
        row.found.mapping == kfd::Mapping::kMapped && row.found.slots.size() == life.xccs;
    life.not_one_per_xcc += right ? 0U : 1U;
  }
  return {};
}

Result<Life> live(Session& session, Duration interval) {
  Life life;
  const GpuInfo& gpu = session.backend().info().gpus.front();
  life.xccs = gpu.xccs;
  const Instant begin = session.backend().now();
  Pid pid;
  GPREEMPT_TRY(store(pid, session.run(lively(gpu))));
  Followed process;
  GPREEMPT_TRY(store(process, session.follow(pid, AttachMode::kObserve)));
  life.identified = session.backend().now() - begin;
  life.first = session.backend().queues(process.id);
  for (std::size_t i = 0; i < kSamples; ++i) {
    GPREEMPT_TRY(session.serve_until(session.backend().now() + interval));
    const std::vector<QueueInfo> queues = session.backend().queues(process.id);
    life.counts.push_back(static_cast<std::size_t>(
        std::ranges::count(queues, QueueType::kCompute, &QueueInfo::type)));
  }
  GPREEMPT_TRY(look_at_slots(session, pid, life));
  const Instant end = session.backend().now();
  session.testbed().exit(pid);
  const auto is_gone = [&](const Event& event) {
    const auto* const exited = std::get_if<TargetExited>(&event.what);
    return exited != nullptr && exited->target == process.id;
  };
  GPREEMPT_TRY(session.await(is_gone, end + kPatience).map([](const Event& /*event*/) {}));
  life.destroyed = session.backend().now() - end;
  life.left = session.backend().queues(process.id).size();
  return life;
}

Verdict judge_identification(const Life& life) {
  const bool met = life.identified <= kIdentifyLimit && !life.first.empty();
  return {.name = "lifecycle/identified",
          .value = static_cast<double>(to_ns(life.identified)),
          .expected = static_cast<double>(to_ns(kIdentifyLimit)),
          .answer = met ? Answer::kMet : Answer::kMissed,
          .reason = fmt::format("{} queues were known so long after the model's start, "
                                "which is {} 5 s",
                                life.first.size(), met ? "within" : "not within"),
          .numbers = {{"identified_ns", static_cast<double>(to_ns(life.identified))}},
          .unit = "ns"};
}

Verdict judge_order(const Life& life) {
  std::string order;
  bool ascending = true;
  for (std::size_t i = 0; i < life.first.size(); ++i) {
    const QueueInfo& queue = life.first[i];
    order +=
        fmt::format("{}{} {}", order.empty() ? "" : ", ", queue.kernel_id, to_string(queue.role));
    ascending = ascending && (i == 0 || life.first[i - 1].kernel_id < queue.kernel_id);
  }
  return {.name = "lifecycle/creation-order",
          .value = order,
          .expected = {},
          .answer = ascending ? Answer::kYes : Answer::kNo,
          .reason = ascending
                        ? "ids rise in the order in which the queues were made; the runtime "
                          "makes its own first"
                        : "ids do not rise with age: queues were destroyed, or the driver does "
                          "not give the lowest free id"};
}

Verdict judge_stability(const Life& life) {
  const auto [least, most] = std::ranges::minmax(life.counts);
  const bool stable = most - least <= 1 && least > 0;
  return {.name = "lifecycle/count-is-stable",
          .value = static_cast<double>(most - least),
          .expected = "at most 1",
          .answer = stable ? Answer::kMet : Answer::kMissed,
          .reason = fmt::format("{} samples of a model at work have {} to {} compute queues",
                                life.counts.size(), least, most),
          .numbers = {{"samples", static_cast<double>(life.counts.size())},
                      {"least", static_cast<double>(least)},
                      {"most", static_cast<double>(most)}}};
}

Verdict judge_slots(const Life& life) {
  constexpr std::string_view kName = "lifecycle/one-slot-per-xcc";
  if (!life.no_view.empty()) {
    return unavailable(std::string(kName), life.no_view);
  }
  const bool right = life.descriptors > 0 && life.not_one_per_xcc == 0;
  return {.name = std::string(kName),
          .value = static_cast<double>(life.slots) /
                   static_cast<double>(std::max<std::size_t>(life.descriptors, 1)),
          .expected = static_cast<double>(life.xccs),
          .answer = right ? Answer::kMet : Answer::kMissed,
          .reason = fmt::format("{} compute queues of the process are in {} hardware slots; {} are "
                                "not in exactly one slot of each of {} XCCs",
                                life.descriptors, life.slots, life.not_one_per_xcc, life.xccs),
          .numbers = {{"queues", static_cast<double>(life.descriptors)},
                      {"slots", static_cast<double>(life.slots)}}};
}

Verdict judge_end(const Life& life) {
  return {.name = "lifecycle/gone-after-exit",
          .value = static_cast<double>(to_ns(life.destroyed)),
          .expected = {},
          .answer = life.left == 0 ? Answer::kYes : Answer::kNo,
          .reason = fmt::format("the end of the process was known so long after exit(), "
                                "and {} of its queues were left",
                                life.left),
          .numbers = {{"until_known_ns", static_cast<double>(to_ns(life.destroyed))}},
          .unit = "ns"};
}

}  // namespace

Result<std::vector<Verdict>> run_lifecycle(const Setting& setting) {
  const Duration interval = setting.quick ? milliseconds(100) : seconds(10);
  return in_world(setting, {.gpus = 1, .seed = setting.seed}, [&](Session& session) {
    return live(session, interval).map([](const Life& life) {
      return std::vector<Verdict>{judge_identification(life), judge_order(life),
                                  judge_stability(life), judge_slots(life), judge_end(life)};
    });
  });
}

}  // namespace gpreempt::experiments
