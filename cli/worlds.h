#pragma once

#include <functional>
#include <memory>
#include <string>

#include "backends/sim/system.h"
#include "cli/run_options.h"
#include "cli/safety_options.h"
#include "core/error.h"
#include "core/testbed.h"

/// Where runs take place: the only file that knows one backend from another.
namespace gpreempt::cli {

/// Opens fresh testbeds, one at a time: the one before must be gone.
using OpenTestbed = std::function<Result<std::unique_ptr<Testbed>>()>;

/// Whether this build and machine can run `kind`; kfd: on that driver's device.
/// Errors: kUnsupported (left out of this build), kNoSuchDevice, kNotPermitted, ... (kfd's
/// preflight).
[[nodiscard]] Result<void> check_backend(BackendKind kind, const std::string& device = "/dev/kfd");

/// The same, of machines that may differ from one to the next.
using OpenMachine = std::function<Result<std::unique_ptr<Testbed>>(const sim::SystemOptions&)>;

/// Makes the world (a plain timeline in a build without vkfd) and lets `body`, which must not
/// throw, run in it. Once per process. Blocks: until `body` returns. Errors: those of `body`;
/// kInternal (a deadlock: who waits for what).
[[nodiscard]] Result<void> run_in_world(
    BackendKind kind, const sim::SystemOptions& options,
    const std::function<Result<void>(const OpenTestbed&)>& body);

/// The same for several machines, one after another. `safety`: how kfd is watched; what it does not
/// watch is said on stderr, once. Errors: also, on kfd, those of `kfd::open_supervised`.
[[nodiscard]] Result<void> run_in_world(
    BackendKind kind, const SafetyOptions& safety,
    const std::function<Result<void>(const OpenMachine&)>& body);

/// The simulator without an engine: the same models and the same events, and as often in a process
/// as one likes. Blocks: until `body` returns. Errors: those of `body`.
[[nodiscard]] Result<void> run_without_engine(
    const sim::SystemOptions& options, const std::function<Result<void>(const OpenTestbed&)>& body);

}  // namespace gpreempt::cli
