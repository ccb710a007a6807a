#include "experiments/poc_decision.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/poc_bars.h"
#include "experiments/poc_evidence.h"
#include "experiments/sampled.h"
#include "experiments/verdict.h"

namespace gpreempt::experiments {
namespace {

constexpr double kMsInNs = 1e6;

struct Candidate {
  double value = 0;
  Basis basis = Basis::kAssumed;
  std::string source;
};

/// The parts of a suspend's mean, which sum to it; nullopt: it does not have them.
std::optional<double> sum_of_parts(const Verdict& verdict) {
  if (!number_in(verdict, "mean_outside_driver_ns")) {
    return std::nullopt;
  }
  double sum = 0;
  for (const auto& [key, value] : verdict.numbers) {
    if (key.starts_with("mean_") && key.ends_with("_ns")) {
      sum += value;
    }
  }
  return sum;
}

std::string source_of(const SourcedVerdict& each) {
  return fmt::format("{} in {}", each.verdict.name, each.source);
}

std::string source_of(const RunResult& run) {
  return fmt::format("policy {} of {} in {}", run.policy, run.scenario, run.source);
}

/// Runs speak of stage 1 where it was at work.
bool is_stage_one(const RunResult& run) { return run.policy.starts_with("suspend"); }

std::vector<Candidate> suspend_means(const PocEvidence& evidence) {
  std::vector<Candidate> found;
  for (const SourcedVerdict& each : evidence.verdicts) {
    const Verdict& verdict = each.verdict;
    std::optional<double> mean;
    if (verdict.name == "T-4/suspend") {
      mean = number_in(verdict, "mean_ns");
    } else if (verdict.name.starts_with("suspend-latency/") &&
               verdict.name.ends_with("/grace-default")) {
      mean = sum_of_parts(verdict);
    }
    if (mean) {
      found.push_back({.value = *mean, .basis = verdict.basis, .source = source_of(each)});
    }
  }
  return found;
}

std::optional<double> online_of(const Verdict& verdict) {
  const bool is_it =
      verdict.name.ends_with("/online-p99") || verdict.name.ends_with("/online-end-to-end");
  return is_it ? number_in(verdict, "value_ns") : std::nullopt;
}

/// What preemption adds to the share of the GPU that Online needs, where that is known; at the
/// proof of concept's own load, two requests a second, all of it.
std::optional<double> loss_of(const Verdict& verdict) {
  if (!verdict.name.ends_with("/offline-loss")) {
    return std::nullopt;
  }
  return number_in(verdict, verdict.name.starts_with("T-5/") ? "value" : "overhead");
}
std::optional<double> loss_of(const RunResult& run) {
  return run.offline_overhead && run.scenario != "poc-load" ? run.offline_overhead
                                                            : run.offline_loss;
}

/// Of verdicts and of runs.
template <class OfVerdict, class OfRun>
std::vector<Candidate> held_against(const PocEvidence& evidence, OfVerdict of_verdict,
                                    OfRun of_run) {
  std::vector<Candidate> found;
  for (const SourcedVerdict& each : evidence.verdicts) {
    if (const std::optional<double> value = of_verdict(each.verdict)) {
      found.push_back({.value = *value, .basis = each.verdict.basis, .source = source_of(each)});
    }
  }
  for (const RunResult& run : evidence.runs) {
    if (const std::optional<double> value = of_run(run); value && is_stage_one(run)) {
      found.push_back({.value = *value, .basis = run.basis, .source = source_of(run)});
    }
  }
  return found;
}

struct Limits {
  double keep = 0;
  double upgrade = 0;
};

/// The limits themselves are in the middle.
Decision decide_one(Decision decision, const std::vector<Candidate>& candidates,
                    const Limits& limits) {
  const auto is_less = [](const Candidate& a, const Candidate& b) {
    return weakness_of(a.basis) != weakness_of(b.basis)
               ? weakness_of(a.basis) > weakness_of(b.basis)
               : a.value < b.value;
  };
  const auto best = std::ranges::max_element(candidates, is_less);
  if (best == candidates.end()) {
    return decision;
  }
  decision.value = best->value;
  decision.basis = best->basis;
  decision.source = best->source;
  if (best->value < limits.keep) {
    decision.step = Step::kKeep;
  } else {
    decision.step = best->value > limits.upgrade ? Step::kUpgrade : Step::kConsider;
  }
  return decision;
}

}  // namespace

std::string_view to_string(Step step) {
  switch (step) {
    case Step::kKeep: return "keep stage 1";
    case Step::kConsider: return "consider stage 2";
    case Step::kUpgrade: return "go to stage 2";
    case Step::kMissing: break;
  }
  return "missing";
}

std::vector<Decision> decide(const PocEvidence& evidence) {
  std::vector<Decision> all;
  all.push_back(decide_one(
      {.quantity = "mean of a steady suspend",
       .limits = "below 3 ms keep, 3 to 10 ms consider, above 10 ms upgrade",
       .text = {},
       .value = {},
       .source = "`gpreempt validate-hardware` (T-4) or `gpreempt experiment suspend-latency`"},
      suspend_means(evidence), {.keep = 3 * kMsInNs, .upgrade = 10 * kMsInNs}));
  all.push_back(decide_one(
      {.quantity = "Online end to end, p99",
       .limits = "below 30 ms keep, 30 to 50 ms consider, above 50 ms upgrade",
       .text = {},
       .value = {},
       .source = "`gpreempt validate-hardware` (T-1, T-5) or `gpreempt run`"},
      held_against(evidence, online_of, [](const RunResult& run) { return run.online_p99; }),
      {.keep = 30 * kMsInNs, .upgrade = 50 * kMsInNs}));
  all.push_back(decide_one({.quantity = "Offline's loss of work",
                            .limits = "below 10 % keep, 10 to 20 % consider, above 20 % upgrade",
                            .text = {},
                            .value = {},
                            .source = "`gpreempt validate-hardware` (T-5) or `gpreempt run`"},
                           held_against(
                               evidence, [](const Verdict& verdict) { return loss_of(verdict); },
                               [](const RunResult& run) { return loss_of(run); }),
                           {.keep = 0.1, .upgrade = 0.2}));
  for (Decision& each : all) {
    if (each.value) {
      each.text = &each == &all.back() ? fmt::format("{:.1f} %", *each.value * 100)
                                       : words_of_ns(*each.value);
    }
  }
  return all;
}

Step recommend(const std::vector<Decision>& decisions) {
  Step strictest = Step::kMissing;
  for (const Decision& each : decisions) {
    if (each.step != Step::kMissing && (strictest == Step::kMissing || each.step > strictest)) {
      strictest = each.step;
    }
  }
  return strictest;
}

}  // namespace gpreempt::experiments
