#include "cli/simulate.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "cli/gang_watch.h"
#include "config/document.h"
#include "core/backend.h"
#include "core/decision.h"
#include "core/drive.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/policy.h"
#include "core/program.h"
#include "core/scheduler.h"
#include "core/testbed.h"
#include "core/time.h"
#include "workloads/compile.h"
#include "workloads/scenario.h"

namespace gpreempt::cli {
namespace {

/// An attach asks for a stop of one thread and a few driver calls; this is far beyond.
constexpr Duration kAttachLimit = std::chrono::seconds(30);
/// A driver call that hangs ends after 9 s, and two may follow one another.
constexpr Duration kRestLimit = std::chrono::seconds(30);
constexpr Duration kStartGrid = std::chrono::seconds(1);

/// Keeps of a run what reports need, and passes all of it on.
class Recorder final : public EventSink {
 public:
  Recorder(RunRecord& record, const Onlookers& onlookers)
      : record_(record), onlookers_(onlookers) {}

  /// What it kept besides; nothing more is recorded.
  void finish() { record_.take_offs_by_tenant = gangs_.take(); }

  void expect_attached(std::size_t targets) { attaching_ = targets; }
  [[nodiscard]] bool attached() const { return attaching_ == 0 || failed_attach_.has_value(); }
  [[nodiscard]] const std::optional<Error>& failed_attach() const { return failed_attach_; }

  void event(const Event& event) override {
    if (const auto* attach = std::get_if<AttachDone>(&event.what)) {
      attaching_ -= attaching_ > 0 ? 1U : 0U;
      if (attach->error) {
        failed_attach_ = attach->error;
      }
    } else if (std::holds_alternative<LeaseExpired>(event.what)) {
      ++record_.leases_expired;
    }
    if (onlookers_.log != nullptr) {
      onlookers_.log->event(event);
    }
    if (after_event_) {
      after_event_();
    }
    report_progress(event.at);
  }
  void decision(const Decision& decision) override {
    record_.decisions.push_back(decision);
    gangs_.decision(decision);
    if (onlookers_.log != nullptr) {
      onlookers_.log->decision(decision);
    }
  }
  void realisation(const Realisation& realisation) override {
    gangs_.realisation(realisation);
    if (onlookers_.log != nullptr) {
      onlookers_.log->realisation(realisation);
    }
  }
  void call_after_events(std::function<void()> what) { after_event_ = std::move(what); }

  void issued(const Action& action, Instant /*at*/) override {
    ++(action.kind == ControlKind::kSuspend ? record_.take_offs : record_.give_backs);
  }
  void refusal(const Action& action, ControlKind kind, const Error& error, Instant at) override {
    ++record_.refusals;
    if (onlookers_.log != nullptr) {
      onlookers_.log->refusal(action, kind, error, at);
    }
  }
  void configured(const SchedulerOptions& options) override {
    if (onlookers_.log != nullptr) {
      onlookers_.log->configured(options);
    }
  }
  void tenant(TenantId id, const TenantSpec& spec) override {
    if (onlookers_.log != nullptr) {
      onlookers_.log->tenant(id, spec);
    }
  }
  void began(Instant at) override {
    if (onlookers_.log != nullptr) {
      onlookers_.log->began(at);
    }
  }
  void deadline(Instant at) override {
    if (onlookers_.log != nullptr) {
      onlookers_.log->deadline(at);
    }
  }
  void shut_down(Instant at) override {
    if (onlookers_.log != nullptr) {
      onlookers_.log->shut_down(at);
    }
  }

 private:
  void report_progress(Instant at) {
    constexpr std::uint64_t kEvery = 1024;
    if (++events_ % kEvery == 0 && onlookers_.progress) {
      const double done = std::chrono::duration<double>(at - record_.start) /
                          std::chrono::duration<double>(record_.duration);
      onlookers_.progress(std::clamp(done, 0.0, 1.0));
    }
  }

  RunRecord& record_;
  const Onlookers& onlookers_;
  std::function<void()> after_event_;
  GangWatch gangs_;
  std::size_t attaching_ = 0;
  std::optional<Error> failed_attach_;
  std::uint64_t events_ = 0;
};

/// What a tenant's processes did together. A request of a gang is one, though each rank has it.
void add(const ProgramProgress& rank, ProgramProgress& sum) {
  sum.work += rank.work;
  sum.kernels += rank.kernels;
  sum.bystander += rank.bystander;
  sum.collective_wait += rank.collective_wait;
  sum.aborted = sum.aborted || rank.aborted;
  sum.tells_work = sum.tells_work && rank.tells_work;
  sum.tells_bystander = sum.tells_bystander && rank.tells_bystander;
}

/// Where `other` is a request of another rank whose driver took longer, takes its phases.
void take_longer_phases(const std::vector<RequestRecord>& other,
                        std::vector<RequestRecord>& requests) {
  constexpr auto kNone = static_cast<std::size_t>(DriverPhase::kNone);
  for (std::size_t i = 0; i < std::min(other.size(), requests.size()); ++i) {
    const bool comparable = other[i].end == requests[i].end && other[i].end != kForever;
    if (comparable && other[i].phases.at(kNone) < requests[i].phases.at(kNone)) {
      requests[i].phases = other[i].phases;
    }
  }
}

class Run {
 public:
  Run(Testbed& testbed, const Workload& workload, const RunSettings& settings,
      const Onlookers& onlookers)
      : testbed_(testbed),
        workload_(workload),
        settings_(settings),
        recorder_(record_, onlookers),
        occupancy_(onlookers.occupancy) {
    record_.policy = settings.policy;
    record_.warmup = workload.warmup;
    record_.duration = workload.duration;
  }

  Result<RunRecord> operator()() {
    Result<void> ran = whole();
    const Result<void> closed = testbed_.backend().close();
    GPREEMPT_TRY(std::move(ran));
    GPREEMPT_TRY(closed);
    record_.engine_events = testbed_.engine_events();
    return std::move(record_);
  }

 private:
  Result<void> whole() {
    std::unique_ptr<Policy> policy;
    GPREEMPT_TRY(store(policy, make_policy(settings_.policy)));
    scheduler_ = std::make_unique<Scheduler>(std::move(policy), settings_.scheduler);
    recorder_.configured(settings_.scheduler);
    GPREEMPT_TRY(launch());
    GPREEMPT_TRY(attach());
    GPREEMPT_TRY(watch());
    if (occupancy_ > 0) {
      const Result<void> recording = testbed_.record_occupancy(occupancy_);
      if (!recording && recording.error().code != Errc::kUnsupported) {
        return recording;
      }
    }
    sample(&TenantRecord::at_start);
    record_.start = testbed_.start();
    sample_work();
    if (settings_.sample_every > Duration::zero()) {
      recorder_.call_after_events([this] { sample_work_now_and_then(); });
    }
    GPREEMPT_TRY(drive_until(record_.start + record_.warmup));
    sample(&TenantRecord::at_warmup);
    GPREEMPT_TRY(drive_until(record_.start + record_.duration));
    sample(&TenantRecord::at_duration);
    sample_work();
    if (!all_requests_done()) {
      GPREEMPT_TRY(drive(testbed_.backend(), *scheduler_, recorder_,
                         record_.start + record_.duration + workload_.drain,
                         [this] { return all_requests_done(); }));
    }
    const Instant limit = testbed_.backend().now() + kRestLimit;
    GPREEMPT_TRY(drive_to_rest(testbed_.backend(), *scheduler_, recorder_, limit));
    record_.end = testbed_.backend().now();
    collect();
    return {};
  }

  Result<void> launch() {
    for (const Program& program : workload_.programs) {
      Pid pid;
      GPREEMPT_TRY(store(pid, testbed_.launch(program)));
      pids_.push_back(pid);
    }
    return {};
  }

  Result<void> attach() {
    Backend& backend = testbed_.backend();
    for (const TenantMeta& meta : workload_.tenants) {
      GPREEMPT_TRY(attach(meta));
    }
    recorder_.expect_attached(targets_.size());
    GPREEMPT_TRY(drive(backend, *scheduler_, recorder_, backend.now() + kAttachLimit,
                       [this] { return recorder_.attached(); }));
    if (const std::optional<Error>& error = recorder_.failed_attach()) {
      return tl::unexpected<Error>(*error);
    }
    if (!recorder_.attached()) {
      return fail(Errc::kTimedOut, "attach to the workload's processes: no answer in 30 s");
    }
    const Duration since = backend.now().time_since_epoch();
    return drive_until(Instant((since / kStartGrid + 1) * kStartGrid));
  }

  Result<void> attach(const TenantMeta& meta) {
    const bool offline = meta.cls == TenantClass::kOffline;
    TenantSpec spec{.name = meta.name,
                    .cls = meta.cls,
                    .priority = meta.priority,
                    .targets = {},
                    .weight = meta.weight,
                    .promise = meta.promise,
                    .stall_limit = offline ? meta.stall_limit : Duration::max()};
    for (std::size_t i = 0; i < meta.programs; ++i) {
      TargetId target;
      GPREEMPT_TRY(store(target, testbed_.backend().attach(
                                     pids_.at(meta.first_program + i),
                                     offline ? AttachMode::kControl : AttachMode::kObserve)));
      spec.targets.push_back(target);
      targets_.push_back(target);
    }
    TenantRecord& record = record_.tenants.emplace_back();
    GPREEMPT_TRY(store(record.id, scheduler_->add_tenant(spec)));
    recorder_.tenant(record.id, spec);
    record.name = meta.name;
    record.cls = meta.cls;
    record.gpus = meta.gpus;
    record.coupled = meta.coupled;
    record.endless = workload_.programs.at(meta.first_program).endless;
    for (std::size_t i = 0; i < meta.programs; ++i) {
      const Program& program = workload_.programs.at(meta.first_program + i);
      RankRecord rank{.pid = pids_.at(meta.first_program + i),
                      .target = spec.targets.at(i),
                      .gpu = program.gpu};
      record.ranks.push_back(rank);
      for (const std::uint32_t gpu : program.more_gpus) {
        rank.gpu = gpu;
        record.ranks.push_back(rank);
      }
    }
    return {};
  }

  Result<void> watch() {
    if (settings_.detection.kind != DetectionKind::kPoll) {
      return {};
    }
    Result<void> watching;
    for (const TenantMeta& meta : workload_.tenants) {
      for (std::size_t i = 0; i < meta.programs && watching; ++i) {
        if (meta.cls == TenantClass::kOnline) {
          watching = testbed_.backend().watch(targets_.at(meta.first_program + i),
                                              settings_.detection.value);
        }
      }
    }
    return watching;
  }

  Result<void> drive_until(Instant until) {
    return drive(testbed_.backend(), *scheduler_, recorder_, until);
  }

  /// Looks only at what was not complete when it was asked last.
  bool all_requests_done() {
    first_open_.resize(workload_.tenants.size());
    for (std::size_t i = 0; i < workload_.tenants.size(); ++i) {
      const TenantMeta& meta = workload_.tenants[i];
      if (meta.cls != TenantClass::kOnline) {
        continue;
      }
      const std::vector<RequestRecord>& requests = testbed_.requests(pids_.at(meta.first_program));
      std::size_t& open = first_open_[i];
      while (open < requests.size() && requests[open].end != kForever) {
        ++open;
      }
      const Program& program = workload_.programs.at(meta.first_program);
      // A closed loop issues nothing more by now.
      if (open < (program.clients > 0 ? requests.size() : program.arrivals.size())) {
        return false;
      }
    }
    return true;
  }

  void sample(ProgramProgress TenantRecord::* where) {
    for (std::size_t i = 0; i < record_.tenants.size(); ++i) {
      const TenantMeta& meta = workload_.tenants.at(i);
      ProgramProgress sum = testbed_.progress(pids_.at(meta.first_program));
      for (std::size_t rank = 1; rank < meta.programs; ++rank) {
        add(testbed_.progress(pids_.at(meta.first_program + rank)), sum);
      }
      record_.tenants[i].*where = sum;
    }
  }

  /// On the occasion of an event: to stop for a look would give the scheduler a step more.
  void sample_work_now_and_then() {
    if (testbed_.backend().now() >= next_sample_) {
      sample_work();
    }
  }

  void sample_work() {
    if (settings_.sample_every == Duration::zero()) {
      return;
    }
    const Instant now = testbed_.backend().now();
    next_sample_ = now + settings_.sample_every;
    for (std::size_t i = 0; i < record_.tenants.size(); ++i) {
      const TenantMeta& meta = workload_.tenants.at(i);
      if (meta.cls != TenantClass::kOffline) {
        continue;
      }
      WorkSample taken{.tenant = i, .at = now};
      for (std::size_t rank = 0; rank < meta.programs; ++rank) {
        taken.work += testbed_.progress(pids_.at(meta.first_program + rank)).work;
      }
      record_.samples.push_back(taken);
    }
  }

  void collect() {
    sample(&TenantRecord::at_end);
    for (std::size_t i = 0; i < record_.tenants.size(); ++i) {
      const TenantMeta& meta = workload_.tenants.at(i);
      std::vector<RequestRecord>& requests = record_.tenants[i].requests;
      requests = testbed_.requests(pids_.at(meta.first_program));
      for (std::size_t rank = 1; rank < meta.programs; ++rank) {
        take_longer_phases(testbed_.requests(pids_.at(meta.first_program + rank)), requests);
      }
    }
    record_.calls = testbed_.driver_calls();
    record_.occupancy = testbed_.occupancy();
    recorder_.finish();
  }

  Testbed& testbed_;
  const Workload& workload_;
  const RunSettings& settings_;
  RunRecord record_;
  Recorder recorder_;
  std::size_t occupancy_;
  std::unique_ptr<Scheduler> scheduler_;
  std::vector<Pid> pids_;
  std::vector<TargetId> targets_;
  std::vector<std::size_t> first_open_;
  Instant next_sample_;
};

}  // namespace

Result<RunRecord> simulate(Testbed& testbed, const Workload& workload, const RunSettings& settings,
                           const Onlookers& onlookers) {
  return Run(testbed, workload, settings, onlookers)();
}

Workload only(const Workload& workload, TenantClass cls) {
  Workload part = workload;
  part.programs.clear();
  part.tenants.clear();
  for (const TenantMeta& tenant : workload.tenants) {
    if (tenant.cls != cls) {
      continue;
    }
    TenantMeta& kept = part.tenants.emplace_back(tenant);
    kept.first_program = part.programs.size();
    for (std::size_t i = 0; i < tenant.programs; ++i) {
      part.programs.push_back(workload.programs.at(tenant.first_program + i));
    }
  }
  return part;
}

}  // namespace gpreempt::cli
