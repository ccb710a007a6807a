#pragma once

#include <chrono>
#include <vector>

#include "backends/kfd/os.h"
#include "backends/kfd/rescue.h"
#include "core/error.h"
#include "core/ids.h"
#include "core/time.h"

namespace gpreempt::kfd {

struct WatchdogOptions {
  Pid controller;
  /// A suspension must be over at twice its lease, or this long after the lease if that is later.
  Duration patience = std::chrono::milliseconds(500);
  /// How long a controller that has a pulse and a target may be silent. A stopped one serves no
  /// signal of its targets and no start of their runtimes, whether they are suspended or not. Once
  /// more a second later it is looked for, lest both were stopped together.
  Duration silence = std::chrono::seconds(3);
  /// How long a killed controller may take to go: the driver keeps a thread for up to 9 s.
  Duration kill_patience = std::chrono::seconds(10);
  RescueOptions rescue;
};

/// How a watch ended.
struct WatchdogReport {
  bool killed = false;        ///< the controller let a lease pass, or was silent
  bool was_silent = false;    ///< the second of these
  std::vector<Pid> rescued;   ///< targets that it left behind and that needed something
  std::vector<Error> errors;  ///< of those that could not be freed
};

/// Watches a controller for as long as it lives, by what `Heartbeat` writes into the pipe. A frozen
/// controller is not a dead one: its targets stay suspended, and the driver resumes them only when
/// it dies. So one that lets a lease pass is killed, and one that is silent while it has a target.
/// Targets that a dead controller left in their
/// runtime's handshake are rescued. Takes the signals that would end this process, and ignores
/// them. Blocks: until the controller has ended or has closed the pipe with nothing attached.
/// Errors: kTimedOut (it was killed and did not go, e.g. in a frozen control group; its targets are
/// freed where the driver allows it).
[[nodiscard]] Result<WatchdogReport> watch_controller(Os& os, Fd heartbeat,
                                                      const WatchdogOptions& options);

}  // namespace gpreempt::kfd
