#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/override.h"
#include "core/error.h"

/// A study as written: what is varied, what is looked at, and how often each point is repeated.
namespace gpreempt::study {

enum class DesignKind { kGrid, kList, kSobol };
[[nodiscard]] std::string_view to_string(DesignKind kind);

/// A column of the design as written.
struct FactorSpec {
  std::string path;               ///< dotted, "model." for the model
  std::vector<TomlValue> levels;  ///< empty: the prior's
  std::uint32_t quantiles = 0;    ///< of the prior; 0 in a sobol design, which spreads its points
  std::string where;              ///< "file:line:column"
};

/// When a point has been repeated often enough.
struct Until {
  std::string metric;
  double half_width = 0;  ///< of the confidence interval of the mean
  bool relative = false;  ///< `half_width` is a share of the mean, otherwise in the metric's unit
  double confidence = 0.95;
};

struct Repeat {
  bool paired = true;  ///< the same seeds at every point
  std::uint32_t min = 1;
  std::uint32_t max = 1;
  std::optional<Until> until;  ///< none: `max` runs
};

struct StudyFile {
  std::string name;
  std::string question;
  std::string scenario;  ///< as written
  std::vector<std::string> metrics;
  std::string metrics_where;
  DesignKind kind = DesignKind::kGrid;
  std::uint32_t points = 0;                  ///< of a sobol design
  std::vector<FactorSpec> factors;           ///< as written
  std::vector<std::vector<TomlValue>> rows;  ///< of a list design: one value a factor
  Repeat repeat;
  std::vector<Override> quick;  ///< of the scenario and its model; empty unless quick
  bool is_quick = false;
  std::string text;
};

/// Reads a study; with `quick`, as its [quick] table changes it.
/// Errors: kParse ("file:line:column: key 'x': reason, and what to do").
[[nodiscard]] Result<StudyFile> parse_study(const std::string& text,
                                            const std::string& display_name, bool quick);

}  // namespace gpreempt::study
