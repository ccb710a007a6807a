#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "cli/option_values.h"
#include "core/time.h"

namespace gpreempt::cli {

/// `gpreempt soak` as written.
struct SoakOptions {
  std::uint64_t first_seed = 1;
  std::uint64_t seeds = 200;
  std::uint64_t suspends = 0;  ///< go on until so many; 0: what the seeds give
  std::uint32_t jobs = 0;      ///< 0: one for each processor
  std::optional<std::uint64_t> replay;
  bool shrink = true;
  bool quiet = false;
  Duration patience = std::chrono::minutes(2);
  OutputFormat format = OutputFormat::kText;
};

}  // namespace gpreempt::cli
