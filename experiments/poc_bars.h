#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "experiments/poc_evidence.h"
#include "experiments/poc_report.h"
#include "experiments/verdict.h"

/// The pictures of a report of the proof of concept. No I/O.
namespace gpreempt::experiments {

/// The number of that key; nullopt without it.
[[nodiscard]] std::optional<double> number_in(const Verdict& verdict, std::string_view key);

/// A bin for each factor of 2 between the least and the most. Shape: the sample is not empty.
[[nodiscard]] PocBars histogram_of(const LatencySample& sample);

/// The histograms that a verdict has as numbers (`kBinKey`), one for each beginning of their keys.
[[nodiscard]] std::vector<PocBars> histograms_of(const SourcedVerdict& each);

/// The p50, p95, p99 and max that a verdict has, a set for each beginning of their keys. A p50
/// without any other is no set.
[[nodiscard]] std::vector<PocBars> quantiles_of(const SourcedVerdict& each);

/// Where the mean of a suspend goes, of the result whose parts sum to most. nullopt: none has
/// parts.
[[nodiscard]] std::optional<PocBars> parts_of_a_suspend(const PocEvidence& evidence);

}  // namespace gpreempt::experiments
