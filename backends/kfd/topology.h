#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "backends/kfd/os.h"
#include "core/backend.h"
#include "core/error.h"

namespace gpreempt::kfd {

/// A GPU as the KFD topology in sysfs describes it.
struct GpuNode {
  GpuInfo info;
  std::uint32_t max_clock_mhz = 0;  ///< of the compute engine; the unit of the grace period
  std::uint64_t hive = 0;       ///< of the GPUs that XGMI connects, which reset together; 0: none
  std::uint64_t unique_id = 0;  ///< of the device, the "GPU-..." of ROCm's tools; 0: it has none
  std::string pci_address;      ///< "0000:11:00.0"; partitions of a GPU have the same one
};

/// The GPUs under `sysfs_root` ("/sys"), in order of node number. CPU nodes are left out, and so
/// are GPUs that this process's device cgroup denies. Blocks: as reading a few small files does.
/// Errors: kNoSuchDevice (no topology, or no GPU in it), kParse (a format it does not know: text
/// starts with file:line:column), kIo.
/// Source: drivers/gpu/drm/amd/amdkfd/kfd_topology.c, node_show.
[[nodiscard]] Result<std::vector<GpuNode>> read_topology(Os& os, const std::string& sysfs_root);

/// A node's "properties", by key.
using NodeProperties = std::map<std::string, std::uint64_t, std::less<>>;

/// Takes such a file apart. `path` is for messages. Errors: kParse (text starts with
/// file:line:column).
[[nodiscard]] Result<NodeProperties> parse_properties(const std::string& path,
                                                      std::string_view text);

/// "DDDD:BB:DD.F" of a node. With partitions, bits above the lower 16 number them.
/// Source: kfd_topology_add_device in kfd_topology.c.
[[nodiscard]] std::string pci_address_of(const NodeProperties& properties);

}  // namespace gpreempt::kfd
