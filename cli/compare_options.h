#pragma once

#include <string>

#include "cli/option_values.h"

namespace gpreempt::cli {

/// `gpreempt compare` as written. A side is a bundle, a summary.json, or a run to make.
struct CompareOptions {
  std::string left;
  std::string right;
  OutputFormat format = OutputFormat::kText;
  bool quiet = false;
};

}  // namespace gpreempt::cli
