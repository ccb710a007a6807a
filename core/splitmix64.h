#pragma once

#include <cstdint>

/// The integer generators under `RandomStream`, apart so that they can be checked against published
/// values.
namespace gpreempt::detail {

/// One output of SplitMix64; `state` moves on by the golden gamma.
/// Source: Steele, Lea, Flood, OOPSLA 2014, with the finalizer constants of Stafford's variant 13.
[[nodiscard]] constexpr std::uint64_t splitmix64(std::uint64_t& state) {
  state += 0x9e3779b97f4a7c15U;
  std::uint64_t z = state;
  z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
  return z ^ (z >> 31U);
}

}  // namespace gpreempt::detail
