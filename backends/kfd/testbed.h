#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "backends/kfd/launch/process_testbed.h"
#include "backends/kfd/os.h"
#include "core/error.h"
#include "core/program.h"
#include "core/testbed.h"

namespace gpreempt::kfd {

/// This machine's GPUs under programs that are run by workloads/hip.
struct HipTestbedOptions {
  /// A program as the HIP programs read it: workloads/program_file.h.
  std::function<std::string(const Program&)> text_of;
  /// The backend; empty: `open_plain`.
  std::function<Result<OpenedBackend>(Os&)> open;
  std::uint32_t gpus = 1;  ///< that it must have
};

/// Whether a HIP program can do what `program` says. Errors: kUnsupported (a priority that HIP does
/// not reach, an LLM engine, a gang that meets at collectives).
[[nodiscard]] Result<void> check_hip_can_run(const Program& program);

/// The `kfd` world of the contract tests and of experiments: each program is a process,
/// `gpreempt-hip-online` or `gpreempt-hip-offline --program FILE --hints SOCKET`. Blocks: as
/// opening the backend does. Errors: those of `HipTestbedOptions::open`, kNoSuchDevice (there are
/// fewer GPUs, or the HIP programs are not built; the text says what to do).
[[nodiscard]] Result<std::unique_ptr<Testbed>> open_testbed(HipTestbedOptions options);

}  // namespace gpreempt::kfd
