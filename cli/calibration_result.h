#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "backends/sim/model_file.h"
#include "calibration/costs.h"
#include "calibration/fit.h"
#include "calibration/gpu_clock.h"
#include "calibration/prediction.h"
#include "calibration/sample.h"
#include "cli/calibrated_model.h"
#include "core/error.h"

namespace gpreempt::cli {

/// At which all intervals of a calibration hold.
inline constexpr double kCalibrationConfidence = 0.9;
/// A right model looks worse than this in one of a hundred bundles: then it is called wrong.
inline constexpr double kWrongModel = 0.01;

/// A calibration, as far as it has come.
struct CalibrationResult {
  std::string bundle;
  std::string evidence;  ///< "measured" or "simulated"
  std::string backend;
  std::string model;
  calibration::ClockRate clock;
  calibration::Fit fit;
  std::vector<calibration::Prediction> predictions;
  calibration::Costs prior{};  ///< of the model before
  std::vector<FittedParameter> parameters;
  std::string predictions_sha256;
  std::string predictions_file;                       ///< empty: they were not kept
  std::optional<calibration::Validation> validation;  ///< nullopt: nothing was held out

  [[nodiscard]] bool is_wrong() const {
    return fit.lack_of_fit.p && *fit.lack_of_fit.p < kWrongModel;
  }
};

/// Fits `model` to samples and foretells their settings. Errors: those of `fit_costs`.
[[nodiscard]] Result<CalibrationResult> calibrate(const sim::Model& model,
                                                  std::span<const calibration::CallSample> samples,
                                                  std::uint64_t seed);

}  // namespace gpreempt::cli
