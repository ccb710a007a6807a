#pragma once

#include <cstdint>

namespace gpreempt {

/// How often this program has asked for memory with `new`. A program that is linked with
/// allocations.cc has its own `operator new`, which counts.
[[nodiscard]] std::uint64_t allocations();

}  // namespace gpreempt
