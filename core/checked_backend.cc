#include "core/checked_backend.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "core/backend.h"
#include "core/control_rules.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/mutant.h"
#include "core/time.h"

namespace gpreempt {
namespace {

constexpr std::size_t kMaxIds = 1024;

class CheckedBackend final : public Backend {
 public:
  explicit CheckedBackend(std::unique_ptr<Backend> inner) : inner_(std::move(inner)) {
    GPREEMPT_CHECK(inner_ != nullptr);
  }

  [[nodiscard]] const BackendInfo& info() const override { return inner_->info(); }
  [[nodiscard]] Instant now() const override { return inner_->now(); }
  [[nodiscard]] std::vector<QueueInfo> queues(TargetId target) const override {
    return inner_->queues(target);
  }

  [[nodiscard]] Result<TargetId> attach(Pid pid, AttachMode mode) override;
  [[nodiscard]] Result<void> detach(TargetId target) override;
  [[nodiscard]] Result<RequestId> control(TargetId target, std::span<const QueueId> ids,
                                          const Control& control) override;
  [[nodiscard]] Result<void> watch(TargetId target, Duration period) override;
  [[nodiscard]] Result<RequestId> inspect(InspectView view) override;
  [[nodiscard]] Result<std::optional<Event>> next_event(Instant deadline) override;
  [[nodiscard]] Result<void> close() override;

 private:
  struct Target {
    Pid pid;
    AttachMode mode = AttachMode::kControl;
    bool in_flight = true;  ///< its attach, until `AttachDone`
  };

  [[nodiscard]] Result<void> check_open(std::string_view operation) const;
  [[nodiscard]] Result<Target*> find(std::string_view operation, TargetId target);
  [[nodiscard]] Result<void> check_ids(std::string_view operation, TargetId target,
                                       std::span<const QueueId> ids);
  [[nodiscard]] bool owns(TargetId target, QueueId id);
  /// The GPUs that the named queues are on.
  [[nodiscard]] std::vector<GpuInfo> gpus_of(TargetId target, std::span<const QueueId> ids) const;
  void learn(const Event& event);
  void forget(TargetId target);

  std::unique_ptr<Backend> inner_;
  bool closed_ = false;
  std::unordered_map<TargetId, Target> targets_;
  /// Queues that are gone stay: naming one is an outcome (`kInvalid`), not a wrong argument.
  std::unordered_map<QueueId, TargetId> owners_;
  std::vector<QueueId> sorted_;
};

Result<void> CheckedBackend::check_open(std::string_view operation) const {
  if (closed_) {
    return fail(Errc::kInvalidArgument,
                fmt::format("{}: the backend is closed; open a new one", operation));
  }
  return {};
}

Result<CheckedBackend::Target*> CheckedBackend::find(std::string_view operation, TargetId target) {
  GPREEMPT_TRY(check_open(operation));
  const auto found = targets_.find(target);
  if (found == targets_.end()) {
    return fail(Errc::kInvalidArgument,
                fmt::format("{} on target {}: no such target; attach first", operation, target));
  }
  return &found->second;
}

Result<TargetId> CheckedBackend::attach(Pid pid, AttachMode mode) {
  GPREEMPT_TRY(check_open("attach"));
  const bool attached = std::any_of(targets_.begin(), targets_.end(),
                                    [&](const auto& entry) { return entry.second.pid == pid; });
  if (attached && !GPREEMPT_MUTANT("attached-twice")) {
    return fail(Errc::kInvalidArgument,
                fmt::format("attach to pid {}: it is already attached; detach it first", pid));
  }
  Result<TargetId> target = inner_->attach(pid, mode);
  if (target) {
    targets_.insert_or_assign(*target, Target{.pid = pid, .mode = mode, .in_flight = true});
  }
  return target;
}

Result<void> CheckedBackend::detach(TargetId target) {
  const Result<Target*> found = find("detach", target);
  if (!found) {
    return GPREEMPT_MUTANT("unknown-target-detached") ? Result<void>()
                                                      : tl::unexpected<Error>(found.error());
  }
  if ((*found)->in_flight) {
    return fail(Errc::kBusy,
                fmt::format("detach on target {}: a request is in flight; wait for it", target));
  }
  GPREEMPT_TRY(inner_->detach(target));
  (*found)->in_flight = true;
  return {};
}

Result<RequestId> CheckedBackend::control(TargetId target, std::span<const QueueId> ids,
                                          const Control& control) {
  const std::string_view operation = to_string(kind_of(control));
  const Result<Target*> found = find(operation, target);
  if (!found) {
    return tl::unexpected<Error>(found.error());
  }
  if ((*found)->mode == AttachMode::kObserve) {
    return fail(Errc::kNotPermitted,
                fmt::format("{} on target {}: it is only observed; attach it for control",
                            operation, target));
  }
  if (const std::string& reason = info().missing(kind_of(control)); !reason.empty()) {
    return fail(Errc::kUnsupported, fmt::format("{} on target {}: {}", operation, target, reason));
  }
  GPREEMPT_TRY(check_ids(operation, target, ids));
  // Only a mask depends on the GPUs, and asking for the queues copies them.
  const bool masks = std::holds_alternative<CuMask>(control);
  const std::vector<GpuInfo> gpus = masks ? gpus_of(target, ids) : std::vector<GpuInfo>{};
  if (const Result<void> sound = check_control(control, gpus); !sound) {
    return fail(sound.error().code,
                fmt::format("{} on target {}: {}", operation, target, sound.error().what));
  }
  if ((*found)->in_flight && !GPREEMPT_MUTANT("two-in-flight")) {
    return fail(Errc::kBusy, fmt::format("{} on target {}: a request is in flight; wait for it",
                                         operation, target));
  }
  Result<RequestId> request = inner_->control(target, ids, control);
  if (request) {
    (*found)->in_flight = true;
  }
  return request;
}

Result<void> CheckedBackend::check_ids(std::string_view operation, TargetId target,
                                       std::span<const QueueId> ids) {
  if (ids.empty()) {
    return fail(
        Errc::kInvalidArgument,
        fmt::format("{} on target {}: no queue is named; name at least one", operation, target));
  }
  if (ids.size() > kMaxIds) {
    return fail(Errc::kInvalidArgument,
                fmt::format("{} on target {}: {} queues are named; name at most {} in a call",
                            operation, target, ids.size(), kMaxIds));
  }
  sorted_.assign(ids.begin(), ids.end());
  std::sort(sorted_.begin(), sorted_.end());
  const auto twice = std::adjacent_find(sorted_.begin(), sorted_.end());
  if (twice != sorted_.end()) {
    return fail(Errc::kInvalidArgument,
                fmt::format("{} on target {}: queue {} is named twice; name each once", operation,
                            target, *twice));
  }
  const auto foreign =
      std::find_if(ids.begin(), ids.end(), [&](QueueId id) { return !owns(target, id); });
  if (foreign != ids.end() && !GPREEMPT_MUTANT("foreign-queue-named")) {
    return fail(Errc::kInvalidArgument,
                fmt::format("{} on target {}: queue {} is not one of its queues; use the ids of "
                            "its events",
                            operation, target, *foreign));
  }
  return {};
}

/// A queue may be named as soon as `queues` shows it, even before its event is served.
bool CheckedBackend::owns(TargetId target, QueueId id) {
  if (const auto known = owners_.find(id); known != owners_.end()) {
    return known->second == target;
  }
  for (const QueueInfo& queue : inner_->queues(target)) {
    owners_.insert_or_assign(queue.id, target);
  }
  const auto found = owners_.find(id);
  return found != owners_.end() && found->second == target;
}

std::vector<GpuInfo> CheckedBackend::gpus_of(TargetId target, std::span<const QueueId> ids) const {
  const std::vector<QueueInfo> queues = inner_->queues(target);
  std::vector<GpuInfo> gpus;
  for (const GpuInfo& gpu : info().gpus) {
    const bool used = std::any_of(queues.begin(), queues.end(), [&](const QueueInfo& queue) {
      return queue.gpu == gpu.id && std::find(ids.begin(), ids.end(), queue.id) != ids.end();
    });
    if (used) {
      gpus.push_back(gpu);
    }
  }
  return gpus;
}

Result<void> CheckedBackend::watch(TargetId target, Duration period) {
  const Result<Target*> found = find("watch", target);
  if (!found) {
    return tl::unexpected<Error>(found.error());
  }
  if (!info().watch.empty()) {
    return fail(Errc::kUnsupported, fmt::format("watch on target {}: {}", target, info().watch));
  }
  if (period <= Duration::zero() && !GPREEMPT_MUTANT("zero-period-watched")) {
    return fail(Errc::kInvalidArgument,
                fmt::format("watch on target {}: a period of {} ns is not positive; 1 ms is usual",
                            target, to_ns(period)));
  }
  return inner_->watch(target, period);
}

Result<RequestId> CheckedBackend::inspect(InspectView view) {
  GPREEMPT_TRY(check_open("inspect"));
  return inner_->inspect(view);
}

Result<std::optional<Event>> CheckedBackend::next_event(Instant deadline) {
  GPREEMPT_TRY(check_open("next event"));
  Result<std::optional<Event>> event = inner_->next_event(deadline);
  if (event) {
    if (const std::optional<Event>& found = *event; found.has_value()) {
      learn(*found);
    }
  }
  return event;
}

Result<void> CheckedBackend::close() {
  if (closed_) {
    return {};
  }
  closed_ = true;
  targets_.clear();
  owners_.clear();
  return inner_->close();
}

void CheckedBackend::learn(const Event& event) {
  if (const auto* const attach = std::get_if<AttachDone>(&event.what)) {
    const auto found = targets_.find(attach->target);
    if (attach->error && !GPREEMPT_MUTANT("failed-attach-stays")) {
      forget(attach->target);
    } else if (found != targets_.end()) {
      found->second.in_flight = false;
    }
  } else if (const auto* const done = std::get_if<ControlDone>(&event.what)) {
    if (const auto found = targets_.find(done->target); found != targets_.end()) {
      found->second.in_flight = false;
    }
  } else if (const auto* const born = std::get_if<QueueBorn>(&event.what)) {
    owners_.insert_or_assign(born->queue.id, born->queue.target);
  } else if (const auto* const detach = std::get_if<DetachDone>(&event.what)) {
    forget(detach->target);
  } else if (const auto* const exit = std::get_if<TargetExited>(&event.what)) {
    forget(exit->target);
  }
}

void CheckedBackend::forget(TargetId target) {
  targets_.erase(target);
  std::erase_if(owners_, [&](const auto& entry) { return entry.second == target; });
}

}  // namespace

std::unique_ptr<Backend> make_checked_backend(std::unique_ptr<Backend> inner) {
  return std::make_unique<CheckedBackend>(std::move(inner));
}

}  // namespace gpreempt
