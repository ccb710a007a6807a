#include "experiments/queue_id_rule.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/event.h"
#include "core/ids.h"
#include "core/proportion.h"
#include "experiments/sampled.h"
#include "experiments/verdict.h"

namespace gpreempt::experiments {
namespace {

// Two id sets are alike above these overlaps.
constexpr double kHighlyAlike = 0.8;
constexpr double kPartlyAlike = 0.5;

std::string text_of(const std::vector<std::uint32_t>& ids) {
  return fmt::format("{{{}}}", fmt::join(ids, ","));
}

std::string_view label_of(double overlap) {
  if (overlap > kHighlyAlike) {
    return "highly consistent";
  }
  return overlap > kPartlyAlike ? "partly consistent" : "unpredictable";
}

std::vector<std::uint32_t> common_of(const std::vector<std::uint32_t>& one,
                                     const std::vector<std::uint32_t>& other) {
  std::vector<std::uint32_t> common;
  std::ranges::set_intersection(one, other, std::back_inserter(common));
  return common;
}

struct Consistency {
  std::size_t runs = 0;
  std::size_t equal = 0;  ///< to the first one, which counts
  double least_overlap = 1;
};

Consistency consistency_of(const ModelRuns& model) {
  Consistency found;
  if (model.runs.empty()) {
    return found;
  }
  const std::vector<std::uint32_t> first = compute_ids(model.runs.front());
  for (const ModelRun& run : model.runs) {
    const std::vector<std::uint32_t> ids = compute_ids(run);
    ++found.runs;
    found.equal += ids == first ? 1U : 0U;
    found.least_overlap = std::min(found.least_overlap, overlap_of(first, ids));
  }
  return found;
}

Verdict judge_model(const ModelRuns& model) {
  Verdict verdict{
      .name = "queue-ids/same-in-every-run/" + model.model, .value = {}, .expected = {}};
  const Consistency found = consistency_of(model);
  if (found.runs < 2 || compute_ids(model.runs.front()).empty()) {
    verdict.answer = Answer::kUnavailable;
    verdict.reason = fmt::format("{} runs with {} compute queues cannot be compared", found.runs,
                                 found.runs == 0 ? 0 : compute_ids(model.runs.front()).size());
    return verdict;
  }
  const bool all = found.equal == found.runs;
  verdict.value = std::string(label_of(found.least_overlap));
  verdict.answer = all ? Answer::kYes : Answer::kNo;
  verdict.numbers = {{"runs", static_cast<double>(found.runs)},
                     {"equal_runs", static_cast<double>(found.equal)},
                     {"least_overlap", found.least_overlap}};
  verdict.reason = fmt::format(
      "{} of {} runs of {} have the ids of the first one, least overlap "
      "{:.2f}: {}",
      found.equal, found.runs, model.model, found.least_overlap, label_of(found.least_overlap));
  if (all) {
    const double again = proportion_at_least(found.runs, found.runs, kConfidence);
    verdict.confidence = kConfidence;
    verdict.numbers.emplace_back("next_run_equal_at_least", again);
    verdict.reason += fmt::format(
        "; that alone makes it {:.0f} % likely, at least, that the next "
        "one has them, too",
        100 * again);
  }
  for (std::size_t i = 0; i < model.runs.size(); ++i) {
    verdict.facts.emplace_back(fmt::format("run {}, pid {}", i + 1, model.runs[i].pid),
                               text_of(compute_ids(model.runs[i])));
  }
  return verdict;
}

Verdict judge_numbers(const std::vector<ConcurrentRun>& concurrent) {
  Verdict verdict{.name = "queue-ids/overlap-as-numbers", .value = {}, .expected = {}};
  if (concurrent.empty()) {
    return unavailable(verdict.name, "no two models were seen at the same time");
  }
  double most = 0;
  std::size_t overlapping = 0;
  for (const ConcurrentRun& run : concurrent) {
    const auto first = compute_ids(run.first);
    const auto second = compute_ids(run.second);
    const double overlap = overlap_of(first, second);
    most = std::max(most, overlap);
    overlapping += overlap > 0 ? 1U : 0U;
    verdict.facts.emplace_back(fmt::format("pids {} and {}", run.first.pid, run.second.pid),
                               fmt::format("{} and {}, in common {}", text_of(first),
                                           text_of(second), text_of(common_of(first, second))));
  }
  verdict.value = most;
  verdict.answer = overlapping > 0 ? Answer::kYes : Answer::kNo;
  verdict.numbers = {{"runs", static_cast<double>(concurrent.size())},
                     {"overlapping_runs", static_cast<double>(overlapping)},
                     {"most_overlap", most}};
  add_agreement(verdict, overlapping > 0 ? overlapping : concurrent.size(), concurrent.size());
  verdict.reason = fmt::format(
      "in {} of {} concurrent runs both processes have queues with the "
      "same number, up to {:.0f} % of them; a number alone names no queue",
      overlapping, concurrent.size(), 100 * most);
  if (overlapping == 0) {
    verdict.reason = "no number was given to both processes of a concurrent run";
  }
  return verdict;
}

bool keys_collide(const ConcurrentRun& run) {
  std::set<std::pair<Pid, std::uint32_t>> keys;
  std::size_t queues = 0;
  for (const ModelRun* each : {&run.first, &run.second}) {
    for (const SeenQueue& queue : each->queues) {
      keys.emplace(each->pid, queue.id);
      ++queues;
    }
  }
  return keys.size() != queues;
}

Verdict judge_keys(const std::vector<ConcurrentRun>& concurrent) {
  Verdict verdict{.name = "queue-ids/unique-as-pid-and-id", .value = {}, .expected = "yes"};
  if (concurrent.empty()) {
    return unavailable(verdict.name, "no two models were seen at the same time");
  }
  const auto colliding = std::ranges::count_if(concurrent, keys_collide);
  verdict.value = colliding == 0 ? "yes" : "no";
  verdict.answer = colliding == 0 ? Answer::kYes : Answer::kNo;
  verdict.numbers = {{"runs", static_cast<double>(concurrent.size())},
                     {"colliding_runs", static_cast<double>(colliding)}};
  add_agreement(verdict, colliding == 0 ? concurrent.size() : 0, concurrent.size());
  verdict.reason = colliding == 0
                       ? "every (pid, id) names one queue"
                       : "two queues have the same (pid, id): what was read as a queue's "
                         "id is none, or a process is listed twice";
  return verdict;
}

/// Whether the first process keeps its ids when another one makes queues.
Verdict judge_company(const std::vector<ConcurrentRun>& concurrent) {
  Verdict verdict{.name = "queue-ids/kept-when-another-starts", .value = {}, .expected = "yes"};
  std::size_t runs = 0;
  std::size_t kept = 0;
  for (const ConcurrentRun& run : concurrent) {
    if (run.first_alone) {
      ++runs;
      kept += compute_ids(*run.first_alone) == compute_ids(run.first) ? 1U : 0U;
    }
  }
  if (runs == 0) {
    return unavailable(verdict.name, "no process was seen before and after another one started");
  }
  verdict.value = kept == runs ? "yes" : "no";
  verdict.answer = kept == runs ? Answer::kYes : Answer::kNo;
  verdict.numbers = {{"runs", static_cast<double>(runs)}, {"kept", static_cast<double>(kept)}};
  add_agreement(verdict, kept == runs ? runs : 0, runs);
  verdict.reason = fmt::format(
      "in {} of {} concurrent runs the first process has the same ids after the second "
      "one has made its queues",
      kept, runs);
  return verdict;
}

/// How many compute queues each run of a model had, if all had as many.
std::optional<std::size_t> constant_count(const ModelRuns& model) {
  std::set<std::size_t> counts;
  for (const ModelRun& run : model.runs) {
    counts.insert(compute_ids(run).size());
  }
  return counts.size() == 1 ? std::optional(*counts.begin()) : std::nullopt;
}

/// Whether every run of a model has as many queues, and two at once as many as both alone.
Verdict judge_counts(const QueueIdEvidence& evidence) {
  Verdict verdict{.name = "queue-ids/counts-add-up", .value = {}, .expected = "yes"};
  constexpr std::size_t kModels = 2;
  if (evidence.alone.size() < kModels || evidence.concurrent.empty()) {
    return unavailable(verdict.name, "it takes runs of two models alone and of both at once");
  }
  const std::optional<std::size_t> first = constant_count(evidence.alone[0]);
  const std::optional<std::size_t> second = constant_count(evidence.alone[1]);
  const auto adds_up = std::ranges::count_if(evidence.concurrent, [&](const ConcurrentRun& run) {
    return compute_ids(run.first).size() == first && compute_ids(run.second).size() == second;
  });
  const bool all = static_cast<std::size_t>(adds_up) == evidence.concurrent.size();
  verdict.value = all ? "yes" : "no";
  verdict.answer = all ? Answer::kYes : Answer::kNo;
  const auto words = [](std::optional<std::size_t> count) {
    return count ? fmt::format("{} compute queues in every run", *count)
                 : std::string("another number of compute queues from run to run");
  };
  verdict.reason =
      fmt::format("{} has {}, {} has {}; in {} of {} concurrent runs each has as many as alone",
                  evidence.alone[0].model, words(first), evidence.alone[1].model, words(second),
                  adds_up, evidence.concurrent.size());
  verdict.numbers = {{"concurrent_runs", static_cast<double>(evidence.concurrent.size())},
                     {"adding_up", static_cast<double>(adds_up)}};
  add_agreement(verdict, all ? evidence.concurrent.size() : 0, evidence.concurrent.size());
  return verdict;
}

Verdict judge_internal(const std::vector<ModelRuns>& alone) {
  Verdict verdict{.name = "queue-ids/internal-queue", .value = {}, .expected = {}};
  std::size_t runs = 0;
  std::size_t with_one = 0;
  std::set<std::uint32_t> ids;
  for (const ModelRuns& model : alone) {
    for (const ModelRun& run : model.runs) {
      ++runs;
      const auto is_internal = [](const SeenQueue& queue) {
        return queue.role == QueueRole::kInternal;
      };
      const auto found = std::ranges::find_if(run.queues, is_internal);
      if (found != run.queues.end()) {
        ++with_one;
        ids.insert(found->id);
      }
    }
  }
  verdict.numbers = {{"runs", static_cast<double>(runs)},
                     {"runs_with_one", static_cast<double>(with_one)}};
  verdict.answer = with_one == 0 ? Answer::kNo : Answer::kYes;
  add_agreement(verdict, with_one == 0 ? runs : with_one, runs);
  if (with_one == 0) {
    verdict.reason = "no process has a queue with a ring of 64 packets, as ROCr keeps for itself";
    return verdict;
  }
  verdict.value = fmt::format("{}", fmt::join(ids, ","));
  verdict.reason = fmt::format(
      "in {} of {} runs {} is ROCr's own, by its ring of 64 packets: suspending only that one "
      "succeeds and stops no work",
      with_one, runs,
      ids.size() == 1 ? fmt::format("the compute queue {}", text_of({*ids.begin()}))
                      : fmt::format("one compute queue, another of {} each time,",
                                    text_of({ids.begin(), ids.end()})));
  return verdict;
}

Verdict judge_strategy(const QueueIdEvidence& evidence) {
  const bool overlaps = std::ranges::any_of(evidence.concurrent, [](const ConcurrentRun& run) {
    return !common_of(compute_ids(run.first), compute_ids(run.second)).empty();
  });
  const bool same = std::ranges::all_of(evidence.alone, [](const ModelRuns& model) {
    const Consistency found = consistency_of(model);
    return found.equal == found.runs;
  });
  const bool collides = std::ranges::any_of(evidence.concurrent, keys_collide);
  const bool enough = !evidence.alone.empty() && !evidence.concurrent.empty();
  Verdict verdict{.name = "queue-ids/strategy", .value = {}, .expected = "discover by pid"};
  if (!enough || collides) {
    verdict.answer = Answer::kNotResolvable;
    verdict.reason = collides ? "the keys (pid, id) are not unique, so the readings are not sound"
                              : "it takes runs of each model alone and of both at once";
    return verdict;
  }
  verdict.value = "discover by pid";
  verdict.answer = Answer::kYes;
  verdict.reason = fmt::format(
      "ids belong to a process{}; look them up by its pid when it is there. A list "
      "written beforehand {}. Priorities are not needed to tell two processes apart",
      overlaps ? " and two processes have the same ones" : "",
      same ? "would be right for one process at a time, as long as driver and runtime "
             "stay as they are"
           : "would name the wrong queues, or none: ids differ from run to run");
  const bool right_for_all = same && !overlaps;
  verdict.facts = {
      {"hard-coded, for all processes", right_for_all ? "not shown to be wrong" : "wrong"},
      {"hard-coded, for one process", same ? "right so far" : "wrong"},
      {"filter by priority", "not needed: the key is (pid, id)"}};
  return verdict;
}

}  // namespace

double overlap_of(const std::vector<std::uint32_t>& one, const std::vector<std::uint32_t>& other) {
  const std::size_t larger = std::max(one.size(), other.size());
  return larger == 0
             ? 1
             : static_cast<double>(common_of(one, other).size()) / static_cast<double>(larger);
}

std::vector<std::uint32_t> compute_ids(const ModelRun& run) {
  std::vector<std::uint32_t> ids;
  for (const SeenQueue& queue : run.queues) {
    if (queue.type == QueueType::kCompute) {
      ids.push_back(queue.id);
    }
  }
  std::ranges::sort(ids);
  return ids;
}

std::vector<Verdict> judge_queue_ids(const QueueIdEvidence& evidence) {
  std::vector<Verdict> verdicts;
  constexpr std::size_t kOthers = 6;
  verdicts.reserve(evidence.alone.size() + kOthers);
  for (const ModelRuns& model : evidence.alone) {
    verdicts.push_back(judge_model(model));
  }
  verdicts.push_back(judge_numbers(evidence.concurrent));
  verdicts.push_back(judge_keys(evidence.concurrent));
  verdicts.push_back(judge_company(evidence.concurrent));
  verdicts.push_back(judge_counts(evidence));
  verdicts.push_back(judge_internal(evidence.alone));
  verdicts.push_back(judge_strategy(evidence));
  for (Verdict& verdict : verdicts) {
    verdict.facts.emplace_back("driver", evidence.driver);
    if (!evidence.inferred.empty() && verdict.answer != Answer::kUnavailable) {
      verdict.facts.emplace_back("ids", evidence.inferred);
      verdict.basis = Basis::kAssumed;
    }
  }
  return verdicts;
}

}  // namespace gpreempt::experiments
