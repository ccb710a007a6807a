#include "cli/explain_words.h"

#include <fmt/format.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "cli/report_text.h"
#include "core/decision.h"
#include "core/time.h"

namespace gpreempt::cli {

std::string_view meaning(Reason reason) {
  switch (reason) {
    case Reason::kNoOnlineWork: return "no Online tenant of higher priority has work there";
    case Reason::kOnlineBusy: return "an Online tenant of higher priority has work there";
    case Reason::kHold: return "Online fell idle just now, and its next request may come soon";
    case Reason::kSliceEnded: return "Online has work, but had the GPU for its slice";
    case Reason::kGap: return "Online has work, but Offline was given the GPU back just now";
    case Reason::kPolicyNeverActs: return "the policy never acts";
    case Reason::kLateQueue: return "a queue was born while its member is to be off";
    case Reason::kQuarantine: return "a queue failed in hardware and is left alone";
    case Reason::kShutdown: return "the scheduler ended";
    case Reason::kStallLimit:
      return "one rank was off so long that the others would give up waiting for it";
    case Reason::kOutranked: return "an Offline tenant of higher priority uses the GPU";
    case Reason::kWouldMiss: return "a request would miss its deadline";
    case Reason::kSlack: return "Online has work, and its deadlines leave time";
    case Reason::kBudgetSpent: return "Online has work, and Offline has lost what it may lose";
    case Reason::kWaiting: return "Online has work, and a preemption is not worth its cost yet";
    case Reason::kOthersTurn: return "it is another tenant's turn";
    case Reason::kOwnTurn: return "Online has work, and it is Offline's turn";
    case Reason::kMinRun: return "Offline was given the GPU less than min-run ago";
    case Reason::kHoldOff: return "the wish to suspend is younger than hold-off";
    case Reason::kNoCredit: return "Offline was preempted as often as its credit allows";
  }
  return "of an unknown reason";
}

std::string term_text(const Term& term) {
  // A term's name ends in its unit.
  const std::string_view name = to_string(term.name);
  const std::size_t unit_at = name.rfind('_');
  const std::string_view what = name.substr(0, unit_at);
  const std::string_view unit = name.substr(unit_at + 1);
  if (unit == "ns") {
    return fmt::format("{} {}", what, human_time(Duration(term.value)));
  }
  if (unit == "ppm") {
    constexpr double kPpmPerPercent = 1e4;
    return fmt::format("{} {:.2f} %", what, static_cast<double>(term.value) / kPpmPerPercent);
  }
  return fmt::format("{} {}", what, term.value);
}

std::string terms_text(const Terms& terms) {
  std::string text;
  for (const Term& term : terms.items()) {
    text += (text.empty() ? "" : ", ") + term_text(term);
  }
  return text;
}

}  // namespace gpreempt::cli
