#pragma once

#include <chrono>
#include <cstdint>

/// Time as core sees it: integer nanoseconds on a clock that cannot be asked for the time.
/// An `Instant` comes from `Backend::now()` or from an event, never from the host.
namespace gpreempt {

using Duration = std::chrono::nanoseconds;

/// Clock type without `now()`: only a backend can say what time it is.
struct BackendClock {
  using rep = std::int64_t;
  using period = std::nano;
  using duration = Duration;
  using time_point = std::chrono::time_point<BackendClock, Duration>;
  static constexpr bool is_steady = true;
};

using Instant = BackendClock::time_point;

/// "No deadline": later than every event.
inline constexpr Instant kForever = Instant::max();

inline constexpr double kNsPerUs = 1e3;
inline constexpr double kNsPerSecond = 1e9;

[[nodiscard]] constexpr std::int64_t to_ns(Duration duration) { return duration.count(); }
[[nodiscard]] constexpr std::int64_t to_ns(Instant instant) {
  return instant.time_since_epoch().count();
}
[[nodiscard]] constexpr Instant instant_from_ns(std::int64_t ns) { return Instant(Duration(ns)); }

/// `instant + delay`, held at `kForever` when the sum does not fit. `delay` must not be negative.
[[nodiscard]] constexpr Instant saturating_add(Instant instant, Duration delay) {
  return delay > kForever - instant ? kForever : instant + delay;
}

}  // namespace gpreempt
