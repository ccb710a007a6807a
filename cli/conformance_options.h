#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "cli/option_values.h"
#include "cli/run_options.h"

namespace gpreempt::cli {

/// `gpreempt conformance` as written.
struct ConformanceOptions {
  BackendChoice backend;                       ///< vkfd or kfd
  std::vector<std::string> only;               ///< names of scenarios; empty: all
  std::optional<std::filesystem::path> cases;  ///< a folder; without it those compiled in
  std::uint32_t sequences = 0;
  std::uint64_t seed = 1;
  std::filesystem::path record;   ///< empty: none is written
  std::filesystem::path compare;  ///< empty: nothing to compare with
  OutputFormat format = OutputFormat::kText;
  bool quiet = false;
};

}  // namespace gpreempt::cli
