#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "cli/option_values.h"

namespace gpreempt::cli {

/// `gpreempt explain` as written.
struct ExplainOptions {
  std::filesystem::path bundle;
  std::uint64_t request = 0;  ///< of the tenant, from 0 in order of arrival
  std::string tenant;         ///< empty: the only Online one
  std::string policy;         ///< of the run; empty: the only one
  OutputFormat format = OutputFormat::kText;
};

}  // namespace gpreempt::cli
