#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "backends/kfd/discovery/kfd_process.h"
#include "backends/kfd/topology.h"
#include "core/ids.h"

namespace gpreempt::kfd {

/// Whom preempting some processes disturbs, apart from them.
struct BlastRadius {
  /// A GPU that is reached.
  struct Gpu {
    GpuId id;
    std::uint64_t hive = 0;
    std::size_t queues = 0;  ///< of the targets; 0: only attaching and detaching preempt it
  };
  enum class How {
    kPreempted,  ///< each suspend and resume takes their queues off and puts them back
    kRefreshed,  ///< attaching and detaching does
    kReset,      ///< only if a GPU of their hive hangs: that resets them all
  };
  struct Bystander {
    Pid pid;
    std::string name;
    std::string container;      ///< empty: none
    How how = How::kPreempted;  ///< the worst of it
    std::vector<GpuId> gpus;    ///< on which it happens; ascending
    std::size_t queues = 0;     ///< on those
  };
  std::vector<Gpu> gpus;              ///< ascending
  std::vector<Bystander> bystanders;  ///< the worst first, then by pid
};

/// `named`: whom the user has named, the targets among them; they are no bystanders. A process
/// without queues on a GPU is not disturbed there.
/// Source: kfd_dbg_trap_enable (kfd_debug.c), suspend_queues (kfd_device_queue_manager.c),
/// amdgpu_device_gpu_recover (hives).
[[nodiscard]] BlastRadius blast_radius(std::span<const KfdProcess> processes,
                                       std::span<const GpuNode> topology,
                                       std::span<const Pid> targets, std::span<const Pid> named);

/// "pid 812 (vllm): 3 queues on GPU f7bc are preempted by each suspend and resume".
[[nodiscard]] std::string describe(const BlastRadius::Bystander& bystander);

}  // namespace gpreempt::kfd
