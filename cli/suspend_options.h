#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/option_values.h"
#include "cli/safety_options.h"
#include "core/time.h"

namespace gpreempt::cli {

/// `gpreempt suspend` as written.
struct SuspendCommandOptions {
  std::vector<std::string> targets;
  std::vector<std::uint32_t> queues;    ///< the driver's ids; none: all compute queues
  std::vector<std::string> bystanders;  ///< selectors of those that may be disturbed
  bool allow_bystanders = false;
  bool exclusive_hive = false;  ///< nobody else uses the GPUs' hive: that is checked
  bool dry_run = false;
  Duration limit = std::chrono::seconds(10);
  std::optional<Duration> grace;
  Duration slow = std::chrono::milliseconds(100);  ///< a suspend that takes longer ends it
  std::string sysroot;                             ///< empty: this machine
  std::string device = "/dev/kfd";
  SafetyOptions safety;
  std::string flight_record;  ///< a file for the driver's calls; empty: only on an anomaly
  OutputFormat format = OutputFormat::kText;
};

/// `gpreempt resume` as written.
struct ResumeCommandOptions {
  std::vector<std::string> targets;
  std::vector<std::uint32_t> queues;
  bool dry_run = false;
  std::string sysroot;
  OutputFormat format = OutputFormat::kText;
};

}  // namespace gpreempt::cli
