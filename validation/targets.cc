#include <algorithm>
#include <cmath>
#include <iterator>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "validation/groups.h"
#include "validation/target.h"

namespace gpreempt::validation {
namespace {

std::vector<Target> all_groups() {
  std::vector<Target> all;
  for (std::vector<Target> (*group)() :
       {save_area_targets, launch_cost_targets, closed_form_targets}) {
    std::ranges::move(group(), std::back_inserter(all));
  }
  return all;
}

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
    case Verdict::kPrediction: return "prediction";
  }
  return "invalid";
}

std::span<const Target> targets() {
  static const std::vector<Target> all = all_groups();
  return all;
}

Verdict judge(const Target& target, const Answer& answer) {
  if (!target.expected) {
    return Verdict::kPrediction;
  }
  const Band right = accepted(*target.expected, target.tolerance);
  const Band given = answer.band.value_or(Band{.lo = answer.value, .hi = answer.value});
  return given.lo <= right.hi && given.hi >= right.lo ? Verdict::kPass : Verdict::kFail;
}

}  // namespace gpreempt::validation
