#include "experiments/poc_bars.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "experiments/poc_evidence.h"
#include "experiments/poc_report.h"
#include "experiments/sampled.h"
#include "experiments/verdict.h"

namespace gpreempt::experiments {
namespace {

constexpr int kLastBin = 62;  ///< of a time of 64 bits

/// Each bin from the first that has some to the last.
std::vector<PocBars::Bar> bars_of(const std::map<int, double>& bins) {
  std::vector<PocBars::Bar> bars;
  for (int bin = bins.begin()->first; bin <= bins.rbegin()->first; ++bin) {
    const auto found = bins.find(bin);
    const double count = found == bins.end() ? 0 : found->second;
    bars.push_back({.name = fmt::format("{} to {}", words_of_ns(std::exp2(bin)),
                                        words_of_ns(std::exp2(bin + 1))),
                    .length = count,
                    .text = fmt::format("{:.0f}", count)});
  }
  return bars;
}

/// "T-16/20-preemptions, suspend" of the numbers whose keys begin with "suspend_".
std::string name_of(const SourcedVerdict& each, std::string_view prefix) {
  std::string words(prefix.substr(0, prefix.empty() ? 0 : prefix.size() - 1));
  std::ranges::replace(words, '_', ' ');
  return words.empty() ? each.verdict.name : fmt::format("{}, {}", each.verdict.name, words);
}

}  // namespace

std::optional<double> number_in(const Verdict& verdict, std::string_view key) {
  for (const auto& [name, value] : verdict.numbers) {
    if (name == key) {
      return value;
    }
  }
  return std::nullopt;
}

PocBars histogram_of(const LatencySample& sample) {
  std::map<int, double> bins;
  for (const std::int64_t ns : sample.ns) {
    ++bins[bin_of(ns)];
  }
  return {.title = fmt::format("{} ({} of them, {})", sample.what, sample.ns.size(), sample.source),
          .label = std::string(to_string(sample.basis)),
          .bars = bars_of(bins)};
}

std::vector<PocBars> histograms_of(const SourcedVerdict& each) {
  std::map<std::string, std::map<int, double>> bins;
  for (const auto& [key, value] : each.verdict.numbers) {
    const std::size_t at = key.find(kBinKey);
    int bin = 0;
    if (at == std::string::npos || value < 0) {
      continue;
    }
    const char* const end = key.data() + key.size();
    const auto [stop, error] = std::from_chars(key.data() + at + kBinKey.size(), end, bin);
    if (error == std::errc{} && stop == end && bin >= 0 && bin <= kLastBin) {
      bins[key.substr(0, at)][bin] = value;
    }
  }
  std::vector<PocBars> all;
  for (const auto& [prefix, counts] : bins) {
    double total = 0;
    for (const auto& [bin, count] : counts) {
      total += count;
    }
    all.push_back(
        {.title = fmt::format("{} ({:.0f} of them, {})", name_of(each, prefix), total, each.source),
         .label = std::string(to_string(each.verdict.basis)),
         .bars = bars_of(counts)});
  }
  return all;
}

std::vector<PocBars> quantiles_of(const SourcedVerdict& each) {
  constexpr std::string_view kFirst = "p50_ns";
  constexpr std::array<std::string_view, 4> kKeys = {"p50", "p95", "p99", "max"};
  std::vector<PocBars> all;
  for (const auto& [first, median] : each.verdict.numbers) {
    if (!first.ends_with(kFirst)) {
      continue;
    }
    const std::string prefix = first.substr(0, first.size() - kFirst.size());
    PocBars bars{.title = fmt::format("{} ({})", name_of(each, prefix), each.source),
                 .label = std::string(to_string(each.verdict.basis)),
                 .bars = {}};
    for (const std::string_view key : kKeys) {
      if (const auto ns = number_in(each.verdict, fmt::format("{}{}_ns", prefix, key))) {
        bars.bars.push_back({.name = std::string(key), .length = *ns, .text = words_of_ns(*ns)});
      }
    }
    if (bars.bars.size() > 1) {
      all.push_back(std::move(bars));
    }
  }
  return all;
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
