#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "study/analysis.h"
#include "study/study_file.h"
#include "workloads/scenario.h"

namespace gpreempt::cli {

/// Whether a factor says what work there is (arrivals, requests, steps, the run) or on which
/// machine (written levels of a model parameter), and not what is done about it.
[[nodiscard]] bool is_given(const study::FactorSpec& factor);

/// A scenario's limits, in the metrics that they are about.
struct StudyLimits {
  std::string latency_metric;         ///< empty: no result reports what is judged
  std::vector<std::int64_t> latency;  ///< in nanoseconds
  std::vector<double> loss;
  bool operator==(const StudyLimits&) const = default;
};
[[nodiscard]] StudyLimits study_limits(const SloScenario& slo);

/// What a study's analyses must know: its words, and the scenario's limits as bounds of metrics.
/// Requests that were never finished are missing in every percentile, so where the study looks at
/// `online.unfinished` no configuration with any is a choice.
[[nodiscard]] study::AnalysisRequest analysis_request(const study::StudyFile& study,
                                                      const StudyLimits& limits);

}  // namespace gpreempt::cli
