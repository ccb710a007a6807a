#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "backends/kfd/hold/hold.h"
#include "backends/kfd/hold/holder.h"
#include "backends/kfd/hold/resume_socket.h"
#include "core/backend.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/time.h"
#include "core/units.h"

/// What `hold` makes of the backend's events.
namespace gpreempt::kfd {

void Holder::handle(const AttachDone& done) {
  Target* const target = find(done.target);
  if (done.error) {
    attach_error_ = tl::unexpected<Error>(*done.error);
  } else if (target != nullptr) {
    target->attached = true;
    say_(fmt::format("pid {}: attached", target->pid));
  }
}

void Holder::handle(const ControlDone& done, Instant at) {
  Target* const target = find(done.target);
  if (target == nullptr || target->in_flight != done.request) {
    return;
  }
  target->in_flight.reset();
  if (done.kind == ControlKind::kSuspend) {
    suspended(*target, done);
  } else {
    resumed(*target, done, at);
  }
  if (done.error && done.error->code != Errc::kProcessExited) {
    found(done.error->what);
  }
  issue_all();
}

void Holder::suspended(const Target& target, const ControlDone& done) {
  const bool is_late = std::ranges::any_of(
      known_, [&](const QueueInfo& queue) { return queue.target == target.id; });
  const Duration took = done.done - done.issued;
  const auto queues = backend_.queues(target.id);
  std::vector<std::uint32_t> off;
  std::vector<std::uint32_t> failed;
  for (const QueueOutcome& each : done.outcomes) {
    const auto queue = std::ranges::find(queues, each.id, &QueueInfo::id);
    if (queue == queues.end() || each.outcome == Outcome::kInvalid) {
      continue;  // it ended before its turn
    }
    known_.push_back(*queue);
    report_.queues.push_back({.pid = target.pid,
                              .gpu = queue->gpu,
                              .kernel_id = queue->kernel_id,
                              .role = queue->role,
                              .outcome = each.outcome,
                              .is_late = is_late,
                              .took = took,
                              .off = done.done,
                              .on = std::nullopt});
    (each.outcome == Outcome::kOk ? off : failed).push_back(queue->kernel_id);
  }
  if (!off.empty()) {
    say_(fmt::format("pid {}: {} off after {}{}", target.pid, list_of(off), format_duration(took),
                     is_late ? ", made meanwhile" : ""));
  }
  if (!failed.empty()) {
    found(
        fmt::format("pid {}: the driver could not take {} off the GPU; everything is given back. "
                    "Look at the kernel's log, and do not preempt on this GPU before it is reset",
                    target.pid, list_of(failed)));
  } else if (took > options_.slow) {
    found(
        fmt::format("pid {}: the suspend took {}, more than {}: firmware may hang; everything is "
                    "given back. Look at the kernel's log",
                    target.pid, format_duration(took), format_duration(options_.slow)));
  }
}

void Holder::resumed(Target& target, const ControlDone& done, Instant at) {
  ResumeAnswer resumed;
  std::vector<std::uint32_t> failed;
  for (const QueueOutcome& each : done.outcomes) {
    HeldQueue* const queue = find_held(each.id);
    if (queue == nullptr) {
      continue;
    }
    if (each.outcome == Outcome::kError) {
      failed.push_back(queue->kernel_id);
      continue;
    }
    queue->on = at;
    resumed.resumed.push_back(queue->kernel_id);
  }
  if (!failed.empty()) {
    const std::string what = fmt::format(
        "pid {}: the driver could not resume {}; the debug session is ended, which "
        "resumes it",
        target.pid, list_of(failed));
    resumed.error = what;
    found(what);
  }
  if (!resumed.resumed.empty()) {
    say_(fmt::format("pid {}: {} on again, as asked", target.pid, list_of(resumed.resumed)));
  }
  answer(target, resumed);
}

void Holder::handle(const QueueBorn& born) {
  Target* const target = find(born.queue.target);
  const bool wanted = options_.queues.empty() && born.queue.type == QueueType::kCompute;
  // Those that an attach reports are chosen when it is done.
  if (target == nullptr || !target->attached || target->released || !wanted || is_over()) {
    return;
  }
  target->to_suspend.push_back(born.queue.id);
  issue_all();
}

void Holder::handle(const QueueGone& gone, Instant at) {
  if (HeldQueue* const queue = find_held(gone.queue); queue != nullptr && !queue->on) {
    queue->on = at;
  }
}

void Holder::handle(const LeaseExpired& expired, Instant at) {
  for (const QueueId id : expired.queues) {
    if (HeldQueue* const queue = find_held(id); queue != nullptr && !queue->on) {
      queue->on = at;
    }
  }
  end(HoldReport::End::kLimit);
}

void Holder::handle(const TargetExited& exited, Instant at) {
  Target* const target = find(exited.target);
  if (target == nullptr) {
    return;
  }
  target->exited = true;
  target->in_flight.reset();
  say_(fmt::format("pid {}: exited", target->pid));
  for (std::size_t i = 0; i < known_.size(); ++i) {
    if (known_[i].target == target->id && !report_.queues[i].on) {
      report_.queues[i].on = at;
    }
  }
  answer(*target, {});
  issue_all();
}

// ---- looking up

Holder::Target* Holder::find(TargetId id) {
  const auto found = std::ranges::find(targets_, id, &Target::id);
  return found == targets_.end() ? nullptr : &*found;
}

HeldQueue* Holder::find_held(QueueId id) {
  const auto found = std::ranges::find(known_, id, &QueueInfo::id);
  return found == known_.end() ? nullptr
                               : &report_.queues[static_cast<std::size_t>(found - known_.begin())];
}

}  // namespace gpreempt::kfd
