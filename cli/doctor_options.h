#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "cli/option_values.h"

namespace gpreempt::cli {

/// `gpreempt doctor` as written.
struct DoctorCommandOptions {
  std::optional<std::int32_t> pid;
  std::string sysroot;  ///< empty: this machine
  OutputFormat format = OutputFormat::kText;
};

}  // namespace gpreempt::cli
