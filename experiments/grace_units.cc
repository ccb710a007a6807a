#include "experiments/grace_units.h"

#include <chrono>
#include <cstdint>

#include "core/error.h"
#include "core/event.h"
#include "core/time.h"
#include "experiments/session.h"

namespace gpreempt::experiments {
namespace {

/// Whether the backend takes this one; if so, it has been used.
Result<bool> takes(Session& session, const Followed& process, Duration grace) {
  const Result<ControlDone> suspended = session.suspend(process, grace);
  if (!suspended) {
    return suspended.error().code == Errc::kInvalidArgument
               ? Result<bool>(false)
               : tl::unexpected<Error>(suspended.error());
  }
  return session.resume(process).map([](const ControlDone& /*done*/) { return true; });
}

}  // namespace

Result<Duration> longest_grace(Session& session, const Followed& process) {
  // 255 units at 50 MHz, slower than any of these GPUs runs.
  constexpr Duration kBeyond = std::chrono::microseconds(5100);
  Duration least{};
  Duration most = kBeyond;
  while (most - least > Duration(1)) {
    const Duration middle = least + (most - least) / 2;
    const Result<bool> fits = takes(session, process, middle);
    GPREEMPT_TRY(fits);
    (*fits ? least : most) = middle;
  }
  return least;
}

Duration grace_of(Duration longest, std::uint32_t units) {
  GPREEMPT_CHECK(units >= 1 && units <= kLongestGraceUnits);
  return Duration(to_ns(longest) * units / kLongestGraceUnits);
}

}  // namespace gpreempt::experiments
