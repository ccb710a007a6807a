#include "backends/sim/sim_backend.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "backends/sim/gpu/parameters.h"
#include "backends/sim/kfd_model/kfd_model.h"
#include "backends/sim/sim_session.h"
#include "backends/sim/system.h"
#include "backends/sim/timeline.h"
#include "core/backend.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/mutant.h"
#include "core/time.h"

namespace gpreempt::sim {
namespace {

/// No process has this id: the target's is not followed any more.
constexpr Pid kNobody{-1};

}  // namespace

SimBackend::SimBackend(System& system)
    : system_(system),
      controller_(system.add_controller()),
      waiter_(system.timeline().make_waiter("an event of the backend")) {
  const GpuParameters& gpu = system.options().gpu;
  info_.driver = std::string(system.options().personality.name);
  for (std::uint32_t i = 0; i < system.options().gpus; ++i) {
    gpu_ids_.push_back(gpu_id_of(i));
    info_.gpus.push_back(GpuInfo{
        .id = gpu_ids_.back(), .xccs = gpu.xccs, .cus = gpu.cus(), .hqd_slots = gpu.hqd_slots});
  }
  system_.observe(this, this);
  system_.on_exit([this](Pid pid) { exited(pid); });
  system_.on_exec([this](Pid pid) { executed(pid); });
  system_.kfd().on_queues([this](Pid pid) {
    const auto id = target_of(pid);
    if (id && targets_.at(*id).observed) {
      targets_.at(*id).observed->changed();
    }
  });
}

SimBackend::~SimBackend() {
  system_.observe(nullptr, nullptr);
  system_.on_exit(nullptr);
  system_.on_exec(nullptr);
  system_.kfd().on_queues(nullptr);
  for (auto& [id, target] : targets_) {
    if (target.watch) {
      system_.timeline().cancel(target.watch->tick);
    }
  }
  for (auto& [id, target] : targets_) {
    if (target.session) {
      target.session->orphan();
    }
  }
  targets_.clear();
  // A process that ends without closing its sessions: the driver ends them.
  system_.kfd().exit_process(controller_);
}

SimBackend::Target* SimBackend::find(TargetId id) {
  const auto found = targets_.find(id);
  return found == targets_.end() ? nullptr : &found->second;
}

std::optional<TargetId> SimBackend::target_of(Pid pid) const {
  for (const auto& [id, target] : targets_) {
    if (target.pid == pid) {
      return id;
    }
  }
  return std::nullopt;
}

void SimBackend::post(decltype(Event::what) what) {
  if (const auto* attached = std::get_if<AttachDone>(&what); attached && attached->error) {
    targets_.at(attached->target).pid = kNobody;  // another attach may try again
  }
  events_.push_back(Event{.at = now(), .what = std::move(what)});
  waiter_->wake();
}

Result<TargetId> SimBackend::attach(Pid pid, AttachMode mode) {
  if (target_of(pid)) {
    return fail(Errc::kInvalidArgument,
                fmt::format("attach to process {}: it is attached already", pid));
  }
  const TargetId id(next_target_++);
  Target& target = targets_[id];
  target.pid = pid;
  if (mode == AttachMode::kControl || GPREEMPT_MUTANT("sim-observer-traces")) {
    // One tracer thread per target, as the KFD backend has.
    const auto thread = static_cast<std::int32_t>(controller_.value() * 1000 +
                                                  static_cast<std::int32_t>(id.value()));
    target.session = std::make_unique<SimSession>(
        SimSession::Host{.timeline = system_.timeline(),
                         .kfd = system_.kfd(),
                         .launcher = system_.launcher(pid),
                         .gpu_ids = gpu_ids_,
                         .new_queue_id = [this] { return QueueId(next_queue_++); },
                         .post = [this](auto what) { post(std::move(what)); }},
        KfdModel::Caller{.process = controller_, .thread = thread}, id, pid);
    target.session->attach();
  } else if (system_.kfd().alive(pid)) {
    target.observed = std::make_unique<ObservedProcess>(
        ObservedProcess::Host{.timeline = system_.timeline(),
                              .kfd = system_.kfd(),
                              .gpu_ids = gpu_ids_,
                              .new_queue_id = [this] { return QueueId(next_queue_++); },
                              .post = [this](auto what) { post(std::move(what)); }},
        id, pid);
    post(AttachDone{.target = id, .error = std::nullopt});
  } else {
    post(AttachDone{
        .target = id,
        .error = Error{.code = Errc::kProcessExited,
                       .sys_errno = 0,
                       .what = fmt::format("attach to process {}: there is none", pid)}});
  }
  return id;
}

Result<void> SimBackend::detach(TargetId id) {
  Target* target = find(id);
  if (target == nullptr) {
    return fail(Errc::kInvalidArgument, fmt::format("detach from target {}: there is none", id));
  }
  if (target->watch) {
    system_.timeline().cancel(target->watch->tick);
    target->watch.reset();
  }
  target->pid = kNobody;  // the process may be attached to again
  target->observed.reset();
  if (target->session) {
    target->session->detach([] {});
  } else {
    post(DetachDone{.target = id});
  }
  return {};
}

std::vector<QueueInfo> SimBackend::queues(TargetId id) const {
  const auto found = targets_.find(id);
  if (found == targets_.end()) {
    return {};
  }
  const Target& target = found->second;
  if (target.session) {
    return target.session->queues();
  }
  return target.observed ? target.observed->queues() : std::vector<QueueInfo>();
}

Result<RequestId> SimBackend::control(TargetId id, std::span<const QueueId> ids,
                                      const Control& control) {
  Target* target = find(id);
  if (target == nullptr || !target->session) {
    return fail(Errc::kNotPermitted,
                fmt::format("control target {}: it is not attached for control", id));
  }
  Control checked = control;
  if (auto* suspend = std::get_if<Suspend>(&checked); suspend != nullptr && suspend->grace) {
    const Result<Duration> representable =
        representable_grace(*suspend->grace, system_.options().gpu.clock_hz);
    if (!representable) {
      return tl::unexpected<Error>(representable.error());
    }
    suspend->grace = *representable;
  }
  if (const auto* signal = std::get_if<Signal>(&control);
      // NOLINTNEXTLINE(misc-include-cleaner): csignal has it
      signal != nullptr && signal->number != SIGSTOP && signal->number != SIGCONT) {
    return fail(Errc::kUnsupported,
                // NOLINTNEXTLINE(misc-include-cleaner): csignal has it
                fmt::format("signal {}: the model's processes know SIGSTOP and SIGCONT only",
                            signal->number));
  }
  const RequestId request(next_request_++);
  target->session->control(request, {ids.begin(), ids.end()}, std::move(checked));
  return request;
}

Result<RequestId> SimBackend::inspect(InspectView /*view*/) {
  return fail(Errc::kUnsupported,
              "inspect hardware: the simulator prints no debugfs views in this version");
}

Result<std::optional<Event>> SimBackend::next_event(Instant deadline) {
  while (events_.empty()) {
    const Result<bool> woken =
        waiter_->wait(GPREEMPT_MUTANT("sim-past-deadline-waits")
                          ? std::max(deadline, now() + std::chrono::seconds(1))
                          : deadline);
    if (!woken) {
      return tl::unexpected<Error>(woken.error());
    }
    if (events_.empty() && now() >= deadline) {
      return std::optional<Event>{};
    }
  }
  std::optional<Event> event = std::move(events_.front());
  events_.pop_front();
  return event;
}

Result<void> SimBackend::close() {
  // Shared: a world that ends while this waits leaves sessions that still report.
  const auto left = std::make_shared<std::size_t>(0);
  for (auto& [id, target] : targets_) {
    if (target.session) {
      ++*left;
      target.session->detach([this, left] {
        --*left;
        waiter_->wake();
      });
    }
  }
  while (*left > 0) {
    const Result<bool> woken = waiter_->wait(kForever);
    if (!woken) {
      return tl::unexpected<Error>(woken.error());
    }
  }
  for (auto& [id, target] : targets_) {
    if (target.watch) {
      system_.timeline().cancel(target.watch->tick);
    }
  }
  targets_.clear();
  return {};
}

void SimBackend::exited(Pid pid) {
  if (const std::optional<TargetId> id = target_of(pid)) {
    Target& target = targets_.at(*id);
    if (target.session) {
      target.session->target_exited();
    }
    if (target.watch) {
      system_.timeline().cancel(target.watch->tick);
      target.watch.reset();
    }
    target.pid = kNobody;
    target.observed.reset();
    if (target.session || !GPREEMPT_MUTANT("sim-observed-exit-unseen")) {
      post(TargetExited{.target = *id});
    }
  }
}

/// Its queues are gone; an observer finds that out when it looks.
void SimBackend::executed(Pid pid) {
  if (const std::optional<TargetId> id = target_of(pid)) {
    Target& target = targets_.at(*id);
    if (target.session) {
      target.session->target_executed();
    } else if (target.observed) {
      target.observed->changed();
    }
    if (!GPREEMPT_MUTANT("sim-exec-keeps-rings")) {
      lose_rings(*id, target);
    }
  }
}

void SimBackend::freeze() {
  for (auto& [id, target] : targets_) {
    if (target.session) {
      target.session->freeze();
    }
  }
}

void SimBackend::thaw() {
  for (auto& [id, target] : targets_) {
    if (target.session) {
      target.session->thaw();
    }
  }
}

// ---- what the applications do
// ---------------------------------------------------------------------------

void SimBackend::work_arrived(Pid pid, std::uint64_t request) {
  const std::optional<TargetId> id = target_of(pid);
  if (id && !GPREEMPT_MUTANT("sim-arrival-hint-lost")) {
    post(WorkArrived{.target = *id, .request = request});
  }
}

void SimBackend::work_finished(Pid pid, std::uint64_t request) {
  if (const std::optional<TargetId> id = target_of(pid)) {
    post(WorkFinished{.target = *id, .request = request});
  }
}

Result<void> SimBackend::watch(TargetId id, Duration period) {
  Target* target = find(id);
  if (target == nullptr) {
    return fail(Errc::kInvalidArgument, fmt::format("watch target {}: there is none", id));
  }
  target->watch = Watch{.period = period, .zero = now(), .busy = target->busy};
  arm_tick(id, *target->watch);
  return {};
}

void SimBackend::busy(Pid pid) {
  if (const std::optional<TargetId> id = target_of(pid)) {
    Target& target = targets_.at(*id);
    target.busy = true;
    if (target.watch) {
      target.watch->busy = true;
      target.watch->touched = true;
      target.watch->empty_ticks = 0;
      arm_tick(*id, *target.watch);
    }
  }
}

void SimBackend::idle(Pid pid, Instant ring_empty) {
  if (const std::optional<TargetId> id = target_of(pid)) {
    Target& target = targets_.at(*id);
    target.busy = false;
    if (target.watch) {
      Watch& watch = *target.watch;
      watch.busy = false;
      // The last poll may have seen empty rings, and only a completion signal that was pending.
      const Instant last_poll = watch.zero + (now() - watch.zero) / watch.period * watch.period;
      watch.empty_ticks = last_poll > ring_empty ? 1 : 0;
      arm_tick(*id, watch);
    }
  }
}

/// Without rings a process is idle, as the next poll finds.
void SimBackend::lose_rings(TargetId id, Target& target) {
  target.busy = false;
  if (target.watch) {
    target.watch->busy = false;
    target.watch->touched = false;
    target.watch->empty_ticks = 1;
    arm_tick(id, *target.watch);
  }
}

void SimBackend::arm_tick(TargetId id, Watch& watch) {
  if (watch.tick == 0 && watch.busy != watch.reported) {
    const std::int64_t ticks = (now() - watch.zero) / watch.period + 1;
    watch.tick = system_.timeline().at(watch.zero + ticks * watch.period, [this, id] { tick(id); });
  }
}

void SimBackend::tick(TargetId id) {
  Target& target = targets_.at(id);
  GPREEMPT_CHECK(target.watch.has_value());
  Watch& watch = *target.watch;
  watch.tick = 0;
  // read == write is not proof of completion: idle takes two polls in a row that find the rings
  // empty at the same write index, and at the second one the last packet's completion signal.
  constexpr int kIdlePolls = 2;
  watch.empty_ticks = watch.busy ? 0 : watch.empty_ticks + 1;
  // What came and went between two polls has moved the positions.
  const bool seen_busy = std::exchange(watch.touched, false) || watch.busy;
  if (seen_busy != watch.reported &&
      (seen_busy ||
       watch.empty_ticks >= (GPREEMPT_MUTANT("sim-idle-after-one-poll") ? 1 : kIdlePolls))) {
    watch.reported = seen_busy && !GPREEMPT_MUTANT("sim-edge-repeated");
    post(ActivityEdge{.target = id, .busy = seen_busy});
  }
  arm_tick(id, watch);
}

}  // namespace gpreempt::sim
