#include "experiments/poc_bars.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "experiments/poc_evidence.h"
#include "experiments/poc_report.h"
#include "experiments/sampled.h"
#include "experiments/verdict.h"

namespace gpreempt::experiments {

std::optional<double> number_in(const Verdict& verdict, std::string_view key) {
  for (const auto& [name, value] : verdict.numbers) {
    if (name == key) {
      return value;
    }
  }
  return std::nullopt;
}

PocBars histogram_of(const LatencySample& sample) {
  PocBars bars{
      .title = fmt::format("{} ({} of them, {})", sample.what, sample.ns.size(), sample.source),
      .label = std::string(to_string(sample.basis)),
      .bars = {}};
  const auto bin_of = [](std::int64_t ns) {
    return ns < 1 ? 0 : static_cast<int>(std::floor(std::log2(static_cast<double>(ns))));
  };
  std::map<int, std::size_t> bins;
  for (const std::int64_t ns : sample.ns) {
    ++bins[bin_of(ns)];
  }
  for (int bin = bins.begin()->first; bin <= bins.rbegin()->first; ++bin) {
    const auto count = bins.contains(bin) ? bins[bin] : 0;
    bars.bars.push_back({.name = fmt::format("{} to {}", words_of_ns(std::exp2(bin)),
                                             words_of_ns(std::exp2(bin + 1))),
                         .length = static_cast<double>(count),
                         .text = fmt::format("{}", count)});
  }
  return bars;
}

std::optional<PocBars> quantiles_of(const SourcedVerdict& each, const std::string& prefix) {
  constexpr std::array<std::string_view, 4> kKeys = {"p50", "p95", "p99", "max"};
  PocBars bars{.title = fmt::format(
                   "{}{} ({})", each.verdict.name,
                   prefix.empty() ? "" : ", " + prefix.substr(0, prefix.size() - 1), each.source),
               .label = std::string(to_string(each.verdict.basis)),
               .bars = {}};
  for (const std::string_view key : kKeys) {
    if (const auto ns = number_in(each.verdict, fmt::format("{}{}_ns", prefix, key))) {
      bars.bars.push_back({.name = std::string(key), .length = *ns, .text = words_of_ns(*ns)});
    }
  }
  return bars.bars.size() < 2 ? std::nullopt : std::optional(std::move(bars));
}

std::optional<PocBars> parts_of_a_suspend(const PocEvidence& evidence) {
  constexpr std::string_view kMean = "mean_";
  constexpr std::string_view kUnit = "_ns";
  PocBars most;
  double most_sum = 0;
  for (const SourcedVerdict& each : evidence.verdicts) {
    if (!number_in(each.verdict, "mean_outside_driver_ns")) {
      continue;
    }
    PocBars bars{.title = fmt::format("Mean of a suspend by its parts: {} ({})", each.verdict.name,
                                      each.source),
                 .label = std::string(to_string(each.verdict.basis)),
                 .bars = {}};
    double sum = 0;
    for (const auto& [key, value] : each.verdict.numbers) {
      if (key.starts_with(kMean) && key.ends_with(kUnit)) {
        sum += value;
        bars.bars.push_back(
            {.name = key.substr(kMean.size(), key.size() - kMean.size() - kUnit.size()),
             .length = value,
             .text = words_of_ns(value)});
      }
    }
    if (sum > most_sum) {
      most_sum = sum;
      most = std::move(bars);
    }
  }
  return most_sum > 0 ? std::optional(std::move(most)) : std::nullopt;
}

}  // namespace gpreempt::experiments
