#pragma once

#include <cstdint>

#include "core/error.h"
#include "core/ids.h"
#include "core/program.h"
#include "core/time.h"

/// Numbers of one GPU and its driver, already drawn from their priors. Sources and evidence labels
/// are in `models/*.toml`; the formulas that use them are in `docs/model.md`.
namespace gpreempt::sim {

struct GpuParameters {
  std::uint32_t xccs = 1;
  std::uint32_t cus_per_xcc = 1;
  std::uint32_t waves_per_cu = 32;
  std::uint64_t vgpr_bytes_per_cu = std::uint64_t{512} * 1024;
  std::uint64_t lds_bytes_per_cu = std::uint64_t{64} * 1024;
  std::uint32_t hqd_slots = 24;
  std::uint32_t vmids = 13;
  double clock_hz = 1e9;
  double flops_fp16 = 1e12;

  // memory, bytes per second
  double save_bandwidth = 1e12;
  double xcc_bandwidth = 1e12;
  double cu_bytes_per_clock = 64;
  double system_bandwidth = 50e9;
  std::uint64_t cwsr_area_bytes = 0;  ///< per queue and XCC
  double area_moves = 0;              ///< probability that a save area stays in system memory

  // times
  Duration t_ioctl{};
  Duration t_hiq{};
  Duration t_grace{};  ///< the driver's default grace period
  Duration t_stop{};
  Duration t_relaunch{};
  Duration t_fence{};
  Duration t_copyctx{};
  Duration t_build{};
  Duration t_build_entry{};  ///< per process and queue on the runlist
  Duration t_map{};
  Duration t_map_process{};
  Duration t_map_queue{};
  Duration t_dequeue{};

  [[nodiscard]] std::uint32_t cus() const { return xccs * cus_per_xcc; }
};

/// Workgroups of this shape that fit on one CU, by wave slots, VGPRs and LDS; 0 if not even one
/// does.
[[nodiscard]] std::uint32_t workgroups_per_cu(const GpuParameters& gpu, const KernelShape& shape);

/// VGPR bytes of one workgroup: 64 lanes of 4 bytes, allocated in granules of 8 registers.
[[nodiscard]] std::uint64_t vgpr_bytes(const KernelShape& shape);

/// Bytes CWSR saves for `workgroups` resident ones: sum over waves of 256 V + 4 S + 128, and their
/// LDS. Source: per-wave layout of the gfx9 trap handler; see docs/model.md.
[[nodiscard]] std::uint64_t wave_state_bytes(const KernelShape& shape, std::uint64_t workgroups);

/// Time to write `bytes` of wave state spread evenly over the GPU to memory of `bandwidth`: the
/// slowest of the CU's path, the XCC's and the memory's. 0 for nothing.
[[nodiscard]] Duration save_time(const GpuParameters& gpu, std::uint64_t bytes, double bandwidth);
/// Time to read it back, without the CU's path (the restore is paced by relaunching waves).
[[nodiscard]] Duration restore_time(const GpuParameters& gpu, std::uint64_t bytes,
                                    double bandwidth);

/// Time the CP takes to launch `waves` saved ones again, beside `t_relaunch`: 32 clocks each, XCCs
/// side by side. Source: calibration formula, a guess as t_relaunch is; see docs/model.md.
[[nodiscard]] Duration relaunch_time(const GpuParameters& gpu, std::uint64_t waves);

/// The grace period the hardware can hold that is at least `grace`: 1 to 255 units of 1000 clocks.
/// Errors: kInvalidArgument (longer than 255 units; names the maximum). Source: SCH_WAVE of
/// CP_IQ_WAIT_TIME2.
[[nodiscard]] Result<Duration> representable_grace(Duration grace, double clock_hz);

/// KFD's id of the simulated GPU with this index.
[[nodiscard]] GpuId gpu_id_of(std::uint32_t index);

}  // namespace gpreempt::sim
