#pragma once

#include <cstdint>
#include <vector>

#include "core/time.h"
#include "experiments/verdict.h"

/// Whether the hardware preempts by priority alone: what follows from waits. No I/O.
namespace gpreempt::experiments {

/// Short kernels that came while long ones filled the GPU, at times that have nothing to do with
/// them.
struct PriorityEvidence {
  Duration long_kernel{};                 ///< of each of the low queue's
  std::vector<std::int64_t> equal_waits;  ///< to the first wave, with the low queue's priority
  std::vector<std::int64_t> high_waits;   ///< with the highest one
  std::vector<std::int64_t> alone_waits;  ///< with the GPU to themselves
};

/// A wait that is no longer than this share of a long kernel was none; one that is longer than
/// `kHeldUp` was one. If nothing preempts, an arrival waits for what is left of the kernel that
/// runs: between nothing and all of it with equal chances, so that the median is one half.
inline constexpr double kUnhindered = 0.1;
inline constexpr double kHeldUp = 0.25;

/// "priority/preempts": yes, no, or not resolvable, also where the long kernels hold nobody up, so
/// that there is nothing to see. By the band of the median of the waits as a share of
/// `long_kernel`.
[[nodiscard]] Verdict judge_preemption(const PriorityEvidence& evidence);

/// "priority/passes-the-backlog": whether ten short kernels were done long before a backlog of
/// `backlog` was.
[[nodiscard]] Verdict judge_backlog(Duration burst, Duration backlog, Duration long_kernel);

}  // namespace gpreempt::experiments
