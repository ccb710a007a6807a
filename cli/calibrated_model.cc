#include "cli/calibrated_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/sim/gpu/parameters.h"
#include "backends/sim/gpu/perturbation.h"
#include "backends/sim/model_file.h"
#include "calibration/costs.h"
#include "calibration/fit.h"
#include "calibration/sums.h"
#include "config/document.h"
#include "config/parameter.h"
#include "core/error.h"
#include "core/time.h"

namespace gpreempt::cli {
namespace {

using calibration::at;
using calibration::Cost;
using calibration::Costs;
using calibration::Estimate;
using calibration::kCosts;

constexpr double kMegabyte = 1e6;

double ns(Duration duration) { return static_cast<double>(to_ns(duration)); }
/// Of 10^6 bytes.
double ns_at(double bytes_per_second) { return kMegabyte / bytes_per_second * kNsPerSecond; }

/// The model's parameter of a cost; empty: it has none.
std::string parameter_of(Cost cost) {
  if (cost == Cost::kSaveByte) {
    return "memory.save_bandwidth";
  }
  if (cost == Cost::kSystemByte) {
    return "memory.system_bandwidth";
  }
  return cost == Cost::kUnmodelled ? std::string{} : fmt::format("cost.{}", to_string(cost));
}

bool is_rate(Cost cost) { return cost == Cost::kSaveByte || cost == Cost::kSystemByte; }

std::optional<std::size_t> index_of(const sim::Model& model, const std::string& name) {
  const auto found = std::ranges::find(model.parameters, name, &Parameter::name);
  if (found == model.parameters.end()) {
    return std::nullopt;
  }
  return static_cast<std::size_t>(found - model.parameters.begin());
}

/// Whether the fit says more than the prior: its interval is the narrower one.
bool is_better(const Parameter& prior, double lo, double hi) {
  return prior.range.size() != 2 || hi - lo < prior.range[1] - prior.range[0];
}

FittedParameter single(std::size_t index, Cost cost, const Estimate& estimate) {
  FittedParameter fitted{.index = index, .sum = estimate.sum.name()};
  if (is_rate(cost)) {
    fitted.value = ns_at(estimate.value);
    fitted.lo = ns_at(estimate.hi);
    fitted.hi = ns_at(estimate.lo);
  } else {
    fitted.value = std::max(0.0, estimate.value);
    fitted.lo = std::max(0.0, estimate.lo);
    fitted.hi = estimate.hi;
  }
  // The interval of a cost that cannot be below zero, and a basic bootstrap's, may leave it out.
  fitted.lo = std::min(fitted.lo, fitted.value);
  fitted.hi = std::max(fitted.hi, fitted.value);
  return fitted;
}

void add_single(const sim::Model& model, const Estimate& estimate,
                std::vector<FittedParameter>& parameters) {
  for (std::size_t i = 0; i < kCosts; ++i) {
    const auto cost = static_cast<Cost>(i);
    const std::optional<std::size_t> index = index_of(model, parameter_of(cost));
    const bool is_possible = is_rate(cost) ? estimate.lo > 0 : estimate.hi > 0;
    if (estimate.sum.weights.at(i) == 0 || !index || !is_possible) {
      continue;
    }
    const FittedParameter fitted = single(*index, cost, estimate);
    if (is_better(model.parameters[*index], fitted.lo, fitted.hi)) {
      parameters.push_back(fitted);
    }
  }
}

/// The costs nearest to the prior's that give the sums what they are: each sum's parts are brought
/// to it by one factor, in turn, until all are there (iterative proportional fitting: of all such
/// costs those that tell least beyond the prior. Source: Deming and Stephan, 1940).
Costs spread(const Costs& prior, const std::vector<Estimate>& sums) {
  constexpr int kRounds = 500;
  Costs costs = prior;
  for (int round = 0; round < kRounds; ++round) {
    for (const Estimate& estimate : sums) {
      const double whole = calibration::dot(estimate.sum.weights, costs);
      const double factor = whole > 0 ? std::max(0.0, estimate.value) / whole : 1;
      for (std::size_t i = 0; i < kCosts; ++i) {
        costs.at(i) *= estimate.sum.weights.at(i) > 0 ? factor : 1;
      }
    }
  }
  return costs;
}

/// The parts of sums, each as sure as the sum that is known best.
void add_shares(const sim::Model& model, const std::vector<Estimate>& sums,
                std::vector<FittedParameter>& parameters) {
  const Costs costs = spread(costs_of(model.point), sums);
  for (std::size_t i = 0; i < kCosts; ++i) {
    const auto cost = static_cast<Cost>(i);
    const std::optional<std::size_t> index = index_of(model, parameter_of(cost));
    const Estimate* best = nullptr;
    for (const Estimate& estimate : sums) {
      const bool is_in = estimate.sum.weights.at(i) > 0 && estimate.value > 0;
      const auto relative = [](const Estimate& each) { return (each.hi - each.lo) / each.value; };
      if (is_in && (best == nullptr || relative(estimate) < relative(*best))) {
        best = &estimate;
      }
    }
    if (best == nullptr || !index || is_rate(cost)) {
      continue;
    }
    parameters.push_back({.index = *index,
                          .value = costs.at(i),
                          .lo = costs.at(i) * std::clamp(best->lo / best->value, 0.0, 1.0),
                          .hi = costs.at(i) * std::max(1.0, best->hi / best->value),
                          .shared = true,
                          .sum = best->sum.name()});
  }
}

/// XCCs that together are slower than what was seen cannot be.
void widen_xccs(const sim::Model& model, std::vector<FittedParameter>& parameters) {
  const std::optional<std::size_t> save = index_of(model, "memory.save_bandwidth");
  const std::optional<std::size_t> xcc = index_of(model, "memory.xcc_bandwidth");
  const auto fitted = std::ranges::find_if(
      parameters, [&](const FittedParameter& each) { return save && each.index == *save; });
  if (fitted == parameters.end() || !xcc) {
    return;
  }
  const double least = fitted->value / model.point.xccs;
  if (model.parameters[*xcc].value < least) {
    const double most = std::max(fitted->hi / model.point.xccs, least);
    parameters.push_back({.index = *xcc,
                          .value = least,
                          .lo = std::min(fitted->lo / model.point.xccs, least),
                          .hi = most,
                          .shared = true,
                          .sum = "save_time"});
  }
}

std::string quantity(Quantity kind, double value) {
  constexpr double kGiga = 1e9;
  return kind == Quantity::kBandwidth ? fmt::format("\"{:.6g}GB/s\"", value / kGiga)
                                      : fmt::format("\"{}ns\"", std::llround(value));
}

double rounded(Quantity kind, double value) {
  return kind == Quantity::kBandwidth ? value : std::round(value);
}

std::string line_of(const Parameter& prior, const FittedParameter& fitted,
                    std::string_view evidence, std::string_view origin) {
  const std::string key = prior.name.substr(prior.name.find('.') + 1);
  std::string range;
  if (rounded(prior.quantity, fitted.lo) < rounded(prior.quantity, fitted.hi)) {
    range = fmt::format("range = [{}, {}], distribution = \"uniform\", ",
                        quantity(prior.quantity, fitted.lo), quantity(prior.quantity, fitted.hi));
  }
  const std::string source =
      fitted.shared ? fmt::format(
                          "{}; its part of {}, whose parts cannot be told apart and are in the "
                          "prior's proportion; {}",
                          origin, fitted.sum, prior.source)
                    : fmt::format("{}; 90 % interval", origin);
  return fmt::format("{} = {{ value = {}, {}evidence = \"{}\", source = \"{}\" }}", key,
                     quantity(prior.quantity, fitted.value), range,
                     fitted.shared ? to_string(prior.evidence) : evidence, source);
}

/// Replaces the line that begins with `key =` in `[table]`. False: there is none.
bool replace_line(std::string& text, const std::string& name, const std::string& line) {
  const std::string table = fmt::format("[{}]", name.substr(0, name.find('.')));
  const std::string key = name.substr(name.find('.') + 1);
  std::string current;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view one = std::string_view(text).substr(begin, end - begin);
    if (one.starts_with("[")) {
      current = one.substr(0, one.find(']') + 1);
    }
    const std::size_t after = one.find_first_not_of(' ', key.size());
    if (current == table && one.starts_with(key) && after != std::string_view::npos &&
        one[after] == '=' && one.find('{') != std::string_view::npos && one.ends_with("}")) {
      text.replace(begin, end - begin, line);
      return true;
    }
    begin = end + 1;
  }
  return false;
}

}  // namespace

Costs costs_of(const sim::GpuParameters& gpu) {
  Costs costs{};
  const std::array<std::pair<Cost, Duration>, 14> times = {{{Cost::kIoctl, gpu.t_ioctl},
                                                            {Cost::kHiq, gpu.t_hiq},
                                                            {Cost::kGrace, gpu.t_grace},
                                                            {Cost::kStop, gpu.t_stop},
                                                            {Cost::kFence, gpu.t_fence},
                                                            {Cost::kBuild, gpu.t_build},
                                                            {Cost::kBuildEntry, gpu.t_build_entry},
                                                            {Cost::kCopy, gpu.t_copyctx},
                                                            {Cost::kCopyEntry, gpu.t_copyctx_entry},
                                                            {Cost::kMap, gpu.t_map},
                                                            {Cost::kMapProcess, gpu.t_map_process},
                                                            {Cost::kMapQueue, gpu.t_map_queue},
                                                            {Cost::kDequeue, gpu.t_dequeue},
                                                            {Cost::kRelaunch, gpu.t_relaunch}}};
  for (const auto& [cost, time] : times) {
    at(costs, cost) = ns(time);
  }
  // Of waves that are spread evenly; a CU's path is never the slowest, and a restore has none.
  at(costs, Cost::kSaveByte) = ns_at(std::min(gpu.save_bandwidth, gpu.xccs * gpu.xcc_bandwidth));
  at(costs, Cost::kSystemByte) = ns_at(gpu.system_bandwidth);
  at(costs, Cost::kUnmodelled) =
      ns(gpu.perturbation.unmodelled) + sim::kNoiseMedian * ns(gpu.perturbation.noise);
  return costs;
}

std::vector<FittedParameter> fitted_parameters(const sim::Model& model,
                                               const calibration::Fit& fit) {
  std::vector<FittedParameter> parameters;
  std::vector<Estimate> sums;
  for (const Estimate& estimate : fit.estimates) {
    if (estimate.sum.is_single()) {
      add_single(model, estimate, parameters);
    } else {
      sums.push_back(estimate);
    }
  }
  add_shares(model, sums, parameters);
  widen_xccs(model, parameters);
  return parameters;
}

Result<std::string> calibrated_text(const sim::Model& model,
                                    const std::vector<FittedParameter>& parameters,
                                    std::string_view evidence, std::string_view origin) {
  std::string text = model.text;
  for (const FittedParameter& fitted : parameters) {
    const Parameter& prior = model.parameters[fitted.index];
    if (!replace_line(text, prior.name, line_of(prior, fitted, evidence, origin))) {
      return fail(Errc::kInvalidArgument,
                  fmt::format("write the calibrated model of {}: {} is not on a line of its own in "
                              "the model's file; write it as the built-in models do",
                              model.name, prior.name));
    }
  }
  // It must read as what was meant.
  sim::Model again;
  GPREEMPT_TRY(store(again, sim::parse_model(text, "the calibrated model", model.num_kcq)));
  return fmt::format("# {}.\n# Times that are not {} are as they were before.\n{}", origin,
                     evidence, text);
}

}  // namespace gpreempt::cli
