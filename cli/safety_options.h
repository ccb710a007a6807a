#pragma once

#include <chrono>
#include <string>

#include "core/time.h"

namespace gpreempt::cli {

/// What every verb that controls real processes watches, and who watches the verb; the rules are in
/// docs/safety.md.
struct SafetyOptions {
  std::string kernel_log = "/dev/kmsg";          ///< empty: not watched
  Duration back_off = std::chrono::minutes(10);  ///< since the last trouble in it; 0: none
  std::string watchdog_cgroup;  ///< a control group's folder for the watchdog; empty: ours
};

}  // namespace gpreempt::cli
