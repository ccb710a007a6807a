#pragma once

#include <string>

#include "cli/option_values.h"

namespace gpreempt::cli {

/// `gpreempt decode` as written.
struct DecodeOptions {
  std::string kind;  ///< "mqds", "hqds" or "rls"
  std::string file;  ///< "-": standard input
  OutputFormat format = OutputFormat::kText;
};

}  // namespace gpreempt::cli
