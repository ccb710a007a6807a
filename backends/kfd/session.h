#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "backends/kfd/abi.h"
#include "backends/kfd/dbg_trap.h"
#include "backends/kfd/heartbeat.h"
#include "backends/kfd/mailbox.h"
#include "backends/kfd/messages.h"
#include "backends/kfd/os.h"
#include "backends/kfd/session_queues.h"
#include "backends/kfd/tracee.h"
#include "core/error.h"
#include "core/ids.h"
#include "core/time.h"

namespace gpreempt::kfd {

struct SessionOptions {
  TargetId target;
  Pid pid;
  std::string device;  ///< of the driver
  std::string sysfs_root;
  Duration first_queue_poll{};     ///< how often to look for it before anything is done; 0 = never
  Heartbeat* heartbeat = nullptr;  ///< null: nobody watches
  Duration rescan_period{};        ///< without another snapshot for so long one is made; 0 = never
};

/// The debug session of one controlled process, on a worker of its own: the tracer, which makes
/// every DBG_TRAP call about it. Requests come in by mailbox; everything that happens goes out by
/// mailbox, beginning with the queues there are and `SessionReady`.
///
/// While the driver is inside a call (9 s when firmware hangs) nothing else of this target is
/// served, signals to its leader included.
///
/// A suspend is one GET_QUEUE_SNAPSHOT and one SUSPEND_QUEUES, a resume one RESUME_QUEUES. Every
/// suspension ends at its lease. The session ends when it is stopped or its target exits; then
/// nothing is suspended, enabled or traced any more.
class Session {
 public:
  using Outbox = std::shared_ptr<Mailbox<BackendMessage>>;
  using Inbox = std::shared_ptr<Mailbox<SessionRequest>>;

  /// Starts the worker. Never blocks. Errors: kIo; nothing was started.
  [[nodiscard]] static Result<WorkerId> start(Os& os, SessionOptions options, Inbox inbox,
                                              Outbox outbox);

 private:
  enum class Phase { kServing, kStopped, kTargetExited, kLost };

  Session(Os& os, SessionOptions options, Inbox inbox, Outbox outbox);

  void run();
  [[nodiscard]] std::optional<Error> open_target();
  [[nodiscard]] Error no_target(int number) const;
  /// Whether the process that was attached to has not ended; its leader may have.
  [[nodiscard]] bool is_alive();
  [[nodiscard]] bool leader_lives();
  [[nodiscard]] std::optional<Error> await_first_queue();
  [[nodiscard]] std::optional<Error> set_up();
  [[nodiscard]] std::optional<Error> enable();
  void serve_once();
  void serve(const SessionRequest& request);
  void serve(const SuspendRequest& request);
  void serve(const ResumeRequest& request);
  /// Serves the stops of the tracee; true if it has executed a new program.
  bool serve_tracee();
  void serve_executed();
  void serve_driver_events();
  void forward(const abi::TrapQueryEvent& event);
  void serve_deadlines();
  void end_leases(Instant now);
  [[nodiscard]] Instant next_deadline() const;

  [[nodiscard]] SysResult<void> rescan();
  void note(SysError error);
  void note_unless_refused(SysError error);
  [[nodiscard]] std::optional<Error> suspend(const SuspendRequest& request,
                                             std::vector<Outcome>& outcomes);
  [[nodiscard]] std::optional<SysError> suspend_once(const SuspendRequest& request,
                                                     std::vector<Outcome>& outcomes);
  [[nodiscard]] Error explain_refusal(const std::string& operation, SysError error);
  [[nodiscard]] SysResult<std::vector<Outcome>> resume(std::span<const QueueSerial> queues);
  [[nodiscard]] SysResult<void> resume_batch(const std::vector<std::uint32_t>& ids,
                                             const std::vector<std::size_t>& places,
                                             std::vector<Outcome>& outcomes);
  void note_resumed(std::span<const QueueSerial> queues, const std::vector<Outcome>& outcomes);
  [[nodiscard]] bool has_resumed_by_itself(SysError error);
  /// Tells the watchdog before anything of the target can be suspended; whether it may be.
  [[nodiscard]] bool announce(const SuspendRequest& request);
  /// Tells it how things are now.
  void tell_watchdog();
  [[nodiscard]] bool is_known(QueueSerial serial) const;

  [[nodiscard]] std::optional<Error> shut_down();
  [[nodiscard]] std::optional<Error> end_session(std::optional<Error> first);
  void answer_late_handshake();
  [[nodiscard]] std::optional<Error> resume_all();
  void detach();
  void report(decltype(SessionReport::what) what);

  Os& os_;
  SessionOptions options_;
  Inbox inbox_;
  Outbox outbox_;
  Fd pidfd_ = kNoFd;
  Fd driver_ = kNoFd;
  PipeEnds notify_;
  Tracee tracee_;
  DbgTrap trap_;
  SessionQueues queues_;
  bool enabled_ = false;      ///< the debug session is believed to stand
  bool was_enabled_ = false;  ///< it ever was: it must be ended on the way out
  Instant rescan_at_ = kForever;
  Instant told_until_ = kForever;  ///< what the watchdog knows; `kForever`: nothing is suspended
  bool resume_failed_ = false;     ///< a lease is not met: the watchdog is told no later one
  Phase phase_ = Phase::kServing;
};

}  // namespace gpreempt::kfd
