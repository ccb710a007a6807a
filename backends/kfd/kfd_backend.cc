#include "backends/kfd/kfd_backend.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "backends/kfd/activity.h"
#include "backends/kfd/grace_period.h"
#include "backends/kfd/mailbox.h"
#include "backends/kfd/messages.h"
#include "backends/kfd/os.h"
#include "backends/kfd/reaper.h"
#include "backends/kfd/session.h"
#include "backends/kfd/topology.h"
#include "core/backend.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/mutant.h"
#include "core/time.h"

namespace gpreempt::kfd {

KfdBackend::KfdBackend(Os& os, BackendOptions options, Parts parts)
    : os_(os),
      options_(std::move(options)),
      info_(std::move(parts.info)),
      gpus_(std::move(parts.gpus)),
      outbox_(std::move(parts.outbox)),
      reaper_(std::move(parts.reaper)),
      observer_(std::move(parts.observer)),
      signals_(parts.signals),
      sees_queues_(parts.sees_queues) {}

Result<TargetId> KfdBackend::attach(Pid pid, AttachMode mode) {
  const TargetId id(next_target_++);
  Target target{.pid = pid,
                .mode = mode,
                .inbox = nullptr,
                .worker = {},
                .handles = {},
                .in_flight = std::nullopt};
  if (mode == AttachMode::kObserve) {
    start_observing(id, std::move(target));
    return id;
  }
  // Tracers whose last report has been read have nothing left to do: this does not wait for them.
  for (const WorkerId worker : std::exchange(ended_workers_, {})) {
    (void)os_.join(worker);
  }
  GPREEMPT_TRY(start_session(id, target));
  targets_.emplace(id, std::move(target));
  return id;
}

Result<void> KfdBackend::start_session(TargetId id, Target& target) {
  auto inbox = Mailbox<SessionRequest>::open(os_);
  if (!inbox) {
    return fail(
        Errc::kIo,
        fmt::format("attach to pid {}: {}", target.pid, std::strerror(inbox.error().number)),
        inbox.error().number);
  }
  target.inbox = *std::move(inbox);
  reaper_->add(id, target.inbox);
  const auto worker = Session::start(os_,
                                     {.target = id,
                                      .pid = target.pid,
                                      .device = options_.device,
                                      .sysfs_root = options_.sysfs_root,
                                      .first_queue_poll = options_.first_queue_poll,
                                      .heartbeat = options_.heartbeat.get(),
                                      .rescan_period = options_.rescan_period},
                                     target.inbox, outbox_);
  if (!worker) {
    reaper_->remove(id);
    return tl::unexpected<Error>(worker.error());
  }
  target.worker = *worker;
  return {};
}

void KfdBackend::start_observing(TargetId id, Target target) {
  const auto pidfd = os_.open_pidfd(target.pid);
  AttachDone done{.target = id, .error = std::nullopt};
  if (pidfd) {
    target.pidfd = *pidfd;
    const Pid pid = target.pid;
    targets_.emplace(id, std::move(target));
    if (sees_queues_) {
      observer_->follow(id, pid);  // says when it has seen those there are
      return;
    }
  } else {
    const int number = pidfd.error().number;
    done.error =
        Error{.code = number == ESRCH ? Errc::kProcessExited : Errc::kIo,
              .sys_errno = number,
              .what = fmt::format("attach to pid {}: {}", target.pid,
                                  number == ESRCH ? "no such process" : std::strerror(number))};
  }
  absorb();
  emit(os_.now(), std::move(done));
}

Result<void> KfdBackend::detach(TargetId id) {
  const auto found = targets_.find(id);
  if (found == targets_.end()) {
    return fail(Errc::kInvalidArgument, fmt::format("detach target {}: no such target", id));
  }
  Target& target = found->second;
  if (target.in_flight || target.detaching) {
    return fail(Errc::kBusy,
                fmt::format("detach pid {}: a request is in flight; wait for it", target.pid));
  }
  if (target.mode == AttachMode::kControl) {
    target.detaching = true;
    target.inbox->post(StopSession{});
    return {};
  }
  forget(id);
  absorb();
  emit(os_.now(), DetachDone{id});
  return {};
}

std::vector<QueueInfo> KfdBackend::queues(TargetId target) const {
  std::vector<QueueInfo> found;
  for (const auto& [id, queue] : queues_) {
    if (queue.target == target) {
      found.push_back(queue);
    }
  }
  return found;
}

Result<RequestId> KfdBackend::control(TargetId id, std::span<const QueueId> ids,
                                      const Control& control) {
  const ControlKind kind = kind_of(control);
  const auto refuse = [&](Errc code, const std::string& reason) {
    return fail(code, fmt::format("{} on target {}: {}", to_string(kind), id, reason));
  };
  if (const std::string& reason = info_.missing(kind); !reason.empty()) {
    return refuse(Errc::kUnsupported, reason);
  }
  const auto found = targets_.find(id);
  if (found == targets_.end()) {
    return refuse(Errc::kInvalidArgument, "no such target");
  }
  Target& target = found->second;
  if (target.mode == AttachMode::kObserve) {
    return refuse(Errc::kNotPermitted, "it is only observed; attach it for control");
  }
  if (target.in_flight || target.detaching) {
    return refuse(Errc::kBusy, "a request is in flight; wait for its end");
  }
  std::vector<QueueSerial> serials;
  for (const QueueId queue : ids) {
    auto serial = serial_of(target, queue);
    GPREEMPT_TRY(serial);
    serials.push_back(*serial);
  }
  const Instant issued = os_.now();
  const RequestId request(next_request_);
  if (const auto* suspend = std::get_if<Suspend>(&control)) {
    const auto grace = to_grace_units(suspend->grace, clock_of(ids));
    GPREEMPT_TRY(grace);
    target.inbox->post(SuspendRequest{.request = request,
                                      .issued = issued,
                                      .queues = std::move(serials),
                                      .grace_period = *grace,
                                      .until = saturating_add(issued, suspend->lease)});
  } else {
    target.inbox->post(
        ResumeRequest{.request = request, .issued = issued, .queues = std::move(serials)});
  }
  ++next_request_;
  target.in_flight =
      InFlight{.request = request, .kind = kind, .issued = issued, .ids = {ids.begin(), ids.end()}};
  return request;
}

Result<QueueSerial> KfdBackend::serial_of(const Target& target, QueueId id) const {
  const auto found = std::lower_bound(target.handles.begin(), target.handles.end(), id);
  if (found == target.handles.end() || *found != id) {
    return fail(Errc::kInvalidArgument,
                fmt::format("control queue {}: it is no queue of pid {}", id, target.pid));
  }
  return QueueSerial(static_cast<std::uint32_t>(found - target.handles.begin()));
}

std::uint32_t KfdBackend::clock_of(std::span<const QueueId> ids) const {
  std::uint32_t fastest = 0;
  for (const QueueId id : ids) {
    const auto queue = queues_.find(id);
    for (const GpuNode& gpu : gpus_) {
      if (queue != queues_.end() && queue->second.gpu == gpu.info.id) {
        fastest = std::max(fastest, gpu.max_clock_mhz);
      }
    }
  }
  if (fastest > 0) {
    return fastest;
  }
  // Queues that are gone, or on a GPU whose node this process may not read.
  return std::max_element(
             gpus_.begin(), gpus_.end(),
             [](const GpuNode& a, const GpuNode& b) { return a.max_clock_mhz < b.max_clock_mhz; })
      ->max_clock_mhz;
}

Result<void> KfdBackend::watch(TargetId id, Duration period) {
  if (!info_.watch.empty()) {
    return fail(Errc::kUnsupported, fmt::format("watch target {}: {}", id, info_.watch));
  }
  const auto found = targets_.find(id);
  if (found == targets_.end() || period <= Duration{}) {
    return fail(Errc::kInvalidArgument, fmt::format("watch target {}: no such target, or a period "
                                                    "of {} ns",
                                                    id, to_ns(period)));
  }
  Target& target = found->second;
  target.watched = true;
  observer_->watch(id, target.pid, period);
  if (target.mode == AttachMode::kControl) {
    observer_->set_rings(id, rings_of(target));
  }
  return {};
}

std::vector<RingPlace> KfdBackend::rings_of(const Target& target) const {
  std::vector<RingPlace> rings;
  for (const QueueId queue : target.handles) {
    if (const auto found = rings_.find(queue); found != rings_.end()) {
      rings.push_back(found->second);
    }
  }
  return rings;
}

Result<RequestId> KfdBackend::inspect(InspectView view) {
  const RequestId request(next_request_++);
  observer_->inspect(request, view);
  return request;
}

Result<std::optional<Event>> KfdBackend::next_event(Instant deadline) {
  std::vector<WaitFd> fds;
  for (;;) {
    if (const auto number = take_signal()) {
      return fail(Errc::kInterrupted,
                  fmt::format("wait for the next event: signal {} asks this process to end; close "
                              "the backend, which resumes and detaches",
                              *number));
    }
    absorb();
    if (!ready_.empty()) {
      Event event = std::move(ready_.front());
      ready_.pop_front();
      return event;
    }
    if (os_.now() >= deadline) {
      return GPREEMPT_MUTANT("timeout-is-error")
                 ? Result<std::optional<Event>>(fail(Errc::kTimedOut, "no event"))
                 : std::nullopt;
    }
    fds.assign(1, WaitFd{.fd = outbox_->fd()});
    if (signals_ != kNoFd) {
      fds.push_back({.fd = signals_});
    }
    const std::size_t first_exit = fds.size();
    for (const auto& [id, target] : targets_) {
      if (target.pidfd != kNoFd) {
        fds.push_back({.fd = target.pidfd});
      }
    }
    if (!os_.wait(fds, deadline)) {
      return fail(Errc::kInternal, "wait for the next event: the world ended; close the backend");
    }
    if (fds.front().ready) {
      outbox_->drain();
    }
    absorb_exits(std::span(fds).subspan(first_exit));
  }
}

std::optional<int> KfdBackend::take_signal() {
  constexpr std::size_t kRecordBytes = 128;
  std::array<std::byte, kRecordBytes> record{};
  if (signals_ == kNoFd || !os_.read(signals_, record)) {
    return std::nullopt;
  }
  std::uint32_t number = 0;
  std::memcpy(&number, record.data(), sizeof number);
  return static_cast<int>(number);
}

Result<void> KfdBackend::close() {
  if (closed_) {
    return {};
  }
  closed_ = true;
  std::vector<WorkerId> workers = std::move(ended_workers_);
  for (const auto& [id, target] : targets_) {
    if (target.mode == AttachMode::kControl) {
      target.inbox->post(StopSession{});
      workers.push_back(target.worker);
    }
  }
  for (const WorkerId worker : workers) {
    (void)os_.join(worker);
  }
  reaper_->close();
  observer_->close();
  if (options_.heartbeat != nullptr) {
    options_.heartbeat->close();
  }
  Result<void> result;
  while (auto message = outbox_->take()) {
    const auto* const report = std::get_if<SessionReport>(&*message);
    const auto* const closed = report ? std::get_if<SessionClosed>(&report->what) : nullptr;
    if (closed != nullptr && closed->error && result) {
      result = tl::unexpected<Error>(*closed->error);
    }
  }
  while (!targets_.empty()) {
    forget(targets_.begin()->first);
  }
  return result;
}

void KfdBackend::work_arrived(Pid pid, std::uint64_t request) {
  outbox_->post(Hint{.pid = pid, .request = request, .arrived = true, .at = os_.now()});
}

void KfdBackend::work_finished(Pid pid, std::uint64_t request) {
  outbox_->post(Hint{.pid = pid, .request = request, .arrived = false, .at = os_.now()});
}

}  // namespace gpreempt::kfd
