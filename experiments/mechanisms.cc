#include <fmt/format.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/document.h"
#include "core/backend.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/program.h"
#include "core/stats.h"
#include "core/testbed.h"
#include "core/time.h"
#include "experiments/catalogue.h"
#include "experiments/experiment.h"
#include "experiments/programs.h"
#include "experiments/sampled.h"
#include "experiments/session.h"
#include "experiments/verdict.h"

namespace gpreempt::experiments {
namespace {

using std::chrono::milliseconds;

constexpr std::uint32_t kQueues = 4;
constexpr Duration kQuiet = milliseconds(10);

/// What was claimed of a way to take queues off, and what the driver's source says of it.
struct Claim {
  std::string_view name;
  std::string_view claim;
  std::string_view reality;
};

constexpr Claim kSuspendClaim{
    .name = "suspend-queues",
    .claim = "queue level, 1-5 ms, needs root",
    .reality =
        "selects queues, but unmaps and maps every queue of the GPU; needs the ptrace parent"};
constexpr Claim kPercentClaim{
    .name = "queue-percent",
    .claim = "none",
    .reality = "UPDATE_QUEUE to 0 % inside the target: one call and one cycle for each queue"};
constexpr Claim kSelectiveClaim{
    .name = "selective-unmap",
    .claim = "batch unmap of chosen queues, 0.3-0.5 ms",
    .reality = "hypothetical: no driver does it; it shows what a change of the kernel could buy"};

/// Claims of ways that no process can take.
constexpr std::array<Claim, 2> kClosedClaims = {
    {{.name = "cwsr-direct",
      .claim = "wave level, 10-100 us",
      .reality =
          "checkpoint_mqd copies a descriptor; with the hardware scheduler a preemption is an "
          "unmap through HIQ all the same. There is no entry for user space"},
     {.name = "stop-sched",
      .claim = "GPU level, about 1 ms",
      .reality =
          "an internal function of amdgpu without an entry for user space; it stops Online too"}}};

struct Tally {
  std::vector<std::int64_t> off;        ///< all queues off, request to answer
  std::vector<std::int64_t> on;         ///< and on again
  std::vector<std::int64_t> bystander;  ///< Online's time off for both; empty: it does not tell
};

struct Scene {
  Pid online;
  Followed offline;
};

Result<Scene> set_scene(Session& session) {
  const GpuInfo& gpu = session.backend().info().gpus.front();
  Program service = endless("online", gpu, 0.25, milliseconds(1));
  service.offline = false;
  Program job = endless("offline", gpu, 0.25, milliseconds(2));
  job.queues = kQueues;
  Scene scene;
  Pid offline;
  GPREEMPT_TRY(store(scene.online, session.testbed().launch(std::move(service))));
  GPREEMPT_TRY(store(offline, session.testbed().launch(std::move(job))));
  session.testbed().start();
  GPREEMPT_TRY(session.wait(milliseconds(20)));
  GPREEMPT_TRY(store(scene.offline, session.follow(offline, AttachMode::kControl)));
  GPREEMPT_TRY(session.suspend(scene.offline).map([](const ControlDone& /*done*/) {}));
  GPREEMPT_TRY(session.wait(kQuiet));
  GPREEMPT_TRY(session.resume(scene.offline).map([](const ControlDone& /*done*/) {}));
  GPREEMPT_TRY(session.wait(milliseconds(50)));
  return scene;
}

/// One control on all queues at once, or on each by itself; the time from the first request to the
/// last answer.
Result<std::int64_t> apply(Session& session, const Followed& process, const Control& control,
                           bool separately) {
  const Instant begin = session.backend().now();
  if (!separately) {
    GPREEMPT_TRY(session.control(process, control).map([](const ControlDone& /*done*/) {}));
    return to_ns(session.backend().now() - begin);
  }
  for (const QueueId queue : process.queues) {
    const std::vector<QueueId> one{queue};
    GPREEMPT_TRY(session.control(process.id, one, control).map([](const ControlDone& /*done*/) {}));
  }
  return to_ns(session.backend().now() - begin);
}

Result<Tally> tally(Session& session, const Scene& scene, const Control& off, bool separately,
                    int repetitions) {
  Tally counted;
  for (int i = 0; i < repetitions; ++i) {
    GPREEMPT_TRY(session.wait(kQuiet + i * Duration(137'000)));
    const ProgramProgress before = session.testbed().progress(scene.online);
    std::int64_t time = 0;
    GPREEMPT_TRY(store(time, apply(session, scene.offline, off, separately)));
    counted.off.push_back(time);
    GPREEMPT_TRY(session.wait(kQuiet));
    GPREEMPT_TRY(store(time, apply(session, scene.offline, Resume{}, separately)));
    counted.on.push_back(time);
    GPREEMPT_TRY(session.wait(kQuiet));
    if (before.tells_bystander) {
      counted.bystander.push_back(
          to_ns(session.testbed().progress(scene.online).bystander - before.bystander));
    }
  }
  return counted;
}

Verdict report(const Claim& claim, const Tally& counted) {
  const Share median = median_share(Sample(counted.off), 1);
  Verdict verdict{
      .name = fmt::format("mechanisms/{}", claim.name),
      .value = median.value,
      .expected = {},
      .answer = Answer::kReported,
      .reason = fmt::format("median time to take {} queues off; {}", kQueues, claim.reality),
      .confidence = median.bounded ? std::optional(kConfidence) : std::nullopt};
  add_quantiles(verdict, "off_", Sample(counted.off));
  add_extent(verdict, "on_", Sample(counted.on));
  add_extent(verdict, "online_off_", Sample(counted.bystander));
  verdict.facts = {{"claimed", std::string(claim.claim)}};
  verdict.unit = "ns";
  return verdict;
}

Verdict judge_batch(const Tally& together, const Tally& apart) {
  const double one = median_share(Sample(together.off), 1).value;
  const double many = median_share(Sample(apart.off), 1).value;
  const Ratio gain = median_ratio(Sample(apart.off), Sample(together.off));
  Verdict verdict{
      .name = "mechanisms/batch-gain",
      .value = gain.value,
      .expected = {},
      .answer = Answer::kReported,
      .reason = fmt::format("{} suspends of one queue each take {:.2f} times as long as one of {} "
                            "queues",
                            kQueues, gain.value, kQueues),
      .confidence = gain.bounded ? std::optional(kConfidence) : std::nullopt,
      .numbers = {{"gain_lo", gain.lo},
                  {"gain_hi", gain.hi},
                  {"queues", static_cast<double>(kQueues)},
                  {"together_ns", one},
                  {"separately_ns", many}},
      .facts = {{"claimed", "batch unmap is 10 to 150 times as fast as suspend"}}};
  if (!together.bystander.empty() && !apart.bystander.empty()) {
    const double online = median_share(Sample(apart.bystander), 1).value /
                          median_share(Sample(together.bystander), 1).value;
    verdict.reason += fmt::format(", and cost Online {:.2f} times the time", online);
    verdict.numbers.emplace_back("online_off_ratio", online);
  }
  verdict.reason +=
      ": batching gains that, and SUSPEND_QUEUES takes a list already. Over a suspend of the same "
      "queues in one call a batch of its own gains nothing: it would be the same unmap";
  return verdict;
}

/// The same in a world of its own for each control, so that none inherits what another left.
Result<Tally> measure_control(const Setting& setting, const Control& off, bool separately) {
  const int repetitions = setting.quick ? 10 : 50;
  return in_world(setting, {.gpus = 1, .seed = setting.seed},
                  [&](Session& session) -> Result<Tally> {
                    if (const std::string& reason = session.backend().info().missing(kind_of(off));
                        !reason.empty()) {
                      return fail(Errc::kUnsupported, reason);
                    }
                    Scene scene;
                    GPREEMPT_TRY(store(scene, set_scene(session)));
                    return tally(session, scene, off, separately, repetitions);
                  });
}

}  // namespace

Result<std::vector<Verdict>> run_mechanisms(const Setting& setting) {
  const Suspend suspend{.grace = std::nullopt, .lease = kLease};
  Tally together;
  Tally apart;
  GPREEMPT_TRY(store(together, measure_control(setting, suspend, false)));
  GPREEMPT_TRY(store(apart, measure_control(setting, suspend, true)));
  std::vector<Verdict> verdicts = {report(kSuspendClaim, together), judge_batch(together, apart)};
  const std::vector<std::pair<Claim, Control>> others = {
      {kPercentClaim, Percentage{.percent = 0, .lease = kLease}},
      {kSelectiveClaim, SelectiveUnmap{.lease = kLease}}};
  for (const auto& [claim, control] : others) {
    const Result<Tally> counted = measure_control(setting, control, false);
    if (counted) {
      verdicts.push_back(report(claim, *counted));
    } else if (counted.error().code == Errc::kUnsupported) {
      verdicts.push_back(
          unavailable(fmt::format("mechanisms/{}", claim.name), counted.error().what));
    } else {
      return tl::unexpected<Error>(counted.error());
    }
  }
  for (const Claim& claim : kClosedClaims) {
    verdicts.push_back(
        unavailable(fmt::format("mechanisms/{}", claim.name), std::string(claim.reality)));
    verdicts.back().facts = {{"claimed", std::string(claim.claim)}};
  }
  return verdicts;
}

}  // namespace gpreempt::experiments
