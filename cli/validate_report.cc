#include "cli/validate_report.h"

#include <fmt/format.h>

#include <cstddef>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "cli/table.h"
#include "core/error.h"
#include "validation/target.h"

namespace gpreempt::cli {
namespace {

using Json = nlohmann::ordered_json;
using validation::Answer;
using validation::NoBand;
using validation::Target;
using validation::Tolerance;
using validation::Verdict;

constexpr double kPercent = 100;

std::string number_text(double value) { return fmt::format("{:.6g}", value); }

std::string expected_text(const Target& target) {
  return target.expected ? number_text(*target.expected) : "-";
}

std::string tolerance_text(const Target& target) {
  if (!target.expected) {
    return "-";
  }
  switch (target.tolerance.kind) {
    case Tolerance::Kind::kExact: return "exact";
    case Tolerance::Kind::kRelative:
      return fmt::format("+-{:g} %", kPercent * target.tolerance.amount);
    case Tolerance::Kind::kAbsolute: return fmt::format("+-{:g}", target.tolerance.amount);
    case Tolerance::Kind::kAtMost: return "at most";
  }
  return "-";
}

std::string answer_text(const ValidatedTarget& each) {
  return each.answer ? number_text(each.answer->value) : "not run";
}

/// The band, or in a word why there is none.
std::string band_text(const ValidatedTarget& each) {
  if (!each.answer) {
    return "-";
  }
  const Answer& answer = *each.answer;
  if (!answer.band) {
    switch (answer.no_band) {
      case NoBand::kNotAsked: return "-";
      case NoBand::kNoPrior: return "no prior";
      case NoBand::kTooLong: return "too long";
    }
  }
  const std::string low = number_text(answer.band->lo);
  const std::string high = number_text(answer.band->hi);
  return low == high ? "unmoved" : fmt::format("[{}, {}]", low, high);
}

std::size_t count(std::span<const ValidatedTarget> targets, Verdict verdict) {
  std::size_t found = 0;
  for (const ValidatedTarget& each : targets) {
    found += each.verdict == verdict ? 1 : 0;
  }
  return found;
}

/// Nothing skipped: empty.
std::string skipped_text(std::span<const ValidatedTarget> targets) {
  const std::size_t skipped = count(targets, Verdict::kSkipped);
  return skipped == 0 ? ""
                      : fmt::format(
                            ". {} of {} targets were skipped, for their input is not there: "
                            "recorded workloads come with --data FOLDER, which holds "
                            "workloads/reef/profiles and workloads/gpreempt",
                            skipped, targets.size());
}

struct Predictions {
  std::size_t published = 0;  ///< claims about what somebody measured (groups V1, V2, ...)
  std::size_t rules = 0;      ///< about queueing theory and rules of the driver
};

/// A claim counts where every predicted target of it is met.
Predictions predictions_met(std::span<const ValidatedTarget> targets) {
  struct Claim {
    bool met = true;
    bool published = false;
  };
  std::map<std::string, Claim> claims;
  for (const ValidatedTarget& each : targets) {
    const Target& target = *each.target;
    if (target.label != validation::Label::kPredicted || !target.expected) {
      continue;
    }
    Claim& claim = claims[target.claim.empty() ? target.name : target.claim];
    claim.met = claim.met && each.verdict == Verdict::kPass;
    claim.published = target.group.starts_with('V');
  }
  Predictions met;
  for (const auto& [name, claim] : claims) {
    (claim.published ? met.published : met.rules) += claim.met ? 1 : 0;
  }
  return met;
}

std::string totals_text(std::span<const ValidatedTarget> targets) {
  const Predictions met = predictions_met(targets);
  return fmt::format(
      "{} met, {} missed, {} known misses, {} predictions without a result to hold them against. "
      "Of the met ones {} claims were predicted, of published experiments {} and of theory or the "
      "driver's rules {}; targets of one claim say the same in several places and count once{}",
      count(targets, Verdict::kPass), count(targets, Verdict::kFail),
      count(targets, Verdict::kKnownMiss), count(targets, Verdict::kPrediction),
      met.published + met.rules, met.published, met.rules, skipped_text(targets));
}

std::string_view tolerance_kind(Tolerance::Kind kind) {
  switch (kind) {
    case Tolerance::Kind::kExact: return "exact";
    case Tolerance::Kind::kRelative: return "relative";
    case Tolerance::Kind::kAbsolute: return "absolute";
    case Tolerance::Kind::kAtMost: return "at-most";
  }
  return "invalid";
}

Json json_of(const ValidatedTarget& each) {
  const Target& target = *each.target;
  Json json;
  json["group"] = target.group;
  json["name"] = target.name;
  json["unit"] = target.unit;
  json["expected"] = target.expected ? Json(*target.expected) : Json(nullptr);
  json["tolerance"]["kind"] = std::string(tolerance_kind(target.tolerance.kind));
  json["tolerance"]["amount"] = target.tolerance.amount;
  json["value"] = each.answer ? Json(each.answer->value) : Json(nullptr);
  json["band"] = nullptr;
  if (const auto band = each.answer ? each.answer->band : std::nullopt) {
    json["band"] = Json::array({band->lo, band->hi});
  }
  json["label"] = std::string(to_string(target.label));
  json["claim"] = target.claim.empty() ? target.name : target.claim;
  json["verdict"] = std::string(to_string(each.verdict));
  json["source"] = target.source;
  if (!target.miss.empty()) {
    json["miss"] = target.miss;
  }
  if (!each.answer) {
    json["error"] = each.answer.error().what;
  }
  return json;
}

}  // namespace

std::string validation_text(std::span<const ValidatedTarget> targets) {
  Table table({"target", "unit", "expected", "tolerance", "model", "band", "label", "verdict"});
  std::string errors;
  for (const ValidatedTarget& each : targets) {
    const Target& target = *each.target;
    table.add_row({target.name, target.unit, expected_text(target), tolerance_text(target),
                   answer_text(each), band_text(each), std::string(to_string(target.label)),
                   std::string(to_string(each.verdict))});
    if (!each.answer && each.verdict != Verdict::kSkipped) {
      errors += fmt::format("{}: {}\n", target.name, each.answer.error().what);
    }
  }
  return fmt::format("{}\n{}{}{}\n", table.render(0), errors, errors.empty() ? "" : "\n",
                     totals_text(targets));
}

std::string validation_json(std::span<const ValidatedTarget> targets) {
  Json json;
  json["schema"] = 1;
  json["passed"] = count(targets, Verdict::kFail) == 0;
  json["skipped"] = count(targets, Verdict::kSkipped);
  json["results"] = Json::array();
  for (const ValidatedTarget& each : targets) {
    json["results"].push_back(json_of(each));
  }
  constexpr int kIndent = 2;
  return json.dump(kIndent, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string validation_document(std::span<const ValidatedTarget> targets) {
  std::string text =
      "# Validation\n\nWritten by `gpreempt validate --write docs/validation.md`; do not edit.\n\n"
      "What the model says beside what is published or follows from theory. *input*: the number is "
      "a parameter of the\nmodel, which shows that the model holds it and no more. *fitted*: "
      "parameters were chosen so that it comes out. *predicted*: neither.\nRows without an "
      "expected value are "
      "predictions for experiments whose results were not looked at.\n\n"
      "*band*: 5 to 95 % of draws from the priors of the model's parameters. The verdict is about "
      "*model*, every parameter at its\nvalue; no band makes a row right. *no prior*: nothing "
      "uncertain enters. *unmoved*: no prior matters. *too long*: not computed.\n\n"
      "| group | target | unit | expected | tolerance | model | band | label | verdict | source |\n"
      "|---|---|---|---|---|---|---|---|---|---|\n";
  for (const ValidatedTarget& each : targets) {
    const Target& target = *each.target;
    text += fmt::format("| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |\n", target.group,
                        target.name, target.unit, expected_text(target), tolerance_text(target),
                        answer_text(each), band_text(each), to_string(target.label),
                        to_string(each.verdict), target.source);
  }
  text += fmt::format("\n{}.\n", totals_text(targets));
  std::string misses;
  for (const ValidatedTarget& each : targets) {
    if (each.verdict == Verdict::kKnownMiss) {
      misses += fmt::format("- `{}`: {}\n", each.target->name, each.target->miss);
    }
  }
  std::string skipped;
  for (const ValidatedTarget& each : targets) {
    if (each.verdict == Verdict::kSkipped) {
      skipped += fmt::format("- `{}`: {}\n", each.target->name, each.answer.error().what);
    }
  }
  if (!skipped.empty()) {
    text += fmt::format("\nSkipped, and what is missing:\n\n{}", skipped);
  }
  if (!misses.empty()) {
    text += fmt::format("\nKnown misses, and what the model lacks:\n\n{}", misses);
  }
  return text;
}

}  // namespace gpreempt::cli
