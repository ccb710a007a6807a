#include "cli/calibrate_run.h"

#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "backends/sim/model_file.h"
#include "calibration/prediction.h"
#include "calibration/sample.h"
#include "calibration/sha256.h"
#include "cli/calibrate_campaign.h"
#include "cli/calibrate_options.h"
#include "cli/calibrate_report.h"
#include "cli/calibrated_model.h"
#include "cli/calibration_result.h"
#include "cli/exit_code.h"
#include "cli/option_values.h"
#include "cli/output.h"
#include "cli/output_folder.h"
#include "cli/progress.h"
#include "cli/samples_file.h"
#include "config/document.h"
#include "core/error.h"
#include "workloads/scenario.h"

namespace gpreempt::cli {
namespace {

using calibration::CallSample;

constexpr std::string_view kVerdictsFile = "verdicts.json";
constexpr std::string_view kPredictionsFile = "predictions.json";
constexpr std::string_view kResultFile = "calibration.json";

Error no_bundle(const std::filesystem::path& folder, std::string_view reason) {
  return {.code = Errc::kInvalidArgument,
          .sys_errno = 0,
          .what = fmt::format("calibrate {}: {}; make one with 'gpreempt experiment suspend-costs "
                              "--out FOLDER'",
                              folder.string(), reason)};
}

/// What the bundle rests on, from its verdicts.
struct Origin {
  std::string evidence;
  std::string backend;
};

Result<Origin> read_origin(const std::filesystem::path& folder) {
  const Result<std::string> text = read_text_file(folder / kVerdictsFile);
  if (!text) {
    return tl::unexpected<Error>(
        no_bundle(folder, "it has no verdicts.json, which says whether it was measured"));
  }
  const nlohmann::json document = nlohmann::json::parse(*text, nullptr, false);
  const auto word = [&](const char* key) -> std::string {
    return document.is_object() && document.contains(key) && document[key].is_string()
               ? document[key].get<std::string>()
               : std::string{};
  };
  Origin origin{.evidence = word("evidence"), .backend = word("backend")};
  if (origin.evidence != "measured" && origin.evidence != "simulated") {
    return tl::unexpected<Error>(
        no_bundle(folder, "its verdicts.json does not say that it was measured, nor simulated"));
  }
  return origin;
}

Result<std::vector<CallSample>> read_half(const std::filesystem::path& folder,
                                          std::string_view name) {
  const std::filesystem::path file = folder / name;
  std::string text;
  GPREEMPT_TRY(store(text, read_text_file(file)));
  return read_samples(text, file.string());
}

Result<sim::Model> model_of(const std::string& name) {
  Result<sim::Model> model = sim::find_model(name, HardwareScenario{}.num_kcq);
  if (!model && model.error().code == Errc::kIo) {
    model.error().code = Errc::kInvalidArgument;
  }
  return model;
}

Result<void> begin_folder(const std::filesystem::path& folder) {
  std::error_code ignored;
  const bool ours = std::filesystem::exists(folder / kPredictionsFile, ignored);
  return make_output_folder(folder, "a calibration", kPredictionsFile, ours);
}

/// From here on what is held out may be read.
Result<void> foretell(const CalibrateOptions& options, CalibrationResult& result) {
  const std::string predictions = predictions_document(result);
  result.predictions_sha256 = calibration::sha256(predictions);
  if (options.out.empty()) {
    return {};
  }
  GPREEMPT_TRY(begin_folder(options.out));
  const std::filesystem::path file = options.out / kPredictionsFile;
  GPREEMPT_TRY(write_text(file, predictions));
  result.predictions_file = file.string();
  return {};
}

Result<void> compare(const CalibrateOptions& options, CalibrationResult& result) {
  std::error_code ignored;
  if (!std::filesystem::exists(options.bundle / kHeldOutFile, ignored)) {
    return {};
  }
  std::vector<CallSample> held_out;
  GPREEMPT_TRY(store(held_out, read_half(options.bundle, kHeldOutFile)));
  result.validation =
      calibration::validate(result.fit, held_out, result.prior, kCalibrationConfidence);
  return {};
}

Result<void> keep(const CalibrateOptions& options, const CalibrationResult& result,
                  const sim::Model& model) {
  if (options.out.empty()) {
    return {};
  }
  std::string text;
  GPREEMPT_TRY(
      store(text, calibrated_text(model, result.parameters, result.evidence,
                                  fmt::format("{} through {}: gpreempt calibrate, seed {}",
                                              result.evidence, result.backend, options.seed))));
  GPREEMPT_TRY(write_text(options.out / fmt::format("{}.toml", model.name), text));
  return write_text(options.out / kResultFile, calibration_document(result, model));
}

}  // namespace

Result<ExitCode> run_calibration(const CalibrateOptions& options) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(options.bundle, ignored)) {
    return tl::unexpected<Error>(no_bundle(options.bundle, "there is no such folder"));
  }
  if (!std::filesystem::exists(options.bundle / kSamplesFile, ignored)) {
    return tl::unexpected<Error>(no_bundle(options.bundle, "it has no samples.csv"));
  }
  Origin origin;
  GPREEMPT_TRY(store(origin, read_origin(options.bundle)));
  sim::Model model;
  GPREEMPT_TRY(store(model, model_of(options.model)));
  std::vector<CallSample> samples;
  GPREEMPT_TRY(store(samples, read_half(options.bundle, kSamplesFile)));
  CalibrationResult result;
  GPREEMPT_TRY(store(result, calibrate(model, samples, options.seed)));
  result.bundle = options.bundle.string();
  result.evidence = origin.evidence;
  result.backend = origin.backend;
  GPREEMPT_TRY(foretell(options, result));
  GPREEMPT_TRY(compare(options, result));
  GPREEMPT_TRY(keep(options, result, model));
  GPREEMPT_TRY(print(options.format == OutputFormat::kJson ? calibration_document(result, model)
                                                           : calibration_text(result, model)));
  return result.is_wrong() ? ExitCode::kGateFailed : ExitCode::kOk;
}

Result<ExitCode> run_calibration_campaign(const CalibrateOptions& options) {
  sim::Model model;
  GPREEMPT_TRY(store(model, model_of(options.model)));
  Progress progress(options.quiet);
  progress.phase("campaign");
  CampaignResult result;
  GPREEMPT_TRY(store(
      result, run_campaign(model, {.bundles = options.campaign,
                                   .seed = options.seed,
                                   .backend = options.backend,
                                   .wrong_model = options.wrong_model,
                                   .progress = [&](double done) { progress.update(done); }})));
  progress.finish();
  GPREEMPT_TRY(print(options.format == OutputFormat::kJson ? campaign_document(result)
                                                           : campaign_text(result)));
  return options.wrong_model || result.covers() ? ExitCode::kOk : ExitCode::kGateFailed;
}

}  // namespace gpreempt::cli
