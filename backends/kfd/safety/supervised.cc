#include "backends/kfd/safety/supervised.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "backends/kfd/heartbeat.h"
#include "backends/kfd/kfd_backend.h"
#include "backends/kfd/os.h"
#include "backends/kfd/safety/guarded_backend.h"
#include "backends/kfd/safety/trouble_watch.h"
#include "core/checked_backend.h"
#include "core/error.h"

namespace gpreempt::kfd {

std::vector<std::string> watchdog_command(Os& os, const std::string& device,
                                          const std::string& cgroup) {
  const auto tool = os.read_link("/proc/self/exe");
  std::vector<std::string> argv = {tool.value_or("gpreempt"), "watchdog", "--device", device};
  if (!cgroup.empty()) {
    argv.insert(argv.end(), {"--cgroup", cgroup});
  }
  return argv;
}

Result<Supervised> open_supervised(Os& os, SupervisionOptions options) {
  // Before the first worker, which must not be the thread that a signal ends the process by.
  if (options.backend.take_signals) {
    (void)os.signals();
  }
  auto trouble = TroubleWatch::start(os, options.trouble);
  if (!trouble) {
    return tl::unexpected<Error>(std::move(trouble).error());
  }
  const std::shared_ptr<TroubleWatch> watch = *std::move(trouble);
  if (!options.watchdog.empty()) {
    auto heartbeat = Heartbeat::start(os, std::move(options.watchdog));
    if (!heartbeat) {
      watch->close();
      return tl::unexpected<Error>(std::move(heartbeat).error());
    }
    options.backend.heartbeat = *std::move(heartbeat);
  }
  const std::shared_ptr<Heartbeat> heartbeat = options.backend.heartbeat;
  auto opened = open_backend(os, std::move(options.backend));
  if (!opened) {
    watch->close();
    if (heartbeat != nullptr) {
      heartbeat->close();
    }
    return tl::unexpected<Error>(std::move(opened).error());
  }
  Supervised supervised;
  supervised.hints = opened->get();
  supervised.warnings = watch->warnings();
  auto guard = std::make_unique<GuardedBackend>(*std::move(opened), watch, heartbeat,
                                                std::move(options.guard));
  supervised.guard = guard.get();
  supervised.backend = make_checked_backend(std::move(guard));
  return supervised;
}

}  // namespace gpreempt::kfd
