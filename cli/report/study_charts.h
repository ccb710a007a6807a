#pragma once

#include <string>

#include "cli/report/document.h"
#include "cli/report/study_view.h"

/// The charts of a study's page.
namespace gpreempt::report {

/// Each configuration's latency and price with their intervals; the front is marked.
[[nodiscard]] Chart pareto_chart(const StudyView& view);
/// The mean at each level of each factor, over all others. `index` makes the chart's id.
[[nodiscard]] Chart effects_chart(const StudyView& view, const std::string& metric,
                                  std::size_t index);
/// From the first to the last level of each model parameter.
[[nodiscard]] Chart tornado_chart(const StudyView& view, const std::string& metric,
                                  std::size_t index);

}  // namespace gpreempt::report
