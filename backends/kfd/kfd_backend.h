#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "backends/kfd/activity.h"
#include "backends/kfd/heartbeat.h"
#include "backends/kfd/mailbox.h"
#include "backends/kfd/messages.h"
#include "backends/kfd/observer.h"
#include "backends/kfd/os.h"
#include "backends/kfd/reaper.h"
#include "backends/kfd/topology.h"
#include "core/backend.h"
#include "core/error.h"
#include "core/event.h"
#include "core/hints.h"
#include "core/ids.h"
#include "core/time.h"

namespace gpreempt::kfd {

struct BackendOptions {
  std::string device = "/dev/kfd";
  std::string sysfs_root = "/sys";
  std::string debugfs = "/sys/kernel/debug/kfd";
  /// Late-born queues are reported by the driver; should a report be lost, a snapshot every so
  /// often finds them. 0 = never.
  Duration rescan_period = std::chrono::milliseconds(100);
  /// `attach` for control waits until the process has a queue, asking sysfs so often, and only then
  /// traces it: a runtime that starts under a debugger waits for the debugger's answer. 0 = attach
  /// at once, e.g. where sysfs shows other pids than this process sees.
  Duration first_queue_poll = std::chrono::milliseconds(1);
  /// How often the queues of an observed target are looked for in sysfs.
  Duration scan_period = std::chrono::milliseconds(10);
  /// SIGINT, SIGTERM and SIGHUP no longer end this process: `next_event` fails with `kInterrupted`
  /// instead, so that its caller can close the backend. False leaves signals to the caller.
  bool take_signals = true;
  /// It is for programs that this process starts: `info().gpus` are those that these see, in their
  /// order (`visible_gpus`).
  bool for_programs = false;
  /// To the watchdog, which is told before each suspension; null: there is none. Closed with the
  /// backend.
  std::shared_ptr<Heartbeat> heartbeat = nullptr;
};

/// The backend over the KFD debugger ABI. Relies on the argument checks of `make_checked_backend`.
/// A controlled target has a `Session` on a worker of its own. An observed one is neither traced
/// nor debugged: the one `Observer` sees its queues in sysfs (in a pid namespace of this process's
/// own it cannot, and `queues` is empty).
///
/// A process that the launcher started as a child of this one is reaped by its session: after
/// `TargetExited` its exit status is gone.
class KfdBackend final : public Backend, public HintSink {
 public:
  [[nodiscard]] const BackendInfo& info() const override { return info_; }
  [[nodiscard]] Instant now() const override { return os_.now(); }
  [[nodiscard]] Result<TargetId> attach(Pid pid, AttachMode mode) override;
  [[nodiscard]] Result<void> detach(TargetId target) override;
  [[nodiscard]] std::vector<QueueInfo> queues(TargetId target) const override;
  [[nodiscard]] Result<RequestId> control(TargetId target, std::span<const QueueId> ids,
                                          const Control& control) override;
  [[nodiscard]] Result<void> watch(TargetId target, Duration period) override;
  [[nodiscard]] Result<RequestId> inspect(InspectView view) override;
  [[nodiscard]] Result<std::optional<Event>> next_event(Instant deadline) override;
  [[nodiscard]] Result<void> close() override;

  void work_arrived(Pid pid, std::uint64_t request) override;
  void work_finished(Pid pid, std::uint64_t request) override;

 private:
  friend Result<std::unique_ptr<KfdBackend>> open_backend(Os& os, BackendOptions options);

  struct InFlight {
    RequestId request;
    ControlKind kind = ControlKind::kSuspend;
    Instant issued;
    std::vector<QueueId> ids;
  };
  struct Target {
    Pid pid;
    AttachMode mode = AttachMode::kControl;
    std::shared_ptr<Mailbox<SessionRequest>> inbox;  ///< of its session; null when observed
    WorkerId worker;
    Fd pidfd = kNoFd;  ///< of an observed target
    bool watched = false;
    std::vector<QueueId> handles;  ///< by `QueueSerial`, those of gone queues too
    std::optional<InFlight> in_flight;
    bool detaching = false;
  };
  using Outbox = std::shared_ptr<Mailbox<BackendMessage>>;

  /// What `open_backend` has made.
  struct Parts {
    BackendInfo info;
    std::vector<GpuNode> gpus;
    Outbox outbox;
    std::unique_ptr<Reaper> reaper;
    std::unique_ptr<Observer> observer;
    Fd signals = kNoFd;
    bool sees_queues = true;  ///< of processes that are only observed
  };
  KfdBackend(Os& os, BackendOptions options, Parts parts);

  [[nodiscard]] Result<void> start_session(TargetId id, Target& target);
  void start_observing(TargetId id, Target target);
  /// The rings of its compute queues, as the driver's snapshot had them.
  [[nodiscard]] std::vector<RingPlace> rings_of(const Target& target) const;
  [[nodiscard]] Result<QueueSerial> serial_of(const Target& target, QueueId id) const;
  [[nodiscard]] std::uint32_t clock_of(std::span<const QueueId> ids) const;

  /// To the observer, if it watches them.
  void tell_rings(TargetId id);

  /// Turns what the workers posted into events. Before each event of the backend's own making, so
  /// that events come in the order of their instants.
  void absorb();
  void absorb(SessionReport& report);
  void absorb_exits(std::span<const WaitFd> observed);
  /// The number of a signal that asks this process to end, once for each.
  [[nodiscard]] std::optional<int> take_signal();
  void translate(TargetId id, Instant at, SessionReady ready);
  void translate(TargetId id, Instant at, const SessionQueueBorn& born);
  void translate(TargetId id, Instant at, const SessionQueueGone& gone);
  void translate(TargetId id, Instant at, SessionDone done);
  void translate(TargetId id, Instant at, const SessionLeaseExpired& expired);
  void translate(TargetId id, Instant at, const SessionException& exception);
  void translate(TargetId id, Instant at, const SessionActivity& activity);
  void translate(TargetId id, Instant at, const SessionTargetExited& exited);
  void translate(TargetId id, Instant at, const SessionClosed& closed);
  void translate(const Hint& hint);
  void translate(Inspected& inspected);
  /// Ends the request that a target has in flight, if any.
  void fail_in_flight(TargetId id, Instant at, Errc code, std::string_view reason);
  void set_state(QueueId id, QueueState state);
  void forget(TargetId id);
  /// `at`, or the instant of the last event if that is later.
  [[nodiscard]] Instant in_order(Instant at);
  void emit(Instant at, decltype(Event::what) what);

  Os& os_;
  BackendOptions options_;
  BackendInfo info_;
  std::vector<GpuNode> gpus_;
  Outbox outbox_;
  std::unique_ptr<Reaper> reaper_;
  std::unique_ptr<Observer> observer_;
  Fd signals_;  ///< `kNoFd`: they are the caller's
  bool sees_queues_;
  std::map<TargetId, Target> targets_;
  std::map<QueueId, QueueInfo> queues_;
  std::map<QueueId, RingPlace> rings_;  ///< of the compute queues of controlled targets
  std::vector<WorkerId> ended_workers_;
  std::deque<Event> ready_;
  Instant last_at_ = Instant::min();
  std::uint32_t next_target_ = 0;
  std::uint32_t next_queue_ = 0;
  std::uint64_t next_request_ = 0;
  bool closed_ = false;
};

/// Checks driver, version and topology and starts the backend. Blocks: as reading a few small files
/// does. The caller wraps it in `make_checked_backend`; `os` must outlive it. Errors:
/// kNoSuchDevice, kNotPermitted, kUnsupported (driver too old), kParse (topology), kIo; each says
/// what to do.
[[nodiscard]] Result<std::unique_ptr<KfdBackend>> open_backend(Os& os, BackendOptions options);

}  // namespace gpreempt::kfd
