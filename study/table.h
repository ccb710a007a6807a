#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

/// What a study knows when its runs are done.
namespace gpreempt::study {

/// What is varied.
struct Factor {
  std::string name;                 ///< dotted path in the scenario; "model." for its model
  std::vector<std::string> levels;  ///< as text
  bool prior = false;    ///< the levels are quantiles of a model parameter's stated range
  std::string evidence;  ///< of that parameter; empty for others
};

/// A combination: one index into `Factor::levels` for each factor.
struct Point {
  std::vector<std::size_t> levels;
};

struct Run {
  std::size_t point = 0;
  std::uint64_t seed = 0;
  std::vector<double> values;  ///< one for each metric; NaN: no sample
};

struct Table {
  std::vector<Factor> factors;
  std::vector<std::string> metrics;
  std::vector<Point> points;
  std::vector<Run> runs;  ///< by point, then by seed
};

}  // namespace gpreempt::study
