#pragma once

#include <memory>
#include <string>
#include <vector>

#include "backends/kfd/heartbeat.h"
#include "backends/kfd/kfd_backend.h"
#include "backends/kfd/os.h"
#include "backends/kfd/safety/guarded_backend.h"
#include "backends/kfd/safety/trouble_watch.h"
#include "core/backend.h"
#include "core/error.h"
#include "core/hints.h"

namespace gpreempt::kfd {

struct SupervisionOptions {
  /// The watchdog's command, see `watchdog_command`; empty: none, which is for a machine that
  /// cannot start one.
  std::vector<std::string> watchdog;
  TroubleOptions trouble;
  GuardOptions guard;
  BackendOptions backend;  ///< its `heartbeat` is set by `open_supervised`
};

/// The backend as it is to be used on a machine that others use as well.
struct Supervised {
  std::unique_ptr<Backend> backend;   ///< the checked one: use this
  GuardedBackend* guard = nullptr;    ///< beneath it: to name processes, and to see why it stopped
  HintSink* hints = nullptr;          ///< the real one: for what Online says itself
  std::vector<std::string> warnings;  ///< what is not watched, and old trouble: whole sentences
};

/// "gpreempt watchdog" by this program's own path. `cgroup`: the folder of a control group that is
/// never frozen, for it to move to; empty: none.
[[nodiscard]] std::vector<std::string> watchdog_command(Os& os, const std::string& device,
                                                        const std::string& cgroup);

/// Starts the watchdog, looks for trouble and opens the backend under a guard. `backend->close()`
/// ends all of it. Blocks: until the watchdog listens. Errors, and nothing is left then: those of
/// `Heartbeat::start`, `TroubleWatch::start` and `open_backend`.
[[nodiscard]] Result<Supervised> open_supervised(Os& os, SupervisionOptions options);

}  // namespace gpreempt::kfd
