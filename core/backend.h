#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/time.h"

namespace gpreempt {

// ---- controls
// -------------------------------------------------------------------------------------------------
//
// A control that restricts queues carries a lease: `lease` after the call was issued the backend
// itself undoes it, whatever its caller does. Those that stop work need a positive one; zero lets a
// restriction that still lets work go on (a priority, a mask, a limit) stand until it is replaced.

/// Takes queues off the GPU and saves their waves (SUSPEND_QUEUES).
struct Suspend {
  std::optional<Duration>
      grace;         ///< time waves may drain before they are saved; nullopt = the driver's default
  Duration lease{};  ///< must be positive
};
/// Undoes whatever restricts the queues: suspended, held or reset ones run again, percentages are
/// 100, signals continued. Priorities, masks and launch limits stay.
struct Resume {};
/// UPDATE_QUEUE by the owning process; 0 takes the queue off, its waves saved. Needs a lease at 0.
struct Percentage {
  std::uint32_t percent = 100;
  Duration lease{};
};
/// UPDATE_QUEUE with another priority: arbitration of new workgroups, resident ones stay.
struct Priority {
  std::optional<std::uint32_t> level;  ///< KFD's 0..15; nullopt = its own again
  Duration lease{};
};
/// SET_CU_MASK. Bit b of the words belongs to XCC b modulo their number; no words = every CU. Each
/// XCC must keep one: a queue is on all of them, and would hang on one without.
struct CuMask {
  std::vector<std::uint32_t> words;
  Duration lease{};
};
/// Limits what the process' launcher has on the GPU at once (in-process): it launches `batch`
/// kernels at a time while `in_flight` are not exceeded. 0 in flight: launches nothing, which needs
/// a lease.
struct Throttle {
  std::uint32_t in_flight = 1;
  std::uint32_t batch = 1;
  Duration lease{};
};
/// A signal to the process; one that stops it needs a lease.
struct Signal {
  int number = 0;
  Duration lease{};
};
/// Kills the resident waves and takes the queues off; their kernels start over when resumed.
struct Reset {
  Duration lease{};
};
/// Hypothetical: saves only the queues named, everybody else's stay mapped and run.
struct SelectiveUnmap {
  Duration lease{};
};
/// No kernel of the queues starts after the one that runs (in-process or in firmware).
struct KernelBoundary {
  Duration lease{};
};

/// What can be done to queues; the order is that of `ControlKind`.
using Control = std::variant<Suspend, Resume, Percentage, Priority, CuMask, Throttle, Signal, Reset,
                             SelectiveUnmap, KernelBoundary>;
static_assert(std::variant_size_v<Control> == kControlKinds);

/// The control's lease; zero for one without.
[[nodiscard]] Duration lease_of(const Control& control);
/// Whether it stops its queues' work (and so needs a positive lease).
[[nodiscard]] bool stops_work(const Control& control);

[[nodiscard]] inline ControlKind kind_of(const Control& control) {
  return static_cast<ControlKind>(control.index());
}

// ---- what a backend is
// ----------------------------------------------------------------------------------------

struct GpuInfo {
  GpuId id;
  std::uint32_t xccs = 0;
  std::uint32_t cus = 0;        ///< over all XCCs
  std::uint32_t hqd_slots = 0;  ///< compute queues that fit at once
};

struct BackendInfo {
  std::string driver;  ///< personality or version of the driver, e.g. "dkms-6.12.12"
  std::vector<GpuInfo> gpus;
  /// Per `ControlKind`: empty = can be done, otherwise why not and what would help.
  std::array<std::string, kControlKinds> controls;
  std::string watch;  ///< empty = `watch` works, otherwise why not

  [[nodiscard]] const std::string& missing(ControlKind kind) const {
    return controls.at(static_cast<std::size_t>(kind));
  }
};

enum class AttachMode {
  kControl,  ///< Offline: ptrace and a debug session; its queues may be suspended
  kObserve,  ///< Online: neither; every control on it is refused
};

enum class InspectView { kMqds, kHqds, kRunlists };

/// The seam between the scheduler and a world: the driver of a real GPU, a model of that driver
/// under the real client, or a discrete-event model. Its caller cannot tell which.
///
/// Control is asynchronous. `attach`, `detach`, `control` and `inspect` only post a request; what
/// became of it is an event. A suspend can take milliseconds and, when firmware hangs, 9 s; one
/// scheduler serves many targets.
///
/// One request per target is in flight: a second `control` before the first one's `ControlDone` is
/// `kBusy`.
///
/// Not thread-safe: one thread (in a simulation one actor) owns a backend.
class Backend {
 public:
  Backend() = default;
  Backend(const Backend&) = delete;
  Backend& operator=(const Backend&) = delete;
  virtual ~Backend() = default;

  /// GPUs, and the reason for each control that is missing. Constant while the backend lives.
  [[nodiscard]] virtual const BackendInfo& info() const = 0;

  /// The backend's clock. Never goes backwards; starts anywhere.
  [[nodiscard]] virtual Instant now() const = 0;

  /// Starts following a process. Completes as `AttachDone`, preceded by a `QueueBorn` for each
  /// queue it has. Errors that the system finds (no such process, not permitted, another debugger)
  /// are in the event. Errors: kInvalidArgument (pid is already attached).
  [[nodiscard]] virtual Result<TargetId> attach(Pid pid, AttachMode mode) = 0;

  /// Stops following. Its suspended queues are resumed first. Completes as `DetachDone`.
  /// Errors: kInvalidArgument (unknown target), kBusy (a request is in flight).
  [[nodiscard]] virtual Result<void> detach(TargetId target) = 0;

  /// The target's queues as last seen, oldest first; empty for an unknown target.
  [[nodiscard]] virtual std::vector<QueueInfo> queues(TargetId target) const = 0;

  /// Does `control` to the named queues of one target (of any of its GPUs). Completes as
  /// `ControlDone` with one outcome per id. The driver preempts *every* queue of each GPU involved,
  /// those of other processes too. Errors, and then nothing was posted: kUnsupported (with the
  /// reason of `info()`), kNotPermitted (the target is only observed), kInvalidArgument (no ids,
  /// more than 1024, an id twice, an id of another target, what `check_control` refuses), kBusy (a
  /// request of this target is in flight).
  [[nodiscard]] virtual Result<RequestId> control(TargetId target, std::span<const QueueId> ids,
                                                  const Control& control) = 0;

  /// Reports the target's busy/idle edges as `ActivityEdge`, found by polling every `period`.
  /// Errors: kUnsupported (with the reason of `info()`), kInvalidArgument.
  [[nodiscard]] virtual Result<void> watch(TargetId target, Duration period) = 0;

  /// Asks for a decoded hardware view. Completes as `InspectDone`. For verification, not for the
  /// control loop. Errors: kUnsupported.
  [[nodiscard]] virtual Result<RequestId> inspect(InspectView view) = 0;

  /// Waits for the next event. Blocks until: an event, or `deadline` by `now()`. Returns nullopt at
  /// the deadline. Errors: kInterrupted (the user asked this process to end: `close` now; a caller
  /// that goes on gets the next event), kInternal (the world ended while waiting; the backend is
  /// then only good for `close`).
  [[nodiscard]] virtual Result<std::optional<Event>> next_event(Instant deadline) = 0;

  /// Resumes everything, detaches from every target and ends the workers. Blocks until that is
  /// done, at most as long as the driver does. Idempotent; must be called before the destructor.
  /// Errors: the first one met; the shutdown goes on past it.
  [[nodiscard]] virtual Result<void> close() = 0;
};

}  // namespace gpreempt
