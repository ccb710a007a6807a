#include "experiments/identification.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/document.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/testbed.h"
#include "experiments/catalogue.h"
#include "experiments/experiment.h"
#include "experiments/session.h"
#include "experiments/truth_set.h"
#include "experiments/verdict.h"

namespace gpreempt::experiments {
namespace {

constexpr std::string_view kDefaultStrategy = "snapshot";

/// What a strategy made of one world.
struct Judged {
  Confusion confusion;
  std::size_t without_key = 0;  ///< numbers that it has and that are no ids of the driver
  std::size_t misleading = 0;   ///< of them: no queue of that side, if they were taken for ids
  std::string why_abstained;
  Judged& operator+=(const Judged& other) {
    confusion += other.confusion;
    without_key += other.without_key;
    misleading += other.misleading;
    if (why_abstained.empty()) {
      why_abstained = other.why_abstained;
    }
    return *this;
  }
};

Judged judge(const Identification& found, const MadeWorld& world) {
  Judged judged{.confusion = compare(found, world.truth, world.others), .why_abstained = {}};
  const auto count = [&](Side side, Pid pid, std::uint64_t number) {
    const NamedQueue taken{.side = side, .pid = pid, .id = static_cast<std::uint32_t>(number)};
    ++judged.without_key;
    judged.misleading += world.truth.contains(taken) ? 0U : 1U;
  };
  for (const Guess& guess : found.guesses) {
    count(guess.side, guess.pid, guess.number.value());
  }
  for (const RuntimeClaim& claim : found.runtime) {
    count(claim.side, claim.pid, claim.id.value());
  }
  if (!found.abstained_from_all.empty()) {
    judged.why_abstained = found.abstained_from_all;
  } else if (judged.confusion.abstained > 0) {
    const auto is_of_a_side = [&](const auto& entry) {
      return std::ranges::any_of(world.truth,
                                 [&](const NamedQueue& queue) { return queue.pid == entry.first; });
    };
    judged.why_abstained = std::ranges::find_if(found.abstained, is_of_a_side)->second;
  }
  return judged;
}

std::string reason_of(const Judged& judged) {
  const Confusion& confusion = judged.confusion;
  std::string reason = fmt::format(
      "{} of {} queues are named rightly, {} missed, {} abstained from; {} names are "
      "wrong",
      confusion.right, confusion.right + confusion.missed + confusion.abstained, confusion.missed,
      confusion.abstained, confusion.wrong);
  if (!judged.why_abstained.empty()) {
    reason += "; it abstains: " + judged.why_abstained;
  }
  if (judged.without_key > 0) {
    reason += fmt::format(
        "; {} of its {} numbers, taken for ids, would be no queue of that side, and none is ever "
        "used",
        judged.misleading, judged.without_key);
  }
  return reason;
}

Verdict verdict_of(std::string name, bool is_default, const Judged& judged) {
  const Confusion& confusion = judged.confusion;
  Verdict verdict{.name = std::move(name),
                  .value = confusion.recall(),
                  .expected = {},
                  .answer = Answer::kReported,
                  .reason = reason_of(judged),
                  .confidence = {}};
  if (is_default) {
    verdict.expected = 1.0;
    verdict.answer = confusion.is_perfect() ? Answer::kMet : Answer::kMissed;
  }
  verdict.numbers = {{"right", static_cast<double>(confusion.right)},
                     {"wrong", static_cast<double>(confusion.wrong)},
                     {"missed", static_cast<double>(confusion.missed)},
                     {"abstained", static_cast<double>(confusion.abstained)},
                     {"left_out", static_cast<double>(confusion.left_out)},
                     {"without_key", static_cast<double>(judged.without_key)},
                     {"misleading", static_cast<double>(judged.misleading)}};
  return verdict;
}

using Strategies = std::vector<std::unique_ptr<IdentificationStrategy>>;

/// What happened in one world: by strategy, and how many suspends the driver was asked for.
struct WorldOutcome {
  std::vector<Judged> judged;
  std::size_t suspends = 0;
};

Result<WorldOutcome> look(Session& session, const TruthWorld& world, const Strategies& strategies) {
  MadeWorld made;
  GPREEMPT_TRY(store(made, make_world(session, world)));
  WorldOutcome outcome;
  for (const auto& strategy : strategies) {
    Identification found;
    GPREEMPT_TRY(store(found, strategy->identify(made.known, made.evidence)));
    outcome.judged.push_back(judge(found, made));
  }
  const std::vector<DriverCall>& calls = session.testbed().driver_calls();
  outcome.suspends =
      static_cast<std::size_t>(std::ranges::count(calls, ControlKind::kSuspend, &DriverCall::kind));
  return outcome;
}

Verdict judge_harmless(std::size_t suspends, std::size_t worlds) {
  return {.name = "identification/harmless",
          .value = static_cast<double>(suspends),
          .expected = 0.0,
          .answer = suspends == 0 ? Answer::kMet : Answer::kMissed,
          .reason = fmt::format("suspends that the driver was asked for while all "
                                "strategies looked at {} worlds",
                                worlds),
          .confidence = {}};
}

}  // namespace

Result<std::vector<Verdict>> run_identification(const Setting& setting) {
  const Strategies strategies = identification_strategies();
  const std::vector<TruthWorld> worlds = truth_set();
  std::vector<Judged> totals(strategies.size());
  std::vector<std::vector<Verdict>> verdicts(strategies.size());
  std::vector<Verdict> left_out;
  std::size_t suspends = 0;
  double done = 0;
  for (const TruthWorld& world : worlds) {
    const Result<WorldOutcome> outcome = in_world(
        setting, {.gpus = world.gpus, .ids_from_pid = world.ids_from_pid, .seed = setting.seed},
        [&](Session& session) { return look(session, world, strategies); });
    if (!outcome && (world.gpus > 1 || world.ids_from_pid) &&
        outcome.error().code == Errc::kUnsupported) {
      left_out.push_back(
          unavailable(fmt::format("identification/{}", world.name), outcome.error().what));
      continue;
    }
    GPREEMPT_TRY(outcome);
    suspends += outcome->suspends;
    for (std::size_t i = 0; i < strategies.size(); ++i) {
      const std::string_view name = strategies[i]->name();
      verdicts[i].push_back(verdict_of(fmt::format("identification/{}/{}", name, world.name),
                                       name == kDefaultStrategy, outcome->judged[i]));
      verdicts[i].back().facts = {{"world", std::string(world.about)}};
      totals[i] += outcome->judged[i];
    }
    if (setting.progress) {
      setting.progress(++done / static_cast<double>(worlds.size()));
    }
  }
  std::vector<Verdict> all;
  for (std::size_t i = 0; i < strategies.size(); ++i) {
    const std::string_view name = strategies[i]->name();
    all.insert(all.end(), verdicts[i].begin(), verdicts[i].end());
    all.push_back(
        verdict_of(fmt::format("identification/{}", name), name == kDefaultStrategy, totals[i]));
    all.back().facts = {{"method", std::string(strategies[i]->method())}};
  }
  all.insert(all.end(), left_out.begin(), left_out.end());
  all.push_back(judge_harmless(suspends, worlds.size() - left_out.size()));
  return all;
}

}  // namespace gpreempt::experiments
