#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "cli/gang_watch.h"
#include "core/decision.h"
#include "core/drive.h"
#include "core/error.h"
#include "core/ids.h"
#include "core/occupancy.h"
#include "core/policy.h"
#include "core/scheduler.h"
#include "core/testbed.h"
#include "core/time.h"
#include "workloads/compile.h"
#include "workloads/scenario.h"

/// One policy on one testbed, from launch to rest. Knows no backend.
namespace gpreempt::cli {

struct RunSettings {
  std::string policy;  ///< "name" or "name:key=value,..."
  SchedulerOptions scheduler;
  Detection detection;
  /// Least time between two samples of the tenants' work; 0: none is taken.
  Duration sample_every{};
};

/// What a tenant had done by an instant.
struct WorkSample {
  std::size_t tenant = 0;  ///< index into `RunRecord::tenants`
  Instant at;
  Duration work{};  ///< since launch, as `ProgramProgress::work`
};

/// A process of a tenant, on one of its GPUs.
struct RankRecord {
  Pid pid;  ///< as in driver calls
  TargetId target;
  std::uint32_t gpu = 0;
};

/// What one tenant did.
struct TenantRecord {
  std::string name;
  TenantClass cls = TenantClass::kOffline;
  std::vector<std::uint32_t> gpus = {0};  ///< of its ranks; one, unless it is a gang
  bool coupled = false;                   ///< its ranks wait for each other
  bool endless = true;                    ///< its work does not depend on arrivals
  TenantId id;                            ///< as in decisions
  std::vector<RankRecord> ranks;          ///< one per process and GPU; the first has the requests
  /// In order of arrival. Of a gang: as its first rank has them, with the driver's phases of the
  /// rank whose GPU they kept longest.
  std::vector<RequestRecord> requests;
  // Of a gang: summed over its ranks, but for the requests completed.
  ProgramProgress at_start;
  ProgramProgress at_warmup;
  ProgramProgress at_duration;
  ProgramProgress at_end;  ///< with everything at rest again
};

/// What happened in one run. Instants are the backend's.
struct RunRecord {
  std::string policy;
  Duration warmup{};
  Duration duration{};
  Instant start;  ///< zero of the arrivals
  Instant end;    ///< at rest again
  std::vector<TenantRecord> tenants;
  std::vector<DriverCall> calls;
  OccupancyRecord occupancy;        ///< as `Onlookers::occupancy` asked for
  std::vector<WorkSample> samples;  ///< of Offline tenants, in order of time
  std::vector<Decision> decisions;
  std::vector<GangTakeOff> take_offs_by_tenant;  ///< in order of decision
  std::uint64_t take_offs = 0;       ///< calls that took Offline off, whatever the mechanism
  std::uint64_t give_backs = 0;      ///< calls that gave the GPU back
  std::uint64_t refusals = 0;        ///< actions that the backend refused
  std::uint64_t leases_expired = 0;  ///< suspensions that their lease ended
  std::uint64_t engine_events = 0;
  double wall_s = 0;  ///< filled in by the caller
};

/// Everybody who looks on. Each may be empty.
struct Onlookers {
  EventSink* log = nullptr;
  std::size_t occupancy = 0;  ///< changes of queues to record, at most; not where the world cannot
  std::function<void(double done)> progress;  ///< now and then; `done` is 0..1
};

/// Launches the workload on a fresh testbed, schedules it, and collects the records. Arrivals begin
/// at the first whole second of the backend's clock after everybody is attached, so that worlds in
/// which attaching takes longer or shorter begin at the same instant. The backend is closed on
/// return, also on an error.
/// Blocks: until duration and drain have passed, or all Online requests are complete after the
/// duration. Errors: kInvalidArgument (policy, a program that this hardware cannot run),
/// kUnsupported (detection), kTimedOut (attach, or coming to rest), those of `drive` and `close`.
[[nodiscard]] Result<RunRecord> simulate(Testbed& testbed, const Workload& workload,
                                         const RunSettings& settings, const Onlookers& onlookers);

/// The workload without the tenants of the other class.
[[nodiscard]] Workload only(const Workload& workload, TenantClass cls);

}  // namespace gpreempt::cli
