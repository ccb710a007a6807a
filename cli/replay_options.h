#pragma once

#include <filesystem>
#include <string>

#include "cli/option_values.h"

namespace gpreempt::cli {

/// `gpreempt replay` as written.
struct ReplayOptions {
  std::filesystem::path bundle;
  std::string run;     ///< which of the bundle's; empty: all, or the only one with another policy
  std::string policy;  ///< to take its steps under; empty: its own
  OutputFormat format = OutputFormat::kText;
};

}  // namespace gpreempt::cli
