#include "core/faulty_backend.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <variant>
#include <vector>

#include "core/backend.h"
#include "core/error.h"
#include "core/event.h"
#include "core/fault.h"
#include "core/ids.h"
#include "core/time.h"

namespace gpreempt {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kLongCall = seconds(9);

/// The target that an event is about; nullopt for one of no target.
std::optional<TargetId> target_of(const Event& event) {
  return std::visit(
      [](const auto& what) -> std::optional<TargetId> {
        if constexpr (requires { what.target; }) {
          return what.target;
        } else if constexpr (requires { what.queue.target; }) {
          return what.queue.target;
        } else {
          return std::nullopt;
        }
      },
      event.what);
}

class FaultyBackend final : public Backend {
 public:
  FaultyBackend(std::unique_ptr<Backend> inner, Faults& faults)
      : inner_(std::move(inner)), faults_(faults) {}

  [[nodiscard]] const BackendInfo& info() const override { return inner_->info(); }
  [[nodiscard]] Instant now() const override { return inner_->now() + ahead_; }
  [[nodiscard]] Result<TargetId> attach(Pid pid, AttachMode mode) override {
    return inner_->attach(pid, mode);
  }
  [[nodiscard]] Result<void> detach(TargetId target) override { return inner_->detach(target); }
  [[nodiscard]] std::vector<QueueInfo> queues(TargetId target) const override {
    return inner_->queues(target);
  }
  [[nodiscard]] Result<RequestId> control(TargetId target, std::span<const QueueId> ids,
                                          const Control& control) override;
  [[nodiscard]] Result<void> watch(TargetId target, Duration period) override;
  [[nodiscard]] Result<RequestId> inspect(InspectView view) override {
    return inner_->inspect(view);
  }
  [[nodiscard]] Result<std::optional<Event>> next_event(Instant deadline) override;
  [[nodiscard]] Result<void> close() override { return inner_->close(); }

 private:
  /// What is to be changed in the completion of a request.
  struct Doctored {
    std::vector<QueueId> ids;  ///< as asked for
    std::optional<QueueId> invalid;
    bool has_error = false;
    bool is_long = false;
  };

  [[nodiscard]] bool strike(FaultKind kind) { return faults_.strike(kind, now()); }
  /// Takes everything in that comes until `until`.
  [[nodiscard]] Result<void> collect(Instant until);
  void take_in(Event event);
  void change(ControlDone& done, const Doctored& how);
  /// Lets out what was held until now.
  void let_out();
  [[nodiscard]] Instant first_release() const;

  std::unique_ptr<Backend> inner_;
  Faults& faults_;
  Duration ahead_{};  ///< of the inner clock
  std::map<RequestId, Doctored> doctored_;
  std::deque<Event> ready_;
  /// Targets whose long call has not ended, and what has happened to them meanwhile.
  struct Held {
    Instant until;
    std::deque<Event> events;
  };
  std::map<TargetId, Held> held_;
  Instant late_until_ = Instant::min();  ///< nothing is told before
};

Result<RequestId> FaultyBackend::control(TargetId target, std::span<const QueueId> ids,
                                         const Control& control) {
  const bool is_suspend = std::holds_alternative<Suspend>(control);
  // A caller cannot do without a resume that is refused for ever; it is tried again.
  if (strike(FaultKind::kBusy)) {
    return fail(Errc::kBusy, fmt::format("{} on target {}: the driver is busy (injected); try "
                                         "again",
                                         to_string(kind_of(control)), target));
  }
  if (strike(FaultKind::kLostTracer)) {
    return fail(Errc::kNotPermitted,
                fmt::format("{} on target {}: nobody traces it (injected); attach again",
                            to_string(kind_of(control)), target));
  }
  Doctored how{.ids = {ids.begin(), ids.end()}, .invalid = std::nullopt};
  how.has_error = strike(FaultKind::kErrorOutcome);
  how.is_long = strike(FaultKind::kLongCall);
  std::vector<QueueId> asked = how.ids;
  if (is_suspend && asked.size() > 1 && strike(FaultKind::kInvalidOutcome)) {
    const auto index = faults_.choose(FaultKind::kInvalidOutcome, asked.size());
    how.invalid = asked[index];
    asked.erase(asked.begin() + static_cast<std::ptrdiff_t>(index));
  }
  auto request = inner_->control(target, asked, control);
  if (request && (how.has_error || how.is_long || how.invalid)) {
    doctored_.emplace(*request, std::move(how));
  }
  return request;
}

Result<void> FaultyBackend::watch(TargetId target, Duration period) {
  if (strike(FaultKind::kActivityUnread)) {
    return fail(Errc::kUnsupported,
                fmt::format("watch target {}: its rings cannot be read (injected)", target));
  }
  return inner_->watch(target, period);
}

void FaultyBackend::change(ControlDone& done, const Doctored& how) {
  if (how.invalid) {
    const auto at = std::ranges::find(how.ids, *how.invalid) - how.ids.begin();
    done.outcomes.insert(done.outcomes.begin() + at,
                         {.id = *how.invalid, .outcome = Outcome::kInvalid});
  }
  if (how.has_error && !done.outcomes.empty()) {
    QueueOutcome& one =
        done.outcomes[faults_.choose(FaultKind::kErrorOutcome, done.outcomes.size())];
    one.outcome = one.outcome == Outcome::kOk ? Outcome::kError : one.outcome;
  }
}

void FaultyBackend::take_in(Event event) {
  event.at += ahead_;
  bool is_long = false;
  if (auto* const done = std::get_if<ControlDone>(&event.what)) {
    done->issued += ahead_;
    done->done += ahead_;
    if (const auto found = doctored_.find(done->request); found != doctored_.end()) {
      change(*done, found->second);
      is_long = found->second.is_long;
      doctored_.erase(found);
    }
  }
  const auto target = target_of(event);
  if (is_long && target) {
    held_[*target].until = event.at + kLongCall;
  }
  if (const auto held = target ? held_.find(*target) : held_.end(); held != held_.end()) {
    held->second.events.push_back(std::move(event));
    return;
  }
  ready_.push_back(std::move(event));
}

void FaultyBackend::let_out() {
  while (!held_.empty()) {
    const auto first =
        std::ranges::min_element(held_, {}, [](const auto& entry) { return entry.second.until; });
    if (first->second.until > now()) {
      return;
    }
    for (Event& event : first->second.events) {
      event.at = std::max(event.at, first->second.until);
      if (auto* const done = std::get_if<ControlDone>(&event.what)) {
        done->done = event.at;
      }
      const auto after = std::ranges::upper_bound(ready_, event.at, {}, &Event::at);
      ready_.insert(after, std::move(event));
    }
    held_.erase(first);
  }
}

Instant FaultyBackend::first_release() const {
  Instant first = kForever;
  for (const auto& [target, held] : held_) {
    first = std::min(first, held.until);
  }
  return first;
}

Result<void> FaultyBackend::collect(Instant until) {
  for (;;) {
    auto next = inner_->next_event(until == kForever ? kForever : until - ahead_);
    GPREEMPT_TRY(next);
    if (std::optional<Event>& event = *next; event.has_value()) {
      take_in(*std::move(event));
    }
    if (now() >= until) {
      return {};
    }
  }
}

Result<std::optional<Event>> FaultyBackend::next_event(Instant deadline) {
  if (strike(FaultKind::kClockStep)) {
    constexpr std::uint64_t kMostSeconds = 5;
    ahead_ +=
        seconds(1 + static_cast<std::int64_t>(faults_.choose(FaultKind::kClockStep, kMostSeconds)));
  }
  if (strike(FaultKind::kFrozen)) {
    constexpr std::uint64_t kMostMilliseconds = 3000;
    GPREEMPT_TRY(collect(now() + milliseconds(1 + static_cast<std::int64_t>(faults_.choose(
                                                      FaultKind::kFrozen, kMostMilliseconds)))));
  }
  if (strike(FaultKind::kLateEvents)) {
    constexpr std::uint64_t kMostMilliseconds = 30;
    late_until_ = now() + milliseconds(1 + static_cast<std::int64_t>(faults_.choose(
                                               FaultKind::kLateEvents, kMostMilliseconds)));
  }
  for (;;) {
    let_out();
    if (now() >= late_until_ && !ready_.empty()) {
      std::optional<Event> event = std::move(ready_.front());
      ready_.pop_front();
      return event;
    }
    if (now() >= deadline) {
      return std::optional<Event>();
    }
    const Instant told = ready_.empty() ? kForever : late_until_;
    const Instant wake = std::min({deadline, first_release(), told});
    auto next = inner_->next_event(wake == kForever ? kForever : wake - ahead_);
    GPREEMPT_TRY(next);
    if (std::optional<Event>& event = *next; event.has_value()) {
      take_in(*std::move(event));
    }
  }
}

}  // namespace

std::unique_ptr<Backend> make_faulty_backend(std::unique_ptr<Backend> inner, Faults& faults) {
  return std::make_unique<FaultyBackend>(std::move(inner), faults);
}

}  // namespace gpreempt
