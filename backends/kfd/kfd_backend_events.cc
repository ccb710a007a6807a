#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "backends/kfd/abi.h"
#include "backends/kfd/activity.h"
#include "backends/kfd/kfd_backend.h"
#include "backends/kfd/messages.h"
#include "backends/kfd/os.h"
#include "backends/kfd/queue_type.h"
#include "core/backend.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/mutant.h"
#include "core/time.h"

/// How what the workers report becomes events.
namespace gpreempt::kfd {

void KfdBackend::absorb() {
  while (auto message = outbox_->take()) {
    if (auto* report = std::get_if<SessionReport>(&*message)) {
      absorb(*report);
    } else if (auto* inspected = std::get_if<Inspected>(&*message)) {
      translate(*inspected);
    } else {
      translate(std::get<Hint>(*message));
    }
  }
}

void KfdBackend::absorb(SessionReport& report) {
  const TargetId id = report.target;
  if (targets_.find(id) == targets_.end()) {
    return;
  }
  const Instant at = in_order(GPREEMPT_MUTANT("event-dated-when-served") ? os_.now() : report.at);
  std::visit([&](auto& what) { translate(id, at, std::move(what)); }, report.what);
}

void KfdBackend::absorb_exits(std::span<const WaitFd> observed) {
  absorb();
  for (const WaitFd& item : observed) {
    if (!item.ready) {
      continue;
    }
    const auto found = std::find_if(targets_.begin(), targets_.end(), [&](const auto& entry) {
      return entry.second.pidfd == item.fd;
    });
    const TargetId id = found->first;
    forget(id);
    emit(os_.now(), TargetExited{id});
  }
}

void KfdBackend::translate(TargetId id, Instant at, SessionReady ready) {
  if (ready.error) {
    forget(id);
  }
  emit(at, AttachDone{.target = id, .error = std::move(ready.error)});
}

void KfdBackend::translate(TargetId id, Instant at, const SessionQueueBorn& born) {
  Target& target = targets_.at(id);
  GPREEMPT_CHECK(born.serial.value() == target.handles.size());
  const QueueInfo queue{.id = QueueId(next_queue_++),
                        .target = id,
                        .gpu = GpuId(born.entry.gpu_id),
                        .kernel_id = born.entry.queue_id,
                        .type = type_of(born.entry.queue_type),
                        .role = role_of(type_of(born.entry.queue_type), born.entry.ring_size),
                        .ring_bytes = born.entry.ring_size,
                        .state = QueueState::kRunning};
  target.handles.push_back(queue.id);
  queues_.emplace(queue.id, queue);
  if (target.mode == AttachMode::kControl && queue.type == QueueType::kCompute) {
    rings_.emplace(queue.id,
                   RingPlace{.read_pointer = born.entry.read_pointer_address,
                             .write_pointer = born.entry.write_pointer_address,
                             .ring_base = born.entry.ring_base_address,
                             .ring_bytes = born.entry.ring_size,
                             .is_aql = born.entry.queue_type == abi::QueueKind::kComputeAql});
    tell_rings(id);
  }
  emit(at, QueueBorn{queue});
}

void KfdBackend::tell_rings(TargetId id) {
  const Target& target = targets_.at(id);
  if (target.watched && target.mode == AttachMode::kControl) {
    observer_->set_rings(id, rings_of(target));
  }
}

void KfdBackend::translate(TargetId id, Instant at, const SessionQueueGone& gone) {
  const QueueId queue = targets_.at(id).handles.at(gone.serial.value());
  queues_.erase(queue);
  if (rings_.erase(queue) > 0) {
    tell_rings(id);
  }
  emit(at, QueueGone{.target = id, .queue = queue});
}

void KfdBackend::translate(TargetId id, Instant at, SessionDone done) {
  Target& target = targets_.at(id);
  GPREEMPT_CHECK(target.in_flight && target.in_flight->request == done.request &&
                 target.in_flight->ids.size() == done.outcomes.size());
  ControlDone event{.request = done.request,
                    .target = id,
                    .kind = done.kind,
                    .issued = done.issued,
                    .done = at,
                    .outcomes = {},
                    .error = std::move(done.error)};
  for (std::size_t i = 0; i < done.outcomes.size(); ++i) {
    const QueueId queue = target.in_flight->ids[i];
    const Outcome outcome = done.outcomes[i];
    event.outcomes.push_back({.id = queue, .outcome = outcome});
    const bool is_off = outcome == Outcome::kError && !event.error;
    if (outcome == Outcome::kOk || is_off) {
      const bool suspended = is_off || done.kind == ControlKind::kSuspend;
      set_state(queue, suspended ? QueueState::kSuspended : QueueState::kRunning);
    }
  }
  target.in_flight.reset();
  emit(at, std::move(event));
}

void KfdBackend::translate(TargetId id, Instant at, const SessionLeaseExpired& expired) {
  const Target& target = targets_.at(id);
  LeaseExpired event{.target = id, .queues = {}};
  for (const QueueSerial serial : expired.queues) {
    const QueueId queue = target.handles.at(serial.value());
    set_state(queue, QueueState::kRunning);
    event.queues.push_back(queue);
  }
  emit(at, std::move(event));
}

void KfdBackend::translate(TargetId id, Instant at, const SessionException& exception) {
  emit(at, ExceptionRaised{.target = id, .mask = exception.mask});
}

void KfdBackend::translate(TargetId id, Instant at, const SessionActivity& activity) {
  emit(at, ActivityEdge{.target = id, .busy = activity.busy, .proven = activity.proven});
}

void KfdBackend::translate(TargetId id, Instant at, const SessionTargetExited& /*exited*/) {
  const bool detaching = targets_.at(id).detaching;
  fail_in_flight(id, at, Errc::kProcessExited, "it exited before the call");
  forget(id);
  emit(at, TargetExited{id});
  if (detaching) {
    emit(at, DetachDone{id});
  }
}

void KfdBackend::fail_in_flight(TargetId id, Instant at, Errc code, std::string_view reason) {
  const Target& target = targets_.at(id);
  if (!target.in_flight) {
    return;
  }
  const InFlight& request = *target.in_flight;
  ControlDone done{.request = request.request,
                   .target = id,
                   .kind = request.kind,
                   .issued = request.issued,
                   .done = at,
                   .outcomes = {},
                   .error = Error{.code = code,
                                  .sys_errno = 0,
                                  .what = fmt::format("{} on pid {}: {}", to_string(request.kind),
                                                      target.pid, reason)}};
  for (const QueueId queue : request.ids) {
    done.outcomes.push_back({.id = queue, .outcome = Outcome::kInvalid});
  }
  emit(at, std::move(done));
}

void KfdBackend::translate(TargetId id, Instant at, const SessionClosed& closed) {
  if (closed.error) {
    spdlog::warn("{}; the driver resumes its queues when this process ends", closed.error->what);
  }
  // Not asked for, it is the end of a session that could not wait any more: nobody follows the
  // target then, and what was asked of it was not done.
  fail_in_flight(id, at, Errc::kInternal, "its session has ended");
  forget(id);
  emit(at, DetachDone{id});
}

void KfdBackend::translate(const Hint& hint) {
  for (const auto& [id, target] : targets_) {
    if (target.pid != hint.pid) {
      continue;
    }
    if (hint.arrived) {
      emit(hint.at, WorkArrived{.target = id, .request = hint.request});
    } else {
      emit(hint.at, WorkFinished{.target = id, .request = hint.request});
    }
    return;
  }
}

void KfdBackend::translate(Inspected& inspected) {
  emit(inspected.at, InspectDone{.request = inspected.request,
                                 .text = std::move(inspected.text),
                                 .error = std::move(inspected.error)});
}

void KfdBackend::set_state(QueueId id, QueueState state) {
  if (const auto found = queues_.find(id); found != queues_.end()) {
    found->second.state = state;
  }
}

void KfdBackend::forget(TargetId id) {
  const auto found = targets_.find(id);
  const Target& target = found->second;
  observer_->forget(id);
  if (target.mode == AttachMode::kControl) {
    reaper_->remove(id);
    ended_workers_.push_back(target.worker);
  } else {
    os_.close(target.pidfd);
  }
  for (const QueueId queue : target.handles) {
    queues_.erase(queue);
    rings_.erase(queue);
  }
  targets_.erase(found);
}

Instant KfdBackend::in_order(Instant at) {
  // Workers on different cores may post a little out of order.
  last_at_ = std::max(last_at_, at);
  return last_at_;
}

void KfdBackend::emit(Instant at, decltype(Event::what) what) {
  ready_.push_back({.at = in_order(at), .what = std::move(what)});
}

}  // namespace gpreempt::kfd
