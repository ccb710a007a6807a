#pragma once

#include <cstdint>
#include <string_view>

/// Seeded random numbers whose values are fixed by this project (not by a standard library): same
/// seed, same bytes, on every compiler. Each source of randomness has its own stream, so adding one
/// does not change another.
namespace gpreempt {

/// Counter-based generator (SplitMix64 over a keyed counter).
/// Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
class RandomStream {
 public:
  /// A stream for `purpose` (e.g. "arrivals/guard") of a run with `seed`.
  RandomStream(std::uint64_t seed, std::string_view purpose);

  [[nodiscard]] std::uint64_t next();
  /// Uniform in (0, 1): never 0 or 1, 53 bits.
  [[nodiscard]] double uniform();
  /// Uniform integer in [0, bound), bound > 0, without modulo bias.
  [[nodiscard]] std::uint64_t below(std::uint64_t bound);
  [[nodiscard]] double exponential(double mean);
  /// Standard normal by inversion.
  [[nodiscard]] double normal();
  /// Gamma with the given shape and mean. Source: Marsaglia and Tsang, ACM TOMS 26(3), 2000.
  [[nodiscard]] double gamma(double shape, double mean);

 private:
  std::uint64_t state_;
};

}  // namespace gpreempt
