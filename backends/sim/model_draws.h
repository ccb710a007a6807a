#pragma once

#include <cstdint>
#include <vector>

#include "backends/sim/model_file.h"

/// Other hardware that a model's priors allow.
namespace gpreempt::sim {

/// One value for each of `Model::parameters`, as `Model::with` takes them.
using Values = std::vector<double>;

/// Every parameter at its value.
[[nodiscard]] Values point_values(const Model& model);

/// `count` draws from the priors of all parameters, each independent of the others: a Latin
/// hypercube, so that each parameter visits `count` equal parts of its prior once. A parameter's
/// draws depend on the seed and its name alone. Shape: `count` rows.
[[nodiscard]] std::vector<Values> draw_values(const Model& model, std::uint32_t count,
                                              std::uint64_t seed);

}  // namespace gpreempt::sim
