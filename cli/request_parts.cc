#include "cli/request_parts.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>

#include "core/testbed.h"
#include "core/time.h"

namespace gpreempt::cli {

std::string_view to_string(RequestPart part) {
  switch (part) {
    case RequestPart::kDetect: return "detect";
    case RequestPart::kDecide: return "decide";
    case RequestPart::kIssue: return "issue";
    case RequestPart::kLock: return "lock";
    case RequestPart::kUnmap: return "unmap";
    case RequestPart::kSave: return "save";
    case RequestPart::kCopy: return "copy";
    case RequestPart::kMap: return "map";
    case RequestPart::kRestore: return "restore";
    case RequestPart::kFirstWave: return "first-wave";
    case RequestPart::kRun: return "run";
  }
  return "unknown";
}

RequestParts parts_of(const RequestRecord& request, std::optional<Instant> told,
                      std::optional<Instant> decided) {
  constexpr std::array<std::pair<RequestPart, DriverPhase>, 7> kDriver = {
      {{RequestPart::kIssue, DriverPhase::kIssue},
       {RequestPart::kLock, DriverPhase::kLock},
       {RequestPart::kUnmap, DriverPhase::kUnmap},
       {RequestPart::kSave, DriverPhase::kSave},
       {RequestPart::kCopy, DriverPhase::kCopy},
       {RequestPart::kMap, DriverPhase::kMap},
       {RequestPart::kRestore, DriverPhase::kRestore}}};
  RequestParts parts{};
  const auto part = [&](RequestPart which) -> Duration& {
    return parts.at(static_cast<std::size_t>(which));
  };
  Duration in_driver{};
  for (const auto& [which, phase] : kDriver) {
    part(which) = request.phases.at(static_cast<std::size_t>(phase));
    in_driver += part(which);
  }
  Duration left = request.end - request.arrival - in_driver;
  const auto take = [&left](Duration most) {
    const Duration taken = std::clamp(most, Duration{}, left);
    left -= taken;
    return taken;
  };
  const Instant known = told.value_or(request.arrival);
  part(RequestPart::kDetect) = take(known - request.arrival);
  part(RequestPart::kDecide) = take(decided.value_or(known) - known);
  if (request.first_wave != kForever) {
    part(RequestPart::kFirstWave) = take(request.first_wave - request.arrival - in_driver -
                                         part(RequestPart::kDetect) - part(RequestPart::kDecide));
  }
  part(RequestPart::kRun) = left;
  return parts;
}

}  // namespace gpreempt::cli
