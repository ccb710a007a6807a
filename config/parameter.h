#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/time.h"

/// Numbers of a hardware model: each says how far it can be trusted and where it comes from.
namespace gpreempt {

/// What kind of number a parameter is, and thereby its unit in memory.
enum class Quantity {
  kDuration,   ///< nanoseconds, whole
  kBytes,      ///< bytes, whole
  kBandwidth,  ///< bytes per second
  kFrequency,  ///< hertz
  kFlops,      ///< floating-point operations per second
  kCount,      ///< a whole number
  kNumber,     ///< a number without unit: a probability, a factor
};

enum class Distribution { kPoint, kUniform, kLogUniform, kChoice };

/// From the strongest to the weakest as listed in definitions: the order of the enumerators is the
/// order of trust.
enum class Evidence {
  kMeasured,
  kVendor,
  kSource,
  kPeer,
  kRaw,
  kReport,
  kDerived,
  kVm,
  kGuess,
  kSimulated,  ///< fitted to a simulation: it says nothing about hardware
};

[[nodiscard]] std::string_view to_string(Quantity quantity);
[[nodiscard]] std::string_view to_string(Distribution distribution);
[[nodiscard]] std::string_view to_string(Evidence evidence);

/// One number of a model. `value` and `range` are in the unit of `quantity`; whole quantities are
/// exact (below 2^53).
struct Parameter {
  std::string name;  ///< dotted path in the model, e.g. "cost.t_hiq"
  Quantity quantity = Quantity::kNumber;
  double value = 0;
  /// Empty for kPoint, [lo, hi] for kUniform and kLogUniform, the values themselves for kChoice.
  std::vector<double> range;
  Distribution distribution = Distribution::kPoint;
  Evidence evidence = Evidence::kGuess;
  std::string source;

  /// `value` as its own type. The quantity must be kDuration (kBytes, kCount).
  [[nodiscard]] Duration duration() const;
  [[nodiscard]] std::uint64_t count() const;
  /// The value at quantile `q` (0..1) of the prior; `value` itself for kPoint.
  [[nodiscard]] double at_quantile(double q) const;
  /// The parameter set to `new_value`, rounded where the quantity is whole, its prior dropped.
  [[nodiscard]] Parameter fixed_at(double new_value) const;
};

}  // namespace gpreempt
