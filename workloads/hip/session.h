#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/error.h"
#include "workloads/hip/gpu.h"
#include "workloads/hip/linux_host.h"
#include "workloads/hip/options.h"

/// A workload process from its command line to its exit code.
namespace gpreempt::hip {

using OpenGpu = std::function<Result<std::unique_ptr<Gpu>>(std::uint32_t index)>;

/// Opens the GPU, calibrates, runs the tenant, writes what it leaves behind, and prints a report.
/// Returns whether every kernel's state survived. The scenario is read before the GPU is opened.
/// Blocks: for the run. Errors: of all of these.
[[nodiscard]] Result<bool> run_session(const Options& options, LinuxHost& host,
                                       const OpenGpu& open_gpu);

/// The exit code of an error, as of `gpreempt`: 2, 3 or 4.
[[nodiscard]] int exit_code_of(Errc code);

/// The whole of main: Does not return if kernels are left on the GPU: the
/// process ends without waiting for them, as the driver takes them off.
[[nodiscard]] int workload_main(Role role, const std::vector<std::string>& arguments,
                                const OpenGpu& open_gpu);

}  // namespace gpreempt::hip
