#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/backend.h"
#include "core/decision.h"
#include "core/gang_options.h"
#include "core/mechanism.h"
#include "core/policy.h"

namespace gpreempt {

/// Who a tenant is. Its members are all (process, GPU) pairs on which its targets have queues.
struct TenantSpec {
  std::string name;
  TenantClass cls = TenantClass::kOffline;
  std::uint32_t priority = 0;  ///< logical, 0..15
  std::vector<TargetId> targets;
  std::uint32_t weight = 1;       ///< its share beside other tenants, at least 1
  Duration promise = kNoPromise;  ///< latency that its requests are promised, positive
  /// Offline: how long its members bear waiting for one that is off, before the job aborts. When
  /// one has been off for half of it without a break, all of them run for a while (`kStallLimit`).
  Duration stall_limit = Duration::max();
};

struct SchedulerOptions {
  std::optional<Duration> grace;             ///< nullopt = the driver's default
  Duration lease = std::chrono::seconds(2);  ///< longest suspension; the backend ends it
  Mechanism mechanism;                       ///< what suspending and resuming stand for
  GangOptions gang;                          ///< of tenants with several members
};

/// A call to make on the backend for the ids `[first, first + count)` of `Actions::ids`.
struct Action {
  TargetId target;
  /// kSuspend or kResume, whatever mechanism carries it out (`take_off`, `give_back`).
  ControlKind kind = ControlKind::kSuspend;
  std::uint32_t first = 0;
  std::uint32_t count = 0;
};

/// What a step wants done and recorded. Cleared by each step; reusing one avoids allocation.
struct Actions {
  std::vector<Action> items;
  std::vector<QueueId> ids;
  std::vector<Decision> decisions;
  std::vector<Realisation> realisations;

  void clear();
  [[nodiscard]] std::span<const QueueId> ids_of(const Action& action) const {
    return std::span(ids).subspan(action.first, action.count);
  }
};

/// Decides who may use the GPUs. A single-threaded state machine without I/O, clock or threads:
/// what it does depends on the events it was given and on nothing else, so a recorded event log
/// reproduces its decisions.
///
/// Per (process, GPU) an Offline tenant is Running -> Suspending -> Suspended -> Resuming; events
/// may arrive in any state and order. A queue is as good as suspended until a mechanism that needs
/// arming has given it the GPU for the first time.
///
/// Invariants, checked in every build:
/// - a queue is suspended only while a policy's live reason stands; when it falls, a resume
/// follows;
/// - every suspension carries a lease; at its end the backend resumes, and the scheduler learns of
/// it;
/// - at most one request per target is in flight, so none for a queue that has one;
/// - the outcomes of a request account for every id it named;
/// - a queue that failed in hardware is resumed and never suspended again.
class Scheduler {
 public:
  Scheduler(std::unique_ptr<const Policy> policy, SchedulerOptions options);
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;
  ~Scheduler();
  Scheduler(Scheduler&&) noexcept;
  Scheduler& operator=(Scheduler&&) noexcept;

  /// Adds a tenant. Its targets must be attached (their queues arrive as `QueueBorn`) or be
  /// attached later. Errors: kInvalidArgument (priority over 15, a target that is already in a
  /// tenant, a weight of 0, a promise that is not positive).
  [[nodiscard]] Result<TenantId> add_tenant(const TenantSpec& spec);

  /// Takes one event (nullptr: a deadline passed) and says what to do. `now` must not go backwards.
  /// Time: no allocation once `out` and the tables have grown to the run's size.
  void step(const Event* event, Instant now, Actions& out);

  /// The backend took an action; `ControlDone` with this request ends it. To be called before the
  /// next step.
  void issued(const Action& action, RequestId request);
  /// The backend refused to take an action (it was never in flight). Undoes its bookkeeping; the
  /// next step that changes the target may try again.
  void refused(const Action& action, const Error& error, Instant now);

  /// From now on every member is to run: resumes what is suspended. Call `step` until `quiescent`.
  void shut_down(Instant now, Actions& out);

  /// When `step` wants to be called if no event comes first.
  [[nodiscard]] Instant deadline() const;
  /// Nothing is suspended, wanted suspended, or in flight.
  [[nodiscard]] bool quiescent() const;
  [[nodiscard]] const SchedulerOptions& options() const;
  /// Name of a tenant, for reports. `id` must come from `add_tenant`.
  [[nodiscard]] const std::string& tenant_name(TenantId id) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace gpreempt
