#pragma once

#include <string>

#include "backends/sim/model_file.h"
#include "cli/calibrate_campaign.h"
#include "cli/calibration_result.h"

namespace gpreempt::cli {

/// predictions.json: what is foretold of the calls that were held out, and by what.
[[nodiscard]] std::string predictions_document(const CalibrationResult& result);
/// calibration.json, also `--format json`.
[[nodiscard]] std::string calibration_document(const CalibrationResult& result,
                                               const sim::Model& model);
/// The same for people.
[[nodiscard]] std::string calibration_text(const CalibrationResult& result,
                                           const sim::Model& model);

[[nodiscard]] std::string campaign_document(const CampaignResult& result);
[[nodiscard]] std::string campaign_text(const CampaignResult& result);

}  // namespace gpreempt::cli
