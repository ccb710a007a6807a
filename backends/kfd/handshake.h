#pragma once

#include <optional>
#include <string>

#include "backends/kfd/dbg_trap.h"
#include "backends/kfd/os.h"
#include "core/error.h"
#include "core/ids.h"

/// The handshake of a process's runtime: under a debugger its start and its end wait inside the
/// driver for an answer, which neither the session's end nor the debugger's replaces.
namespace gpreempt::kfd {

/// What was wrong with a process. None of it: it was well before.
struct Rescued {
  bool ended_session = false;       ///< somebody's debug session stood; its queues were resumed
  bool answered_handshake = false;  ///< it waited in its runtime's start or end for a debugger
};

/// Whether a thread of the process waits in its runtime's handshake; nullopt where that cannot be
/// seen.
[[nodiscard]] std::optional<bool> waits_in_handshake(Os& os, const std::string& proc_root, Pid pid);

/// Frees a process that the calling worker traces: ends a debug session, of whomever, and answers
/// the handshake. `notify`: where the driver may write meanwhile. Blocks: as the driver does.
/// Errors: kBusy (it waits again and again), `trap_error`.
[[nodiscard]] Result<Rescued> free_traced(Os& os, DbgTrap& trap, Pid pid, Fd notify,
                                          const std::string& proc_root);

}  // namespace gpreempt::kfd
