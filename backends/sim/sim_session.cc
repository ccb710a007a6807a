#include "backends/sim/sim_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "backends/sim/kfd_model/kfd_model.h"
#include "backends/sim/reply.h"
#include "backends/sim/task.h"
#include "core/backend.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/mutant.h"
#include "core/time.h"

namespace gpreempt::sim {
namespace {

constexpr std::size_t kSpareEntries = 16;
/// When a lease that could not be ended is tried again, as the KFD session does.
constexpr Duration kLeaseRetryAfter = std::chrono::milliseconds(100);

}  // namespace

Error driver_error(const char* operation, Pid pid, long result) {
  const int number = static_cast<int>(-result);
  const Errc code = number == ESRCH      ? Errc::kProcessExited
                    : number == EALREADY ? Errc::kBusy
                                         : Errc::kNotPermitted;
  const char* reason = number == ESRCH      ? "it has exited"
                       : number == EALREADY ? "another debugger holds it"
                       : number == EACCES   ? "a queue of it was reset, and it may change none"
                                            : "the driver refuses; it is traced by somebody else";
  return Error{.code = code,
               .sys_errno = number,
               .what = fmt::format("{} process {}: {}", operation, pid, reason)};
}

SimSession::SimSession(Host host, KfdModel::Caller caller, TargetId target, Pid pid)
    : host_(std::move(host)), caller_(caller), target_(target), pid_(pid) {}

SimSession::~SimSession() { host_.timeline.cancel(lease_event_); }

void SimSession::attach() { tasks_.start(do_attach()); }

void SimSession::control(RequestId request, std::vector<QueueId> ids, Control control) {
  in_flight_ = true;
  tasks_.start(do_control(request, std::move(ids), std::move(control)));
}

void SimSession::detach(std::function<void()> done) { tasks_.start(do_detach(std::move(done))); }

void SimSession::target_exited() {
  alive_ = false;
  queues_.clear();
  arm_lease();
}

std::vector<QueueInfo> SimSession::queues() const {
  std::vector<QueueInfo> result;
  result.reserve(queues_.size());
  for (const auto& [id, known] : queues_) {
    result.push_back(known.info);
  }
  return result;
}

SimSession::Known* SimSession::known(QueueId id) {
  const auto found = queues_.find(id);
  return found == queues_.end() ? nullptr : &found->second;
}

Task SimSession::do_attach() {
  co_await serial_.acquire();
  long result = host_.kfd.seize(caller_, pid_);
  if (result == 0) {
    co_await enable(result);
  }
  if (result != 0 && !GPREEMPT_MUTANT("sim-failed-attach-is-done")) {
    alive_ = false;
    host_.post(AttachDone{.target = target_, .error = driver_error("attach to", pid_, result)});
  } else {
    if (!GPREEMPT_MUTANT("sim-attach-lists-nothing")) {
      co_await rescan();
    }
    host_.post(AttachDone{.target = target_, .error = std::nullopt});
  }
  serial_.release();
}

Task SimSession::enable(long& result) {
  const Reply<long> enabled;
  host_.kfd.enable(
      caller_, pid_, KfdModel::kQueueNew | KfdModel::kProcessRuntime,
      [this] { tasks_.start(serve_news()); }, enabled.sink());
  result = co_await enabled;
}

void SimSession::target_executed() { tasks_.start(do_target_executed()); }

/// As the KFD session does in the stop that an exec makes.
Task SimSession::do_target_executed() {
  co_await serial_.acquire();
  if (!GPREEMPT_MUTANT("sim-exec-keeps-queues")) {
    merge({});
  }
  arm_lease();
  if (alive_) {
    long result = 0;
    co_await enable(result);
  }
  serial_.release();
}

void SimSession::freeze() {
  if (!thaw_ && !GPREEMPT_MUTANT("sim-frozen-serves")) {
    tasks_.start(stay_frozen());
  }
}

/// It has its turn like everything else that the session does.
Task SimSession::stay_frozen() {
  const Reply<bool> thawed;
  thaw_ = thawed.sink();
  co_await serial_.acquire();
  static_cast<void>(co_await thawed);
  serial_.release();
}

void SimSession::thaw() {
  if (thaw_) {
    std::exchange(thaw_, nullptr)(true);
  }
}

/// One call at a time, as the one tracer thread makes them. A runtime that waits for its debugger
/// is let go on.
Task SimSession::serve_news() {
  co_await serial_.acquire();
  KfdModel::DebugEvent event;
  bool has_new_queue = false;
  while (alive_ && host_.kfd.query_event(caller_, pid_, ~std::uint64_t{0}, event) == 0) {
    has_new_queue = has_new_queue || (event.exceptions & KfdModel::kQueueNew) != 0;
    if ((event.exceptions & KfdModel::kProcessRuntime) != 0) {
      static_cast<void>(host_.kfd.send_runtime_event(caller_, pid_, KfdModel::kProcessRuntime));
    }
  }
  if (has_new_queue) {
    co_await rescan();
  }
  serial_.release();
}

Task SimSession::rescan() {
  std::size_t capacity = queues_.size() + kSpareEntries;
  for (;;) {
    const Reply<Snapshot> reply;
    host_.kfd.snapshot(caller_, pid_, KfdModel::kQueueNew, capacity,
                       [sink = reply.sink()](long result, const auto& entries) {
                         sink(Snapshot{.result = result, .entries = entries});
                       });
    Snapshot snapshot;  // not initialized by co_await, because of a bug in GCC 11
    snapshot = co_await reply;
    if (snapshot.result != 0 || !alive_) {
      co_return;
    }
    merge(snapshot.entries);
    if (snapshot.entries.size() <= capacity) {
      co_return;
    }
    capacity = snapshot.entries.size() + kSpareEntries;
  }
}

void SimSession::merge(const std::vector<KfdModel::QueueEntry>& entries) {
  const auto same = [](const Known& known, const KfdModel::QueueEntry& entry) {
    return known.info.kernel_id == entry.id && known.ring_base == entry.ring_base;
  };
  for (auto each = queues_.begin(); each != queues_.end();) {
    const bool there = std::any_of(entries.begin(), entries.end(),
                                   [&](const auto& entry) { return same(each->second, entry); });
    if (there) {
      ++each;
      continue;
    }
    host_.post(QueueGone{.target = target_, .queue = each->first});
    each = queues_.erase(each);
  }
  // The snapshot lists the newest first.
  for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
    const bool old = std::any_of(queues_.begin(), queues_.end(),
                                 [&](const auto& each) { return same(each.second, *entry); });
    if (old) {
      continue;
    }
    const QueueInfo info{.id = host_.new_queue_id(),
                         .target = target_,
                         .gpu = host_.gpu_ids[entry->gpu],
                         .kernel_id = entry->id,
                         .type = entry->type,
                         .role = role_of(entry->type, entry->ring_bytes),
                         .ring_bytes = entry->ring_bytes,
                         .state = QueueState::kRunning};
    queues_.emplace(info.id, Known{.info = info, .ring_base = entry->ring_base});
    host_.post(QueueBorn{info});
  }
}

void SimSession::arm_lease() {
  Instant first = kForever;
  for (const auto& [id, queue] : queues_) {
    for (const auto& [kind, restriction] : queue.restrictions) {
      first = std::min(first, restriction.lease_end);
    }
  }
  host_.timeline.cancel(std::exchange(lease_event_, 0));
  if (first != kForever && !GPREEMPT_MUTANT("sim-lease-ignored")) {
    lease_event_ = host_.timeline.at(std::max(first, host_.timeline.now()), [this] {
      lease_event_ = 0;
      tasks_.start(end_leases());
    });
  }
}

Task SimSession::end_leases() {
  co_await serial_.acquire();
  const Instant now = host_.timeline.now();
  std::set<QueueId> ended;
  for (std::size_t i = 0; i < kControlKinds && alive_; ++i) {
    const auto kind = static_cast<ControlKind>(i);
    Outcomes due = restricted_by(kind, now);
    if (due.empty()) {
      continue;
    }
    long result = 0;
    co_await undo(kind, due, result);
    lift(kind, due);
    for (const QueueOutcome& each : due) {
      if (each.outcome == Outcome::kOk) {
        ended.insert(each.id);
      } else if (Known* queue = known(each.id); queue != nullptr) {
        queue->restrictions[kind].lease_end =
            saturating_add(host_.timeline.now(), kLeaseRetryAfter);
      }
    }
  }
  arm_lease();
  if (!ended.empty() && !GPREEMPT_MUTANT("sim-lease-expiry-silent")) {
    host_.post(LeaseExpired{.target = target_, .queues = {ended.begin(), ended.end()}});
  }
  serial_.release();
}

Task SimSession::do_detach(std::function<void()> done) {
  co_await serial_.acquire();
  for (auto& [id, queue] : queues_) {
    queue.limit.reset();
  }
  show_all();
  for (std::size_t i = 0; i < kControlKinds; ++i) {
    const auto kind = static_cast<ControlKind>(i);
    Outcomes held = restricted_by(kind, kForever);
    long result = 0;
    if (!held.empty() && !GPREEMPT_MUTANT("sim-detach-keeps-controls")) {
      co_await undo(kind, held, result);
      lift(kind, held);
    }
  }
  if (alive_) {
    const Reply<long> disabled;
    host_.kfd.disable(caller_, pid_, disabled.sink());
    static_cast<void>(co_await disabled);
    static_cast<void>(host_.kfd.let_go(caller_, pid_));
  }
  queues_.clear();
  arm_lease();
  host_.post(DetachDone{.target = target_});
  serial_.release();
  done();
}

}  // namespace gpreempt::sim
