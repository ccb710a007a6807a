#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "core/random.h"
#include "core/time.h"

/// What goes wrong on purpose. A campaign draws faults from a seed; decorators (`FaultyBackend`,
/// `kfd::FaultyOs`) and the campaign itself make them happen.
namespace gpreempt {

enum class FaultKind : std::uint8_t {
  kInterrupted,       ///< a call ends with EINTR, before or after the driver did it
  kBusy,              ///< a call is refused as busy
  kLostTracer,        ///< a call is refused because nobody traces the target (EPERM)
  kErrorOutcome,      ///< the hardware step of one queue failed: it is off all the same
  kInvalidOutcome,    ///< the driver does not know one queue: nothing was done to it
  kLateEvents,        ///< what happened is told later, in the same order
  kLostEvent,         ///< the driver's word that it has news is lost
  kLongCall,          ///< a call takes 9 s: firmware does not answer
  kHang,              ///< firmware hangs: the preemption times out and the GPU is reset
  kTargetExit,        ///< a target exits
  kTargetExec,        ///< a target executes another program
  kEvicted,           ///< the driver takes a target's queues off for 100 ms, for their memory
  kQueueMade,         ///< a target makes a queue
  kQueueDestroyed,    ///< a target destroys a queue, and waits for that while it is suspended
  kDebugfsGone,       ///< a file of debugfs cannot be read
  kDebugfsMalformed,  ///< a file of debugfs ends in the middle, or has a wrong character
  kActivityUnread,    ///< the rings of a target cannot be read
  kClockStep,         ///< the clock jumps ahead by seconds
  kFrozen,            ///< the controller does not run for a while
};
inline constexpr std::size_t kFaultKinds = 19;

[[nodiscard]] std::string_view to_string(FaultKind kind);
/// Every kind, in order.
[[nodiscard]] std::span<const FaultKind> fault_kinds();

/// How likely each kind is when there is an occasion for it.
struct FaultRates {
  std::array<double, kFaultKinds> of{};
  [[nodiscard]] double& operator[](FaultKind kind) { return of.at(static_cast<std::size_t>(kind)); }
  [[nodiscard]] double operator[](FaultKind kind) const {
    return of.at(static_cast<std::size_t>(kind));
  }
};

/// Decides which occasions turn into faults, and counts them. Each kind draws from a stream of its
/// own, so that leaving one kind out does not move the others.
class Faults {
 public:
  Faults(std::uint64_t seed, const FaultRates& rates);

  /// Whether this occasion is one. None is from what `end_at` was told on.
  [[nodiscard]] bool strike(FaultKind kind, Instant now);
  /// A number in [0, bound), for how it is done.
  [[nodiscard]] std::uint64_t choose(FaultKind kind, std::uint64_t bound);
  /// Counts one that the caller made happen by itself.
  void count(FaultKind kind) { ++struck_.at(static_cast<std::size_t>(kind)); }

  [[nodiscard]] const std::array<std::uint64_t, kFaultKinds>& struck() const { return struck_; }
  void end_at(Instant until) { until_ = until; }

 private:
  FaultRates rates_;
  Instant until_ = kForever;
  std::array<RandomStream, kFaultKinds> streams_;
  std::array<std::uint64_t, kFaultKinds> struck_{};
};

}  // namespace gpreempt
