// What a session does to queues, and how it is undone.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "backends/sim/kfd_model/kfd_model.h"
#include "backends/sim/reply.h"
#include "backends/sim/sim_session.h"
#include "backends/sim/task.h"
#include "core/backend.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/mutant.h"
#include "core/time.h"

namespace gpreempt::sim {
namespace {

/// What `Resume` ends besides a suspension.
constexpr std::array kEndedByResume{ControlKind::kPercentage, ControlKind::kSignal,
                                    ControlKind::kReset, ControlKind::kSelectiveUnmap,
                                    ControlKind::kKernelBoundary};

}  // namespace

Task SimSession::do_control(RequestId request, std::vector<QueueId> ids, Control control) {
  const Instant issued = host_.timeline.now();
  const Duration lease = lease_of(control);
  const bool ends = lease > Duration::zero() || GPREEMPT_MUTANT("sim-no-lease-ends");
  const Instant lease_end = ends ? saturating_add(issued, lease) : kForever;
  const bool suspends = std::holds_alternative<Suspend>(control);
  co_await serial_.acquire();
  Outcomes outcomes;
  outcomes.reserve(ids.size());
  for (const QueueId id : ids) {
    outcomes.push_back(QueueOutcome{.id = id, .outcome = Outcome::kInvalid});
  }
  long result = 0;
  if (suspends) {
    co_await rescan();
  }
  expect(control, outcomes, lease_end);
  co_await carry_out(control, outcomes, result);
  const auto invalid = [](const QueueOutcome& each) { return each.outcome == Outcome::kInvalid; };
  if (result >= 0 && suspends && std::any_of(outcomes.begin(), outcomes.end(), invalid)) {
    co_await rescan();
    co_await carry_out(control, outcomes, result);
  }
  note(control, outcomes, lease_end);
  in_flight_ = false;
  std::optional<Error> error;
  if (!alive_ || result < 0) {
    error = refusal(alive_ ? result : -ESRCH);
  }
  host_.post(ControlDone{.request = request,
                         .target = target_,
                         .kind = kind_of(control),
                         .issued = issued,
                         .done = host_.timeline.now(),
                         .outcomes = std::move(outcomes),
                         .error = std::move(error)});
  serial_.release();
}

/// EPERM of a call that a session alone would have been enough for.
bool SimSession::lacks_runtime(long result) const {
  return result == -EPERM && !GPREEMPT_MUTANT("sim-eperms-confused") &&
         host_.kfd.check(caller_, pid_, KfdModel::Gate::kSession) == 0;
}

Error SimSession::refusal(long result) const {
  Error error = driver_error("control", pid_, result);
  const char* wait_for = nullptr;
  if (lacks_runtime(result)) {
    wait_for = "its ROCm runtime is not enabled; wait until it has initialised";
  } else if (result == -ESRCH && alive_) {
    wait_for = "it is executing a new program or ending; try again";
  }
  if (wait_for != nullptr) {
    error.code = Errc::kBusy;
    error.what = fmt::format("control process {}: {}", pid_, wait_for);
  }
  return error;
}

// ---- controls as calls
// -----------------------------------------------------------------------------------

/// Not a coroutine: it only chooses one.
Task SimSession::carry_out(const Control& control, Outcomes& outcomes, long& result) {
  struct Choose {
    SimSession& session;
    Outcomes& outcomes;
    long& result;

    Task operator()(const Suspend& each) const {
      return session.call_all(
          [&s = session, grace = each.grace](auto ids, auto reply) {
            s.host_.kfd.suspend(s.caller_, s.pid_, std::move(ids), grace, std::move(reply));
          },
          outcomes, result);
    }
    Task operator()(const Resume&) const { return session.resume(outcomes, result); }
    Task operator()(const Percentage& each) const {
      return session.update({.percentage = each.percent, .priority = {}}, outcomes, result);
    }
    Task operator()(const Priority& each) const {
      return each.level
                 ? session.update({.percentage = {}, .priority = each.level}, outcomes, result)
                 : session.undo(ControlKind::kPriority, outcomes, result);
    }
    Task operator()(const CuMask& each) const {
      return each.words.empty() ? session.undo(ControlKind::kCuMask, outcomes, result)
                                : session.mask(each.words, outcomes, result);
    }
    // What the host launches follows from what is noted.
    Task operator()(const Throttle&) const { return session.tell_host(outcomes); }
    Task operator()(const Signal&) const { return session.tell_host(outcomes); }
    Task operator()(const KernelBoundary&) const { return session.tell_host(outcomes); }
    Task operator()(const Reset&) const {
      return session.call_all(
          [&s = session](auto ids, auto reply) {
            s.host_.kfd.reset_queues(s.pid_, std::move(ids), std::move(reply));
          },
          outcomes, result);
    }
    Task operator()(const SelectiveUnmap&) const {
      return session.call_all(
          [&s = session](auto ids, auto reply) {
            s.host_.kfd.selective_unmap(s.pid_, std::move(ids), std::move(reply));
          },
          outcomes, result);
    }
  };
  return std::visit(Choose{.session = *this, .outcomes = outcomes, .result = result}, control);
}

Task SimSession::undo(ControlKind kind, Outcomes& outcomes, long& result) {
  switch (kind) {
    case ControlKind::kSuspend: return resume_suspended(outcomes, result);
    case ControlKind::kPercentage:
      return update({.percentage = kWholeQueue, .priority = {}}, outcomes, result);
    case ControlKind::kPriority:
      return call_each(
          [this](Known& queue, auto reply) {
            host_.kfd.update_queue(pid_, queue.info.kernel_id,
                                   {.percentage = {}, .priority = own_priority(queue)},
                                   std::move(reply));
          },
          outcomes, result);
    case ControlKind::kCuMask: return mask({}, outcomes, result);
    case ControlKind::kReset:
    case ControlKind::kSelectiveUnmap:
      return call_all(
          [this](auto ids, auto reply) {
            host_.kfd.selective_map(pid_, std::move(ids), std::move(reply));
          },
          outcomes, result);
    case ControlKind::kThrottle:
    case ControlKind::kSignal:
    case ControlKind::kKernelBoundary: return tell_host(outcomes);
    case ControlKind::kResume: break;
  }
  GPREEMPT_CHECK(false && "a resume is not undone");
  return tell_host(outcomes);
}

/// First what the agent did, then the debugger's part: for suspended queues, and for those that
/// nothing restricts, which costs a full cycle all the same.
Task SimSession::resume(Outcomes& outcomes, long& result) {
  for (const ControlKind kind : kEndedByResume) {
    Outcomes held;
    for (const QueueOutcome& each : outcomes) {
      const Known* queue = known(each.id);
      if (queue != nullptr && queue->restrictions.contains(kind)) {
        held.push_back({.id = each.id, .outcome = Outcome::kInvalid});
      }
    }
    if (held.empty()) {
      continue;
    }
    co_await undo(kind, held, result);
    lift(kind, held);
    for (QueueOutcome& each : outcomes) {
      const auto undone = std::ranges::find(held, each.id, &QueueOutcome::id);
      each.outcome = undone == held.end() ? each.outcome : undone->outcome;
    }
  }
  for (QueueOutcome& each : outcomes) {
    const Known* queue = known(each.id);
    if (queue != nullptr && queue->restrictions.contains(ControlKind::kSuspend)) {
      each.outcome = Outcome::kInvalid;
    }
  }
  co_await undo(ControlKind::kSuspend, outcomes, result);
}

Task SimSession::resume_suspended(Outcomes& outcomes, long& result) {
  co_await call_all(
      [this](auto ids, auto reply) {
        host_.kfd.resume(caller_, pid_, std::move(ids), std::move(reply));
      },
      outcomes, result);
  if (!alive_ || !lacks_runtime(result)) {
    co_return;
  }
  result = 0;
  for (QueueOutcome& each : outcomes) {
    if (known(each.id) != nullptr) {
      each.outcome = Outcome::kOk;
    }
  }
}

Task SimSession::update(KfdModel::QueueUpdate update, Outcomes& outcomes, long& result) {
  return call_each(
      [this, update](Known& queue, auto reply) {
        host_.kfd.update_queue(pid_, queue.info.kernel_id, update, std::move(reply));
      },
      outcomes, result);
}

/// No words: every CU.
Task SimSession::mask(std::vector<std::uint32_t> words, Outcomes& outcomes, long& result) {
  if (words.empty()) {
    words = every_cu();
  }
  return call_each(
      [this, words = std::move(words)](Known& queue, auto reply) {
        host_.kfd.set_cu_mask(pid_, queue.info.kernel_id, words, std::move(reply));
      },
      outcomes, result);
}

Task SimSession::call_all(CallAll call, Outcomes& outcomes, long& result) {
  std::vector<std::uint32_t> kernel_ids;
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    const Known* queue = known(outcomes[i].id);
    if (outcomes[i].outcome == Outcome::kInvalid && queue != nullptr) {
      kernel_ids.push_back(queue->info.kernel_id);
      places.push_back(i);
    }
  }
  if (kernel_ids.empty() || !alive_) {
    co_return;
  }
  const Reply<Answer> reply;
  call(std::move(kernel_ids),
       [sink = reply.sink()](long answer, const std::vector<std::uint32_t>& ids) {
         sink(Answer{.result = answer, .ids = ids});
       });
  Answer answer;  // not initialized by co_await, because of a bug in GCC 11
  answer = co_await reply;
  result = answer.result;
  for (std::size_t i = 0; i < places.size() && answer.result >= 0; ++i) {
    outcomes[places[i]].outcome = KfdModel::outcome_of(answer.ids[i]);
  }
}

Task SimSession::call_each(CallEach call, Outcomes& outcomes, long& result) {
  for (QueueOutcome& each : outcomes) {
    Known* queue = known(each.id);
    if (each.outcome != Outcome::kInvalid || queue == nullptr || !alive_) {
      continue;
    }
    const Reply<long> reply;
    call(*queue, reply.sink());
    const long answer = co_await reply;
    if (answer >= 0) {
      each.outcome = Outcome::kOk;
    } else if (answer != -EFAULT) {  // that one is gone; anything else refuses the others, too
      result = answer;
      co_return;
    }
  }
}

/// A message to the agent, or a signal: one system call.
Task SimSession::tell_host(Outcomes& outcomes) {
  co_await Delay(host_.timeline, host_.kfd.parameters(0).t_ioctl);
  for (QueueOutcome& each : outcomes) {
    if (alive_ && known(each.id) != nullptr) {
      each.outcome = Outcome::kOk;
    }
  }
}

}  // namespace gpreempt::sim
