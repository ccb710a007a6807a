#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "config/document.h"
#include "core/error.h"
#include "validation/groups.h"
#include "validation/hardware.h"
#include "validation/target.h"

namespace gpreempt::validation {
namespace {

/// The values that are right.
Band accepted(double expected, const Tolerance& tolerance) {
  switch (tolerance.kind) {
    case Tolerance::Kind::kExact: return {.lo = expected, .hi = expected};
    case Tolerance::Kind::kRelative: {
      const double width = std::abs(expected) * tolerance.amount;
      return {.lo = expected - width, .hi = expected + width};
    }
    case Tolerance::Kind::kAbsolute:
      return {.lo = expected - tolerance.amount, .hi = expected + tolerance.amount};
    case Tolerance::Kind::kAtMost: return {.lo = -HUGE_VAL, .hi = expected};
  }
  return {};
}

/// Nearest ranks of 5 % and 95 %.
Band band_of(std::vector<double> values) {
  constexpr double kLow = 0.05;
  constexpr double kHigh = 0.95;
  std::ranges::sort(values);
  const auto at = [&](double q) {
    const double rank = std::max(1.0, std::ceil(q * static_cast<double>(values.size())));
    return values[static_cast<std::size_t>(rank) - 1];
  };
  return {.lo = at(kLow), .hi = at(kHigh)};
}

}  // namespace

std::string_view to_string(Label label) {
  switch (label) {
    case Label::kInput: return "input";
    case Label::kFitted: return "fitted";
    case Label::kPredicted: return "predicted";
  }
  return "invalid";
}

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::kPass: return "pass";
    case Verdict::kFail: return "FAIL";
    case Verdict::kKnownMiss: return "known miss";
    case Verdict::kPrediction: return "prediction";
    case Verdict::kSkipped: return "skipped";
  }
  return "invalid";
}

std::vector<Target> targets(const std::filesystem::path& data) {
  std::vector<Target> all;
  for (std::vector<Target> group :
       {closed_form_targets(), priority_queueing_targets(), switch_cost_targets(),
        sharing_targets(), limit_targets(), little_targets(), save_area_targets(), xsched_targets(),
        gpreempt_targets(data), preparation_targets(), launch_cost_targets(), matmul_targets(),
        mlperf_targets(), reef_targets(data), prediction_targets()}) {
    std::ranges::move(group, std::back_inserter(all));
  }
  return all;
}

Result<Answer> answer(const Target& target, std::uint32_t draws) {
  Answer result;
  Hardware at_values;
  GPREEMPT_TRY(store(result.value, target.run(at_values)));
  if (draws == 0) {
    return result;
  }
  if (!at_values.uncertain() || target.long_run) {
    result.no_band = at_values.uncertain() ? NoBand::kTooLong : NoBand::kNoPrior;
    return result;
  }
  std::vector<double> values;
  for (std::uint32_t index = 0; index < draws; ++index) {
    Hardware drawn({.index = index, .count = draws});
    Result<double> value = target.run(drawn);
    if (!value) {
      value.error().what = fmt::format("draw {} of {}: {}", index, draws, value.error().what);
      return tl::unexpected<Error>(std::move(value).error());
    }
    values.push_back(*value);
  }
  result.band = band_of(std::move(values));
  return result;
}

Verdict judge(const Target& target, const Result<Answer>& answer) {
  if (!answer) {
    return answer.error().code == Errc::kUnsupported ? Verdict::kSkipped : Verdict::kFail;
  }
  if (!target.expected) {
    return Verdict::kPrediction;
  }
  const Band right = accepted(*target.expected, target.tolerance);
  if (answer->value >= right.lo && answer->value <= right.hi) {
    return Verdict::kPass;
  }
  return target.miss.empty() ? Verdict::kFail : Verdict::kKnownMiss;
}

}  // namespace gpreempt::validation
