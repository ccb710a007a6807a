#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "cli/safety_options.h"
#include "core/time.h"

namespace gpreempt::cli {

/// The part of `gpreempt run` that is about real processes.
struct ProcessOptions {
  std::vector<std::string> online;        ///< [TENANT=]COMMAND
  std::vector<std::string> offline;       ///< the same
  std::vector<std::string> online_pids;   ///< [TENANT=]TARGET, as in `suspend`
  std::vector<std::string> offline_pids;  ///< the same
  bool await_ready = false;               ///< commands say on their sockets when they are ready
  bool baselines = true;                  ///< each side alone, too
  Duration ready_timeout = std::chrono::minutes(10);
  Duration settle{};
  Duration stop_timeout = std::chrono::seconds(10);

  // Who else is on the machine.
  std::vector<std::string> bystanders;  ///< selectors of those that may be disturbed
  bool allow_bystanders = false;
  bool exclusive_hive = false;
  bool dry_run = false;
  Duration slow = std::chrono::milliseconds(100);  ///< a suspend that takes longer ends it
  SafetyOptions safety;
  std::string device = "/dev/kfd";

  /// Whether anybody is named.
  [[nodiscard]] bool names_processes() const {
    return !online.empty() || !offline.empty() || !online_pids.empty() || !offline_pids.empty();
  }
};

}  // namespace gpreempt::cli
