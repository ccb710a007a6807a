#include "cli/calibrate_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "backends/sim/model_file.h"
#include "calibration/costs.h"
#include "calibration/fit.h"
#include "calibration/gpu_clock.h"
#include "calibration/prediction.h"
#include "calibration/sums.h"
#include "cli/calibrate_campaign.h"
#include "cli/calibrated_model.h"
#include "cli/calibration_result.h"
#include "cli/models_report.h"
#include "cli/table.h"
#include "config/parameter.h"

namespace gpreempt::cli {
namespace {

using calibration::Cost;
using calibration::Estimate;
using Json = nlohmann::ordered_json;

constexpr int kJsonIndent = 2;
constexpr double kPercent = 100;

Json tenths(double ns) { return std::round(ns * 10) / 10; }

Json estimates_of(const CalibrationResult& result) {
  Json list = Json::array();
  for (const Estimate& estimate : result.fit.estimates) {
    Json parts = Json::object();
    for (std::size_t i = 0; i < calibration::kCosts; ++i) {
      if (estimate.sum.weights.at(i) > 0) {
        parts[std::string(to_string(static_cast<Cost>(i)))] = estimate.sum.weights.at(i);
      }
    }
    list.push_back({{"name", estimate.sum.name()},
                    {"parts", std::move(parts)},
                    {"value_ns", tenths(estimate.value)},
                    {"lo_ns", tenths(estimate.lo)},
                    {"hi_ns", tenths(estimate.hi)},
                    {"prior_ns", tenths(calibration::dot(estimate.sum.weights, result.prior))}});
  }
  return list;
}

Json clock_of(const CalibrationResult& result) {
  return {{"rate", result.clock.rate},
          {"lo", result.clock.lo},
          {"hi", result.clock.hi},
          {"pairs", result.clock.pairs}};
}

Json lack_of_fit_of(const CalibrationResult& result) {
  const calibration::LackOfFit& lack = result.fit.lack_of_fit;
  Json document = {{"statistic", tenths(lack.statistic)},
                   {"freedom", lack.freedom},
                   {"p", lack.p ? Json(*lack.p) : Json(nullptr)},
                   {"wrong_model", result.is_wrong()}};
  Json misses = Json::array();
  for (const calibration::Miss& miss : result.fit.misses) {
    misses.push_back({{"place", miss.place},
                      {"grace", miss.grace},
                      {"seen", to_string(miss.seen)},
                      {"miss_ns", tenths(miss.miss_ns)},
                      {"deviations", tenths(miss.deviations)}});
  }
  document["worst"] = std::move(misses);
  return document;
}

Json validation_of(const CalibrationResult& result) {
  if (!result.validation) {
    return nullptr;
  }
  Json list = Json::array();
  for (const calibration::Outcome& outcome : result.validation->outcomes) {
    list.push_back({{"seen", to_string(outcome.seen)},
                    {"calls", outcome.calls},
                    {"covered", outcome.covered},
                    {"covered_share_lo", outcome.covered_lo},
                    {"covered_share_hi", outcome.covered_hi},
                    {"settings", outcome.settings},
                    {"median_error_ns", tenths(outcome.error_ns)},
                    {"worst_error_ns", tenths(outcome.worst_ns)},
                    {"median_relative_error", outcome.relative},
                    {"prior_median_error_ns",
                     outcome.prior_error_ns ? tenths(*outcome.prior_error_ns) : Json(nullptr)}});
  }
  return {{"calls", result.validation->calls},
          {"covered", result.validation->covered},
          {"not_predicted", result.validation->not_predicted},
          {"outcomes", std::move(list)}};
}

Json parameters_of(const CalibrationResult& result, const sim::Model& model) {
  Json list = Json::array();
  for (const FittedParameter& fitted : result.parameters) {
    const Parameter& prior = model.parameters[fitted.index];
    list.push_back(
        {{"name", prior.name},
         {"value", fitted.value},
         {"lo", fitted.lo},
         {"hi", fitted.hi},
         {"unit", prior.quantity == Quantity::kBandwidth ? "B/s" : "ns"},
         {"evidence", fitted.shared ? std::string(to_string(prior.evidence)) : result.evidence},
         {"fitted", fitted.sum},
         {"shared", fitted.shared}});
  }
  return list;
}

Json unseen_of(const CalibrationResult& result) {
  Json list = Json::array();
  for (const Cost cost : result.fit.estimable.unseen) {
    list.push_back(to_string(cost));
  }
  return list;
}

std::string time_text(double ns) {
  const double size = std::abs(ns);
  constexpr double kThousand = 1e3;
  if (size < kThousand) {
    return fmt::format("{:.3g} ns", ns);
  }
  return size < kThousand * kThousand ? fmt::format("{:.4g} us", ns / kThousand)
                                      : fmt::format("{:.4g} ms", ns / (kThousand * kThousand));
}

std::string head_text(const CalibrationResult& result) {
  std::string text = fmt::format(
      "bundle       {}: backend {}, evidence {}\nmodel        {}\nsamples      {} fitted, in {} "
      "settings; {} left out\n",
      result.bundle, result.backend, result.evidence, result.model, result.fit.used,
      result.fit.settings, result.fit.left_out);
  if (result.clock.pairs > 0) {
    text += fmt::format(
        "GPU's clock  {:+.3f} ppm against the host's ({:+.3f} .. {:+.3f}), from {} "
        "pairs\n",
        (result.clock.rate - 1) * 1e6, (result.clock.lo - 1) * 1e6, (result.clock.hi - 1) * 1e6,
        result.clock.pairs);
  } else {
    text += "GPU's clock  no descriptor told; taken to run as the host's\n";
  }
  text += fmt::format(
      "predictions  {}, sha256 {}\n",
      result.predictions_file.empty() ? "not kept (--out keeps them)" : result.predictions_file,
      result.predictions_sha256);
  return text;
}

std::string estimates_text(const CalibrationResult& result) {
  Table table({"cost", "fitted", "90 % interval", "", "prior"});
  for (const Estimate& estimate : result.fit.estimates) {
    table.add_row({estimate.sum.name(), time_text(estimate.value), time_text(estimate.lo),
                   ".. " + time_text(estimate.hi),
                   time_text(calibration::dot(estimate.sum.weights, result.prior))});
  }
  const std::string text =
      "\nCosts; a sum is what cannot be told apart; save_time and system_time are of 10^6 bytes\n" +
      table.render(kTableIndent);
  std::string unseen;
  for (const Cost cost : result.fit.estimable.unseen) {
    unseen += (unseen.empty() ? "" : ", ") + std::string(to_string(cost));
  }
  return text + (unseen.empty() ? "" : fmt::format("  not in these samples: {}\n", unseen));
}

std::string lack_of_fit_text(const CalibrationResult& result) {
  const calibration::LackOfFit& lack = result.fit.lack_of_fit;
  if (!lack.p) {
    return "\nLack of fit\n  not tested: there is no setting to spare\n";
  }
  std::string text = fmt::format(
      "\nLack of fit\n  p = {:.3f}: settings miss the formulas by {:.4g}, where repetitions alone "
      "make about {}\n",
      *lack.p, lack.statistic, lack.freedom);
  if (!result.is_wrong()) {
    return text + "  nothing speaks against the model\n";
  }
  text +=
      "  THE MODEL IS WRONG: its formulas are not what was seen, and no interval here holds. "
      "Worst settings:\n";
  Table table({"place", "grace", "seen", "off by", "deviations"});
  for (const calibration::Miss& miss : result.fit.misses) {
    table.add_row({miss.place, miss.grace, std::string(to_string(miss.seen)),
                   time_text(miss.miss_ns), fmt::format("{:+.1f}", miss.deviations)});
  }
  return text + table.render(2 * kTableIndent);
}

std::string validation_text(const CalibrationResult& result) {
  if (!result.validation) {
    return "\nHeld-out calls\n  none: the bundle has no held-out.csv\n";
  }
  Table table({"seen", "calls", "in 90 %", "95 % band", "settings", "error", "worst", "relative",
               "error before"});
  for (const calibration::Outcome& outcome : result.validation->outcomes) {
    const double share = static_cast<double>(outcome.covered) / static_cast<double>(outcome.calls);
    table.add_row({std::string(to_string(outcome.seen)), fmt::format("{}", outcome.calls),
                   fmt::format("{:.1f} %", share * kPercent),
                   fmt::format("{:.1f} .. {:.1f}", outcome.covered_lo * kPercent,
                               outcome.covered_hi * kPercent),
                   fmt::format("{}", outcome.settings), time_text(outcome.error_ns),
                   time_text(outcome.worst_ns),
                   fmt::format("{:.2g} %", outcome.relative * kPercent),
                   outcome.prior_error_ns ? time_text(*outcome.prior_error_ns) : "-"});
  }
  std::string text =
      "\nHeld-out calls; error: of a setting's median from its prediction, median over settings\n" +
      table.render(kTableIndent);
  if (result.validation->not_predicted > 0) {
    text += fmt::format("  {} observations were of a kind that the fit cannot tell\n",
                        result.validation->not_predicted);
  }
  return text;
}

std::string parameters_text(const CalibrationResult& result, const sim::Model& model) {
  Table table({"parameter", "value", "from", "to", "evidence", "was"});
  for (const FittedParameter& fitted : result.parameters) {
    const Parameter& prior = model.parameters[fitted.index];
    const auto text = [&](double value) {
      return quantity_text(prior.quantity,
                           prior.quantity == Quantity::kDuration ? std::round(value) : value);
    };
    table.add_row({prior.name, text(fitted.value), text(fitted.lo), text(fitted.hi),
                   fitted.shared ? std::string(to_string(prior.evidence)) + " (part of a sum)"
                                 : result.evidence,
                   text(prior.value)});
  }
  return table.empty() ? std::string{}
                       : "\nThe model's parameters; all others stay\n" + table.render(kTableIndent);
}

}  // namespace

std::string predictions_document(const CalibrationResult& result) {
  Json settings = Json::array();
  for (const calibration::Prediction& each : result.predictions) {
    settings.push_back({{"place", each.place},
                        {"grace", each.grace},
                        {"seen", to_string(each.seen)},
                        {"predicted_ns", tenths(each.ns)},
                        {"lo_ns", tenths(each.lo_ns)},
                        {"hi_ns", tenths(each.hi_ns)}});
  }
  const Json document = {{"schema", 1},
                         {"model", result.model},
                         {"evidence", result.evidence},
                         {"confidence", kCalibrationConfidence},
                         {"gpu_clock", clock_of(result)},
                         {"costs", estimates_of(result)},
                         {"predictions", std::move(settings)}};
  return document.dump(kJsonIndent) + "\n";
}

std::string calibration_document(const CalibrationResult& result, const sim::Model& model) {
  const Json document = {{"schema", 1},
                         {"bundle", result.bundle},
                         {"backend", result.backend},
                         {"evidence", result.evidence},
                         {"model", result.model},
                         {"confidence", kCalibrationConfidence},
                         {"samples",
                          {{"fitted", result.fit.used},
                           {"left_out", result.fit.left_out},
                           {"settings", result.fit.settings}}},
                         {"gpu_clock", clock_of(result)},
                         {"predictions_sha256", result.predictions_sha256},
                         {"costs", estimates_of(result)},
                         {"not_seen", unseen_of(result)},
                         {"lack_of_fit", lack_of_fit_of(result)},
                         {"held_out", validation_of(result)},
                         {"parameters", parameters_of(result, model)}};
  return document.dump(kJsonIndent) + "\n";
}

std::string calibration_text(const CalibrationResult& result, const sim::Model& model) {
  return head_text(result) + estimates_text(result) + lack_of_fit_text(result) +
         validation_text(result) + parameters_text(result, model);
}

std::string campaign_document(const CampaignResult& result) {
  Json sums = Json::array();
  for (const auto& [name, tally] : result.sums) {
    sums.push_back({{"name", name}, {"held", tally.held}, {"of", tally.of}});
  }
  const Json document = {
      {"schema", 1},
      {"backend", result.backend},
      {"model", result.model},
      {"evidence", "simulated"},
      {"bundles", result.bundles},
      {"wrong_model", result.wrong_model},
      {"costs", std::move(sums)},
      {"intervals", {{"held", result.intervals.held}, {"of", result.intervals.of}}},
      {"calls", {{"held", result.calls.held}, {"of", result.calls.of}}},
      {"called_wrong", result.flagged},
      {"p", result.p},
      {"clock_error", result.clock_error},
      {"covers", result.covers()}};
  return document.dump(kJsonIndent) + "\n";
}

std::string campaign_text(const CampaignResult& result) {
  std::string text = fmt::format(
      "{} bundles of modelled machines through {}, costs drawn from the priors of {}{}\n\n",
      result.bundles, result.backend, result.model,
      result.wrong_model ? "; a term that no formula of it has" : "");
  Table table({"cost", "90 % intervals", "hold the truth", "share"});
  for (const auto& [name, tally] : result.sums) {
    table.add_row({name, fmt::format("{}", tally.of), fmt::format("{}", tally.held),
                   fmt::format("{:.1f} %", tally.share() * kPercent)});
  }
  table.add_row({"all", fmt::format("{}", result.intervals.of),
                 fmt::format("{}", result.intervals.held),
                 fmt::format("{:.1f} %", result.intervals.share() * kPercent)});
  table.add_row({"held-out calls", fmt::format("{}", result.calls.of),
                 fmt::format("{}", result.calls.held),
                 fmt::format("{:.1f} %", result.calls.share() * kPercent)});
  text += table.render(kTableIndent);
  constexpr double kLow = 0.1;
  const auto low = std::ranges::count_if(result.p, [](double p) { return p < kLow; });
  text += fmt::format("\n  called wrong: {} of {} (p < {}); p below {}: {}\n", result.flagged,
                      result.bundles, kWrongModel, kLow, low);
  text += fmt::format("  GPU's clock: at most {:.3f} ppm off\n", result.clock_error * 1e6);
  if (!result.wrong_model) {
    text += fmt::format("\n  {}: between 85 and 95 % are to hold\n",
                        result.covers() ? "as it should be" : "NOT AS IT SHOULD BE");
  }
  return text;
}

}  // namespace gpreempt::cli
