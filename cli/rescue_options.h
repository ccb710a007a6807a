#pragma once

#include <string>
#include <vector>

#include "cli/option_values.h"

namespace gpreempt::cli {

/// `gpreempt rescue` as written.
struct RescueCommandOptions {
  std::vector<std::string> targets;
  std::string device = "/dev/kfd";
  OutputFormat format = OutputFormat::kText;
};

}  // namespace gpreempt::cli
