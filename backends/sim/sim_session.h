#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "backends/sim/host_launcher.h"
#include "backends/sim/kfd_model/kfd_model.h"
#include "backends/sim/reply.h"
#include "backends/sim/task.h"
#include "backends/sim/timeline.h"
#include "core/backend.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/time.h"

namespace gpreempt::sim {

/// Percentage of a queue that runs whenever it can.
inline constexpr std::uint32_t kWholeQueue = 100;

/// Why the driver answered a call about a process with a negative errno.
[[nodiscard]] Error driver_error(const char* operation, Pid pid, long result);

/// One controlled target: makes on the driver model the calls that the KFD backend makes on the
/// driver, in the same order and at the same cost. Snapshot before each suspend, one retry of what
/// came back invalid, leases.
///
/// What the debugger cannot do (percentage, priority, CU mask, launch limits, signals and the
/// hypothetical calls) is done inside the target, as an agent there would: one call per queue where
/// the ioctl takes one queue. The agent outlives its controller and ends every restriction of its
/// own when the controller goes.
class SimSession {
 public:
  /// What a session needs of its backend.
  struct Host {
    Timeline& timeline;
    KfdModel& kfd;
    HostLauncher* launcher;  ///< null: no such process
    const std::vector<GpuId>& gpu_ids;
    std::function<QueueId()> new_queue_id;
    std::function<void(decltype(Event::what))> post;
  };

  SimSession(Host host, KfdModel::Caller caller, TargetId target, Pid pid);
  SimSession(const SimSession&) = delete;
  SimSession& operator=(const SimSession&) = delete;
  ~SimSession();

  /// Seizes the target and enables its session; posts `QueueBorn`s and `AttachDone`.
  void attach();
  /// Posts `ControlDone`. A suspend's grace has been made representable.
  void control(RequestId request, std::vector<QueueId> ids, Control control);
  /// Ends every restriction, disables and lets go; posts `DetachDone`, then calls `done`.
  void detach(std::function<void()> done);
  /// The controller is dying: the agent in the target ends what was done through it. The driver
  /// ends suspensions by itself.
  void orphan();
  /// The target is gone: nothing more can be asked of the driver.
  void target_exited();
  /// The target executes another program: its queues and its debug session are gone. Posts
  /// `QueueGone`s and enables a session for the new one.
  void target_executed();
  /// From now on nothing is begun, until `thaw`.
  void freeze();
  void thaw();

  [[nodiscard]] bool in_flight() const { return in_flight_; }
  [[nodiscard]] std::vector<QueueInfo> queues() const;

 private:
  /// A restriction in force.
  struct Restriction {
    Instant lease_end = kForever;
    bool stops_work = false;
    std::optional<Throttle> limit;  ///< of a throttle
  };
  /// What holds a queue's launches back.
  struct Launching {
    std::uint32_t in_flight = 0;
    std::uint32_t batch = 0;  ///< 0: no limit
    bool held = false;
    friend bool operator==(const Launching&, const Launching&) = default;
  };
  struct Known {
    QueueInfo info;
    std::uint64_t ring_base = 0;
    std::map<ControlKind, Restriction> restrictions;
    std::optional<std::uint32_t> own_priority;  ///< before it was first changed
    std::optional<Throttle> limit;              ///< the throttle without a lease
    Launching launching;                        ///< as the host was told
  };
  struct Answer {
    long result = 0;
    std::vector<std::uint32_t> ids;
  };
  using Outcomes = std::vector<QueueOutcome>;
  using CallAll = std::function<void(std::vector<std::uint32_t>, KfdModel::IdsReply)>;
  using CallEach = std::function<void(Known&, KfdModel::Reply)>;
  struct Snapshot {
    long result = 0;
    std::vector<KfdModel::QueueEntry> entries;
  };

  Task do_attach();
  Task do_control(RequestId request, std::vector<QueueId> ids, Control control);
  Task do_detach(std::function<void()> done);
  Task do_target_executed();
  Task stay_frozen();
  Task enable(long& result);
  Task end_leases();
  Task serve_news();
  Task rescan();

  // sim_session_control.cc
  /// Does it to those of `outcomes` that are still invalid and known; fills them in.
  Task carry_out(const Control& control, Outcomes& outcomes, long& result);
  /// Ends the restriction that a control of this kind imposed.
  Task undo(ControlKind kind, Outcomes& outcomes, long& result);
  Task resume(Outcomes& outcomes, long& result);
  /// RESUME_QUEUES. One that is refused because the target's runtime has ended finds them running.
  Task resume_suspended(Outcomes& outcomes, long& result);
  /// One ioctl for all queues.
  Task call_all(CallAll call, Outcomes& outcomes, long& result);
  /// One ioctl per queue.
  Task call_each(CallEach call, Outcomes& outcomes, long& result);
  Task update(KfdModel::QueueUpdate update, Outcomes& outcomes, long& result);
  Task mask(std::vector<std::uint32_t> words, Outcomes& outcomes, long& result);
  Task tell_host(Outcomes& outcomes);

  // sim_session_restrictions.cc
  void expect(const Control& control, const Outcomes& outcomes, Instant lease_end);
  void note(const Control& control, const Outcomes& outcomes, Instant lease_end);
  void lift(ControlKind kind, const Outcomes& outcomes);
  /// Makes the queue's state, and what its host may launch, follow from its restrictions.
  void show(Known& queue);
  void show_all();
  /// The queues that it restricts under a lease that ends by `end`.
  [[nodiscard]] Outcomes restricted_by(ControlKind kind, Instant end) const;
  [[nodiscard]] std::uint32_t own_priority(Known& queue);
  [[nodiscard]] std::vector<std::uint32_t> every_cu() const;

  void merge(const std::vector<KfdModel::QueueEntry>& entries);
  void arm_lease();
  [[nodiscard]] bool lacks_runtime(long result) const;
  [[nodiscard]] Error refusal(long result) const;
  [[nodiscard]] Known* known(QueueId id);

  Host host_;
  KfdModel::Caller caller_;
  TargetId target_;
  Pid pid_;
  std::map<QueueId, Known> queues_;
  bool alive_ = true;
  bool in_flight_ = false;
  std::function<void(bool)> thaw_;  ///< set: it is frozen
  FifoLock serial_;
  Timeline::EventId lease_event_ = 0;
  TaskScope tasks_;
};

}  // namespace gpreempt::sim
