#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "cli/report/document.h"
#include "cli/report/json_view.h"

/// Names and numbers of an `analysis.json`, as people read them.
namespace gpreempt::report {

class StudyView {
 public:
  explicit StudyView(const Json& analysis);

  [[nodiscard]] const Json& json() const { return analysis_; }
  /// A factor's name, no longer than it must be.
  [[nodiscard]] std::string factor(const std::string& name) const;
  /// "mechanism priority, duration 2ms": factors of one level tell nothing apart and are left out.
  [[nodiscard]] std::string setting(const Json& levels) const;
  /// An interval of a metric: "1.20 ms (1.10 ms .. 1.30 ms)".
  [[nodiscard]] static Cell value(const std::string& metric, const Json& interval);
  /// A difference of two values, with its sign.
  [[nodiscard]] static Cell change(const std::string& metric, const Json& number);
  /// "online.latency_ns.p99 at most 50ms", of the limit with this metric and value.
  [[nodiscard]] std::string limit(const Json& metric, const Json& at_most) const;
  /// The metrics of a list's entries, in the study's order, each once.
  [[nodiscard]] std::vector<std::string> metrics_of(const Json& list) const;

 private:
  const Json& analysis_;
  std::map<std::string, std::string> short_names_;
  std::map<std::string, std::size_t> levels_;
};

/// What a chart's axis counts in: "ms" for times, "%" for shares, "" for others.
struct AxisUnit {
  std::string name;
  double per_unit = 1;  ///< how much of the metric's unit one is
};
[[nodiscard]] AxisUnit axis_unit(std::string_view metric);

}  // namespace gpreempt::report
