#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/decision.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/policy.h"
#include "core/scheduler.h"
#include "core/time.h"

/// What is behind `Scheduler`: flat tables of tenants, targets with their queues, and members.
/// Internal to core.
namespace gpreempt::detail {

inline constexpr std::uint32_t kNoIndex = UINT32_MAX;
/// The backend takes at most so many ids in one call.
inline constexpr std::size_t kMaxIds = 1024;
/// Failed resumes of a queue after which it is reported and left to the backend's lease.
inline constexpr std::uint8_t kMaxResumeFailures = 3;

enum class QueuePhase : std::uint8_t { kRunning, kSuspending, kSuspended, kResuming };

struct TrackedQueue {
  QueueId id;
  GpuId gpu;
  std::uint32_t slot = kNoIndex;  ///< into its target's members; none: not an Offline tenant's
  QueuePhase phase = QueuePhase::kRunning;
  bool compute = true;
  bool quarantined = false;  ///< failed in hardware: never suspended again
  bool uncertain = false;    ///< may be running: its lease expired meanwhile, or it is not armed
  std::uint8_t resume_failures = 0;

  [[nodiscard]] bool given_up() const { return resume_failures >= kMaxResumeFailures; }
};

struct FlightItem {
  QueueId id;
  std::uint32_t slot = kNoIndex;
  QueuePhase before = QueuePhase::kRunning;  ///< restored if the backend refuses
  bool was_uncertain = false;
};

/// The request of a target that is in flight.
struct Flight {
  bool active = false;
  ControlKind kind = ControlKind::kSuspend;
  std::optional<RequestId> request;  ///< none until the backend took it
  std::vector<FlightItem> items;
};

/// How far the requests of a decision have come.
struct Progress {
  bool active = false;
  std::uint64_t sequence = 0;
  ControlKind kind = ControlKind::kSuspend;
  Instant first_issued = kForever;
  std::uint32_t ok = 0;
  std::uint32_t failed = 0;
};

/// A (process, GPU) pair of an Offline tenant; its `MemberView` has the same index.
struct TrackedMember {
  std::uint32_t target = kNoIndex;
  std::uint32_t slot = kNoIndex;
  Progress open;    ///< the last decision, until it is realised
  Progress flying;  ///< the one that the request in flight belongs to
  bool in_flight = false;
  bool newly_quarantined = false;
};

/// A hinted request that has not finished.
struct OpenRequest {
  std::uint64_t number = 0;
  Instant arrival;
};

struct TrackedTarget {
  TargetId id;
  std::uint32_t tenant = kNoIndex;  ///< none until `add_tenant` claims it
  bool gone = false;
  bool dirty = false;
  bool passed_over =
      false;  ///< its last call was refused, and others of its tenant have their turn
  bool busy = false;
  bool edge_busy = false;
  std::vector<OpenRequest> open;         ///< in order of arrival
  Instant last_finish = Instant::min();  ///< of a hinted request
  std::vector<TrackedQueue> queues;
  std::vector<std::uint32_t> members;  ///< by slot
  Flight flight;
};

struct TrackedTenant {
  std::string name;
  std::uint32_t busy_targets = 0;
  std::vector<GpuId> gpus;                ///< Online: where it has queues
  std::vector<std::uint32_t> gpu_queues;  ///< how many, same order
  std::vector<std::uint32_t> targets;     ///< indices
  // Offline, as a gang
  Duration stall_limit = Duration::max();
  Instant off_since = kForever;        ///< without a break, any of its members is to be off
  Instant run_until = Instant::min();  ///< all of them run, to get through what they wait in
  Instant next_take_off = Instant::min();
  bool released = false;  ///< never taken off again
};

/// The moment and place to act of one call.
struct StepContext {
  Instant now;
  Actions& out;
};

}  // namespace gpreempt::detail

namespace gpreempt {

struct Scheduler::State {
  using StepContext = detail::StepContext;
  using TrackedMember = detail::TrackedMember;
  using TrackedQueue = detail::TrackedQueue;
  using TrackedTarget = detail::TrackedTarget;
  using TrackedTenant = detail::TrackedTenant;

  std::unique_ptr<const Policy> policy;
  SchedulerOptions options;
  PolicyState policy_state;
  Instant policy_deadline = kForever;
  bool heeds_gangs = false;          ///< some tenant has a stall limit or was released
  Instant gang_deadline = kForever;  ///< a gap between two members ends
  bool policy_due = false;           ///< something the policy sees has changed
  bool sees_requests = false;        ///< the policy needs them
  bool shutting_down = false;
  Instant last_now = Instant::min();
  std::uint64_t last_sequence = 0;

  std::vector<TenantView> tenant_views;
  std::vector<TrackedTenant> tenants;
  std::vector<MemberView> member_views;
  std::vector<TrackedMember> members;
  std::vector<MemberNotes> notes;  ///< the policy's, same order
  std::vector<Want> wants;
  std::vector<TrackedTarget> targets;
  std::unordered_map<TargetId, std::uint32_t> target_index;
  std::vector<std::uint32_t> dirty_targets;

  // scheduler.cc: time, policy, decisions
  void begin(Instant now, Actions& out);
  void evaluate(StepContext& step);
  void record(std::uint32_t member, const Want& want, StepContext& step);
  void reconcile_dirty(StepContext& step);

  // scheduler_tables.cc: who is there
  [[nodiscard]] std::uint32_t entry(TargetId id);
  [[nodiscard]] TrackedTarget* find_live(TargetId id);
  void claim(std::uint32_t target, std::uint32_t tenant);
  void enrol(std::uint32_t target, TrackedQueue& queue);
  void attached(const AttachDone& event, Instant now);
  void born(const QueueInfo& info, StepContext& step);
  void gone(const QueueGone& event, Instant now);
  void drop_queue(TrackedTarget& target, std::size_t position);
  void drop_target(TargetId id, Instant now);
  void drop_members(TrackedTarget& target);
  void update_presence(TrackedTarget& target, GpuId gpu, bool born);
  void update_busy(TrackedTarget& target, Instant now);
  void activity(const ActivityEdge& event, Instant now);
  void work_arrived(const WorkArrived& event, Instant now);
  void work_finished(const WorkFinished& event, Instant now);
  void learn_service(TrackedTarget& target, Duration took, Instant began);
  void update_requests(const TrackedTarget& target);
  void forget_requests(TrackedTarget& target, Instant now);
  void change_verdict(std::uint32_t member, Verdict verdict, Instant now);
  void mark_dirty(TrackedTarget& target);

  // scheduler_gang.cc: members of one tenant
  [[nodiscard]] bool takes_turns(const TrackedTarget& target) const;
  void take_off_in_turn(std::uint32_t tenant, StepContext& step);
  [[nodiscard]] std::uint32_t next_to_take_off(std::uint32_t tenant) const;
  [[nodiscard]] bool may_take_off(const TrackedMember& member) const;
  [[nodiscard]] bool any_in_flight(std::uint32_t tenant) const;
  void pass_over(TrackedTarget& target);
  void wake_others(const TrackedTarget& target);
  void go_on_in_turn(StepContext& step);
  void heed_gangs(Instant now);
  void heed_stall_limit(std::uint32_t tenant, Instant now);
  void let_run(std::uint32_t tenant, Reason reason);

  // scheduler_control.cc: requests and what became of them
  void reconcile(TrackedTarget& target, StepContext& step);
  [[nodiscard]] bool wants_request(const TrackedTarget& target, const TrackedQueue& queue,
                                   ControlKind kind) const;
  /// `slot`: of its members only that one; `kNoIndex`: all.
  [[nodiscard]] bool issue(TrackedTarget& target, ControlKind kind, StepContext& step,
                           std::uint32_t slot = detail::kNoIndex);
  void board(TrackedTarget& target, TrackedQueue& queue, ControlKind kind);
  void finished(const ControlDone& event, StepContext& step);
  void issued(const Action& action, RequestId request);
  std::size_t settle(TrackedTarget& target, std::size_t item, Outcome outcome, std::size_t hint);
  [[nodiscard]] std::size_t restore(TrackedTarget& target, std::size_t item, std::size_t hint);
  void failed(TrackedTarget& target, TrackedQueue& queue, ControlKind kind);
  void land(TrackedTarget& target, std::uint32_t slot, const ControlDone& event, StepContext& step);
  void lease_expired(const LeaseExpired& event);
  void undo(const Action& action);
  [[nodiscard]] bool at_rest(const TrackedTarget& target) const;
};

}  // namespace gpreempt
