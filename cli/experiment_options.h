#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "cli/option_values.h"
#include "cli/run_options.h"
#include "cli/safety_options.h"

namespace gpreempt::cli {

/// `gpreempt experiment` as written.
struct ExperimentOptions {
  std::vector<std::string> names;  ///< without duplicates; "list" or "all" may be among them
  BackendChoice backend;
  bool quick = false;
  bool exclusive_hive = false;          ///< nobody else uses these GPUs or their hive
  std::vector<std::string> bystanders;  ///< selectors of those that may be disturbed
  bool allow_bystanders = false;
  SafetyOptions safety;  ///< on kfd
  bool dry_run = false;
  std::uint64_t seed = 1;
  OutputFormat format = OutputFormat::kText;
  std::filesystem::path out;       ///< empty: no verdicts.json
  std::filesystem::path mqds_dir;  ///< saved dumps to judge; empty: none
  bool quiet = false;
};

}  // namespace gpreempt::cli
