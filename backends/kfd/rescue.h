#pragma once

#include <string>

#include "backends/kfd/handshake.h"  // IWYU pragma: export
#include "backends/kfd/os.h"
#include "core/error.h"
#include "core/ids.h"

namespace gpreempt::kfd {

struct RescueOptions {
  std::string device = "/dev/kfd";
  std::string proc_root = "/proc";
};

/// Frees a process that a controller has left behind: ends its debug session, which resumes its
/// queues, and answers the runtime handshake that neither the session's end nor the controller's
/// death answers. Traces it for that long. The calling worker is the tracer. Blocks: as the driver
/// does, and a second at most for the process to stop. Errors: kNotPermitted (another tracer holds
/// it, and the text says which), kProcessExited, those of `open_driver`, `trap_error`.
[[nodiscard]] Result<Rescued> rescue(Os& os, Pid pid, const RescueOptions& options = {});

}  // namespace gpreempt::kfd
