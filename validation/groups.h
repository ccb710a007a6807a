#pragma once

#include <vector>

#include "validation/target.h"

/// The groups of targets, each in a file of its own.
namespace gpreempt::validation {

/// V1: the CWSR area against a register dump.
[[nodiscard]] std::vector<Target> save_area_targets();
/// V5: launch costs, which are the model's inputs.
[[nodiscard]] std::vector<Target> launch_cost_targets();
/// Queueing theory, on hardware where nothing but kernels costs time.
[[nodiscard]] std::vector<Target> closed_form_targets();

}  // namespace gpreempt::validation
