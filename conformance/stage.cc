#include "conformance/stage.h"

#include <fmt/format.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/document.h"
#include "conformance/actors.h"
#include "conformance/operation.h"
#include "conformance/scenario.h"
#include "conformance/vocabulary.h"
#include "core/error.h"
#include "core/time.h"

namespace gpreempt::conformance {
namespace {

std::size_t index(Actors::Thread thread) { return static_cast<std::size_t>(thread); }

Actors::Thread thread_of(bool second) {
  return second ? Actors::Thread::kSecond : Actors::Thread::kFirst;
}

}  // namespace

std::string result_text(const Outcome& outcome) {
  switch (outcome.kind) {
    case Outcome::Kind::kAnswered: return result_text(outcome.answer.result);
    case Outcome::Kind::kNoAnswer: return std::string(kNoAnswer);
    case Outcome::Kind::kBusy: return "busy";
    case Outcome::Kind::kGone: return "gone";
    case Outcome::Kind::kIdle: break;
  }
  return "idle";
}

std::string full_text(const Outcome& outcome) {
  std::string text = result_text(outcome);
  if (outcome.kind != Outcome::Kind::kAnswered || outcome.answer.result < 0) {
    return text;
  }
  const OpWord& word = word_of(outcome.op);
  for (std::size_t i = 0; i < word.out.size(); ++i) {
    if (!word.out[i].empty()) {
      text += fmt::format(" {}={}", word.out[i], outcome.answer.out[i]);
    }
  }
  for (std::uint32_t i = 0; i < outcome.answer.id_count; ++i) {
    text += fmt::format("{}{:#x}", i == 0 ? " ids=" : ",", outcome.answer.ids[i]);
  }
  return text;
}

void Stage::clear() {
  actors_.clear();
  members_.clear();
  late_.clear();
}

Result<void> Stage::enter(const std::string& name) {
  constexpr std::uint32_t kOrdinaryUser = 1000;
  if (members_.contains(name)) {
    return {};
  }
  Member member;
  GPREEMPT_TRY(store(member.id, actors_.start(name.starts_with("user") ? kOrdinaryUser : 0)));
  members_.emplace(name, member);
  return {};
}

Result<Outcome> Stage::perform(const Step& step) {
  GPREEMPT_TRY(enter(step.process));
  if (step.operation.kind == OpKind::kKill) {
    return kill(step);
  }
  Member& member = members_.at(step.process);
  const Actors::Thread thread = thread_of(step.second_thread);
  const bool busy = member.busy.at(index(thread));
  Outcome outcome{.op = step.operation.kind};
  if (!member.alive) {
    outcome.kind = Outcome::Kind::kGone;
    return outcome;
  }
  if (step.operation.kind == OpKind::kAnswer) {
    outcome.kind = Outcome::Kind::kIdle;
    return busy ? receive(member, thread, step.within) : Result<Outcome>(outcome);
  }
  if (busy) {
    constexpr Duration kMoment = std::chrono::milliseconds(20);
    Result<Outcome> before = receive(member, thread, kMoment);
    if (!before || before->kind == Outcome::Kind::kNoAnswer) {
      outcome.kind = Outcome::Kind::kBusy;
      return before ? Result<Outcome>(outcome) : before;
    }
    late_.emplace_back(step.process, *before);
  }
  if (step.operation.kind == OpKind::kFork) {
    return fork(step);
  }
  if (step.operation.kind == OpKind::kExec) {
    return exec(step);
  }
  Operation operation = step.operation;
  GPREEMPT_TRY(address(step, operation));
  GPREEMPT_TRY(actors_.send(members_.at(step.process).id, thread, operation));
  Member& told = members_.at(step.process);
  told.busy.at(index(thread)) = true;
  told.op.at(index(thread)) = operation.kind;
  return receive(told, thread, step.within);
}

/// Whom the operation names, by number.
Result<void> Stage::address(const Step& step, Operation& operation) {
  if (step.pid.empty()) {
    return {};
  }
  if (is_special_pid(step.pid)) {
    return store(operation.pid, special_pid(step.pid));
  }
  GPREEMPT_TRY(enter(step.pid));
  operation.names_self = step.pid == step.process && !step.pid_second_thread ? 1 : 0;
  operation.pid = actors_.number(members_.at(step.pid).id, thread_of(step.pid_second_thread));
  return {};
}

Result<Outcome> Stage::receive(Member& member, Actors::Thread thread, Duration within) {
  Outcome outcome{.op = member.op.at(index(thread))};
  std::optional<Answer> answer;
  GPREEMPT_TRY(store(answer, actors_.receive(member.id, thread, within)));
  if (answer) {
    member.busy.at(index(thread)) = false;
    outcome.answer = *answer;
  } else {
    outcome.kind = Outcome::Kind::kNoAnswer;
  }
  return outcome;
}

Result<Outcome> Stage::fork(const Step& step) {
  Member child;
  GPREEMPT_TRY(
      store(child.id, actors_.fork(members_.at(step.process).id, step.operation.mode != 0)));
  members_.insert_or_assign(step.process + ".child", child);
  return Outcome{.op = OpKind::kFork};
}

Result<Outcome> Stage::exec(const Step& step) {
  Member& member = members_.at(step.process);
  GPREEMPT_TRY(actors_.exec(member.id));
  member.busy = {};
  return Outcome{.op = OpKind::kExec};
}

Result<Outcome> Stage::kill(const Step& step) {
  GPREEMPT_TRY(enter(step.pid));
  Member& victim = members_.at(step.pid);
  Outcome outcome{.op = OpKind::kKill};
  if (!victim.alive) {
    outcome.kind = Outcome::Kind::kGone;
    return outcome;
  }
  GPREEMPT_TRY(actors_.kill(victim.id));
  victim.alive = false;
  victim.busy = {};
  return outcome;
}

Result<std::vector<std::pair<std::string, Outcome>>> Stage::settle(Duration within) {
  for (auto& [name, member] : members_) {
    for (const Actors::Thread thread : {Actors::Thread::kFirst, Actors::Thread::kSecond}) {
      if (!member.busy.at(index(thread))) {
        continue;
      }
      const Result<Outcome> outcome = receive(member, thread, within);
      if (!outcome) {
        return tl::unexpected<Error>(outcome.error());
      }
      late_.emplace_back(name, *outcome);
    }
  }
  return std::exchange(late_, {});
}

}  // namespace gpreempt::conformance
