#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/backend.h"
#include "core/error.h"
#include "core/time.h"

/// How the scheduler's two acts, taking queues off the GPU and giving it back to them, are carried
/// out. Policies decide when; a mechanism is chosen beside them, by name.
namespace gpreempt {

enum class MechanismKind {
  kSuspendQueues,
  kQueuePercent,
  kPriority,
  kCuMask,
  kLaunchThrottle,
  kKernelBoundary,
  kReset,
  kSigstop,
  kSelectiveUnmap,
};

/// What is known of a mechanism before one is made.
struct MechanismEntry {
  MechanismKind kind = MechanismKind::kSuspendQueues;
  std::string_view name;
  std::string_view options;  ///< with their defaults, as they would be written; may be empty
  std::string_view summary;  ///< one line
  ControlKind takes_off = ControlKind::kSuspend;
  ControlKind gives_back = ControlKind::kResume;
  bool hypothetical = false;  ///< no driver offers it
};

/// Every mechanism there is, in the order of the documentation.
[[nodiscard]] std::span<const MechanismEntry> mechanisms();

struct Mechanism {
  MechanismKind kind = MechanismKind::kSuspendQueues;
  std::string spec = "suspend-queues";  ///< as it was written
  std::uint32_t level = 0;              ///< priority: KFD's, while off
  double share = 0.25;                  ///< cu-mask: of the CUs of each XCC, while off
  std::uint32_t in_flight = 8;          ///< launch-throttle: while on
  std::uint32_t batch = 4;
};

/// Makes a mechanism from `name` or `name:key=value,...`.
/// Errors: kInvalidArgument naming the unknown mechanism or option and the nearest valid one.
[[nodiscard]] Result<Mechanism> make_mechanism(std::string_view text);

/// Whether a backend can carry it out. Errors: kUnsupported with the backend's reason, or because a
/// CU mask would have to fit GPUs that differ.
[[nodiscard]] Result<void> check_mechanism(const Mechanism& mechanism, const BackendInfo& info);

/// How it is shown: as it was written, and that it is hypothetical if it is.
[[nodiscard]] std::string label_of(const Mechanism& mechanism);

/// Whether it restricts queues also while they are on, so that a new queue must be given the GPU
/// once before it may be taken off it.
[[nodiscard]] bool needs_arming(const Mechanism& mechanism);

/// The control that takes queues off; the backend ends it after `lease`. `grace` is for
/// suspend-queues only. `info` must have passed `check_mechanism`.
[[nodiscard]] Control take_off(const Mechanism& mechanism, std::optional<Duration> grace,
                               Duration lease, const BackendInfo& info);
/// The control that gives the GPU back.
[[nodiscard]] Control give_back(const Mechanism& mechanism);

}  // namespace gpreempt
