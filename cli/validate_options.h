#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "cli/option_values.h"

namespace gpreempt::cli {

/// `gpreempt validate` as written.
struct ValidateOptions {
  std::vector<std::string> only;  ///< names of targets or groups; empty: all
  std::filesystem::path write;    ///< empty: no document
  std::filesystem::path data;     ///< recorded workloads; empty: what needs them is skipped
  OutputFormat format = OutputFormat::kText;
  std::uint32_t draws = 20;  ///< from the priors, for the bands; 0: no bands
  bool quiet = false;
};

}  // namespace gpreempt::cli
