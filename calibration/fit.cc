#include "calibration/fit.h"

#include <algorithm>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <cstddef>
#include <map>
#include <numeric>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "calibration/costs.h"
#include "calibration/linear.h"
#include "calibration/sample.h"
#include "calibration/settings.h"
#include "calibration/sums.h"
#include "core/error.h"

namespace gpreempt::calibration {
namespace {

constexpr std::size_t kMostMisses = 10;

/// The value below which `share` of the sorted values lie.
double quantile_of(const std::vector<double>& sorted, double share) {
  const double place = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(std::floor(place));
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  const double part = place - static_cast<double>(below);
  return sorted[below] + part * (sorted[above] - sorted[below]);
}

/// Weights of the settings: one over the variance of what noise does to their medians, by the range
/// of its middle half, which a wild draw does not move.
std::vector<double> weights_of(const Matrix& noise, double resolution_ns) {
  constexpr double kNormalMiddleHalf = 1.349;
  const std::size_t settings = noise.front().size();
  std::vector<double> weights;
  for (std::size_t s = 0; s < settings; ++s) {
    std::vector<double> column;
    for (const std::vector<double>& row : noise) {
      column.push_back(row[s]);
    }
    std::sort(column.begin(), column.end());
    const double deviation = std::max(
        resolution_ns, (quantile_of(column, 0.75) - quantile_of(column, 0.25)) / kNormalMiddleHalf);
    weights.push_back(1 / (deviation * deviation));
  }
  return weights;
}

/// Weighted least squares for one design and any right side.
class Regression {
 public:
  /// nullopt: the design has dependent columns after all.
  static std::optional<Regression> of(Matrix design, std::vector<double> weights) {
    const std::size_t n = design.front().size();
    Matrix normal(n, std::vector<double>(n, 0));
    for (std::size_t s = 0; s < design.size(); ++s) {
      for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t j = 0; j < n; ++j) {
          normal[i][j] += weights[s] * design[s][i] * design[s][j];
        }
      }
    }
    const std::optional<Matrix> inverse = invert_symmetric(normal);
    if (!inverse) {
      return std::nullopt;
    }
    return Regression(std::move(design), std::move(weights), *inverse);
  }

  [[nodiscard]] std::vector<double> solve(const std::vector<double>& right) const {
    const std::size_t n = inverse_.size();
    std::vector<double> moment(n, 0);
    for (std::size_t s = 0; s < design_.size(); ++s) {
      for (std::size_t i = 0; i < n; ++i) {
        moment[i] += weights_[s] * design_[s][i] * right[s];
      }
    }
    std::vector<double> solution;
    for (const std::vector<double>& row : inverse_) {
      solution.push_back(std::inner_product(row.begin(), row.end(), moment.begin(), 0.0));
    }
    return solution;
  }

  /// What the solution leaves of the right side.
  [[nodiscard]] std::vector<double> left(const std::vector<double>& right,
                                         const std::vector<double>& solution) const {
    std::vector<double> rest = right;
    for (std::size_t s = 0; s < design_.size(); ++s) {
      rest[s] -= std::inner_product(solution.begin(), solution.end(), design_[s].begin(), 0.0);
    }
    return rest;
  }

  [[nodiscard]] double weighed(const std::vector<double>& rest) const {
    double sum = 0;
    for (std::size_t s = 0; s < rest.size(); ++s) {
      sum += weights_[s] * rest[s] * rest[s];
    }
    return sum;
  }
  /// Of what noise does to the setting's median.
  [[nodiscard]] double variance(std::size_t setting) const { return 1 / weights_[setting]; }
  [[nodiscard]] double deviations(std::size_t setting, double rest) const {
    return rest * std::sqrt(weights_[setting]);
  }

 private:
  Regression(Matrix design, std::vector<double> weights, Matrix inverse)
      : design_(std::move(design)), weights_(std::move(weights)), inverse_(std::move(inverse)) {}
  Matrix design_;
  std::vector<double> weights_;
  Matrix inverse_;
};

/// The settings' rows in the sums, and what of their medians the costs must account for.
struct Problem {
  Matrix design;
  std::vector<double> right;
};

Problem problem_of(const Observations& observations, const Estimable& estimable) {
  Problem problem;
  for (const Setting& setting : observations.settings) {
    const std::optional<std::vector<double>> row = estimable.combine(setting.terms);
    GPREEMPT_CHECK(row.has_value());  // they span the rows they are made of
    problem.design.push_back(*row);
    problem.right.push_back(setting.median_ns() - setting.known_ns);
  }
  return problem;
}

/// Whether noise alone makes settings differ from the formulas by so much.
void test(const Regression& regression, const Problem& problem, const Matrix& noise, Fit& fit) {
  const std::vector<double> solution = regression.solve(problem.right);
  const double statistic = regression.weighed(regression.left(problem.right, solution));
  std::size_t worse = 0;
  for (const std::vector<double>& draw : noise) {
    const double alone = regression.weighed(regression.left(draw, regression.solve(draw)));
    worse += alone >= statistic ? 1U : 0U;
  }
  fit.lack_of_fit = {.freedom = problem.design.size() - solution.size(), .statistic = statistic};
  if (fit.lack_of_fit.freedom > 0) {
    fit.lack_of_fit.p = static_cast<double>(worse + 1) / static_cast<double>(noise.size() + 1);
  }
}

/// How much wider intervals are for noise that is itself only known from so many repetitions: of
/// Student's distribution against the normal one, for each of the solution's numbers.
///
/// A median of n scatters by the density of noise about its middle, which the pool of N shows with
/// some N / sqrt(n) repetitions: as a variance of N / (2 sqrt(n)) degrees of freedom. Pools are put
/// together by Welch and Satterthwaite.
std::vector<double> widening_of(const Regression& regression, const Observations& observations,
                                double confidence) {
  const std::vector<std::size_t> pools = pool_sizes(observations);
  const std::size_t settings = observations.settings.size();
  std::vector<std::map<std::size_t, double>> variances;  // by pool
  std::map<std::size_t, double> freedom;
  for (std::size_t s = 0; s < settings; ++s) {
    std::vector<double> unit(settings, 0);
    unit[s] = 1;
    const std::vector<double> effect = regression.solve(unit);
    variances.resize(effect.size());
    for (std::size_t i = 0; i < effect.size(); ++i) {
      variances[i][pools[s]] += effect[i] * effect[i] * regression.variance(s);
    }
    const auto n = static_cast<double>(observations.settings[s].seen_ns.size());
    freedom[pools[s]] = std::max(1.0, static_cast<double>(pools[s]) / (2 * std::sqrt(n)));
  }
  const double share = 1 - (1 - confidence) / 2;
  const double normal = boost::math::quantile(boost::math::normal_distribution<>(), share);
  std::vector<double> widening;
  for (const std::map<std::size_t, double>& parts : variances) {
    double whole = 0;
    double squares = 0;
    for (const auto& [pool, variance] : parts) {
      whole += variance;
      squares += variance * variance / freedom[pool];
    }
    const boost::math::students_t_distribution<> student(whole * whole / squares);
    widening.push_back(boost::math::quantile(student, share) / normal);
  }
  return widening;
}

/// What noise alone does to a cost: all but `tail` of it at either end.
struct Shift {
  double lo = 0;
  double hi = 0;
};

std::vector<Shift> shifts_of(const Regression& regression, const Matrix& noise, double tail) {
  Matrix by_cost;
  for (const std::vector<double>& draw : noise) {
    const std::vector<double> shift = regression.solve(draw);
    by_cost.resize(shift.size());
    for (std::size_t i = 0; i < shift.size(); ++i) {
      by_cost[i].push_back(shift[i]);
    }
  }
  std::vector<Shift> shifts;
  shifts.reserve(by_cost.size());
  for (std::vector<double>& seen : by_cost) {
    std::sort(seen.begin(), seen.end());
    shifts.push_back({.lo = quantile_of(seen, tail), .hi = quantile_of(seen, 1 - tail)});
  }
  return shifts;
}

/// Basic bootstrap intervals.
void estimate(const Regression& regression, const Problem& problem,
              const std::vector<Shift>& shifts, const std::vector<double>& widening, Fit& fit) {
  const std::vector<double> solution = regression.solve(problem.right);
  fit.estimates.reserve(solution.size());
  for (std::size_t i = 0; i < solution.size(); ++i) {
    fit.estimates.push_back({.sum = fit.estimable.sums[i],
                             .value = solution[i],
                             .lo = solution[i] - widening[i] * shifts[i].hi,
                             .hi = solution[i] - widening[i] * shifts[i].lo});
  }
}

/// What the costs make of each setting.
std::vector<double> fitted_ns(const Regression& regression, const Problem& problem,
                              const Observations& observations) {
  const std::vector<double> rest = regression.left(problem.right, regression.solve(problem.right));
  std::vector<double> fitted;
  fitted.reserve(rest.size());
  for (std::size_t s = 0; s < rest.size(); ++s) {
    fitted.push_back(problem.right[s] + observations.settings[s].known_ns - rest[s]);
  }
  return fitted;
}

void note_misses(const Regression& regression, const Problem& problem,
                 const Observations& observations, Fit& fit) {
  const std::vector<double> rest = regression.left(problem.right, regression.solve(problem.right));
  for (std::size_t s = 0; s < rest.size(); ++s) {
    const Setting& setting = observations.settings[s];
    fit.misses.push_back({.place = setting.place,
                          .grace = setting.grace,
                          .seen = setting.seen,
                          .miss_ns = rest[s],
                          .deviations = regression.deviations(s, rest[s])});
    const double fitted = setting.median_ns() - rest[s];
    std::vector<double>& noise = fit.noise.at(static_cast<std::size_t>(setting.seen));
    for (const double seen : setting.seen_ns) {
      noise.push_back(seen - fitted);
    }
  }
  std::sort(fit.misses.begin(), fit.misses.end(), [](const Miss& a, const Miss& b) {
    return std::abs(a.deviations) > std::abs(b.deviations);
  });
  fit.misses.resize(std::min(fit.misses.size(), kMostMisses));
  for (std::vector<double>& noise : fit.noise) {
    std::sort(noise.begin(), noise.end());
  }
}

Result<Regression> regression_of(const Problem& problem, const Matrix& noise,
                                 double resolution_ns) {
  std::optional<Regression> regression =
      Regression::of(problem.design, weights_of(noise, resolution_ns));
  if (!regression) {
    return fail(Errc::kInvalidArgument,
                "fit the model: its settings are too much alike to tell its costs apart; vary "
                "queues, processes, occupancy and grace period");
  }
  return *std::move(regression);
}

/// The test takes noise from repetitions alone, so that a wrong model does not hide in it; the
/// intervals, which only mean something if the model is right, from what differs from the fit,
/// which is known better than each setting's median.
Result<void> solve(Observations& observations, const FitOptions& options, Fit& fit) {
  const Problem problem = problem_of(observations, fit.estimable);
  centre_without_itself(observations);
  const Matrix alone =
      draw_medians(observations, options.draws, options.seed, options.resolution_ns);
  const Result<Regression> regression = regression_of(problem, alone, options.resolution_ns);
  GPREEMPT_TRY(regression);
  test(*regression, problem, alone, fit);
  centre(observations, fitted_ns(*regression, problem, observations));
  const Matrix noise =
      draw_medians(observations, options.draws, options.seed, options.resolution_ns);
  const std::vector<double> widening = widening_of(*regression, observations, options.confidence);
  const double tail = (1 - options.confidence) / 2;
  estimate(*regression, problem, shifts_of(*regression, noise, tail), widening, fit);
  note_misses(*regression, problem, observations, fit);
  return {};
}

}  // namespace

std::optional<double> Fit::predict(const Equation& equation) const {
  const std::optional<std::vector<double>> row = estimable.combine(equation.terms);
  if (!row) {
    return std::nullopt;
  }
  double value = equation.known_ns;
  for (std::size_t i = 0; i < row->size(); ++i) {
    value += (*row)[i] * estimates[i].value;
  }
  return value;
}

Result<Fit> fit_costs(std::span<const CallSample> samples, const Setup& setup,
                      const FitOptions& options) {
  Observations observations = observe(samples, setup);
  if (observations.settings.empty()) {
    return fail(Errc::kInvalidArgument,
                "fit the model: no sample is one that its formulas are for; it takes suspends of a "
                "process on one GPU, after its first one, whose saved bytes are known");
  }
  const bool repeated = std::ranges::any_of(
      observations.settings, [](const Setting& setting) { return setting.seen_ns.size() > 1; });
  if (!repeated) {
    return fail(Errc::kInvalidArgument,
                "fit the model: nothing was repeated under equal conditions, so noise cannot be "
                "told from the model's errors; measure each setting several times");
  }
  std::vector<Costs> rows;
  rows.reserve(observations.settings.size());
  for (const Setting& setting : observations.settings) {
    rows.push_back(setting.terms);
  }
  Fit fit;
  fit.setup = setup;
  fit.estimable = estimable(rows);
  fit.settings = observations.settings.size();
  fit.used = observations.used;
  fit.left_out = observations.left_out;
  GPREEMPT_TRY(solve(observations, options, fit));
  return fit;
}

}  // namespace gpreempt::calibration
