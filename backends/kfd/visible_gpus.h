#pragma once

#include <string>
#include <vector>

#include "backends/kfd/os.h"
#include "backends/kfd/topology.h"
#include "core/error.h"

namespace gpreempt::kfd {

/// Those of `topology` that ROCm shows to programs that this process starts, in the order in which
/// it numbers them: what ROCR_VISIBLE_DEVICES in this process's environment chooses, by index or
/// "GPU-" and the beginning of a unique id, in letters of either case, with or without blanks
/// around; all of them without it. A GPU whose unique id is 0 has none. HIP's own variables choose
/// among these, and are not looked at. `proc`: "/proc".
/// Errors: kInvalidArgument (it names something that is not there; ROCm would leave out that and
/// all after it), kNoSuchDevice (it chooses none, or there are none to choose from).
/// Not: what a process's device cgroup denies is not in `topology`, and a debug session reaches
/// every GPU that its target may use, shown or not.
/// Source: RvdFilter (amd_filter_device.cpp) in ROCR-Runtime.
[[nodiscard]] Result<std::vector<GpuNode>> visible_gpus(Os& os, std::vector<GpuNode> topology,
                                                        const std::string& proc);

}  // namespace gpreempt::kfd
