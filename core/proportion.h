#pragma once

#include <cstdint>

namespace gpreempt {

/// The least chance of success, with `confidence`, after so many independent trials of which so
/// many succeeded: the exact one-sided bound of Clopper and Pearson, (1 - confidence)^(1/trials) if
/// all did. 0 if none did. Shape: `successes` <= `trials`; 0 < `confidence` < 1.
[[nodiscard]] double proportion_at_least(std::uint64_t successes, std::uint64_t trials,
                                         double confidence);

}  // namespace gpreempt
