#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/error.h"
#include "core/ids.h"
#include "core/time.h"

/// What a backend reports. Every event is delivered once, in the order of its instants.
namespace gpreempt {

enum class QueueType { kCompute, kSdma };
/// Who made a queue: ROCr for itself (64-packet ring), the application, or copies.
enum class QueueRole { kUser, kInternal, kSdma };
enum class QueueState { kRunning, kSuspended };

/// ROCr gives the queue that it keeps for itself a ring of 64 packets of 64 bytes.
/// Source: amd_gpu_agent.cpp of ROCr.
inline constexpr std::uint64_t kInternalRingBytes = 4096;

[[nodiscard]] constexpr QueueRole role_of(QueueType type, std::uint64_t ring_bytes) {
  if (type == QueueType::kSdma) {
    return QueueRole::kSdma;
  }
  return ring_bytes == kInternalRingBytes ? QueueRole::kInternal : QueueRole::kUser;
}

/// A queue as its backend last saw it.
struct QueueInfo {
  QueueId id;
  TargetId target;
  GpuId gpu;
  std::uint32_t kernel_id = 0;  ///< KFD's id: per process, lowest free, reused at once
  QueueType type = QueueType::kCompute;
  QueueRole role = QueueRole::kUser;
  std::uint64_t ring_bytes = 0;
  QueueState state = QueueState::kRunning;
};

/// What became of one queue of a request.
enum class Outcome {
  kOk,       ///< the queue is in the state asked for (already being there counts as success)
  kInvalid,  ///< the driver does not know the queue, also after a snapshot and a retry: drop it
  kError,    ///< the hardware step failed; the queue is off until it is resumed
};

struct QueueOutcome {
  QueueId id;
  Outcome outcome = Outcome::kOk;
};

/// Kinds of `Control`, in the order of the variant in `core/backend.h`.
enum class ControlKind {
  kSuspend,
  kResume,
  kPercentage,
  kPriority,
  kCuMask,
  kThrottle,
  kSignal,
  kReset,
  kSelectiveUnmap,
  kKernelBoundary,
};
inline constexpr std::size_t kControlKinds = 10;

struct AttachDone {
  TargetId target;
  std::optional<Error> error;  ///< set: the target is not attached and its id is dead
};
struct DetachDone {
  TargetId target;
};

/// A request of `Backend::control` ended.
struct ControlDone {
  RequestId request;
  TargetId target;
  ControlKind kind = ControlKind::kSuspend;
  Instant issued;  ///< when `control` was called
  Instant done;
  std::vector<QueueOutcome> outcomes;  ///< one per id asked for, in the order asked
  std::optional<Error> error;          ///< the call was refused: what is not kOk was not done
};

/// The backend itself ended what restricted these queues, because its lease ran out.
struct LeaseExpired {
  TargetId target;
  std::vector<QueueId> queues;
};
struct QueueBorn {
  QueueInfo queue;
};
struct QueueGone {
  TargetId target;
  QueueId queue;
};
/// A watched target turned busy or idle (found by polling).
struct ActivityEdge {
  TargetId target;
  bool busy = false;
  /// False: it looks idle, and whether its last work is done cannot be seen. A policy that wants to
  /// be sure lingers.
  bool proven = true;
};
/// The application said so itself (a hint): `request` numbers the work within the target.
struct WorkArrived {
  TargetId target;
  std::uint64_t request = 0;
};
struct WorkFinished {
  TargetId target;
  std::uint64_t request = 0;
};
struct ExceptionRaised {
  TargetId target;
  std::uint64_t mask = 0;  ///< KFD exception bits
};
struct TargetExited {
  TargetId target;
};
/// Answer of `Backend::inspect`: one line per object, as the view prints it.
struct InspectDone {
  RequestId request;
  std::string text;
  std::optional<Error> error;
};

struct Event {
  Instant at;
  std::variant<AttachDone, DetachDone, ControlDone, LeaseExpired, QueueBorn, QueueGone,
               ActivityEdge, WorkArrived, WorkFinished, ExceptionRaised, TargetExited, InspectDone>
      what;
};

[[nodiscard]] std::string_view to_string(ControlKind kind);
[[nodiscard]] std::string_view to_string(Outcome outcome);
[[nodiscard]] std::string_view to_string(QueueRole role);
[[nodiscard]] std::string_view to_string(QueueState state);
[[nodiscard]] std::string_view to_string(QueueType type);
/// The event's name in `events.jsonl`.
[[nodiscard]] std::string_view name_of(const Event& event);

}  // namespace gpreempt
