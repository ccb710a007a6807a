#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "backends/kfd/os.h"
#include "core/error.h"
#include "core/ids.h"

namespace gpreempt::kfd {

/// What a GPU's memory and engines have counted: errors since the driver was loaded.
struct RasCount {
  std::uint64_t uncorrectable = 0;
  std::uint64_t deferred = 0;  ///< data is lost and not used yet; 0 where the driver has none
  std::uint64_t correctable = 0;
  friend bool operator==(const RasCount&, const RasCount&) = default;
};

/// Counts by GPU and block: "umc", "gfx", "sdma".
using RasCounts = std::map<GpuId, std::map<std::string, RasCount>>;

/// A GPU and the folder of its PCI device in sysfs.
struct GpuDevice {
  GpuId gpu;
  std::string folder;
};

/// The GPUs' devices below `sysfs_root` ("/sys"). Errors: those of `read_topology`.
[[nodiscard]] Result<std::vector<GpuDevice>> find_gpu_devices(Os& os,
                                                              const std::string& sysfs_root);

/// Takes a file like ras/umc_err_count apart: "ue: 0", "ce: 0" and perhaps "de: 0", a line each.
/// Errors: kParse, the text starts with file:line. Source: amdgpu_ras_sysfs_read (amdgpu_ras.c).
[[nodiscard]] Result<RasCount> parse_ras_count(const std::string& path, std::string_view text);

/// Reads all counts there are. A GPU without such files is not in it: its driver counts none. A
/// block that cannot be asked now (its GPU is being reset) is left out. Blocks: as long as the
/// driver asks the hardware, milliseconds for each GPU. Errors: kParse.
[[nodiscard]] Result<RasCounts> read_ras_counts(Os& os, const std::vector<GpuDevice>& devices);

/// What rose from one look to the other, as "GPU f7bc, umc: 1 more uncorrectable error"; empty if
/// no uncorrectable and no deferred count did. Correctable ones may rise.
[[nodiscard]] std::string what_rose(const RasCounts& before, const RasCounts& after);

}  // namespace gpreempt::kfd
