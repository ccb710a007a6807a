#include "cli/policy_runs.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cli/bundle.h"
#include "cli/gang_metrics.h"
#include "cli/metrics.h"
#include "cli/progress.h"
#include "cli/run_setup.h"
#include "cli/simulate.h"
#include "cli/wall_clock.h"
#include "cli/worlds.h"
#include "config/document.h"
#include "core/drive.h"
#include "core/error.h"
#include "core/event_log.h"
#include "core/mechanism.h"
#include "core/policy.h"
#include "core/testbed.h"
#include "core/time.h"
#include "workloads/compile.h"
#include "workloads/scenario.h"

namespace gpreempt::cli {
namespace {

/// Of a run for a bundle: as many as a curve can show.
constexpr int kWorkSamples = 500;

/// All simulations of a command, one after another in one world.
class Session {
 public:
  Session(const RunSetup& setup, const PolicyRunsOptions& options)
      : setup_(setup), options_(options), bundle_(options.bundle) {}

  Result<std::vector<PolicyMetrics>> operator()(const OpenTestbed& open) {
    GPREEMPT_TRY(check_backend_offers(open));
    Baselines baselines;
    if (options_.online_alone) {
      GPREEMPT_TRY(alone(open, TenantClass::kOnline, baselines.online));
    }
    if (options_.offline_alone) {
      GPREEMPT_TRY(alone(open, TenantClass::kOffline, baselines.offline));
    }
    std::vector<PolicyMetrics> results;
    for (const std::string& policy : setup_.policies) {
      RunRecord record;
      GPREEMPT_TRY(store(record, under(open, policy)));
      results.push_back(measure(record, baselines, setup_.scenario.slo));
      results.back().gangs = measure_gangs(record);
    }
    return results;
  }

 private:
  Result<void> check_backend_offers(const OpenTestbed& open) {
    std::unique_ptr<Testbed> testbed;
    GPREEMPT_TRY(store(testbed, open()));
    Result<void> offered = check_mechanism(setup_.mechanism, testbed->backend().info());
    const std::string& no_watch = testbed->backend().info().watch;
    const Detection& detection = setup_.scenario.scheduler.detection;
    if (offered && detection.kind == DetectionKind::kPoll && !no_watch.empty()) {
      offered = fail(Errc::kUnsupported,
                     fmt::format("use detection \"{}\": {}", to_string(detection), no_watch));
    }
    GPREEMPT_TRY(testbed->backend().close());
    return offered;
  }

  Result<void> alone(const OpenTestbed& open, TenantClass cls, RunRecord& record) {
    const bool online = cls == TenantClass::kOnline;
    const Workload part = only(setup_.workload, cls);
    record.warmup = part.warmup;
    record.duration = part.duration;
    if (part.programs.empty()) {
      return {};
    }
    const SchedulerScenario& scheduler = setup_.scenario.scheduler;
    BaselineStore::Key key{.part = part,
                           .system = setup_.system,
                           .grace = scheduler.grace,
                           .lease = scheduler.lease,
                           .detection = scheduler.detection};
    if (const RunRecord* known = options_.baselines ? options_.baselines->find(key) : nullptr) {
      record = *known;
      return {};
    }
    const std::string label = online ? "online-alone" : "offline-alone";
    phase(fmt::format("{} (baseline)", label));
    // No mechanism either: one that needs arming would slow the baseline down.
    GPREEMPT_TRY(store(record, one(open, part, "none", Mechanism{}, nullptr)));
    if (options_.baselines != nullptr) {
      options_.baselines->add(std::move(key), record);
    }
    if (bundle_ != nullptr) {
      bundle_->add_requests(label, record);
    }
    return {};
  }

  Result<RunRecord> under(const OpenTestbed& open, const std::string& policy) {
    phase(fmt::format("policy {}", policy));
    if (bundle_ == nullptr) {
      return one(open, setup_.workload, policy, setup_.mechanism, nullptr);
    }
    EventLog log(
        bundle_->events(),
        {.scenario = setup_.scenario.name, .policy = policy, .seed = setup_.scenario.run.seed});
    RunRecord record;
    GPREEMPT_TRY(store(record, one(open, setup_.workload, policy, setup_.mechanism, &log)));
    GPREEMPT_TRY(log.finish());
    bundle_->add_requests(policy, record);
    bundle_->add_progress(policy, record);
    bundle_->add_trace(policy, record);
    record.occupancy = {};  // large, and written down
    return record;
  }

  Result<RunRecord> one(const OpenTestbed& open, const Workload& workload,
                        const std::string& policy, const Mechanism& mechanism, EventSink* log) {
    const SchedulerScenario& scheduler = setup_.scenario.scheduler;
    const Stopwatch watch;
    std::unique_ptr<Testbed> testbed;
    GPREEMPT_TRY(store(testbed, open()));
    Result<RunRecord> record =
        simulate(*testbed, workload,
                 {.policy = policy,
                  .scheduler = {.grace = scheduler.grace,
                                .lease = scheduler.lease,
                                .mechanism = mechanism,
                                .gang = scheduler.gang},
                  .detection = scheduler.detection,
                  .sample_every = bundle_ == nullptr ? Duration::zero()
                                                     : setup_.workload.duration / kWorkSamples},
                 {.log = log,
                  .occupancy = log != nullptr ? Bundle::kMostChanges : 0,
                  .progress = [this](double done) { update(done); }});
    if (record) {
      record->wall_s = watch.seconds();
    }
    return record;
  }

  void phase(const std::string& name) {
    if (options_.progress != nullptr) {
      options_.progress->phase(name);
    }
  }
  void update(double done) {
    if (options_.progress != nullptr) {
      options_.progress->update(done);
    }
  }

  const RunSetup& setup_;
  const PolicyRunsOptions& options_;
  Bundle* bundle_;
};

}  // namespace

const RunRecord* BaselineStore::find(const Key& key) const {
  const auto found = std::ranges::find(kept_, key, &Kept::key);
  return found == kept_.end() ? nullptr : &found->record;
}

void BaselineStore::add(Key key, RunRecord record) {
  constexpr std::size_t kMost = 32;
  if (kept_.size() == kMost) {
    kept_.pop_back();
  }
  kept_.push_front({.key = std::move(key), .record = std::move(record)});
}

Result<std::vector<PolicyMetrics>> run_policies(const RunSetup& setup, const OpenTestbed& open,
                                                const PolicyRunsOptions& options) {
  return Session(setup, options)(open);
}

}  // namespace gpreempt::cli
