#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "backends/sim/observed_process.h"
#include "backends/sim/program_runner.h"
#include "backends/sim/sim_session.h"
#include "backends/sim/system.h"
#include "backends/sim/timeline.h"
#include "core/backend.h"
#include "core/error.h"
#include "core/event.h"
#include "core/hints.h"
#include "core/ids.h"
#include "core/time.h"

namespace gpreempt::sim {

/// `Backend` straight on the driver model, without the KFD client. Relies on `CheckedBackend` for
/// argument rules. Offers every control; what happens to restrictions when it is closed, or
/// destroyed without that (its process died), is in `SimSession`.
class SimBackend final : public Backend, public HintSink, public WorkObserver {
 public:
  explicit SimBackend(System& system);
  SimBackend(const SimBackend&) = delete;
  SimBackend& operator=(const SimBackend&) = delete;
  ~SimBackend() override;

  [[nodiscard]] const BackendInfo& info() const override { return info_; }
  [[nodiscard]] Instant now() const override { return system_.timeline().now(); }
  [[nodiscard]] Result<TargetId> attach(Pid pid, AttachMode mode) override;
  [[nodiscard]] Result<void> detach(TargetId target) override;
  [[nodiscard]] std::vector<QueueInfo> queues(TargetId target) const override;
  [[nodiscard]] Result<RequestId> control(TargetId target, std::span<const QueueId> ids,
                                          const Control& control) override;
  [[nodiscard]] Result<void> watch(TargetId target, Duration period) override;
  [[nodiscard]] Result<RequestId> inspect(InspectView view) override;
  [[nodiscard]] Result<std::optional<Event>> next_event(Instant deadline) override;
  [[nodiscard]] Result<void> close() override;

  /// Its process is stopped: sessions make no further call until `thaw`. What they are doing ends.
  void freeze();
  void thaw();

  void work_arrived(Pid pid, std::uint64_t request) override;
  void work_finished(Pid pid, std::uint64_t request) override;
  void busy(Pid pid) override;
  void idle(Pid pid, Instant ring_empty) override;

 private:
  /// Samples a target's activity at fixed ticks, but only computes the ticks at which something
  /// shows.
  struct Watch {
    Duration period{};
    Instant zero{};
    bool busy = false;      ///< now
    bool touched = false;   ///< since the last poll: its rings' positions have changed
    bool reported = false;  ///< last edge told
    int empty_ticks = 0;    ///< polls in a row that saw the rings empty and nothing new in them
    Timeline::EventId tick = 0;
  };
  struct Target {
    Pid pid;
    std::unique_ptr<SimSession> session;        ///< null when only observed
    std::unique_ptr<ObservedProcess> observed;  ///< null when attached for control
    std::optional<Watch> watch;
    bool busy = false;
  };

  [[nodiscard]] Target* find(TargetId id);
  [[nodiscard]] std::optional<TargetId> target_of(Pid pid) const;
  void post(decltype(Event::what) what);
  void exited(Pid pid);
  void executed(Pid pid);
  void lose_rings(TargetId id, Target& target);
  void arm_tick(TargetId id, Watch& watch);
  void tick(TargetId id);

  System& system_;
  Pid controller_;
  BackendInfo info_;
  std::vector<GpuId> gpu_ids_;
  std::map<TargetId, Target> targets_;
  std::deque<Event> events_;
  std::unique_ptr<Waiter> waiter_;
  std::uint32_t next_target_ = 0;
  std::uint32_t next_queue_ = 0;
  std::uint64_t next_request_ = 0;
};

}  // namespace gpreempt::sim
