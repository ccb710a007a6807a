#pragma once

#include <string>

#include "backends/kfd/os.h"
#include "core/error.h"
#include "core/ids.h"

namespace gpreempt::kfd {

struct RescueOptions {
  std::string device = "/dev/kfd";
  std::string proc_root = "/proc";
};

/// What was wrong with a process. None of it: it was well before.
struct Rescued {
  bool ended_session = false;       ///< somebody's debug session stood; its queues were resumed
  bool answered_handshake = false;  ///< it waited in its runtime's start or end for a debugger
};

/// Frees a process that a controller has left behind: ends its debug session, which resumes its
/// queues, and answers the runtime handshake that neither the session's end nor the controller's
/// death answers. Traces it for that long. The calling worker is the tracer. Blocks: as the driver
/// does, and a second at most for the process to stop. Errors: kNotPermitted (another tracer holds
/// it, and the text says which), kProcessExited, those of `open_driver`, `trap_error`.
[[nodiscard]] Result<Rescued> rescue(Os& os, Pid pid, const RescueOptions& options = {});

}  // namespace gpreempt::kfd
