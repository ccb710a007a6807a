#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "backends/kfd/launch/gpu_processes.h"
#include "backends/kfd/launch/tenant.h"
#include "backends/kfd/os.h"
#include "core/backend.h"
#include "core/error.h"
#include "core/hints.h"
#include "core/ids.h"
#include "core/program.h"
#include "core/testbed.h"
#include "core/time.h"

namespace gpreempt::kfd {

/// A backend and what a testbed needs to know of it.
struct OpenedBackend {
  std::unique_ptr<Backend> backend;  ///< checks its arguments
  HintSink* hints = nullptr;         ///< beneath it
  /// Told of each process that was started here or that the user has named; may be empty.
  std::function<void(Pid)> name;
};

struct ProcessTestbedOptions {
  /// Once for each testbed. `open_plain` where nobody else uses the machine.
  std::function<Result<OpenedBackend>()> open;
  /// Who does the work of a program; asked when it is launched, unless it belongs to the one
  /// before.
  std::function<Result<TenantCommand>(const Program&)> command_of;
  GpuProcessRoots roots;
  /// The tenants' sockets are PREFIX-0.hints, PREFIX-1.hints, ...
  std::string socket_prefix;
  Duration ready_patience = std::chrono::minutes(10);  ///< until all processes have queues
  Duration settle{};                                   ///< and then for them to warm up
  Duration stop_patience = std::chrono::seconds(10);   ///< SIGTERM to SIGKILL
  std::function<void(std::string_view)> say;           ///< each step, a line; may be empty
  std::shared_ptr<void> foundation;  ///< what the port and these functions stand on; freed last
};

/// The backend on `os` with nothing around it. Errors: those of `open_backend`.
[[nodiscard]] Result<OpenedBackend> open_plain(Os& os);

/// A testbed whose programs are processes: `launch` starts a command, or looks for processes that
/// run, and waits until they have queues. `os` must outlive it. Destroying it ends what it has
/// started, after the backend is closed; blocks until they have gone.
///
/// The backend hears of a process's hints if its program gives hints; they are remembered always.
/// What a program does is up to its process: `start` tells those that listen when to begin.
/// `requests` and `progress` are what processes have said of themselves (docs/run-anything.md);
/// without a word of them there are no requests, and no work is known. `exit` ends what was started
/// here, and leaves others alone. What only the inside of a process could do (queues, runtime,
/// exec) and what only a driver's model tells is kUnsupported.
/// Errors: those of `ProcessTestbedOptions::open`.
[[nodiscard]] Result<std::unique_ptr<Testbed>> open_process_testbed(Os& os,
                                                                    ProcessTestbedOptions options);

}  // namespace gpreempt::kfd
