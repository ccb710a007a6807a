#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "backends/sim/gpu/parameters.h"
#include "backends/sim/model_file.h"
#include "calibration/costs.h"
#include "calibration/fit.h"
#include "core/error.h"

/// From a fit to a hardware model, and back.
namespace gpreempt::cli {

/// The costs that a modelled GPU has by its parameters; `kUnmodelled` is what its perturbation adds
/// in the median.
[[nodiscard]] calibration::Costs costs_of(const sim::GpuParameters& gpu);

/// A model's parameter after a fit.
struct FittedParameter {
  std::size_t index = 0;  ///< in `Model::parameters`
  double value = 0;       ///< in the parameter's unit
  double lo = 0;
  double hi = 0;
  bool shared = false;  ///< its part of a sum, whose parts are in the prior's proportion
  std::string sum;      ///< what was fitted
};

/// What the fit says of the model's parameters. Absent: what was not seen, and what the prior knows
/// better.
[[nodiscard]] std::vector<FittedParameter> fitted_parameters(const sim::Model& model,
                                                             const calibration::Fit& fit);

/// The model's file with these parameters, labelled with `evidence` (of a shared one, the prior's).
/// `origin` says where the numbers come from. Errors: kInvalidArgument (the file does not have each
/// of them on a line of its own).
[[nodiscard]] Result<std::string> calibrated_text(const sim::Model& model,
                                                  const std::vector<FittedParameter>& parameters,
                                                  std::string_view evidence,
                                                  std::string_view origin);

}  // namespace gpreempt::cli
