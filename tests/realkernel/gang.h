#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace gpreempt::kfd {

/// Ranks of the stand-in job.
inline constexpr std::size_t kRanks = 2;

/// What a launcher like torchrun does: forks its ranks, which open the device and start their
/// runtimes, and waits for them. It writes into `path` how far the slowest of them has counted.
/// Never returns: whoever started it ends it.
[[noreturn]] void run_gang(const std::string& path);

/// The number in that file; 0 before there is one.
[[nodiscard]] std::uint64_t gang_count(const std::string& path);

}  // namespace gpreempt::kfd
