#pragma once

#include <cstddef>
#include <cstdint>

#include "core/random.h"
#include "core/time.h"

namespace gpreempt::sim {

/// What a machine does beyond its model, declared when the world is made: to see whether what is
/// fitted to it finds the truth, and says so where the model is wrong. Nothing by default.
struct Perturbation {
  std::uint64_t seed = 1;
  /// Scale of a wait in each unmap, of distribution 1 - (1 + x/scale)^-1.5 (Lomax): its median is
  /// 0.587 scales, its variance infinite.
  Duration noise{};
  Duration unmodelled{};  ///< a wait of this length in each unmap
  /// Scale of what system calls, saves and restores take more or less, of Student's distribution
  /// with three degrees of freedom.
  Duration jitter{};
  double clock_drift = 0;     ///< of the GPU's clock against the host's, as a share
  double missing_stamps = 0;  ///< probability that a save leaves no times in the descriptor
  /// Times the square of the queues that an unmap takes off: what no formula of the model can be.
  Duration bend{};

  [[nodiscard]] bool is_none() const { return *this == Perturbation{.seed = seed}; }
  bool operator==(const Perturbation&) const = default;
};

/// Median of `Perturbation::noise`, in scales: 2^(2/3) - 1.
inline constexpr double kNoiseMedian = 0.5874010519681994;

/// Draws it for one GPU.
class Disturbance {
 public:
  explicit Disturbance(const Perturbation& perturbation);

  [[nodiscard]] bool is_none() const { return none_; }
  /// What an unmap of so many queues takes besides.
  [[nodiscard]] Duration unmap(std::size_t queues);
  /// `time` as a system call, a save or a restore really takes; never less than 0.
  [[nodiscard]] Duration jittered(Duration time);

 private:
  Perturbation perturbation_;
  bool none_ = true;
  RandomStream waits_;
  RandomStream jitter_;
};

}  // namespace gpreempt::sim
