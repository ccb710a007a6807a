#include "tests/unit/core/scheduler_world.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <utility>

#include "core/decision.h"
#include "core/error.h"
#include "core/event.h"
#include "core/event_log.h"
#include "core/ids.h"
#include "core/policy.h"
#include "core/scheduler.h"
#include "core/time.h"

namespace gpreempt {
namespace {

constexpr std::uint32_t kGpus = 2;
constexpr std::uint32_t kAll = UINT32_MAX;

GpuId gpu_of(std::uint32_t salt) { return GpuId(100 + salt % kGpus); }

}  // namespace

SchedulerWorld::SchedulerWorld(GangOptions gang)
    : gang_(gang),
      scheduler_(make_policy("suspend").value(),
                 {.grace = {}, .lease = Duration(1000), .mechanism = {}, .gang = gang}) {
  const std::uint32_t each = gang.split == GangSplit::kTogether ? 1 : 2;
  for (std::uint32_t i = 0; i < 6; ++i) {
    Process process;
    process.id = TargetId(i + 1);
    const bool online = i < 2;
    if (online) {
      process.priority = i == 0 ? 9 : 3;
    } else {
      process.offline_priority = i - i % each;
    }
    process.tenant = online ? i : i - i % each;
    processes_.push_back(std::move(process));
  }
  for (std::uint32_t i = 0; i < 6; i += i < 2 ? 1 : each) {
    const Process& process = processes_[i];
    const bool online = i < 2;
    std::vector<TargetId> targets = {process.id};
    if (!online && each == 2) {
      targets.push_back(processes_[i + 1].id);
    }
    const auto tenant =
        scheduler_.add_tenant({.name = fmt::format("t{}", i),
                               .cls = online ? TenantClass::kOnline : TenantClass::kOffline,
                               .priority = online ? *process.priority : process.offline_priority,
                               .targets = std::move(targets)});
    GPREEMPT_CHECK(tenant.has_value());
  }
}

void SchedulerWorld::fault(const std::string& rule) {
  if (broken_.empty()) {
    broken_ = rule;
  }
}

template <class What>
void SchedulerWorld::feed(What what) {
  now_ += Duration(10);
  const Event event{.at = now_, .what = std::move(what)};
  EventLog log(transcript_, {});
  log.event(event);
  scheduler_.step(&event, now_, out_);
  react();
}

void SchedulerWorld::react() {
  perform();
  // What it wants to do at this instant, too; the loop around a scheduler would.
  constexpr int kEnough = 100;
  int steps = 0;
  while (scheduler_.deadline() <= now_ && ++steps < kEnough) {
    scheduler_.step(nullptr, now_, out_);
    perform();
  }
  if (steps == kEnough) {
    fault("it never comes to rest at an instant");
  }
  check_progress();
}

void SchedulerWorld::perform() {
  EventLog log(transcript_, {});
  for (const Realisation& realisation : out_.realisations) {
    log.realisation(realisation);
  }
  for (const Decision& decision : out_.decisions) {
    log.decision(decision);
  }
  for (const Action& action : out_.items) {
    transcript_ += fmt::format("{} {}", to_string(action.kind), action.target);
    for (const QueueId id : out_.ids_of(action)) {
      transcript_ += fmt::format(" {}", id);
    }
    transcript_ += '\n';
    take(action);
  }
}

void SchedulerWorld::take(const Action& action) {
  Process* const process = find(action.target);
  if (process == nullptr || !process->alive) {
    fault("an action on a process that is gone");
    return;
  }
  if (process->flight) {
    fault("two requests in flight");
  }
  const auto ids = out_.ids_of(action);
  if (ids.empty() || std::set<QueueId>(ids.begin(), ids.end()).size() != ids.size()) {
    fault("no queue or a queue twice");
  }
  for (const QueueId id : ids) {
    const Queue* const queue = find(*process, id);
    if (queue == nullptr) {
      fault("a queue that is gone or of another process");
    } else {
      check(*process, *queue, action.kind);
    }
  }
  if (refuse_next_) {
    refuse_next_ = false;
    process->excused = true;
    scheduler_.refused(action, {.code = Errc::kBusy, .sys_errno = 0, .what = "busy"}, now_);
    return;
  }
  process->excused = false;
  scheduler_.issued(action, RequestId(1));
  process->flight = action;
  process->flight_ids.assign(ids.begin(), ids.end());
  process->issued = now_;
}

/// Whatever can be asked for has been asked for.
void SchedulerWorld::check_progress() {
  for (const Process& process : processes_) {
    if (!process.alive || process.priority || process.flight || process.excused) {
      continue;
    }
    for (const Queue& queue : process.queues) {
      const bool wanted_off = reason_stands(process, queue.gpu) && !queue.failed;
      if (wanted_off && may_wait(process)) {
        continue;
      }
      if (!queue.sdma && queue.off != wanted_off && queue.resume_errors < 3) {
        fault(fmt::format("queue {} is {} and nothing is done about it", queue.id,
                          queue.off ? "off" : "on"));
      }
    }
  }
}

/// Another one of its tenant has its turn, or the next turn has a date.
bool SchedulerWorld::may_wait(const Process& process) const {
  if (gang_.split == GangSplit::kStaggered) {
    return scheduler_.deadline() <= now_ + gang_.gap;
  }
  return gang_.split == GangSplit::kOneByOne &&
         std::any_of(processes_.begin(), processes_.end(), [&](const Process& other) {
           return other.tenant == process.tenant && other.flight;
         });
}

void SchedulerWorld::check(const Process& process, const Queue& queue, ControlKind kind) {
  if (queue.sdma) {
    fault("an SDMA queue");
  }
  if (process.priority) {
    fault("an Online process");
  }
  const bool reason = reason_stands(process, queue.gpu);
  if (kind == ControlKind::kSuspend && !reason) {
    fault("a suspend without a live reason");
  }
  if (kind == ControlKind::kSuspend && queue.failed) {
    fault("a suspend of a queue that failed");
  }
  if (kind == ControlKind::kResume && reason && !queue.failed) {
    fault("a resume while the reason stands");
  }
  if (queue.resume_errors >= 3) {
    fault("a request for a queue that was given up");
  }
}

bool SchedulerWorld::reason_stands(const Process& process, GpuId gpu) const {
  if (released_.contains(process.tenant)) {
    return false;
  }
  return std::any_of(processes_.begin(), processes_.end(), [&](const Process& online) {
    const bool busy = online.alive && (online.edge_busy || online.outstanding > 0);
    const bool present =
        online.queues.empty() || std::any_of(online.queues.begin(), online.queues.end(),
                                             [&](const Queue& queue) { return queue.gpu == gpu; });
    return online.priority && busy && present && *online.priority > process.offline_priority;
  });
}

SchedulerWorld::Process* SchedulerWorld::find(TargetId id) {
  const auto found = std::find_if(processes_.begin(), processes_.end(),
                                  [&](const Process& process) { return process.id == id; });
  return found == processes_.end() ? nullptr : &*found;
}

SchedulerWorld::Queue* SchedulerWorld::find(Process& process, QueueId id) {
  const auto found = std::find_if(process.queues.begin(), process.queues.end(),
                                  [&](const Queue& queue) { return queue.id == id; });
  return found == process.queues.end() ? nullptr : &*found;
}

void SchedulerWorld::born(Process& process, std::uint32_t salt, bool sdma) {
  if (!process.alive) {
    return;
  }
  const QueueId id(++last_queue_);
  process.queues.push_back({.id = id, .gpu = gpu_of(salt), .sdma = sdma});
  const bool internal = salt % 3 == 0;
  feed(QueueBorn{
      {.id = id,
       .target = process.id,
       .gpu = gpu_of(salt),
       .kernel_id = 0,
       .type = sdma ? QueueType::kSdma : QueueType::kCompute,
       .role = sdma ? QueueRole::kSdma : (internal ? QueueRole::kInternal : QueueRole::kUser),
       .ring_bytes = 4096,
       .state = QueueState::kRunning}});
}

/// `which` chooses the queues that get `outcome`, as a bit mask; the others are well.
ControlDone SchedulerWorld::done_of(Process& process, Outcome outcome, std::uint32_t which) {
  ControlDone done{.request = RequestId(1),
                   .target = process.id,
                   .kind = process.flight->kind,
                   .issued = process.issued,
                   .done = now_ + Duration(10),
                   .outcomes = {},
                   .error = {}};
  for (std::size_t i = 0; i < process.flight_ids.size(); ++i) {
    const bool chosen = ((which >> (i % 32U)) & 1U) != 0;
    done.outcomes.push_back(
        {.id = process.flight_ids[i], .outcome = chosen ? outcome : Outcome::kOk});
    apply(process, done.outcomes.back(), done.kind);
  }
  process.flight.reset();
  return done;
}

void SchedulerWorld::apply(Process& process, const QueueOutcome& outcome, ControlKind kind) {
  Queue* const queue = find(process, outcome.id);
  if (queue == nullptr) {
    return;
  }
  const bool suspend = kind == ControlKind::kSuspend;
  if (outcome.outcome == Outcome::kOk) {
    queue->off = suspend;
    queue->resume_errors = suspend ? queue->resume_errors : 0;
  } else if (outcome.outcome == Outcome::kInvalid) {
    std::erase_if(process.queues, [&](const Queue& q) { return q.id == outcome.id; });
  } else {
    queue->off = true;
    queue->resume_errors += suspend ? 0 : 1;
    queue->failed = queue->failed || suspend || queue->resume_errors >= 3;
  }
}

void SchedulerWorld::complete(Process& process, Outcome outcome, std::uint32_t which) {
  if (!process.flight) {
    return;
  }
  ControlDone done = done_of(process, outcome, which);
  if (gang_.on_failure == GangFailure::kRelease &&
      std::ranges::any_of(process.queues, &Queue::failed)) {
    released_.insert(process.tenant);
  }
  feed(std::move(done));
}

void SchedulerWorld::complete_exited(Process& process) {
  if (!process.flight) {
    return;
  }
  ControlDone done = done_of(process, Outcome::kError, kAll);
  done.error = Error{.code = Errc::kProcessExited, .sys_errno = 0, .what = "gone"};
  process.alive = false;
  process.queues.clear();
  feed(std::move(done));
}

void SchedulerWorld::expire(Process& process, std::uint32_t which) {
  LeaseExpired expired{.target = process.id, .queues = {}};
  for (std::size_t i = 0; i < process.queues.size(); ++i) {
    Queue& queue = process.queues[i];
    if (((which >> (i % 32U)) & 1U) != 0) {
      const auto& ids = process.flight_ids;
      const bool in_flight =
          process.flight && std::find(ids.begin(), ids.end(), queue.id) != ids.end();
      queue.resume_errors = queue.off && !in_flight ? 0 : queue.resume_errors;
      queue.off = false;
      expired.queues.push_back(queue.id);
    }
  }
  feed(std::move(expired));
}

void SchedulerWorld::exit(Process& process) {
  const bool request_ends_too = process.flight.has_value();
  ControlDone late;
  if (request_ends_too) {
    late = done_of(process, Outcome::kError, kAll);
  }
  process.alive = false;
  process.edge_busy = false;
  process.outstanding = 0;
  process.queues.clear();
  feed(TargetExited{process.id});
  if (request_ends_too) {
    feed(std::move(late));
  }
}

/// Events about things the scheduler has never heard of.
void SchedulerWorld::stranger(std::uint32_t salt) {
  const TargetId nobody(1000 + salt % 3);
  switch (salt % 6) {
    case 0: feed(LeaseExpired{nobody, {QueueId(1)}}); break;
    case 1: feed(QueueGone{TargetId(3), QueueId(999'999)}); break;
    case 2: feed(TargetExited{nobody}); break;
    case 3: feed(WorkFinished{nobody, 1}); break;
    case 4: feed(ExceptionRaised{TargetId(3), 1}); break;
    default: feed(ActivityEdge{nobody, true}); break;
  }
}

void SchedulerWorld::happen(const Happening& happening) {
  using Kind = Happening::Kind;
  const std::uint32_t a = happening.a;
  const std::uint32_t b = happening.b;
  Process& online = processes_[a % 2];
  Process& any = processes_[a % processes_.size()];
  switch (happening.kind) {
    case Kind::kEdge:
      online.edge_busy = online.alive && b % 2 == 0;
      feed(ActivityEdge{online.id, b % 2 == 0});
      break;
    case Kind::kArrive:
      online.outstanding += online.alive ? 1 : 0;
      feed(WorkArrived{online.id, b});
      break;
    case Kind::kFinish:
      online.outstanding -= online.outstanding > 0 ? 1 : 0;
      feed(WorkFinished{online.id, b});
      break;
    case Kind::kBorn: born(any, b, false); break;
    case Kind::kBornSdma: born(any, b, true); break;
    case Kind::kGone:
      if (!any.queues.empty()) {
        const QueueId id = any.queues[b % any.queues.size()].id;
        std::erase_if(any.queues, [&](const Queue& queue) { return queue.id == id; });
        any.outstanding = any.queues.empty() ? 0 : any.outstanding;  // nothing can serve them
        feed(QueueGone{any.id, id});
      }
      break;
    case Kind::kComplete: complete(any, Outcome::kOk, 0); break;
    case Kind::kCompleteInvalid: complete(any, Outcome::kInvalid, b); break;
    case Kind::kCompleteError: complete(any, Outcome::kError, b); break;
    case Kind::kCompleteExited:
      if (b % 4 == 0) {
        complete_exited(any);
      }
      break;
    case Kind::kLease: expire(any, b); break;
    case Kind::kRefuseNext: refuse_next_ = true; break;
    case Kind::kExit:
      if (b % 4 == 0) {
        exit(any);
      }
      break;
    case Kind::kStranger: stranger(b); break;
    case Kind::kTick:
      now_ += Duration(10);
      scheduler_.step(nullptr, now_, out_);
      react();
      break;
  }
}

void SchedulerWorld::settle() {
  refuse_next_ = false;
  for (Process& online : processes_) {
    if (online.priority && online.alive) {
      online.edge_busy = false;
      feed(ActivityEdge{online.id, false});
      while (online.outstanding > 0) {
        --online.outstanding;
        feed(WorkFinished{online.id, 0});
      }
    }
  }
  for (Process& process : processes_) {
    for (int i = 0; i < 4 && process.flight; ++i) {
      complete(process, Outcome::kOk, 0);
    }
    if (process.flight) {
      fault("requests without end");
    }
  }
  for (Process& process : processes_) {
    const auto is_stuck = [&](const Queue& queue) {
      return queue.off && !process.excused && queue.resume_errors < 3;
    };
    if (std::any_of(process.queues.begin(), process.queues.end(), is_stuck)) {
      fault("a queue stays off though nothing wants it");
    }
    if (process.alive) {
      expire(process, kAll);
    }
    if (process.flight) {
      fault("a request though everything runs");
    }
  }
  if (!scheduler_.quiescent()) {
    fault("not quiescent though everything runs");
  }
}

}  // namespace gpreempt
