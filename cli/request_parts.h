#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

#include "core/testbed.h"
#include "core/time.h"

namespace gpreempt::cli {

/// Where the time of one request went. `kDetect` ends when the scheduler was told, `kDecide` when a
/// decision took Offline off, both as far as no driver call was under way. `kFirstWave` is the rest
/// of the time until the first wave, behind other work; `kRun` what no other part explains.
enum class RequestPart {
  kDetect,
  kDecide,
  kIssue,
  kLock,
  kUnmap,
  kSave,
  kCopy,
  kMap,
  kRestore,
  kFirstWave,
  kRun,
};
inline constexpr std::size_t kRequestParts = 11;
[[nodiscard]] std::string_view to_string(RequestPart part);
using RequestParts = std::array<Duration, kRequestParts>;

/// The parts sum to the latency of `request`, which must have ended.
[[nodiscard]] RequestParts parts_of(const RequestRecord& request, std::optional<Instant> told,
                                    std::optional<Instant> decided);

}  // namespace gpreempt::cli
