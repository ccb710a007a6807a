#include "backends/sim/model_draws.h"

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

#include "backends/sim/model_file.h"
#include "config/parameter.h"
#include "core/random.h"

namespace gpreempt::sim {
namespace {

/// 0 .. count - 1 in a random order.
std::vector<std::uint32_t> shuffled(std::uint32_t count, RandomStream& random) {
  std::vector<std::uint32_t> order(count);
  std::iota(order.begin(), order.end(), 0U);
  for (std::uint32_t left = count; left > 1; --left) {
    const auto pick = random.below(left);
    std::swap(order[left - 1], order[pick]);
  }
  return order;
}

}  // namespace

Values point_values(const Model& model) {
  Values values;
  values.reserve(model.parameters.size());
  for (const Parameter& parameter : model.parameters) {
    values.push_back(parameter.value);
  }
  return values;
}

std::vector<Values> draw_values(const Model& model, std::uint32_t count, std::uint64_t seed) {
  std::vector<Values> rows(count, point_values(model));
  for (std::size_t i = 0; i < model.parameters.size(); ++i) {
    const Parameter& parameter = model.parameters[i];
    if (parameter.distribution == Distribution::kPoint) {
      continue;
    }
    RandomStream random(seed, "prior/" + parameter.name);
    const std::vector<std::uint32_t> strata = shuffled(count, random);
    for (std::uint32_t row = 0; row < count; ++row) {
      rows[row][i] = parameter.at_quantile((strata[row] + random.uniform()) / count);
    }
  }
  return rows;
}

}  // namespace gpreempt::sim
