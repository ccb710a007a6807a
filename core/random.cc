#include "core/random.h"

#include <boost/math/special_functions/erf.hpp>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numbers>
#include <string_view>

#include "core/error.h"
#include "core/fnv1a.h"
#include "core/math_policy.h"
#include "core/splitmix64.h"

namespace gpreempt {
namespace {

std::uint64_t key_of(std::uint64_t seed, std::string_view purpose) {
  std::uint64_t mixed = detail::splitmix64(seed) ^ fnv1a(purpose);
  return detail::splitmix64(mixed);
}

}  // namespace

RandomStream::RandomStream(std::uint64_t seed, std::string_view purpose)
    : state_(key_of(seed, purpose)) {}

std::uint64_t RandomStream::next() { return detail::splitmix64(state_); }

double RandomStream::uniform() {
  std::uint64_t bits = 0;
  while (bits == 0) {
    bits = next() >> 11U;
  }
  return std::ldexp(static_cast<double>(bits), -53);
}

std::uint64_t RandomStream::below(std::uint64_t bound) {
  GPREEMPT_CHECK(bound > 0);
  // 2^64 mod bound: values under it would make the low remainders likelier.
  const std::uint64_t excess = (std::numeric_limits<std::uint64_t>::max() - bound + 1) % bound;
  std::uint64_t value = next();
  while (value < excess) {
    value = next();
  }
  return value % bound;
}

double RandomStream::exponential(double mean) { return -mean * std::log(uniform()); }

double RandomStream::normal() {
  return -std::numbers::sqrt2 * boost::math::erfc_inv(2 * uniform(), detail::MathPolicy{});
}

double RandomStream::gamma(double shape, double mean) {
  GPREEMPT_CHECK(shape > 0);
  const double boost = shape < 1 ? std::pow(uniform(), 1 / shape) : 1;
  const double d = (shape < 1 ? shape + 1 : shape) - 1.0 / 3.0;
  const double c = 1 / std::sqrt(9 * d);
  for (;;) {
    const double x = normal();
    const double root = 1 + c * x;
    if (root <= 0) {
      continue;
    }
    const double v = root * root * root;
    if (std::log(uniform()) < 0.5 * x * x + d - d * v + d * std::log(v)) {
      return boost * d * v * mean / shape;
    }
  }
}

}  // namespace gpreempt
