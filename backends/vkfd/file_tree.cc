#include "backends/vkfd/file_tree.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/kfd/os.h"
#include "backends/sim/gpu/parameters.h"
#include "backends/sim/system.h"
#include "backends/vkfd/debugfs_files.h"

namespace gpreempt::vkfd {

using kfd::sys_fail;
using kfd::SysResult;

void FileTree::put(const std::string& path, std::string text) {
  put_live(path, [text = std::move(text)] { return text; });
}

void FileTree::put_live(const std::string& path, std::function<std::string()> text) {
  texts_.insert_or_assign(path, std::move(text));
}

SysResult<std::string> FileTree::read(const std::string& path) const {
  if (const auto found = texts_.find(path); found != texts_.end()) {
    return found->second();
  }
  return sys_fail(list(path) ? EISDIR : ENOENT);
}

SysResult<std::vector<std::string>> FileTree::list(const std::string& path) const {
  if (texts_.contains(path)) {
    return sys_fail(ENOTDIR);
  }
  const std::string prefix = path.ends_with('/') ? path : path + "/";
  std::vector<std::string> names;
  for (auto each = texts_.lower_bound(prefix);
       each != texts_.end() && each->first.starts_with(prefix); ++each) {
    const std::string_view rest = std::string_view(each->first).substr(prefix.size());
    names.emplace_back(rest.substr(0, rest.find('/')));
  }
  // "a/x" and "a-b" may stand between two files of one folder.
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  if (names.empty()) {
    return sys_fail(ENOENT);
  }
  return names;
}

namespace {

constexpr std::string_view kNodes = "/sys/class/kfd/kfd/topology/nodes";
constexpr std::string_view kKfdDebugfs = "/sys/kernel/debug/kfd";
constexpr std::uint32_t kSimdPerCu = 4;
constexpr std::uint32_t kGfx942 = 90402;
/// Debugging with traps, launch override and launch mode, and firmware that supports it.
constexpr std::uint32_t kDebugCapabilities = 0x20000000U | 0x00008000U | 0x00010000U | 0x00020000U;

/// A PCI bus of its own for each GPU.
constexpr std::uint32_t kFirstBus = 0x11;
constexpr std::uint32_t kAmd = 0x1002;
constexpr std::uint32_t kMi308x = 0x74a2;
/// Several GPUs are one hive, as on an MI300 board.
constexpr std::uint64_t kHive = 0x9a3f0c5d1e7b4286;

/// Every model is shown as a gfx942 of this product: parameters have no name of an architecture.
std::string properties_of(const sim::GpuParameters& gpu, std::uint32_t index, std::uint64_t hive) {
  constexpr double kHzPerMhz = 1e6;
  constexpr unsigned kBusShift = 8;
  return fmt::format(
      "cpu_cores_count 0\nsimd_count {}\nmax_waves_per_simd {}\nsimd_per_cu {}\nwave_front_size "
      "{}\ngfx_target_version {}\nvendor_id {}\ndevice_id {}\nlocation_id {}\ndomain 0\nhive_id "
      "{}\nnum_xcc {}\nnum_cp_queues {}\ncapability {}\nmax_engine_clk_fcompute {}\n",
      gpu.cus() * kSimdPerCu, gpu.waves_per_cu / kSimdPerCu, kSimdPerCu, gpu.lanes_per_wave,
      kGfx942, kAmd, kMi308x, (kFirstBus + index) << kBusShift, hive, gpu.xccs, gpu.hqd_slots,
      kDebugCapabilities, std::llround(gpu.clock_hz / kHzPerMhz));
}

std::string_view partition_mode(const sim::GpuParameters& gpu) {
  constexpr std::uint32_t kDual = 2;
  constexpr std::uint32_t kTriple = 3;
  if (gpu.partitions == 1) {
    return "SPX";
  }
  if (gpu.xccs == 1) {
    return "CPX";
  }
  return gpu.partitions == kDual ? "DPX" : gpu.partitions == kTriple ? "TPX" : "QPX";
}

/// A GPU's PCI device. Source: amdgpu_gfx.c, amdgpu_vram_mgr.c. The memory's size is what HIP
/// prints on MI308X; the model takes none of it.
void put_device(FileTree& files, const sim::GpuParameters& gpu, std::uint32_t index) {
  const std::string folder =
      fmt::format("/sys/bus/pci/devices/0000:{:02x}:00.0", kFirstBus + index);
  constexpr std::uint64_t kVramBytes = std::uint64_t{192} << 30U;
  files.put(folder + "/current_compute_partition", fmt::format("{}\n", partition_mode(gpu)));
  files.put(folder + "/enforce_isolation", "0\n");
  files.put(folder + "/mem_info_vram_total", fmt::format("{}\n", kVramBytes));
  files.put(folder + "/mem_info_vram_used", "0\n");
}

/// The module's parameters, at their defaults but for what is modelled. Source: amdgpu_drv.c.
void put_parameters(FileTree& files, const sim::GpuParameters& gpu) {
  constexpr std::uint32_t kSlotsOfPipes = 32;
  constexpr std::uint32_t kDefaultKernelQueues = 8;
  const bool leaves_some =
      gpu.hqd_slots <= kSlotsOfPipes && kSlotsOfPipes - gpu.hqd_slots <= kDefaultKernelQueues;
  const auto put = [&](std::string_view name, std::int64_t value) {
    files.put(fmt::format("/sys/module/amdgpu/parameters/{}", name), fmt::format("{}\n", value));
  };
  put("cwsr_enable", 1);
  put("enforce_isolation", 0);
  put("gpu_recovery", -1);
  put("halt_if_hws_hang", 0);
  put("hws_max_conc_proc", -1);
  put("mes", 0);
  put("num_kcq", leaves_some ? kSlotsOfPipes - gpu.hqd_slots : kDefaultKernelQueues);
  put("queue_preemption_timeout_ms",
      std::chrono::duration_cast<std::chrono::milliseconds>(gpu.fence_timeout).count());
  put("sched_policy", 0);
}

/// AMD's package has a version, and taints; the kernel's own driver has its kernel's release.
void put_driver(FileTree& files, std::string_view personality) {
  constexpr std::string_view kPackage = "dkms-";
  constexpr std::string_view kOwn = "upstream-";
  const bool is_package = personality.starts_with(kPackage);
  files.put("/sys/module/amdgpu/taint", is_package ? "OE\n" : "\n");
  if (is_package) {
    files.put("/sys/module/amdgpu/version",
              fmt::format("{}\n", personality.substr(kPackage.size())));
  } else if (personality.starts_with(kOwn)) {
    files.put("/proc/sys/kernel/osrelease", fmt::format("{}\n", personality.substr(kOwn.size())));
  }
}

}  // namespace

void put_sysfs(FileTree& files, const sim::SystemOptions& options) {
  files.put(fmt::format("{}/0/gpu_id", kNodes), "0\n");
  files.put(fmt::format("{}/0/properties", kNodes), "cpu_cores_count 96\nsimd_count 0\n");
  for (std::uint32_t gpu = 0; gpu < options.gpus; ++gpu) {
    files.put(fmt::format("{}/{}/gpu_id", kNodes, gpu + 1),
              fmt::format("{}\n", sim::gpu_id_of(gpu)));
    files.put(fmt::format("{}/{}/properties", kNodes, gpu + 1),
              properties_of(options.gpu, gpu, options.gpus > 1 ? kHive : 0));
    put_device(files, options.gpu, gpu);
  }
  put_parameters(files, options.gpu);
  put_driver(files, options.personality.name);
}

void put_debugfs(FileTree& files, sim::System& system) {
  files.put_live(fmt::format("{}/mqds", kKfdDebugfs), [&system] { return mqds_text(system); });
  files.put_live(fmt::format("{}/hqds", kKfdDebugfs), [&system] { return hqds_text(system); });
  files.put_live(fmt::format("{}/rls", kKfdDebugfs), [&system] { return rls_text(system); });
}

bool is_in_debugfs(std::string_view path) {
  constexpr std::string_view kMount = "/sys/kernel/debug";
  return path.starts_with(kMount) && (path.size() == kMount.size() || path[kMount.size()] == '/');
}

}  // namespace gpreempt::vkfd
