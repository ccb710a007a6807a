#pragma once

#include <cstdint>
#include <span>

#include "study/study_file.h"

/// When a point has been repeated often enough.
namespace gpreempt::study {

/// Whether half of Student's t interval for the mean of these repeats is as narrow as was asked
/// for; never with fewer than two. A run's p99 or loss is one number that depends on the run's seed
/// alone, so repeats are independent and alike whatever they measure, and the interval is about
/// their mean, not about single requests. NaN, a run without a sample, does not count.
[[nodiscard]] bool is_narrow(std::span<const double> values, const Until& until);

/// How many runs there are at the next look after one at `runs`: a quarter more, up to `max`. Looks
/// at fixed numbers of runs make the runs of a study independent of how many are under way at once.
[[nodiscard]] std::uint32_t next_look(std::uint32_t runs, std::uint32_t max);

}  // namespace gpreempt::study
