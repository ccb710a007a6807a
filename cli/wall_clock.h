#pragma once

namespace gpreempt::cli {

/// Measures how long this machine takes. Nothing that is simulated or decided depends on it; it
/// feeds `sim.wall_s` and the progress line.
class Stopwatch {
 public:
  Stopwatch();
  /// Time: seconds since construction.
  [[nodiscard]] double seconds() const;

 private:
  double begin_;
};

}  // namespace gpreempt::cli
