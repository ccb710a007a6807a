#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/option_values.h"
#include "core/time.h"

namespace gpreempt::cli {

/// `gpreempt queues` as written.
struct QueuesOptions {
  std::vector<std::string> selectors;
  std::vector<std::int32_t> pids;
  std::optional<std::uint32_t> gpu;
  std::optional<Duration> watch;  ///< the period; nullopt: once
  std::string sysroot;            ///< empty: this machine
  OutputFormat format = OutputFormat::kText;
};

}  // namespace gpreempt::cli
