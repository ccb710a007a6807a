#pragma once

#include <chrono>
#include <cstdint>

#include "backends/sim/gpu/perturbation.h"
#include "core/error.h"
#include "core/ids.h"
#include "core/program.h"
#include "core/time.h"

/// Numbers of one GPU and its driver, already drawn from their priors. Sources and evidence labels
/// are in `models/*.toml`; the formulas that use them are in `docs/model.md`.
namespace gpreempt::sim {

struct GpuParameters {
  std::uint32_t partitions = 1;  ///< KFD nodes per device; this is one of them
  std::uint32_t xccs = 1;
  std::uint32_t cus_per_xcc = 1;
  std::uint32_t shader_engines = 4;  ///< per XCC; bounds the control stack
  std::uint32_t waves_per_cu = 32;
  std::uint32_t lanes_per_wave = 64;
  std::uint64_t vgpr_bytes_per_cu = std::uint64_t{512} * 1024;  ///< what occupancy counts
  /// A file of its own beside them (gfx908), allocated along with the VGPRs; 0 where it is one
  /// file.
  std::uint64_t acc_vgpr_bytes_per_cu = 0;
  std::uint64_t lds_bytes_per_cu = std::uint64_t{64} * 1024;
  std::uint32_t hqd_slots = 24;
  std::uint32_t vmids = 13;
  /// Workgroups placed while another queue has some resident take longer by this share: caches and
  /// memory are shared, which nothing else here models.
  double interference = 0;
  /// Not 0: a ring's read index passes a packet when its kernel begins, not when it ends.
  double read_index_early = 0;
  double clock_hz = 1e9;
  double flops_fp16 = 1e12;

  // memory, bytes per second
  double save_bandwidth = 1e12;
  double xcc_bandwidth = 1e12;
  double cu_bytes_per_clock = 64;
  double system_bandwidth = 50e9;
  std::uint64_t cwsr_area_bytes = 0;  ///< per queue and XCC; see `cwsr_area`
  double area_moves = 0;              ///< probability that a save area stays in system memory

  // times
  Duration t_ioctl{};
  Duration t_hiq{};
  Duration t_grace{};  ///< the driver's default grace period
  Duration t_stop{};
  Duration t_relaunch{};
  Duration t_fence{};
  Duration t_copyctx{};
  Duration t_copyctx_entry{};  ///< per compute queue and XCC
  Duration t_build{};
  Duration t_build_entry{};  ///< per process and queue on the runlist
  Duration t_map{};
  Duration t_map_process{};
  Duration t_map_queue{};
  Duration t_dequeue{};
  Duration t_launch{};  ///< host time of an asynchronous launch, back to back
  Duration t_sync{};    ///< launch of an empty kernel until the host knows of its end

  // what the firmware and the driver wait for
  Duration process_quantum = std::chrono::milliseconds(10);  ///< of a chained runlist
  Duration queue_quantum = std::chrono::milliseconds(1);
  Duration unmap_timeout = std::chrono::seconds(4);  ///< firmware gives up on a queue
  Duration fence_timeout = std::chrono::seconds(9);  ///< driver gives up on the firmware
  Duration gpu_reset_time = std::chrono::seconds(5);

  /// What the machine does beyond all this; no model file has it.
  Perturbation perturbation;

  [[nodiscard]] std::uint32_t cus() const { return xccs * cus_per_xcc; }
  bool operator==(const GpuParameters&) const = default;
};

/// Workgroups of this shape that fit on one CU, by wave slots, VGPRs and LDS; 0 if not even one
/// does.
[[nodiscard]] std::uint32_t workgroups_per_cu(const GpuParameters& gpu, const KernelShape& shape);

/// VGPR bytes of one workgroup: a lane of 4 bytes each, allocated in granules of 8 registers.
[[nodiscard]] std::uint64_t vgpr_bytes(const GpuParameters& gpu, const KernelShape& shape);

/// Bytes CWSR saves for `workgroups` resident ones: sum over waves of 256 V + 4 S + 128, and their
/// LDS; V counts AccVGPRs, which the trap handler of gfx908 saves along, as many as VGPRs.
/// Source: per-wave layout of the gfx9 trap handler; see docs/model.md.
[[nodiscard]] std::uint64_t wave_state_bytes(const GpuParameters& gpu, const KernelShape& shape,
                                             std::uint64_t workgroups);

/// The memory that a queue's waves are saved to, on one XCC.
struct CwsrArea {
  std::uint64_t control_stack_bytes = 0;
  std::uint64_t bytes = 0;  ///< control stack included
};
/// What the driver demands on gfx9: state of all CUs, and a control stack of 8 bytes for each of 40
/// waves a CU (512 a shader engine at most), each in whole pages.
/// Source: kfd_queue_ctx_save_restore_size in kfd_queue.c, Linux 6.12.
[[nodiscard]] CwsrArea cwsr_area(const GpuParameters& gpu);

/// Wave state on its way to or from memory. Bytes of all queues together, and of the XCC and the CU
/// with most, since each has a path of its own.
struct SaveLoad {
  std::uint64_t local = 0;   ///< to the GPU's memory
  std::uint64_t system = 0;  ///< to system memory
  std::uint64_t xcc = 0;
  std::uint64_t cu = 0;
  std::uint32_t waves = 0;  ///< on the XCC with most; restore only

  [[nodiscard]] std::uint64_t total() const { return local + system; }
};

/// Time to save: the slowest of the CU's path, the XCC's, and each memory's. 0 for nothing.
[[nodiscard]] Duration save_time(const GpuParameters& gpu, const SaveLoad& load);
/// Time to restore: `t_relaunch`, 32 clocks for each wave of the XCC with most (a guess, as
/// t_relaunch is; see docs/model.md), and the reading, without the CU's path: it is paced by the
/// relaunching. 0 for nothing.
[[nodiscard]] Duration restore_time(const GpuParameters& gpu, const SaveLoad& load);
/// Time for the CPU's touch to move `bytes` of save area from the GPU to system memory.
[[nodiscard]] Duration move_time(const GpuParameters& gpu, std::uint64_t bytes);

/// The grace period the hardware can hold that is at least `grace`: 1 to 255 units of 1000 clocks.
/// Errors: kInvalidArgument (longer than 255 units; names the maximum). Source: SCH_WAVE of
/// CP_IQ_WAIT_TIME2.
[[nodiscard]] Result<Duration> representable_grace(Duration grace, double clock_hz);

/// KFD's id of the simulated GPU with this index.
[[nodiscard]] GpuId gpu_id_of(std::uint32_t index);

}  // namespace gpreempt::sim
