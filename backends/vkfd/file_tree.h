#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "backends/kfd/os.h"
#include "backends/sim/system.h"

namespace gpreempt::vkfd {

/// The files of a virtual machine: texts by absolute path. A folder is there as long as something
/// is in it.
class FileTree {
 public:
  void put(const std::string& path, std::string text);
  /// A file whose text is made anew each time it is read.
  void put_live(const std::string& path, std::function<std::string()> text);
  /// Errors: ENOENT, EISDIR.
  [[nodiscard]] kfd::SysResult<std::string> read(const std::string& path) const;
  /// Names in a folder, sorted. Errors: ENOENT, ENOTDIR.
  [[nodiscard]] kfd::SysResult<std::vector<std::string>> list(const std::string& path) const;

 private:
  std::map<std::string, std::function<std::string()>, std::less<>> texts_;
};

/// Puts what the driver shows of the machine and of itself into /sys: the topology, with one CPU
/// node before the GPUs, their PCI devices, the module's parameters, and its version if AMD's
/// package is modelled; otherwise the kernel's release into /proc.
/// Source: drivers/gpu/drm/amd/amdkfd/kfd_topology.c, node_show.
void put_sysfs(FileTree& files, const sim::SystemOptions& options);

/// Puts mqds, hqds and rls into amdkfd's debugfs folder. `system` must outlive `files`.
void put_debugfs(FileTree& files, sim::System& system);

/// Whether `path` is in debugfs, which is root's alone. Source: fs/debugfs/inode.c.
[[nodiscard]] bool is_in_debugfs(std::string_view path);

}  // namespace gpreempt::vkfd
