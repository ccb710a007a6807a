#include "experiments/activity_rule.h"

#include <fmt/format.h>

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/stats.h"
#include "core/time.h"
#include "experiments/sampled.h"
#include "experiments/verdict.h"

namespace gpreempt::experiments {
namespace {

Verdict judge_index(const std::string& name, const ActivityEvidence& evidence) {
  Verdict verdict{.name = fmt::format("activity/{}/read-index-early", name),
                  .value = {},
                  .expected = {},
                  .answer = Answer::kNotResolvable};
  const Sample delays(evidence.delays);
  if (delays.empty()) {
    return unavailable(verdict.name, "no edge was reported");
  }
  const Share median = median_share(delays, static_cast<double>(to_ns(evidence.period)));
  verdict.confidence = median.bounded ? std::optional(kConfidence) : std::nullopt;
  verdict.numbers = {{"median_delay_in_periods", median.value},
                     {"median_lo", median.lo},
                     {"median_hi", median.hi},
                     {"edges", static_cast<double>(delays.sorted().size())},
                     {"unproven", static_cast<double>(evidence.unproven)}};
  const std::string seen = fmt::format(
      "idle shows {:.2f} poll periods after the last kernel's end (median; {:.2f} to {:.2f})",
      median.value, median.lo, median.hi);
  if (median.bounded && median.hi <= 1) {
    verdict.value = "yes";
    verdict.answer = Answer::kYes;
    verdict.reason = seen + ": the ring looked empty while it ran";
  } else if (median.bounded && median.lo >= 1) {
    verdict.value = "no";
    verdict.answer = Answer::kNo;
    verdict.reason = seen + ": the ring looked empty only afterwards";
  } else {
    verdict.reason = seen + ", which both kinds of firmware allow; watch more busy periods";
  }
  return verdict;
}

}  // namespace

std::vector<Verdict> judge_activity(const std::string& name, const ActivityEvidence& evidence) {
  const std::size_t edges = evidence.delays.size() + evidence.early;
  const bool sound = evidence.early == 0 && edges == evidence.expected;
  Verdict truth{
      .name = fmt::format("activity/{}/idle-is-true", name),
      .value = static_cast<double>(evidence.early),
      .expected = 0.0,
      .answer = sound ? Answer::kMet : Answer::kMissed,
      .reason = fmt::format("{} of {} edges \"idle\" came while a kernel ran, for {} busy "
                            "periods",
                            evidence.early, edges, evidence.expected)};
  add_agreement(truth, sound ? edges : 0, edges);
  return {judge_index(name, evidence), std::move(truth)};
}

}  // namespace gpreempt::experiments
