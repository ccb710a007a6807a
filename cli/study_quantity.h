#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "study/analysis/interval.h"

/// A study's numbers as people read them.
namespace gpreempt::cli {

/// A metric's value: times, shares and bytes by the metric's name, else a plain number; "-" for
/// NaN.
[[nodiscard]] std::string metric_text(std::string_view metric, double value);
/// The same with its sign: "+1.20 ms".
[[nodiscard]] std::string metric_change_text(std::string_view metric, double value);
/// "1.20 ms (1.10 ms .. 1.30 ms)"; without the part in brackets if there are no bounds.
[[nodiscard]] std::string metric_text(std::string_view metric, const study::Interval& interval);

/// "1 run", "2 runs".
[[nodiscard]] std::string counted(std::size_t count, std::string_view what);

/// "online.latency_ns.p99 at most 50ms", "online.unfinished none".
[[nodiscard]] std::string limit_text(std::string_view metric, std::string_view label);

/// Of the block with the front; `by_work`: only configurations with the same work are compared.
[[nodiscard]] std::string pareto_title(bool by_work);

/// Dotted paths without what they need not have to be told apart: "scheduler.policy" is "policy".
[[nodiscard]] std::vector<std::string> short_names(const std::vector<std::string>& paths);

}  // namespace gpreempt::cli
