#include "backends/kfd/grace_period.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <optional>

#include "backends/kfd/abi.h"
#include "core/error.h"
#include "core/mutant.h"
#include "core/time.h"

namespace gpreempt::kfd {

Result<std::uint32_t> to_grace_units(std::optional<Duration> grace, std::uint32_t clock_mhz) {
  if (!grace) {
    return abi::kGraceDefault;
  }
  GPREEMPT_CHECK(clock_mhz > 0);
  // One unit lasts 1000 clocks = 1e6 / MHz nanoseconds.
  constexpr std::int64_t kNsTimesMhz = 1000 * std::int64_t{abi::kClocksPerGraceUnit};
  const std::int64_t longest_ns = abi::kGraceUnitsMax * kNsTimesMhz / std::int64_t{clock_mhz};
  const std::int64_t ns = to_ns(*grace);
  if (ns < 0 || (ns > longest_ns && !GPREEMPT_MUTANT("grace-wraps"))) {
    return fail(Errc::kInvalidArgument,
                fmt::format("suspend with a grace period of {} ns: the driver takes 0 to {} ns "
                            "({} units of 1000 clocks at {} MHz)",
                            ns, longest_ns, abi::kGraceUnitsMax, clock_mhz));
  }
  const std::int64_t units = (ns * std::int64_t{clock_mhz} +
                              (GPREEMPT_MUTANT("grace-rounded-down") ? 0 : kNsTimesMhz - 1)) /
                             kNsTimesMhz;
  return static_cast<std::uint32_t>(std::max<std::int64_t>(units, 1));
}

}  // namespace gpreempt::kfd
