#pragma once

#include <cstdint>
#include <string>

#include "core/time.h"

namespace gpreempt::cli {

/// `gpreempt watchdog` as written.
struct WatchdogCommandOptions {
  std::int32_t controller = 0;
  std::string heartbeat;
  std::string device = "/dev/kfd";
  std::string cgroup;  ///< to move to; empty: stay
  Duration patience{};
  Duration silence{};
};

}  // namespace gpreempt::cli
