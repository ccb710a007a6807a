#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "core/backend.h"
#include "core/error.h"
#include "core/ids.h"
#include "core/occupancy.h"
#include "core/program.h"
#include "core/time.h"

namespace gpreempt {

/// What the driver and firmware of a GPU were doing, as seen by a queue on it. In each of them but
/// `kIssue`, `kLock` and `kCopy` every queue of the GPU is off. At any instant exactly one holds.
enum class DriverPhase {
  kNone,     ///< no call on this GPU
  kIssue,    ///< a call was made and has not reached the lock
  kLock,     ///< a call waits for the GPU's dqm lock
  kUnmap,    ///< UNMAP_QUEUES is being decoded, waves drain or stop
  kSave,     ///< waves are being saved
  kMap,      ///< runlist build and MAP
  kRestore,  ///< waves are being restored
  kCopy,     ///< queues run again while the call copies context headers
};
inline constexpr std::size_t kDriverPhases = 8;
[[nodiscard]] std::string_view to_string(DriverPhase phase);

/// One request of an Online program.
struct RequestRecord {
  std::uint64_t request = 0;  ///< index into `Program::arrivals`; closed loop: running number
  Instant arrival;
  Instant first_wave;  ///< `kForever` until the first workgroup is dispatched
  Instant end;         ///< `kForever` until it is complete
  /// Serving: end of its prefill, which yields the first token; `kForever` otherwise.
  Instant first_token = kForever;
  std::uint32_t tokens = 0;  ///< serving: output tokens so far
  /// Time between arrival and end in each `DriverPhase`; the parts sum to `end - arrival`.
  std::array<Duration, kDriverPhases> phases{};
};

/// One control as the driver served it. The parts sum to `done - called`.
struct DriverCall {
  Pid target;
  ControlKind kind = ControlKind::kSuspend;
  Instant called;
  Instant done;
  std::array<Duration, kDriverPhases> phases{};
  /// The driver says how the time divides, and what it saved; otherwise `phases` and `saved_bytes`
  /// say nothing.
  bool tells_phases = false;
  std::uint64_t saved_bytes = 0;  ///< wave state of every queue of the GPUs involved
  bool first_of_process = false;  ///< the CPU touched save areas of it for the first time
};

/// What the driver knows of suspensions and no client can see.
struct DriverAudit {
  Duration longest_suspension{};  ///< of a queue, without a break
  Duration longest_destroy{};     ///< that a process waited because its queue was suspended
  std::uint32_t suspended = 0;    ///< queues of living processes that are suspended now
};

/// What a queue's work amounts to so far.
struct ProgramProgress {
  Duration work{};            ///< kernel time done, counted as it would take on an idle GPU
  std::uint64_t kernels = 0;  ///< kernels complete
  std::uint64_t requests_completed = 0;
  Duration bystander{};          ///< time its queues with work were off for another process's call
  bool tells_work = false;       ///< `work` is known; otherwise it says nothing
  bool tells_bystander = false;  ///< the same of `bystander`
  /// Gangs: time that its collectives were on the GPU and waited for other ranks.
  Duration collective_wait{};
  bool aborted = false;  ///< a collective of its gang timed out
};

/// The driver's raw suspend interface, without a backend's care: what a process that called the
/// ioctls itself would see. For contract tests of driver rules.
class DriverProbe {
 public:
  DriverProbe() = default;
  DriverProbe(const DriverProbe&) = delete;
  DriverProbe& operator=(const DriverProbe&) = delete;
  virtual ~DriverProbe() = default;

  /// Seizes `target` and enables its debug session.
  [[nodiscard]] virtual Result<void> enable(Pid target) = 0;
  /// KFD ids of the target's queues, newest first; `clear_new` makes the driver forget that they
  /// are new.
  [[nodiscard]] virtual Result<std::vector<std::uint32_t>> snapshot(Pid target, bool clear_new) = 0;
  /// SUSPEND_QUEUES with the ids as given. Outcomes by index.
  [[nodiscard]] virtual Result<std::vector<Outcome>> suspend(Pid target,
                                                             std::vector<std::uint32_t> ids) = 0;
  [[nodiscard]] virtual Result<std::vector<Outcome>> resume(Pid target,
                                                            std::vector<std::uint32_t> ids) = 0;
  /// Disables the session, which resumes everything, and lets go of the target.
  [[nodiscard]] virtual Result<void> disable(Pid target) = 0;
};

/// A backend and the world under it, in which programs can be run. One at a time in a process.
class Testbed {
 public:
  Testbed() = default;
  Testbed(const Testbed&) = delete;
  Testbed& operator=(const Testbed&) = delete;
  virtual ~Testbed() = default;

  /// The backend under test. Invalid after `kill_controller`.
  [[nodiscard]] virtual Backend& backend() = 0;
  [[nodiscard]] virtual DriverProbe& probe() = 0;

  /// Starts a process with its queues created; it does nothing until `start`.
  /// Errors: kInvalidArgument (the program cannot run on this GPU, and why).
  [[nodiscard]] virtual Result<Pid> launch(Program program) = 0;
  /// Lets every launched program that has not been started begin: instant zero of its arrivals.
  virtual Instant start() = 0;
  /// The process makes one more user queue, as an application does at any time.
  [[nodiscard]] virtual Result<void> create_queue(Pid pid) = 0;
  /// The same on any GPU (index into `BackendInfo::gpus`); nothing is ever launched on that queue.
  /// Errors: kInvalidArgument (no such GPU).
  [[nodiscard]] virtual Result<void> create_idle_queue(Pid pid, std::uint32_t gpu) = 0;
  /// Ends a process as exit() does.
  virtual void exit(Pid pid) = 0;

  // What a process may do at any moment. These return at once; the call may have to wait in the
  // driver for whoever debugs the process.

  /// The process destroys its newest user queue, with whatever that has to do. While a debugger
  /// holds the queue suspended the call waits. Errors: kInvalidArgument (it has none),
  /// kProcessExited, kUnsupported.
  [[nodiscard]] virtual Result<void> destroy_queue(Pid pid) = 0;
  /// The process starts its ROCm runtime (refused by the driver while it has queues) or ends it.
  /// Under a debugger the call waits for its answer. Errors: kProcessExited, kUnsupported.
  [[nodiscard]] virtual Result<void> set_runtime(Pid pid, bool enabled) = 0;
  /// Calls of the two kinds above that have not returned to the process.
  [[nodiscard]] virtual std::uint32_t calls_in_driver(Pid pid) = 0;
  /// The process executes another program: its queues are gone, and the new program, which has no
  /// work, has no runtime until `set_runtime` and no queue until `create_queue`. Errors:
  /// kProcessExited, kUnsupported.
  [[nodiscard]] virtual Result<void> exec(Pid pid) = 0;

  // What happens to others, and to the machine.

  /// The driver takes all queues of the process off, as when it needs their memory, and restores
  /// them by itself 100 ms later. Errors: kProcessExited, kUnsupported.
  [[nodiscard]] virtual Result<void> evict(Pid pid) = 0;
  /// The GPU's firmware stops answering: the next call that wants queues off fails after the
  /// driver's timeout, and the driver resets the GPU, which loses every queue on it. Errors:
  /// kInvalidArgument (no such GPU), kUnsupported.
  [[nodiscard]] virtual Result<void> hang_firmware(GpuId gpu) = 0;

  /// Lets the world go on for `duration` without serving the backend's events.
  [[nodiscard]] virtual Result<void> wait(Duration duration) = 0;
  [[nodiscard]] virtual ProgramProgress progress(Pid pid) = 0;
  /// Requests of an Online program in order of arrival; those that have not arrived are absent.
  [[nodiscard]] virtual const std::vector<RequestRecord>& requests(Pid pid) = 0;
  /// Suspends and resumes served so far, in order of completion.
  [[nodiscard]] virtual const std::vector<DriverCall>& driver_calls() = 0;
  /// nullopt: this world's driver does not tell.
  [[nodiscard]] virtual std::optional<DriverAudit> audit() = 0;
  /// Records from now on what becomes of every user queue, the state it is in now first; at most
  /// `most` changes. Without it nothing is recorded and nothing is spent. Errors: kUnsupported
  /// (this world's driver does not tell: what its calls took is all there is).
  [[nodiscard]] virtual Result<void> record_occupancy(std::size_t most) = 0;
  /// Empty if it was not recorded.
  [[nodiscard]] virtual const OccupancyRecord& occupancy() = 0;
  /// Events the world's engine has fired; 0 where there is no engine.
  [[nodiscard]] virtual std::uint64_t engine_events() const = 0;

  /// kill -9 of the process that holds the backend. `backend()` is gone afterwards.
  virtual void kill_controller() = 0;
  /// Stops the process that holds the backend, as a frozen control group does: it makes no call and
  /// answers nobody, while what it has begun in the driver goes on. Until `thaw_controller` (or
  /// `kill_controller`) its backend must not be called. Errors: kUnsupported.
  [[nodiscard]] virtual Result<void> freeze_controller() = 0;
  /// Lets it go on. Errors: kUnsupported.
  [[nodiscard]] virtual Result<void> thaw_controller() = 0;
  /// Another process frees `pid` from what a dead controller has left of itself: it ends the debug
  /// session and answers the runtime that waits for its debugger. Errors: kNotPermitted (its
  /// controller lives), kProcessExited, kUnsupported.
  [[nodiscard]] virtual Result<void> rescue(Pid pid) = 0;
};

}  // namespace gpreempt
