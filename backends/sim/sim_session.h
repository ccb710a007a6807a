#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <utility>
#include <vector>

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

/// One controlled target: makes on the driver model the calls that the KFD backend makes on the
/// driver, in the same order and at the same cost. Snapshot before each suspend, one retry of what
/// came back invalid, leases.
class SimSession {
 public:
  /// What a session needs of its backend.
  struct Host {
    Timeline& timeline;
    KfdModel& kfd;
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
  /// Posts `ControlDone`. `grace` has been made representable.
  void suspend(RequestId request, std::vector<QueueId> ids, std::optional<Duration> grace,
               Duration lease);
  void resume(RequestId request, std::vector<QueueId> ids);
  /// Resumes, disables and lets go; posts `DetachDone`, then calls `done`.
  void detach(std::function<void()> done);
  /// The target is gone: nothing more can be asked of the driver.
  void target_exited();

  [[nodiscard]] bool in_flight() const { return in_flight_; }
  [[nodiscard]] std::vector<QueueInfo> queues() const;

 private:
  struct Known {
    QueueInfo info;
    std::uint64_t ring_base = 0;
    Instant lease_end = kForever;  ///< while suspended
  };
  struct Answer {
    long result = 0;
    std::vector<std::uint32_t> ids;
  };
  struct Snapshot {
    long result = 0;
    std::vector<KfdModel::QueueEntry> entries;
  };

  Task do_attach();
  Task do_control(ControlKind kind, RequestId request, std::vector<QueueId> ids,
                  std::optional<Duration> grace, Duration lease);
  Task do_detach(std::function<void()> done);
  Task end_leases();
  Task serve_news();
  Task rescan();
  /// Asks the driver for those of `outcomes` that are still invalid and known; fills them in.
  Task call(ControlKind kind, std::optional<Duration> grace, std::vector<QueueOutcome>& outcomes,
            long& result);

  void merge(const std::vector<KfdModel::QueueEntry>& entries);
  void note(ControlKind kind, const std::vector<QueueOutcome>& outcomes, Instant lease_end);
  void arm_lease();
  [[nodiscard]] Known* known(QueueId id);

  Host host_;
  KfdModel::Caller caller_;
  TargetId target_;
  Pid pid_;
  std::map<QueueId, Known> queues_;
  bool alive_ = true;
  bool in_flight_ = false;
  FifoLock serial_;
  Timeline::EventId lease_event_ = 0;
  TaskScope tasks_;
};

}  // namespace gpreempt::sim
