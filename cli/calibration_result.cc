#include "cli/calibration_result.h"

#include <cstdint>
#include <span>

#include "backends/sim/model_file.h"
#include "calibration/costs.h"
#include "calibration/fit.h"
#include "calibration/gpu_clock.h"
#include "calibration/prediction.h"
#include "calibration/sample.h"
#include "cli/calibrated_model.h"
#include "config/document.h"
#include "core/error.h"

namespace gpreempt::cli {

Result<CalibrationResult> calibrate(const sim::Model& model,
                                    std::span<const calibration::CallSample> samples,
                                    std::uint64_t seed) {
  CalibrationResult result;
  result.model = model.name;
  result.clock = calibration::clock_rate_of(samples, kCalibrationConfidence);
  const calibration::Setup setup{.gpu_clock_rate = result.clock.rate,
                                 .areas = calibration::areas_of(samples)};
  GPREEMPT_TRY(
      store(result.fit, calibration::fit_costs(
                            samples, setup, {.confidence = kCalibrationConfidence, .seed = seed})));
  result.predictions = calibration::predict_settings(result.fit, samples, kCalibrationConfidence);
  result.prior = costs_of(model.point);
  result.parameters = fitted_parameters(model, result.fit);
  return result;
}

}  // namespace gpreempt::cli
