#include "backends/kfd/hold/hold.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "backends/kfd/hold/holder.h"
#include "backends/kfd/hold/resume_socket.h"
#include "backends/kfd/os.h"
#include "core/backend.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/mutant.h"
#include "core/time.h"
#include "core/units.h"

namespace gpreempt::kfd {
namespace {

/// How often a request to resume is looked for.
constexpr Duration kLookForRequests = std::chrono::milliseconds(20);
/// The lease outlives the limit by this, so that an orderly end comes first.
constexpr Duration kLeaseBeyondLimit = std::chrono::seconds(1);

}  // namespace

Result<HoldReport> Holder::run() {
  auto held = attach_all();
  if (held) {
    held = hold_until_end();
  }
  const auto closed = backend_.close();
  const Instant now = backend_.now();
  for (HeldQueue& queue : report_.queues) {
    if (!queue.on) {
      queue.on = now;
    }
  }
  for (Target& target : targets_) {
    answer(target, {});  // it runs again
    if (target.owns_pidfd) {
      os_.close(target.pidfd);
    }
  }
  GPREEMPT_TRY(held);
  GPREEMPT_TRY(closed);
  report_.end = end_.value_or(End::kLimit);
  return std::move(report_);
}

// ---- attaching

Result<void> Holder::attach_all() {
  for (std::size_t i = 0; i < options_.targets.size(); ++i) {
    const Pid pid = options_.targets[i];
    const bool is_ours = options_.pidfds.empty();
    const auto pidfd = is_ours ? os_.open_pidfd(pid) : SysResult<Fd>(options_.pidfds.at(i));
    if (!pidfd) {
      return fail(Errc::kProcessExited,
                  fmt::format("attach to pid {}: {}", pid, std::strerror(pidfd.error().number)),
                  pidfd.error().number);
    }
    targets_.push_back({.pid = pid,
                        .id = {},
                        .pidfd = *pidfd,
                        .owns_pidfd = is_ours,
                        .in_flight = std::nullopt,
                        .to_suspend = {},
                        .asked = std::nullopt});
    const auto id = backend_.attach(pid, AttachMode::kControl);
    GPREEMPT_TRY(id);
    targets_.back().id = *id;
  }
  GPREEMPT_TRY(await_attached());
  return choose_all();
}

Result<void> Holder::await_attached() {
  const Instant deadline = saturating_add(backend_.now(), options_.attach_patience);
  const auto is_missing = [](const Target& target) { return !target.attached && !target.exited; };
  while (!is_over() && std::ranges::any_of(targets_, is_missing)) {
    if (backend_.now() >= deadline) {
      const auto late = std::ranges::find_if(targets_, is_missing);
      return fail(Errc::kTimedOut,
                  fmt::format("attach to pid {}: nothing came of it within {}; look at it with "
                              "`gpreempt doctor --pid {}`",
                              late->pid, format_duration(options_.attach_patience), late->pid));
    }
    GPREEMPT_TRY(next(deadline));
    GPREEMPT_TRY(attach_error_);
  }
  return {};
}

Result<void> Holder::choose_all() {
  for (Target& target : targets_) {
    GPREEMPT_TRY(choose(target));
  }
  return {};
}

Result<void> Holder::choose(Target& target) {
  std::array<WaitFd, 1> exit = {{{.fd = target.pidfd, .ready = false}}};
  if (const auto gone = os_.wait(exit, os_.now()); !gone || *gone > 0) {
    // Whoever has been attached since may be another process with its number.
    target.exited = true;
  }
  if (target.exited || is_over()) {
    return {};
  }
  std::vector<std::uint32_t> ids;
  for (const QueueInfo& queue : backend_.queues(target.id)) {
    ids.push_back(queue.kernel_id);
    const bool chosen =
        options_.queues.empty()
            ? queue.type == QueueType::kCompute || GPREEMPT_MUTANT("hold-takes-sdma")
            : std::ranges::find(options_.queues, queue.kernel_id) != options_.queues.end();
    if (chosen) {
      target.to_suspend.push_back(queue.id);
    }
  }
  for (const std::uint32_t id : options_.queues) {
    if (std::ranges::find(ids, id) == ids.end()) {
      return fail(Errc::kNoSuchQueue,
                  fmt::format("suspend queue {} of pid {}: there is none; it has {}", id,
                              target.pid, ids.empty() ? "no queue" : list_of(ids)));
    }
  }
  if (target.to_suspend.empty()) {
    return fail(Errc::kNoSuchQueue, fmt::format("suspend pid {}: it has no compute queue; wait "
                                                "until it uses a GPU",
                                                target.pid));
  }
  return {};
}

// ---- holding

Result<void> Holder::hold_until_end() {
  limit_ = saturating_add(backend_.now(), options_.limit);
  issue_all();
  while (!is_over()) {
    GPREEMPT_TRY(go_on());
  }
  // What is on its way belongs in the report, and closing would wait for it as well.
  while (std::ranges::any_of(targets_,
                             [](const Target& each) { return each.in_flight && !each.exited; })) {
    GPREEMPT_TRY(next(kForever));
  }
  return {};
}

Result<void> Holder::go_on() {
  if (requests_ != nullptr) {
    serve_requests();
  }
  if (const auto reason = reason_to_end()) {
    end(*reason);
    return {};
  }
  const Instant look = saturating_add(backend_.now(), kLookForRequests);
  return next(requests_ != nullptr ? std::min(look, limit_) : limit_);
}

std::optional<HoldReport::End> Holder::reason_to_end() const {
  if (std::ranges::all_of(targets_, &Target::exited)) {
    return End::kExited;
  }
  const auto is_done = [](const Target& target) {
    return target.exited || (target.released && !target.asked);
  };
  if (std::ranges::all_of(targets_, is_done)) {
    return End::kResumed;
  }
  return backend_.now() >= limit_ ? std::optional(End::kLimit) : std::nullopt;
}

Result<void> Holder::next(Instant deadline) {
  const auto next = backend_.next_event(deadline);
  if (!next && next.error().code == Errc::kInterrupted) {
    end(End::kInterrupted);
    return {};
  }
  if (!next && (next.error().code == Errc::kHardwareFailure || next.error().code == Errc::kBusy)) {
    // A guard has given everything back: what was on its way is not any more.
    found(next.error().what);
    for (Target& target : targets_) {
      target.in_flight.reset();
    }
    return {};
  }
  GPREEMPT_TRY(next);
  if (const std::optional<Event>& event = *next; event.has_value()) {
    const Instant at = event->at;
    std::visit(
        [&](const auto& what) {
          if constexpr (requires { handle(what, at); }) {
            handle(what, at);
          } else if constexpr (requires { handle(what); }) {
            handle(what);
          }
        },
        event->what);
  }
  return {};
}

void Holder::end(End how) {
  if (!end_) {
    end_ = how;
  }
}

void Holder::found(const std::string& anomaly) {
  end_ = End::kAnomaly;
  if (!report_.anomaly.empty()) {
    return;  // the first one is the reason, the others follow from it
  }
  say_(anomaly);
  report_.anomaly = anomaly;
}

void Holder::serve_requests() {
  for (const ResumeSocket::Request& request : requests_->take()) {
    serve(request);
  }
}

void Holder::serve(const ResumeSocket::Request& request) {
  const auto target = std::ranges::find(targets_, request.target, &Target::pid);
  const auto refuse = [&](std::string why) {
    requests_->answer(request, {.resumed = {}, .error = std::move(why)});
  };
  if (target == targets_.end()) {
    return refuse(fmt::format("resume pid {}: this process does not hold it", request.target));
  }
  if (target->asked) {
    return refuse(fmt::format("resume pid {}: it is being resumed; ask again", request.target));
  }
  // What is on its way is suspended first, and then counts.
  target->asked = request;
  if (request.queues.empty()) {
    target->released = true;
    target->to_suspend.clear();
  }
  issue_all();
}

/// The queues that somebody asked for; an error if one of them is not suspended.
Result<std::vector<QueueId>> Holder::asked_queues(Target& target,
                                                  const std::vector<std::uint32_t>& asked) {
  std::vector<QueueId> ids;
  std::vector<std::uint32_t> off;
  for (std::size_t i = 0; i < known_.size(); ++i) {
    if (known_[i].target != target.id || report_.queues[i].on) {
      continue;
    }
    const std::uint32_t id = known_[i].kernel_id;
    off.push_back(id);
    if (asked.empty() || std::ranges::find(asked, id) != asked.end()) {
      ids.push_back(known_[i].id);
    }
  }
  for (const std::uint32_t id : asked) {
    if (std::ranges::find(off, id) == off.end()) {
      return fail(Errc::kInvalidArgument,
                  fmt::format("resume queue {} of pid {}: it is not suspended; {}", id, target.pid,
                              off.empty() ? "none is" : list_of(off) + " can be resumed"));
    }
  }
  if (ids.size() == off.size()) {
    target.released = true;
    target.to_suspend.clear();
  }
  return ids;
}

void Holder::answer(Target& target, const ResumeAnswer& with) {
  if (const auto asked = std::exchange(target.asked, std::nullopt)) {
    requests_->answer(*asked, with);
  }
}

/// One call at a time: the driver serves those of one GPU one after another, and how long one takes
/// is to be seen.
void Holder::issue_all() {
  for (Target& target : targets_) {
    if (std::ranges::any_of(targets_,
                            [](const Target& each) { return each.in_flight.has_value(); })) {
      return;
    }
    issue(target);
  }
}

void Holder::issue(Target& target) {
  if (target.exited || is_over()) {
    return;
  }
  if (target.asked) {
    auto ids = asked_queues(target, target.asked->queues);
    if (!ids) {
      answer(target, {.resumed = {}, .error = ids.error().what});
    } else if (!issue(target, *std::move(ids), Resume{})) {
      answer(target, {});
    }
    return;
  }
  const Duration left = std::max(limit_ - backend_.now(), Duration{});
  (void)issue(target, std::exchange(target.to_suspend, {}),
              Suspend{.grace = options_.grace, .lease = left + kLeaseBeyondLimit});
}

/// False: there was nothing to do.
bool Holder::issue(Target& target, std::vector<QueueId> ids, const Control& control) {
  // A queue that has gone since is nobody's any more.
  const auto queues = backend_.queues(target.id);
  std::erase_if(ids, [&](QueueId id) {
    return std::ranges::find(queues, id, &QueueInfo::id) == queues.end();
  });
  if (ids.empty()) {
    return false;
  }
  const auto request = backend_.control(target.id, ids, control);
  if (!request) {
    found(request.error().what);
    return false;
  }
  target.in_flight = *request;
  return true;
}

std::string list_of(const std::vector<std::uint32_t>& ids) {
  return fmt::format("{}{}", ids.size() == 1 ? "queue " : "queues ", fmt::join(ids, " "));
}

std::string_view to_string(HoldReport::End end) {
  switch (end) {
    case HoldReport::End::kLimit: return "limit";
    case HoldReport::End::kInterrupted: return "interrupted";
    case HoldReport::End::kResumed: return "resumed";
    case HoldReport::End::kExited: return "exited";
    case HoldReport::End::kAnomaly: return "anomaly";
  }
  return "";
}

Result<HoldReport> hold(Os& os, Backend& backend, const HoldOptions& options,
                        ResumeSocket* requests, const std::function<void(std::string_view)>& say) {
  return Holder(os, backend, options, requests, say).run();
}

}  // namespace gpreempt::kfd
