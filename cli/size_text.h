#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>

namespace gpreempt::cli {

/// In the largest of MiB and KiB that it fills: "1 MiB", "4 KiB", "100 B".
[[nodiscard]] inline std::string size_text(std::uint64_t bytes) {
  constexpr std::uint64_t kKib = 1024;
  if (bytes == 0 || bytes % kKib != 0) {
    return fmt::format("{} B", bytes);
  }
  return bytes % (kKib * kKib) == 0 ? fmt::format("{} MiB", bytes / kKib / kKib)
                                    : fmt::format("{} KiB", bytes / kKib);
}

}  // namespace gpreempt::cli
