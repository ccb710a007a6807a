#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iterator>
#include <optional>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "validation/groups.h"
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
        sharing_targets(), limit_targets(), save_area_targets(), xsched_targets(),
        gpreempt_targets(data), preparation_targets(), launch_cost_targets(), matmul_targets(),
        mlperf_targets(), reef_targets(data), prediction_targets()}) {
    std::ranges::move(group, std::back_inserter(all));
  }
  return all;
}

Verdict judge(const Target& target, const Result<Answer>& answer) {
  if (!answer) {
    return answer.error().code == Errc::kUnsupported ? Verdict::kSkipped : Verdict::kFail;
  }
  if (!target.expected) {
    return Verdict::kPrediction;
  }
  const Band right = accepted(*target.expected, target.tolerance);
  const Band given = answer->band.value_or(Band{.lo = answer->value, .hi = answer->value});
  if (given.lo <= right.hi && given.hi >= right.lo) {
    return Verdict::kPass;
  }
  return target.miss.empty() ? Verdict::kFail : Verdict::kKnownMiss;
}

}  // namespace gpreempt::validation
