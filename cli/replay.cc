#include "cli/replay.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "cli/event_reader.h"
#include "cli/recorded_run.h"
#include "core/decision.h"
#include "core/error.h"
#include "core/event.h"
#include "core/event_log.h"
#include "core/ids.h"
#include "core/policy.h"
#include "core/scheduler.h"
#include "core/time.h"

namespace gpreempt::cli {
namespace {

const RequestId kNobodys{std::numeric_limits<std::uint64_t>::max()};

std::string queue_list(const std::vector<QueueId>& queues) {
  return fmt::format("{}", fmt::join(queues, ", "));
}

class ExactReplay {
 public:
  ExactReplay(const RecordedRun& run, Scheduler scheduler)
      : run_(run), scheduler_(std::move(scheduler)), log_(said_, {}) {}

  Replay operator()() {
    for (const RecordedStep& step : run_.steps) {
      take(step);
      if (result_.difference) {
        break;
      }
    }
    return std::move(result_);
  }

 private:
  void take(const RecordedStep& step) {
    switch (step.kind) {
      case RecordedStep::Kind::kEvent: serve(step); break;
      case RecordedStep::Kind::kDeadline: scheduler_.step(nullptr, step.at, actions_); break;
      case RecordedStep::Kind::kShutDown: scheduler_.shut_down(step.at, actions_); break;
    }
    if (result_.difference) {
      return;
    }
    compare(step);
    for (const Action& action : actions_.items) {
      if (const Error* const error = refusal_of(step, action.target)) {
        scheduler_.refused(action, *error, step.at);
      } else {
        calls_.take(scheduler_, actions_, action, step.at);
      }
    }
  }

  void serve(const RecordedStep& step) {
    const auto* const done = std::get_if<ControlDone>(&step.event->what);
    if (done == nullptr) {
      scheduler_.step(step.event, step.at, actions_);
      return;
    }
    const ReplayedCall* const call = calls_.find(done->target);
    if (call != nullptr && !is_end_of(*done, *call)) {
      std::vector<QueueId> ended;
      ended.reserve(done->outcomes.size());
      for (const QueueOutcome& outcome : done->outcomes) {
        ended.push_back(outcome.id);
      }
      result_.difference = {
          .line = step.line,
          .recorded = fmt::format("a call about queues {} ended", queue_list(ended)),
          .replayed = fmt::format("it was about queues {}", queue_list(call->queues))};
      return;
    }
    if (call != nullptr) {
      (call->kind == ControlKind::kSuspend ? result_.suspends : result_.resumes)
          .push_back(done->done - done->issued);
    }
    const Event event = end_of_call(*step.event, call);
    calls_.end(done->target);
    scheduler_.step(&event, step.at, actions_);
  }

  void compare(const RecordedStep& step) {
    said_.clear();
    for (const Realisation& realisation : actions_.realisations) {
      log_.realisation(realisation);
    }
    for (const Decision& decision : actions_.decisions) {
      log_.decision(decision);
    }
    std::string_view rest = said_;
    for (const LogLine* const line : step.said) {
      const std::string_view replayed = rest.substr(0, rest.find('\n'));
      if (replayed != line->text) {
        differ(line->number, line->text, replayed);
        return;
      }
      rest.remove_prefix(replayed.size() + 1);
      ++(std::holds_alternative<Decision>(line->entry) ? result_.decisions : result_.realisations);
    }
    if (!rest.empty()) {
      differ(step.line, "", rest.substr(0, rest.find('\n')));
    }
  }

  void differ(std::size_t line, std::string_view recorded, std::string_view replayed) {
    constexpr std::string_view kNothing = "(nothing)";
    result_.difference = {.line = line,
                          .recorded = std::string(recorded.empty() ? kNothing : recorded),
                          .replayed = std::string(replayed.empty() ? kNothing : replayed)};
  }

  const RecordedRun& run_;
  Scheduler scheduler_;
  Actions actions_;
  ReplayedCalls calls_;
  std::string said_;
  EventLog log_;
  Replay result_;
};

}  // namespace

const ReplayedCall& ReplayedCalls::take(Scheduler& scheduler, const Actions& actions,
                                        const Action& action, Instant now) {
  const RequestId request(++last_request_);
  scheduler.issued(action, request);
  const auto ids = actions.ids_of(action);
  ReplayedCall& call = calls_[action.target];
  call = {
      .request = request, .kind = action.kind, .queues = {ids.begin(), ids.end()}, .asked = now};
  return call;
}

const ReplayedCall* ReplayedCalls::find(TargetId target) const {
  const auto found = calls_.find(target);
  return found == calls_.end() ? nullptr : &found->second;
}

Event end_of_call(const Event& event, const ReplayedCall* call) {
  Event copy = event;
  std::get<ControlDone>(copy.what).request = call == nullptr ? kNobodys : call->request;
  return copy;
}

bool is_end_of(const ControlDone& done, const ReplayedCall& call) {
  return std::ranges::equal(done.outcomes, call.queues, {}, &QueueOutcome::id);
}

const Error* refusal_of(const RecordedStep& step, TargetId target) {
  const auto found = std::ranges::find(step.refusals, target, &LoggedRefusal::target);
  return found == step.refusals.end() ? nullptr : &(*found)->error;
}

Result<Replay> replay(const RecordedRun& run, std::unique_ptr<const Policy> policy) {
  Result<Scheduler> scheduler = make_scheduler(run, std::move(policy));
  if (!scheduler) {
    return tl::unexpected<Error>(std::move(scheduler).error());
  }
  return ExactReplay(run, *std::move(scheduler))();
}

}  // namespace gpreempt::cli
