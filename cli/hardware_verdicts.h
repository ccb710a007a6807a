#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "cli/hardware_gates.h"
#include "cli/metrics.h"
#include "experiments/verdict.h"

/// From numbers to the verdicts of a check. Pure functions.
namespace gpreempt::cli {

/// Met if `value` is at most the gate's. Goals beyond it are facts (`experiments::kGoal`).
[[nodiscard]] experiments::Verdict at_most(std::string name, double value, const Gate& gate,
                                           std::string reason);
/// Met if `value` is at least the gate's.
[[nodiscard]] experiments::Verdict at_least(std::string name, double value, const Gate& gate,
                                            std::string reason);
/// Met if both are the same number of things.
[[nodiscard]] experiments::Verdict exactly(std::string name, double value, double expected,
                                           std::string reason);
/// "met" or "missed" for something that holds or does not.
[[nodiscard]] experiments::Verdict holds(std::string name, bool it_holds, std::string reason);
/// A quantity that nothing is held against.
[[nodiscard]] experiments::Verdict reported(std::string name, std::string value,
                                            std::string reason);

/// The quantiles and moments as numbers: prefix + "p50_ns", "p95_ns", "p99_ns", "max_ns",
/// "mean_ns", "sd_ns"; those there are.
void add_spread(std::vector<std::pair<std::string, double>>& numbers, const std::string& prefix,
                const Spread& spread);

/// The histogram (`experiments::kBinKey`), and before it what `add_spread` adds.
void add_sample(std::vector<std::pair<std::string, double>>& numbers, const std::string& prefix,
                const std::vector<std::int64_t>& samples);

}  // namespace gpreempt::cli
