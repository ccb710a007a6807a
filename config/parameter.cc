#include "config/parameter.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/error.h"
#include "core/time.h"

namespace gpreempt {
namespace {

bool is_whole(Quantity quantity) {
  return quantity == Quantity::kDuration || quantity == Quantity::kBytes ||
         quantity == Quantity::kCount;
}

}  // namespace

std::string_view to_string(Quantity quantity) {
  switch (quantity) {
    case Quantity::kDuration: return "duration";
    case Quantity::kBytes: return "bytes";
    case Quantity::kBandwidth: return "bandwidth";
    case Quantity::kFrequency: return "frequency";
    case Quantity::kFlops: return "flops";
    case Quantity::kCount: return "count";
    case Quantity::kNumber: return "number";
  }
  return "invalid";
}

std::string_view to_string(Distribution distribution) {
  switch (distribution) {
    case Distribution::kPoint: return "point";
    case Distribution::kUniform: return "uniform";
    case Distribution::kLogUniform: return "log-uniform";
    case Distribution::kChoice: return "choice";
  }
  return "invalid";
}

std::string_view to_string(Evidence evidence) {
  switch (evidence) {
    case Evidence::kMeasured: return "measured";
    case Evidence::kVendor: return "vendor";
    case Evidence::kSource: return "source";
    case Evidence::kPeer: return "peer";
    case Evidence::kRaw: return "raw";
    case Evidence::kReport: return "report";
    case Evidence::kDerived: return "derived";
    case Evidence::kVm: return "vm";
    case Evidence::kGuess: return "guess";
    case Evidence::kSimulated: return "simulated";
  }
  return "invalid";
}

Duration Parameter::duration() const {
  GPREEMPT_CHECK(quantity == Quantity::kDuration);
  return Duration(std::llround(value));
}

std::uint64_t Parameter::count() const {
  GPREEMPT_CHECK(quantity == Quantity::kBytes || quantity == Quantity::kCount);
  return static_cast<std::uint64_t>(std::llround(value));
}

double Parameter::at_quantile(double q) const {
  GPREEMPT_CHECK(q >= 0 && q <= 1);
  double drawn = value;
  switch (distribution) {
    case Distribution::kPoint: break;
    case Distribution::kUniform: drawn = range.at(0) + q * (range.at(1) - range.at(0)); break;
    case Distribution::kLogUniform:
      drawn = range.at(0) * std::pow(range.at(1) / range.at(0), q);
      break;
    case Distribution::kChoice: {
      const auto size = static_cast<double>(range.size());
      drawn = range.at(static_cast<std::size_t>(std::min(q * size, size - 1)));
      break;
    }
  }
  return is_whole(quantity) ? std::round(drawn) : drawn;
}

Parameter Parameter::fixed_at(double new_value) const {
  Parameter fixed = *this;
  fixed.value = is_whole(quantity) ? std::round(new_value) : new_value;
  fixed.range.clear();
  fixed.distribution = Distribution::kPoint;
  return fixed;
}

}  // namespace gpreempt
