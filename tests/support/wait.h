#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "core/backend.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/testbed.h"
#include "core/time.h"

/// Waiting in tests, by the backend's clock and always with a deadline.
namespace gpreempt::contract {

/// Longer than any driver takes, hung firmware included.
inline constexpr Duration kPatience = std::chrono::seconds(20);
/// A lease that no test outlives.
inline constexpr Duration kLongLease = std::chrono::hours(1);

using EventLog = std::vector<Event>;

/// Serves events until one of kind `What` comes; every event served goes to `log`, the last one
/// included. Errors: kTimedOut (it did not come before `deadline`), those of `next_event`.
template <class What>
[[nodiscard]] Result<What> await(Backend& backend, Instant deadline, EventLog& log) {
  for (;;) {
    Result<std::optional<Event>> next = backend.next_event(deadline);
    if (!next) {
      return tl::unexpected<Error>(std::move(next).error());
    }
    if (!*next) {
      return fail(Errc::kTimedOut,
                  fmt::format("await {}: it did not come by {} ns",
                              name_of(Event{.at = deadline, .what = What{}}), to_ns(deadline)));
    }
    log.push_back(std::move(**next));
    if (const What* const what = std::get_if<What>(&log.back().what)) {
      return *what;
    }
  }
}

/// An attached process, with its queues as they were when the attach was done, oldest first.
struct Attached {
  TargetId id;
  std::vector<QueueId> queues;
};

/// Errors: those of `attach`, `AttachDone` and `await`.
[[nodiscard]] Result<Attached> attach_and_wait(Backend& backend, Pid pid, AttachMode mode,
                                               EventLog& log);
/// Controls the named queues and waits for what became of it. Errors: those of `control` and
/// `await`, and that of the call as a whole.
[[nodiscard]] Result<ControlDone> control_and_wait(Backend& backend, const Attached& target,
                                                   const Control& control, EventLog& log);
[[nodiscard]] Result<ControlDone> suspend_and_wait(Backend& backend, const Attached& target,
                                                   Duration lease, EventLog& log);
[[nodiscard]] Result<ControlDone> resume_and_wait(Backend& backend, const Attached& target,
                                                  EventLog& log);

/// Lets the world go on until `holds`, asked every millisecond. Errors: kTimedOut, those of `wait`.
[[nodiscard]] Result<void> wait_until(Testbed& testbed, const std::function<bool()>& holds,
                                      Duration patience = kPatience);

/// How often `log` holds an event of kind `What`.
template <class What>
[[nodiscard]] std::size_t count_of(const EventLog& log) {
  return static_cast<std::size_t>(std::count_if(log.begin(), log.end(), [](const Event& event) {
    return std::holds_alternative<What>(event.what);
  }));
}

}  // namespace gpreempt::contract
