#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "cli/hardware_gates.h"
#include "cli/option_values.h"
#include "cli/run_options.h"
#include "cli/safety_options.h"

namespace gpreempt::cli {

/// `gpreempt validate-hardware` as written.
struct HardwareOptions {
  BackendChoice backend;
  Gates gates;
  bool full = false;
  bool exclusive_hive = false;          ///< nobody else uses these GPUs or their hive
  std::vector<std::string> bystanders;  ///< selectors of those that may be disturbed
  bool allow_bystanders = false;
  SafetyOptions safety;  ///< on kfd
  bool dry_run = false;
  bool list = false;
  std::vector<std::string> only;  ///< ids of the plan; empty: all
  std::uint64_t seed = 1;
  OutputFormat format = OutputFormat::kText;
  std::filesystem::path out;  ///< empty: no verdicts.json
  bool quiet = false;
};

}  // namespace gpreempt::cli
