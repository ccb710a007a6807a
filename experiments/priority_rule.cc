#include "experiments/priority_rule.h"

#include <fmt/format.h>

#include <string>
#include <vector>

#include "core/stats.h"
#include "core/time.h"
#include "experiments/sampled.h"
#include "experiments/verdict.h"

namespace gpreempt::experiments {
namespace {

enum class Wait { kNone, kHeldUp, kUnclear };

Wait wait_of(const Share& share) {
  if (!share.bounded) {
    return Wait::kUnclear;
  }
  if (share.hi <= kUnhindered) {
    return Wait::kNone;
  }
  return share.lo > kHeldUp ? Wait::kHeldUp : Wait::kUnclear;
}

void add_share(Verdict& verdict, const std::string& prefix, const Share& share) {
  verdict.numbers.emplace_back(prefix, share.value);
  verdict.numbers.emplace_back(prefix + "_lo", share.lo);
  verdict.numbers.emplace_back(prefix + "_hi", share.hi);
}

std::string text_of_share(const Share& share) {
  return fmt::format("{:.2f} of a long kernel ({:.2f} to {:.2f})", share.value, share.lo, share.hi);
}

}  // namespace

Verdict judge_preemption(const PriorityEvidence& evidence) {
  Verdict verdict{.name = "priority/preempts", .value = {}, .expected = "no"};
  const Sample equal(evidence.equal_waits);
  const Sample high(evidence.high_waits);
  const Sample alone(evidence.alone_waits);
  if (equal.empty() || high.empty() || alone.empty()) {
    verdict.answer = Answer::kUnavailable;
    verdict.reason = "no kernel's first wave was seen in one of the three cases";
    return verdict;
  }
  const auto whole = static_cast<double>(to_ns(evidence.long_kernel));
  const Share equal_share = median_share(equal, whole);
  const Share high_share = median_share(high, whole);
  const Share alone_share = median_share(alone, whole);
  if (equal_share.bounded && high_share.bounded && alone_share.bounded) {
    verdict.confidence = kConfidence;
  }
  verdict.numbers = {{"long_kernel_ns", whole},
                     {"kernels", static_cast<double>(high.sorted().size())}};
  add_share(verdict, "high_wait_share", high_share);
  add_share(verdict, "equal_wait_share", equal_share);
  add_share(verdict, "alone_wait_share", alone_share);
  if (equal_share.value > 0) {
    verdict.numbers.emplace_back("high_over_equal", high_share.value / equal_share.value);
  }
  if (wait_of(equal_share) != Wait::kHeldUp || wait_of(alone_share) != Wait::kNone) {
    verdict.answer = Answer::kNotResolvable;
    verdict.reason = fmt::format(
        "with equal priorities a short kernel waits for {} and alone for {}, so the long kernels "
        "do not clearly hold anybody up: there is nothing that a priority could change",
        text_of_share(equal_share), text_of_share(alone_share));
    return verdict;
  }
  switch (wait_of(high_share)) {
    case Wait::kNone:
      verdict.value = "yes";
      verdict.answer = Answer::kYes;
      verdict.reason = fmt::format(
          "with the highest priority a short kernel waits for {}, with an equal one for {}: "
          "running "
          "waves make room",
          text_of_share(high_share), text_of_share(equal_share));
      break;
    case Wait::kHeldUp:
      verdict.value = "no";
      verdict.answer = Answer::kNo;
      verdict.reason = fmt::format(
          "with the highest priority a short kernel waits for {}, as for what is left of the one "
          "that runs; with an equal one for {}: a priority takes no running wave off",
          text_of_share(high_share), text_of_share(equal_share));
      break;
    case Wait::kUnclear:
      verdict.answer = Answer::kNotResolvable;
      verdict.reason = fmt::format(
          "with the highest priority a short kernel waits for {}, which is "
          "neither nothing (up to {}) nor half of one (from {}); repeat with "
          "more or longer kernels",
          text_of_share(high_share), kUnhindered, kHeldUp);
      break;
  }
  return verdict;
}

Verdict judge_backlog(Duration burst, Duration backlog, Duration long_kernel) {
  const auto share = static_cast<double>(to_ns(burst)) / static_cast<double>(to_ns(backlog));
  const bool passes = share < 0.5;
  return {
      .name = "priority/passes-the-backlog",
      .value = static_cast<double>(to_ns(burst)),
      .expected = {},
      .answer = passes ? Answer::kYes : Answer::kNo,
      .reason = fmt::format("ten short kernels of the highest priority, one after another, were "
                            "done when {:.1f} % of the backlog's time was over. Being done early "
                            "shows that new workgroups of another queue do not wait for the "
                            "backlog, and not that running ones are preempted: for that, see "
                            "priority/preempts",
                            100 * share),
      .numbers = {{"burst_ns", static_cast<double>(to_ns(burst))},
                  {"backlog_ns", static_cast<double>(to_ns(backlog))},
                  {"burst_over_long_kernel",
                   static_cast<double>(to_ns(burst)) / static_cast<double>(to_ns(long_kernel))}},
      .unit = "ns"};
}

}  // namespace gpreempt::experiments
