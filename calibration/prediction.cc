#include "calibration/prediction.h"

#include <algorithm>
#include <array>
#include <boost/math/distributions/binomial.hpp>
#include <cmath>
#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "calibration/costs.h"
#include "calibration/fit.h"
#include "calibration/sample.h"
#include "calibration/settings.h"

namespace gpreempt::calibration {
namespace {

constexpr double kProportionConfidence = 0.95;

/// A setting's prediction against what came.
struct Distance {
  double seen_ns = 0;
  double miss_ns = 0;
  double prior_miss_ns = 0;
};

double median_distance(const std::vector<Distance>& distances, double Distance::* what) {
  std::vector<double> values;
  values.reserve(distances.size());
  for (const Distance& each : distances) {
    values.push_back(std::abs(each.*what));
  }
  return median_in_place(values);
}

void sum_up(const std::vector<Distance>& distances, bool has_prior, Outcome& outcome) {
  outcome.settings = distances.size();
  outcome.error_ns = median_distance(distances, &Distance::miss_ns);
  std::vector<double> relative;
  relative.reserve(distances.size());
  for (const Distance& each : distances) {
    outcome.worst_ns = std::max(outcome.worst_ns, std::abs(each.miss_ns));
    relative.push_back(std::abs(each.miss_ns) / std::max(std::abs(each.seen_ns), 1.0));
  }
  outcome.relative = median_in_place(relative);
  if (has_prior) {
    outcome.prior_error_ns = median_distance(distances, &Distance::prior_miss_ns);
  }
  const Proportion proportion =
      proportion_of(outcome.covered, outcome.calls, kProportionConfidence);
  outcome.covered_lo = proportion.lo;
  outcome.covered_hi = proportion.hi;
}

}  // namespace

Proportion proportion_of(std::size_t hits, std::size_t trials, double confidence) {
  using Binomial = boost::math::binomial_distribution<>;
  const double tail = (1 - confidence) / 2;
  const auto n = static_cast<double>(trials);
  const auto k = static_cast<double>(hits);
  if (trials == 0) {
    return {};
  }
  return {.lo = hits == 0 ? 0 : Binomial::find_lower_bound_on_p(n, k, tail),
          .hi = hits == trials ? 1 : Binomial::find_upper_bound_on_p(n, k, tail)};
}

std::optional<Band> band_of(const Fit& fit, Seen seen, double confidence) {
  const std::vector<double>& noise = fit.noise.at(static_cast<std::size_t>(seen));
  if (noise.empty()) {
    return std::nullopt;
  }
  const double tail = (1 - confidence) / 2;
  const auto n = static_cast<double>(noise.size());
  const double low = std::floor(tail * (n + 1));
  const double high = std::ceil((1 - tail) * (n + 1));
  const bool bounded = low >= 1 && high <= n;
  const auto rank = [&](double which) {
    return noise[static_cast<std::size_t>(std::clamp(which, 1.0, n)) - 1];
  };
  return Band{.lo_ns = rank(low), .hi_ns = rank(high), .bounded = bounded};
}

std::vector<Prediction> predict_settings(const Fit& fit, std::span<const CallSample> samples,
                                         double confidence) {
  std::vector<Prediction> predictions;
  for (const Setting& setting : observe(samples, fit.setup).settings) {
    const std::optional<double> ns =
        fit.predict({.seen = setting.seen, .terms = setting.terms, .known_ns = setting.known_ns});
    const std::optional<Band> band = band_of(fit, setting.seen, confidence);
    if (ns && band) {
      predictions.push_back({.place = setting.place,
                             .grace = setting.grace,
                             .seen = setting.seen,
                             .ns = *ns,
                             .lo_ns = *ns + band->lo_ns,
                             .hi_ns = *ns + band->hi_ns});
    }
  }
  return predictions;
}

Validation validate(const Fit& fit, std::span<const CallSample> held_out,
                    const std::optional<Costs>& prior, double confidence) {
  Validation validation;
  std::array<std::vector<Distance>, kSeen> distances;
  std::map<Seen, Outcome> outcomes;
  for (const Setting& setting : observe(held_out, fit.setup).settings) {
    const std::optional<double> ns =
        fit.predict({.seen = setting.seen, .terms = setting.terms, .known_ns = setting.known_ns});
    const std::optional<Band> band = band_of(fit, setting.seen, confidence);
    if (!ns || !band) {
      validation.not_predicted += setting.seen_ns.size();
      continue;
    }
    Outcome& outcome = outcomes[setting.seen];
    outcome.seen = setting.seen;
    outcome.calls += setting.seen_ns.size();
    for (const double seen : setting.seen_ns) {
      outcome.covered += seen >= *ns + band->lo_ns && seen <= *ns + band->hi_ns ? 1U : 0U;
    }
    const double median = setting.median_ns();
    const double before = prior ? setting.known_ns + dot(setting.terms, *prior) : 0;
    distances.at(static_cast<std::size_t>(setting.seen))
        .push_back({.seen_ns = median, .miss_ns = median - *ns, .prior_miss_ns = median - before});
  }
  for (auto& [seen, outcome] : outcomes) {
    sum_up(distances.at(static_cast<std::size_t>(seen)), prior.has_value(), outcome);
    validation.calls += outcome.calls;
    validation.covered += outcome.covered;
    validation.outcomes.push_back(outcome);
  }
  return validation;
}

}  // namespace gpreempt::calibration
