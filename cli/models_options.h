#pragma once

#include <cstdint>
#include <string>

#include "cli/option_values.h"

namespace gpreempt::cli {

/// `gpreempt models` as written.
struct ModelsOptions {
  std::string show;  ///< a model or a file; empty: list them all
  std::uint32_t num_kcq = 8;
  OutputFormat format = OutputFormat::kText;
  bool quiet = false;
};

}  // namespace gpreempt::cli
