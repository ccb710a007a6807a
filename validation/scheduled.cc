#include "validation/scheduled.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "backends/sim/sim_testbed.h"
#include "backends/sim/timeline.h"
#include "config/document.h"
#include "core/backend.h"
#include "core/drive.h"
#include "core/error.h"
#include "core/ids.h"
#include "core/mechanism.h"
#include "core/policy.h"
#include "core/program.h"
#include "core/scheduler.h"
#include "core/testbed.h"
#include "core/time.h"

namespace gpreempt::validation {
namespace {

constexpr std::uint32_t kOnlinePriority = 15;
constexpr std::uint32_t kOfflinePriority = 2;
constexpr Duration kAttachTime = std::chrono::seconds(1);
constexpr Duration kLongLease = std::chrono::hours(1);
constexpr Duration kRestTime = std::chrono::seconds(30);

Result<std::vector<Pid>> launch_all(Testbed& testbed, const std::vector<Program>& programs) {
  std::vector<Pid> pids;
  for (const Program& program : programs) {
    Pid pid;
    GPREEMPT_TRY(store(pid, testbed.launch(program)));
    pids.push_back(pid);
  }
  return pids;
}

Result<void> attach_all(Testbed& testbed, Scheduler& scheduler, const Experiment& experiment,
                        const std::vector<Pid>& pids) {
  for (std::size_t i = 0; i < pids.size(); ++i) {
    const Program& program = experiment.programs[i];
    TargetId target;
    GPREEMPT_TRY(
        store(target, testbed.backend().attach(
                          pids[i], program.offline ? AttachMode::kControl : AttachMode::kObserve)));
    TenantId tenant;
    GPREEMPT_TRY(store(
        tenant,
        scheduler.add_tenant({.name = program.name,
                              .cls = program.offline ? TenantClass::kOffline : TenantClass::kOnline,
                              .priority = program.offline ? kOfflinePriority : kOnlinePriority,
                              .targets = {target}})));
  }
  EventSink sink;
  return drive(testbed.backend(), scheduler, sink, testbed.backend().now() + kAttachTime);
}

bool all_done(Testbed& testbed, const std::vector<Pid>& pids) {
  for (const Pid pid : pids) {
    const std::vector<RequestRecord>& requests = testbed.requests(pid);
    if (!requests.empty() && requests.back().end == kForever) {
      return false;
    }
  }
  return true;
}

Result<ExperimentResult> run_on(Testbed& testbed, const Experiment& experiment) {
  std::unique_ptr<Policy> policy;
  GPREEMPT_TRY(store(policy, make_policy(experiment.policy)));
  SchedulerOptions options{.grace = experiment.grace, .lease = kLongLease, .mechanism = {}};
  GPREEMPT_TRY(store(options.mechanism, make_mechanism(experiment.mechanism)));
  Scheduler scheduler(std::move(policy), options);
  std::vector<Pid> pids;
  GPREEMPT_TRY(store(pids, launch_all(testbed, experiment.programs)));
  GPREEMPT_TRY(attach_all(testbed, scheduler, experiment, pids));
  const Instant end = testbed.start() + experiment.duration;
  EventSink sink;
  GPREEMPT_TRY(drive(testbed.backend(), scheduler, sink, end));
  ExperimentResult result;
  for (const Pid pid : pids) {
    result.programs.push_back({.requests = {}, .progress = testbed.progress(pid)});
  }
  GPREEMPT_TRY(drive(testbed.backend(), scheduler, sink, end + experiment.drain,
                     [&] { return all_done(testbed, pids); }));
  GPREEMPT_TRY(
      drive_to_rest(testbed.backend(), scheduler, sink, testbed.backend().now() + kRestTime));
  for (std::size_t i = 0; i < pids.size(); ++i) {
    result.programs[i].requests = testbed.requests(pids[i]);
  }
  result.calls = testbed.driver_calls();
  return result;
}

}  // namespace

Result<ExperimentResult> run_experiment(const Experiment& experiment) {
  sim::PlainTimeline timeline;
  const std::unique_ptr<Testbed> testbed = sim::open_sim_testbed(timeline, experiment.system);
  Result<ExperimentResult> result = run_on(*testbed, experiment);
  const Result<void> closed = testbed->backend().close();
  if (result && !closed) {
    return tl::unexpected<Error>(closed.error());
  }
  return result;
}

double mean_latency(const std::vector<RequestRecord>& requests) {
  double sum = 0;
  double count = 0;
  for (const RequestRecord& request : requests) {
    if (request.end != kForever) {
      sum += static_cast<double>(to_ns(request.end - request.arrival));
      ++count;
    }
  }
  return count > 0 ? sum / count : 0;
}

}  // namespace gpreempt::validation
