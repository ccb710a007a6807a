#include "soak/onlooker.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <ranges>
#include <set>
#include <utility>
#include <variant>
#include <vector>

#include "core/decision.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/scheduler.h"
#include "core/time.h"

namespace gpreempt::soak {

void Onlooker::event(const Event& event) {
  if (const auto* const done = std::get_if<ControlDone>(&event.what)) {
    judge(*done);
  } else if (const auto* const attach = std::get_if<AttachDone>(&event.what);
             attach != nullptr && attach->error) {
    lost_.insert(attach->target);
  } else if (const auto* const exit = std::get_if<TargetExited>(&event.what)) {
    lost_.insert(exit->target);
    std::erase_if(standing_, [&](const auto& each) { return each.first.first == exit->target; });
  }
  if (log_ != nullptr) {
    log_->event(event);
  }
}

void Onlooker::decision(const Decision& decision) {
  standing_[{decision.target, decision.gpu}] = decision;
  if (log_ != nullptr) {
    log_->decision(decision);
  }
}

void Onlooker::issued(const Action& action, Instant /*at*/) {
  asked_[action.target] = action.count;
}

std::vector<Decision> Onlooker::standing() const {
  std::vector<Decision> all;
  std::ranges::copy(std::views::values(standing_), std::back_inserter(all));
  return all;
}

std::set<TargetId> Onlooker::take_lost() { return std::exchange(lost_, {}); }

void Onlooker::judge(const ControlDone& done) {
  ++(done.kind == ControlKind::kSuspend ? result_.suspends : result_.resumes);
  std::set<QueueId> ids;
  for (const QueueOutcome& outcome : done.outcomes) {
    ids.insert(outcome.id);
  }
  const std::size_t asked = asked_[done.target];
  if (ids.size() != done.outcomes.size() || ids.size() != asked) {
    result_.violations.push_back(
        fmt::format("{} of target {}: {} queues were asked for, and {} outcomes name {} queues",
                    to_string(done.kind), done.target, asked, done.outcomes.size(), ids.size()));
  }
}

}  // namespace gpreempt::soak
