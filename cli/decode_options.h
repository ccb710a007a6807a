#pragma once

#include <string>

#include "cli/option_values.h"

namespace gpreempt::cli {

/// `gpreempt decode` as written.
struct DecodeOptions {
  std::string kind;  ///< "mqds", "hqds", "rls", "runtime-log" or "kernel-log"
  std::string file;  ///< "-": standard input
  OutputFormat format = OutputFormat::kText;
};

}  // namespace gpreempt::cli
