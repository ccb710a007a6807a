#include "cli/supervision.h"

#include <string>
#include <utility>

#include "backends/kfd/launch/process_testbed.h"
#include "backends/kfd/os.h"
#include "backends/kfd/safety/guarded_backend.h"
#include "backends/kfd/safety/supervised.h"
#include "backends/kfd/safety/trouble_watch.h"
#include "cli/safety_options.h"
#include "core/ids.h"

namespace gpreempt::cli {

kfd::TroubleOptions trouble_of(const SafetyOptions& options) {
  kfd::TroubleOptions trouble;
  trouble.kernel_log = options.kernel_log;
  trouble.back_off = options.back_off;
  return trouble;
}

kfd::SupervisionOptions supervision_of(kfd::Os& os, const SafetyOptions& options,
                                       const std::string& device) {
  kfd::SupervisionOptions supervision;
  supervision.watchdog = kfd::watchdog_command(os, device, options.watchdog_cgroup);
  supervision.trouble = trouble_of(options);
  supervision.backend.device = device;
  return supervision;
}

kfd::OpenedBackend opened_by_testbed(kfd::Supervised supervised) {
  kfd::GuardedBackend* const guard = supervised.guard;
  return {.backend = std::move(supervised.backend),
          .hints = supervised.hints,
          .name = [guard](Pid pid) { guard->name(pid); }};
}

}  // namespace gpreempt::cli
