#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "backends/kfd/heartbeat.h"
#include "backends/kfd/safety/trouble_watch.h"
#include "core/backend.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/time.h"

namespace gpreempt::kfd {

struct GuardOptions {
  /// Whom the user has named to be controlled; nobody else is. More by `GuardedBackend::name`.
  std::set<Pid> may_control;
  /// A suspend that takes longer is a sign of firmware that hangs.
  Duration slow = std::chrono::milliseconds(100);
  /// How often signs are looked for while nothing happens.
  Duration look = std::chrono::milliseconds(20);
};

/// A backend that stops at the first sign that hardware fails. A queue with an error, a suspend
/// that takes long, whether it has ended or not, trouble in the kernel's log, an error count that
/// rises, a watchdog that is dead or does not listen: everything is resumed and let go at once, and
/// from then on each call is `kHardwareFailure` with what was seen (`kBusy` for the watchdog). The
/// event that was the sign is still delivered, and `queues` stays as it was.
///
/// It refuses to control a process that was not named. Between `CheckedBackend` and the real one.
class GuardedBackend final : public Backend {
 public:
  /// `trouble` and `heartbeat` may be null: nothing is looked for there. `close` closes `trouble`.
  GuardedBackend(std::unique_ptr<Backend> inner, std::shared_ptr<TroubleWatch> trouble,
                 std::shared_ptr<Heartbeat> heartbeat, GuardOptions options);

  /// The process may be controlled from now on: the user has named it, or this tool has started it.
  void name(Pid pid) { options_.may_control.insert(pid); }

  /// Why it has stopped; nullopt: it has not.
  [[nodiscard]] const std::optional<Error>& stopped() const { return stopped_; }

  [[nodiscard]] const BackendInfo& info() const override { return inner_->info(); }
  [[nodiscard]] Instant now() const override { return inner_->now(); }
  /// Errors: also kNotPermitted (the pid was not named to be controlled).
  [[nodiscard]] Result<TargetId> attach(Pid pid, AttachMode mode) override;
  [[nodiscard]] Result<void> detach(TargetId target) override;
  [[nodiscard]] std::vector<QueueInfo> queues(TargetId target) const override;
  [[nodiscard]] Result<RequestId> control(TargetId target, std::span<const QueueId> ids,
                                          const Control& control) override;
  [[nodiscard]] Result<void> watch(TargetId target, Duration period) override;
  [[nodiscard]] Result<RequestId> inspect(InspectView view) override;
  [[nodiscard]] Result<std::optional<Event>> next_event(Instant deadline) override;
  [[nodiscard]] Result<void> close() override;

 private:
  struct InFlight {
    TargetId target;
    Instant issued;
  };
  [[nodiscard]] Result<void> check() const;
  [[nodiscard]] Instant slow_at() const;
  void look();
  void look_at_suspends();
  void judge(const Event& event);
  void judge(const ControlDone& done);
  void stop(Errc code, const std::string& sign);

  std::unique_ptr<Backend> inner_;
  std::shared_ptr<TroubleWatch> trouble_;
  std::shared_ptr<Heartbeat> heartbeat_;
  GuardOptions options_;
  std::map<TargetId, Pid> targets_;
  std::map<TargetId, std::vector<QueueInfo>> last_queues_;  ///< when it stopped
  std::map<RequestId, InFlight> suspends_;
  std::optional<Error> stopped_;
};

}  // namespace gpreempt::kfd
