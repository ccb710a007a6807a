#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "config/override.h"
#include "config/parameter.h"
#include "core/error.h"
#include "study/study_file.h"
#include "study/table.h"

/// From a study file to the points that are run.
namespace gpreempt::study {

struct Plan {
  StudyFile file;
  Table table;  ///< factors, metrics and points; no runs yet
  /// Of each factor, its levels as values, in the order of `Factor::levels`.
  std::vector<std::vector<TomlValue>> values;
  std::vector<std::string> where;  ///< of each factor: its place in the file

  /// What makes a point of the scenario, [quick]'s part first.
  [[nodiscard]] std::vector<Override> overrides_of(std::size_t point) const;
};

/// The prior of a model's parameter. Errors: kInvalidArgument (there is none; the nearest name).
using ParameterOf = std::function<Result<Parameter>(std::string_view name)>;

/// Expands the design.
/// - grid: every combination; the last factor changes first.
/// - list: the points as written.
/// - sobol: the first points of the Sobol sequence, one dimension a factor; of a factor with n
///   values the i-th stands for [i/n, (i+1)/n).
/// A prior's N quantiles are those in the middle of N equal parts; equal values are one level.
/// Errors: kParse (a parameter without a prior, too many points), those of `parameter_of`.
[[nodiscard]] Result<Plan> make_plan(StudyFile file, const ParameterOf& parameter_of);

/// A parameter's value as a model file and --set read it: whole quantities exactly, others to six
/// digits.
[[nodiscard]] std::string parameter_text(const Parameter& parameter, double value);

}  // namespace gpreempt::study
