#include "tests/unit/core/scheduler_oracle.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/decision.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/policy.h"
#include "core/scheduler.h"
#include "core/time.h"

namespace gpreempt {
namespace {

using LetterKind = Letter::Kind;
using std::chrono::microseconds;

constexpr GpuId kGpu(100);
constexpr TargetId kOnlineTarget(1);
constexpr Duration kBetweenLetters = microseconds(10);
constexpr std::size_t kMostQueues = 3;
constexpr int kGivenUp = 3;  ///< failed resumes after which the lease is left to end it
constexpr RequestId kOurs(1);
constexpr RequestId kSomebodyElses(2);

}  // namespace

std::vector<Letter> alphabet(std::uint32_t offline_tenants) {
  std::vector<Letter> letters{{.kind = LetterKind::kArrive}, {.kind = LetterKind::kComplete}, {}};
  for (std::uint8_t tenant = 0; tenant < offline_tenants; ++tenant) {
    for (const LetterKind kind :
         {LetterKind::kCreate, LetterKind::kDestroy, LetterKind::kDone, LetterKind::kPartial,
          LetterKind::kFailed, LetterKind::kRefuse, LetterKind::kLease, LetterKind::kCrash}) {
      letters.push_back({.kind = kind, .tenant = tenant});
    }
  }
  return letters;
}

SchedulerOracle::Queue* SchedulerOracle::Process::find(QueueId queue) {
  const auto found = std::ranges::find(queues, queue, &Queue::id);
  return found == queues.end() ? nullptr : &*found;
}

SchedulerOracle::SchedulerOracle(const OraclePolicy& policy, std::uint32_t offline_tenants)
    : scheduler_(make_policy(policy.spec).value(),
                 {.grace = {}, .lease = std::chrono::milliseconds(1), .mechanism = {}}),
      patience_(policy.patience),
      among_offline_(policy.among_offline) {
  (void)scheduler_
      .add_tenant({.name = "online",
                   .cls = TenantClass::kOnline,
                   .priority = 9,
                   .targets = {kOnlineTarget},
                   .weight = 1,
                   .promise = microseconds(50)})
      .value();
  for (std::uint32_t i = 0; i < offline_tenants; ++i) {
    processes_.push_back({.id = TargetId(11 + i), .queues = {}, .asked = {}});
    (void)scheduler_
        .add_tenant({.name = "offline",
                     .cls = TenantClass::kOffline,
                     .priority = 1 + i,
                     .targets = {processes_.back().id}})
        .value();
  }
  for (Process& process : processes_) {
    born(process);
  }
}

void SchedulerOracle::fault(std::string_view rule) {
  if (broken_.empty()) {
    broken_ = rule;
  }
}

// ---- what happens
// ---------------------------------------------------------------------------------------

void SchedulerOracle::happen(const Letter& letter) {
  Process& process = processes_.at(letter.tenant);
  if (letter.kind != LetterKind::kDeadline) {
    pass_time();
  }
  switch (letter.kind) {
    case LetterKind::kArrive:
      ++requests_;
      feed(WorkArrived{.target = kOnlineTarget, .request = 0});
      break;
    case LetterKind::kComplete:
      if (requests_ > 0 && --requests_ == 0) {
        idle_since_ = now_;
      }
      feed(WorkFinished{.target = kOnlineTarget, .request = 0});
      break;
    case LetterKind::kDeadline: {
      const Instant asked = scheduler_.deadline();
      now_ = asked == kForever ? now_ + kBetweenLetters : std::max(now_, asked);
      step(nullptr);
      break;
    }
    case LetterKind::kCreate: born(process); break;
    case LetterKind::kDestroy: gone(process); break;
    case LetterKind::kDone: answer(process, Outcome::kOk, {}); break;
    case LetterKind::kPartial: answer(process, Outcome::kError, {}); break;
    case LetterKind::kFailed: answer(process, Outcome::kError, Errc::kBusy); break;
    case LetterKind::kRefuse: process.refuses = true; break;
    case LetterKind::kLease: expire(process); break;
    case LetterKind::kCrash: crash(process); break;
  }
}

/// As `drive` does: what the scheduler waits for comes first if it is due first.
void SchedulerOracle::pass_time() {
  const Instant end = now_ + kBetweenLetters;
  while (scheduler_.deadline() <= end && broken_.empty()) {
    now_ = std::max(now_, scheduler_.deadline());
    step(nullptr);
  }
  now_ = end;
}

template <class What>
void SchedulerOracle::feed(What what) {
  const Event event{.at = now_, .what = std::move(what)};
  step(&event);
}

void SchedulerOracle::step(const Event* event) {
  scheduler_.step(event, now_, out_);
  react();
}

void SchedulerOracle::born(Process& process) {
  if (process.queues.size() < kMostQueues && process.alive) {
    process.queues.push_back({.id = QueueId(++last_queue_)});
    process.excused = false;
  }
  // Of a dead process, or once too often: the event is a stray one about a queue that is known.
  const QueueId id = process.queues.empty() ? QueueId(999) : process.queues.back().id;
  const bool is_off = !process.queues.empty() && process.queues.back().off;
  feed(QueueBorn{{.id = id,
                  .target = process.id,
                  .gpu = kGpu,
                  .kernel_id = 0,
                  .type = QueueType::kCompute,
                  .role = QueueRole::kUser,
                  .ring_bytes = 4096,
                  .state = is_off ? QueueState::kSuspended : QueueState::kRunning}});
}

void SchedulerOracle::gone(Process& process) {
  QueueId id(999);
  if (!process.queues.empty()) {
    id = process.queues.front().id;
    process.queues.erase(process.queues.begin());
    process.excused = false;
  }
  feed(QueueGone{.target = process.id, .queue = id});
}

/// `first` for the first queue asked for, success for the others; a queue that has gone meanwhile
/// is invalid.
void SchedulerOracle::answer(Process& process, Outcome first, std::optional<Errc> refusal) {
  if (!process.flight) {
    stray_answer(process);
    return;
  }
  ControlDone done{.request = kOurs,
                   .target = process.id,
                   .kind = *process.flight,
                   .issued = process.issued,
                   .done = now_,
                   .outcomes = {},
                   .error = {}};
  const bool suspends = done.kind == ControlKind::kSuspend;
  for (const QueueId id : process.asked) {
    Queue* const queue = process.find(id);
    const bool is_first = done.outcomes.empty();
    const Outcome outcome = queue == nullptr                  ? Outcome::kInvalid
                            : is_first || refusal.has_value() ? first
                                                              : Outcome::kOk;
    done.outcomes.push_back({.id = id, .outcome = outcome});
    if (queue == nullptr || refusal) {
      continue;  // a call that was refused changed nothing
    }
    queue->off = suspends || outcome == Outcome::kError;
    if (outcome == Outcome::kError) {
      queue->resume_errors += suspends ? 0 : 1;
      queue->failed = queue->failed || suspends || queue->resume_errors >= kGivenUp;
    } else if (!suspends) {
      queue->resume_errors = 0;
    }
  }
  if (refusal) {
    done.error = Error{.code = *refusal, .sys_errno = 0, .what = "refused"};
    process.excused = true;
  }
  process.flight.reset();
  feed(std::move(done));
}

void SchedulerOracle::stray_answer(const Process& process) {
  feed(ControlDone{.request = kSomebodyElses,
                   .target = process.id,
                   .kind = ControlKind::kSuspend,
                   .issued = now_,
                   .done = now_,
                   .outcomes = {},
                   .error = {}});
}

void SchedulerOracle::expire(Process& process) {
  LeaseExpired expired{.target = process.id, .queues = {}};
  for (Queue& queue : process.queues) {
    if (!queue.off) {
      continue;
    }
    const bool in_flight = process.flight && std::ranges::count(process.asked, queue.id) > 0;
    queue.resume_errors = in_flight ? queue.resume_errors : 0;
    queue.off = false;
    expired.queues.push_back(queue.id);
  }
  process.excused = false;
  feed(std::move(expired));
}

/// The request in flight is answered first, as the backends do.
void SchedulerOracle::crash(Process& process) {
  const bool answers = process.flight.has_value();
  process.alive = false;
  process.queues.clear();
  process.wanted_off = false;
  if (answers) {
    answer(process, Outcome::kInvalid, Errc::kProcessExited);
  }
  feed(TargetExited{.target = process.id});
}

// ---- what the scheduler does
// ----------------------------------------------------------------------------

void SchedulerOracle::react() {
  for (const Decision& decision : out_.decisions) {
    note(decision);
  }
  for (const Action& action : out_.items) {
    take(action);
  }
  check_rest();
}

void SchedulerOracle::note(const Decision& decision) {
  const auto process = std::ranges::find(processes_, decision.target, &Process::id);
  if (process == processes_.end() || !process->alive || decision.at != now_) {
    fault("a decision about nobody, or at another time");
    return;
  }
  const bool suspends = decision.verdict == Verdict::kSuspend;
  if (suspends && (shutting_down_ || !reason_stands(*process))) {
    fault("a decision to suspend without a live reason");
  }
  // What failed is decided on by itself, and the rest of the process stays as it was.
  if (decision.reason != Reason::kQuarantine) {
    process->wanted_off = suspends;
    process->excused = false;
  }
}

bool SchedulerOracle::reason_stands(const Process& process) const {
  const bool has_rival = std::ranges::any_of(
      processes_, [&](const Process& other) { return other.id != process.id && other.alive; });
  return requests_ > 0 || (among_offline_ && has_rival) ||
         (idle_since_ != Instant::min() && now_ < saturating_add(idle_since_, patience_));
}

void SchedulerOracle::take(const Action& action) {
  const auto process = std::ranges::find(processes_, action.target, &Process::id);
  if (process == processes_.end() || !process->alive) {
    fault("an action on a process that is gone, or on Online");
    return;
  }
  if (process->flight) {
    fault("two requests of one process in flight");
  }
  const auto ids = out_.ids_of(action);
  if (ids.empty() || std::set<QueueId>(ids.begin(), ids.end()).size() != ids.size()) {
    fault("an action on no queue, or on one twice");
  }
  const bool suspends = action.kind == ControlKind::kSuspend;
  for (const QueueId id : ids) {
    const Queue* const queue = process->find(id);
    if (queue == nullptr) {
      fault("an action on a queue that is gone or another process's");
      continue;
    }
    if (suspends && (!process->wanted_off || shutting_down_)) {
      fault("a suspend that no decision asks for");
    }
    if (suspends && queue->failed) {
      fault("a suspend of a queue that failed");
    }
    if (!suspends && process->wanted_off && !queue->failed && !shutting_down_) {
      fault("a resume while the decision is to suspend");
    }
    if (queue->resume_errors >= kGivenUp) {
      fault("a request for a queue that was given up");
    }
  }
  if (std::exchange(process->refuses, false)) {
    process->excused = true;
    scheduler_.refused(action, {.code = Errc::kBusy, .sys_errno = 0, .what = "busy"}, now_);
    return;
  }
  process->flight = action.kind;
  process->asked.assign(ids.begin(), ids.end());
  process->issued = now_;
  process->excused = false;
  scheduler_.issued(action, kOurs);
}

/// Whatever can be asked for has been asked for, and the scheduler does not ask for the past.
void SchedulerOracle::check_rest() {
  if (scheduler_.deadline() <= now_) {
    fault("a deadline that is not in the future");
  }
  bool rests = true;
  for (Process& process : processes_) {
    if (!process.alive) {
      continue;
    }
    const bool wanted_off = process.wanted_off && !shutting_down_;
    if (wanted_off && !reason_stands(process)) {
      fault("a tenant is wanted off without a live reason");
    }
    for (const Queue& queue : process.queues) {
      const bool is_due = queue.off != (wanted_off && !queue.failed);
      const bool is_given_up = queue.resume_errors >= kGivenUp;
      if (is_due && !is_given_up && !process.flight && !process.excused) {
        fault("a queue is not as wanted and nothing is done about it");
      }
      rests = rests && (!queue.off || is_given_up) && (!wanted_off || queue.failed);
    }
    rests = rests && !process.flight;
  }
  if (rests != scheduler_.quiescent()) {
    fault(rests ? "not quiescent though everything runs" : "quiescent though not everything runs");
  }
}

void SchedulerOracle::shut_down(bool requests_fail) {
  pass_time();
  shutting_down_ = true;
  for (Process& process : processes_) {
    process.wanted_off = false;
    process.excused = false;
    process.refuses = false;
  }
  scheduler_.shut_down(now_, out_);
  react();
  // One request under way, then as many resumes as are tried, for each process.
  const int most = 1 + 2 * kGivenUp;
  for (Process& process : processes_) {
    for (int i = 0; i < most && process.flight; ++i) {
      pass_time();
      answer(process, requests_fail ? Outcome::kError : Outcome::kOk, {});
    }
  }
  if (!scheduler_.quiescent()) {
    fault("not quiescent after everything was answered");
  }
  for (const Process& process : processes_) {
    for (const Queue& queue : process.queues) {
      if (queue.off && queue.resume_errors < kGivenUp) {
        fault("a queue is off after the end");
      }
    }
  }
}

// ---- what was reached
// -----------------------------------------------------------------------------------

SchedulerOracle::Phase SchedulerOracle::phase(std::uint32_t tenant) const {
  const Process& process = processes_.at(tenant);
  if (process.flight) {
    return *process.flight == ControlKind::kSuspend ? Phase::kSuspending : Phase::kResuming;
  }
  return std::ranges::any_of(process.queues, &Queue::off) ? Phase::kSuspended : Phase::kRunning;
}

std::uint64_t SchedulerOracle::fingerprint() const {
  std::uint64_t number = std::min(requests_, 3U);
  const auto add = [&number](std::uint64_t value, std::uint64_t values) {
    number = number * values + value;
  };
  for (std::uint32_t i = 0; i < processes_.size(); ++i) {
    const Process& process = processes_[i];
    add(process.alive ? 1 : 0, 2);
    add(process.wanted_off ? 1 : 0, 2);
    add(process.excused ? 1 : 0, 2);
    add(process.refuses ? 1 : 0, 2);
    add(static_cast<std::uint64_t>(phase(i)), 4);
    for (std::size_t q = 0; q < kMostQueues; ++q) {
      const bool there = q < process.queues.size();
      add(there ? 1 : 0, 2);
      add(there && process.queues[q].off ? 1 : 0, 2);
      add(there && process.queues[q].failed ? 1 : 0, 2);
      const bool asked =
          there && process.flight && std::ranges::count(process.asked, process.queues[q].id) > 0;
      add(asked ? 1 : 0, 2);
    }
  }
  return number;
}

}  // namespace gpreempt
