#include "study/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/random/sobol.hpp>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "config/document.h"
#include "config/override.h"
#include "config/parameter.h"
#include "core/error.h"
#include "core/time.h"
#include "core/units.h"
#include "study/study_file.h"
#include "study/table.h"

namespace gpreempt::study {
namespace {

constexpr std::size_t kMaxPoints = 1'000'000;

/// One dimension of a design before its points are made.
struct Axis {
  std::vector<TomlValue> values;
  Factor factor;
  Parameter parameter;     ///< with a prior
  bool is_spread = false;  ///< a sobol design draws its values
};

/// The level that has this text, a new one if there is none.
std::size_t level_of(Axis& axis, const TomlValue& value) {
  // By the whole text: "1" and 1 are two levels that look the same.
  const auto same = [&](const TomlValue& other) { return other.text() == value.text(); };
  const auto found = std::ranges::find_if(axis.values, same);
  const auto index = static_cast<std::size_t>(found - axis.values.begin());
  if (found == axis.values.end()) {
    axis.values.push_back(value);
    axis.factor.levels.push_back(value.label());
  }
  return index;
}

TomlValue prior_value(const Axis& axis, double quantile, const std::string& where) {
  const double value = axis.parameter.at_quantile(quantile);
  return TomlValue::from_text(parameter_text(axis.parameter, value), where);
}

Result<void> read_prior(const FactorSpec& spec, const ParameterOf& parameter_of, Axis& axis) {
  const std::string name = spec.path.substr(spec.path.find('.') + 1);
  Result<Parameter> parameter = parameter_of(name);
  if (!parameter) {
    return fail(Errc::kParse,
                fmt::format("{}: factor '{}': {}", spec.where, spec.path, parameter.error().what));
  }
  if (parameter->distribution == Distribution::kPoint) {
    return fail(Errc::kParse,
                fmt::format("{}: factor '{}': the model states no range for it; write an array of "
                            "values",
                            spec.where, spec.path));
  }
  axis.parameter = *std::move(parameter);
  axis.factor.prior = true;
  axis.factor.evidence = std::string(to_string(axis.parameter.evidence));
  axis.is_spread = spec.quantiles == 0;
  for (std::uint32_t i = 0; i < spec.quantiles; ++i) {
    level_of(axis, prior_value(axis, (i + 0.5) / spec.quantiles, spec.where));
  }
  return {};
}

/// The levels as the file lists them.
Result<void> read_levels(const FactorSpec& spec, Axis& axis) {
  for (const TomlValue& value : spec.levels) {
    const std::size_t before = axis.values.size();
    (void)level_of(axis, value);
    if (axis.values.size() == before) {
      return fail(Errc::kParse, fmt::format("{}: factor '{}': {} is there twice", value.where(),
                                            spec.path, value.text()));
    }
  }
  return {};
}

Result<void> read_axis(const StudyFile& file, const FactorSpec& spec,
                       const ParameterOf& parameter_of, Axis& axis) {
  axis.factor.name = spec.path;
  if (spec.levels.empty() && file.kind != DesignKind::kList) {
    GPREEMPT_TRY(read_prior(spec, parameter_of, axis));
  }
  return read_levels(spec, axis);
}

Result<std::vector<Axis>> axes_of(const StudyFile& file, const ParameterOf& parameter_of) {
  std::vector<Axis> axes;
  for (const FactorSpec& spec : file.factors) {
    Axis axis;
    GPREEMPT_TRY(read_axis(file, spec, parameter_of, axis));
    axes.push_back(std::move(axis));
  }
  return axes;
}

Result<std::vector<Point>> grid(const std::vector<Axis>& axes, const std::string& where) {
  std::size_t count = 1;
  for (const Axis& axis : axes) {
    count *= axis.values.size();
    if (count > kMaxPoints) {
      return fail(Errc::kParse, fmt::format("{}: the grid has over {} points; leave out levels, or "
                                            "use kind = \"sobol\"",
                                            where, kMaxPoints));
    }
  }
  std::vector<Point> points(count);
  for (std::size_t i = 0; i < count; ++i) {
    std::size_t rest = i;
    points[i].levels.resize(axes.size());
    for (std::size_t axis = axes.size(); axis > 0; --axis) {
      points[i].levels[axis - 1] = rest % axes[axis - 1].values.size();
      rest /= axes[axis - 1].values.size();
    }
  }
  return points;
}

std::vector<Point> list(std::vector<Axis>& axes, const std::vector<std::vector<TomlValue>>& rows) {
  std::vector<Point> points;
  for (const std::vector<TomlValue>& row : rows) {
    Point& point = points.emplace_back();
    for (std::size_t i = 0; i < axes.size(); ++i) {
      point.levels.push_back(level_of(axes[i], row.at(i)));
    }
  }
  return points;
}

/// In (0, 1): the middle of the cell of the sequence's 64-bit grid.
using Places = std::vector<double>;

std::vector<Places> sobol_rows(std::size_t dimensions, std::size_t count) {
  boost::random::sobol engine(dimensions);
  const double scale = std::ldexp(1.0, -64);
  std::vector<Places> rows(count, Places(dimensions));
  for (Places& row : rows) {
    for (double& u : row) {
      u = std::min((static_cast<double>(engine()) + 0.5) * scale, std::nextafter(1.0, 0.0));
    }
  }
  return rows;
}

/// Levels of a spread axis in rising order; which of them each point has.
std::vector<std::size_t> spread(Axis& axis, const std::vector<Places>& rows, std::size_t dimension,
                                const std::string& where) {
  std::vector<std::size_t> order(rows.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    order[i] = i;
  }
  std::ranges::sort(order, {}, [&](std::size_t i) { return rows[i][dimension]; });
  std::vector<std::size_t> levels(rows.size());
  for (const std::size_t i : order) {
    const TomlValue value = prior_value(axis, rows[i][dimension], where);
    if (axis.values.empty() || axis.values.back().text() != value.text()) {
      axis.values.push_back(value);
      axis.factor.levels.push_back(value.label());
    }
    levels[i] = axis.values.size() - 1;
  }
  return levels;
}

std::vector<Point> sobol(std::vector<Axis>& axes, const StudyFile& file) {
  const std::vector<Places> rows = sobol_rows(axes.size(), file.points);
  std::vector<Point> points(rows.size());
  for (std::size_t axis = 0; axis < axes.size(); ++axis) {
    if (axes[axis].is_spread) {
      const auto levels = spread(axes[axis], rows, axis, file.factors[axis].where);
      for (std::size_t i = 0; i < points.size(); ++i) {
        points[i].levels.push_back(levels[i]);
      }
      continue;
    }
    const auto count = static_cast<double>(axes[axis].values.size());
    for (std::size_t i = 0; i < points.size(); ++i) {
      points[i].levels.push_back(static_cast<std::size_t>(rows[i][axis] * count));
    }
  }
  return points;
}

}  // namespace

std::vector<Override> Plan::overrides_of(std::size_t point) const {
  std::vector<Override> overrides = file.quick;
  for (std::size_t i = 0; i < values.size(); ++i) {
    overrides.push_back({.path = split_path(table.factors[i].name),
                         .value = values[i].at(table.points.at(point).levels[i])});
  }
  return overrides;
}

Result<Plan> make_plan(StudyFile file, const ParameterOf& parameter_of) {
  Plan plan;
  std::vector<Axis> axes;
  GPREEMPT_TRY(store(axes, axes_of(file, parameter_of)));
  switch (file.kind) {
    case DesignKind::kGrid:
      GPREEMPT_TRY(store(plan.table.points, grid(axes, file.factors.front().where)));
      break;
    case DesignKind::kList: plan.table.points = list(axes, file.rows); break;
    case DesignKind::kSobol: plan.table.points = sobol(axes, file); break;
  }
  for (std::size_t i = 0; i < axes.size(); ++i) {
    plan.table.factors.push_back(std::move(axes[i].factor));
    plan.values.push_back(std::move(axes[i].values));
    plan.where.push_back(file.factors[i].where);
  }
  plan.table.metrics = file.metrics;
  plan.file = std::move(file);
  return plan;
}

std::string parameter_text(const Parameter& parameter, double value) {
  switch (parameter.quantity) {
    case Quantity::kDuration: return format_duration(Duration(std::llround(value)));
    case Quantity::kBytes: return fmt::format("{:.0f}B", value);
    case Quantity::kBandwidth: return fmt::format("{:.6g}B/s", value);
    case Quantity::kFrequency: return fmt::format("{:.6g}Hz", value);
    case Quantity::kFlops: return fmt::format("{:.6g}F/s", value);
    case Quantity::kCount: return fmt::format("{:.0f}", value);
    case Quantity::kNumber: break;
  }
  return fmt::format("{:.6g}", value);
}

}  // namespace gpreempt::study
