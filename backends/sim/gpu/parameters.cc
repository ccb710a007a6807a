#include "backends/sim/gpu/parameters.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "core/error.h"
#include "core/ids.h"
#include "core/program.h"
#include "core/time.h"

namespace gpreempt::sim {
namespace {

constexpr std::uint64_t kLaneBytes = 4;
constexpr std::uint32_t kVgprGranule = 8;
constexpr std::uint64_t kHardwareRegisterBytes = 128;  // per wave

std::uint32_t allocated_vgprs(const KernelShape& shape) {
  return (shape.vgprs + kVgprGranule - 1) / kVgprGranule * kVgprGranule;
}

std::uint64_t whole_pages(std::uint64_t bytes) {
  constexpr std::uint64_t kPage = 4096;
  return (bytes + kPage - 1) / kPage * kPage;
}

Duration seconds_up(double seconds) {
  return Duration(static_cast<std::int64_t>(std::ceil(seconds * 1e9)));
}

}  // namespace

std::uint64_t vgpr_bytes(const GpuParameters& gpu, const KernelShape& shape) {
  return std::uint64_t{shape.waves} * gpu.lanes_per_wave * kLaneBytes * allocated_vgprs(shape);
}

std::uint32_t workgroups_per_cu(const GpuParameters& gpu, const KernelShape& shape) {
  std::uint64_t fit = gpu.waves_per_cu / std::max(shape.waves, 1U);
  if (const std::uint64_t vgprs = vgpr_bytes(gpu, shape); vgprs > 0) {
    fit = std::min(fit, gpu.vgpr_bytes_per_cu / vgprs);
  }
  if (shape.lds_bytes > 0) {
    fit = std::min(fit, gpu.lds_bytes_per_cu / shape.lds_bytes);
  }
  return static_cast<std::uint32_t>(fit);
}

std::uint64_t wave_state_bytes(const GpuParameters& gpu, const KernelShape& shape,
                               std::uint64_t workgroups) {
  const std::uint64_t files = gpu.acc_vgpr_bytes_per_cu == 0 ? 1 : 2;
  const std::uint64_t per_wave = kLaneBytes * shape.sgprs + kHardwareRegisterBytes;
  return workgroups * (files * vgpr_bytes(gpu, shape) + shape.waves * per_wave + shape.lds_bytes);
}

CwsrArea cwsr_area(const GpuParameters& gpu) {
  constexpr std::uint64_t kSgprBytes = 0x4000;  // per CU, and the next one too
  constexpr std::uint64_t kHardwareBytes = 0x1000;
  constexpr std::uint64_t kHeaderBytes = 40;
  constexpr std::uint64_t kWavesPerCu = 40;
  constexpr std::uint64_t kWavesPerEngine = 512;
  constexpr std::uint64_t kStackBytesPerWave = 8;
  const std::uint64_t waves = std::min(gpu.cus_per_xcc * kWavesPerCu,  //
                                       gpu.shader_engines * kWavesPerEngine);
  const std::uint64_t stack = whole_pages(kHeaderBytes + kStackBytesPerWave * waves + 8);
  const std::uint64_t per_cu = gpu.vgpr_bytes_per_cu + gpu.acc_vgpr_bytes_per_cu + kSgprBytes +
                               gpu.lds_bytes_per_cu + kHardwareBytes;
  return {.control_stack_bytes = stack, .bytes = stack + whole_pages(gpu.cus_per_xcc * per_cu)};
}

Duration save_time(const GpuParameters& gpu, const SaveLoad& load) {
  const double per_cu = static_cast<double>(load.cu) / (gpu.cu_bytes_per_clock * gpu.clock_hz);
  const double per_xcc = static_cast<double>(load.xcc) / gpu.xcc_bandwidth;
  return seconds_up(std::max({per_cu, per_xcc, static_cast<double>(load.local) / gpu.save_bandwidth,
                              static_cast<double>(load.system) / gpu.system_bandwidth}));
}

Duration restore_time(const GpuParameters& gpu, const SaveLoad& load) {
  if (load.total() == 0) {
    return Duration::zero();
  }
  constexpr double kClocksPerWave = 32;
  const double relaunch = kClocksPerWave * load.waves / gpu.clock_hz;
  const double per_xcc = static_cast<double>(load.xcc) / gpu.xcc_bandwidth;
  return gpu.t_relaunch + Duration(std::llround(relaunch * 1e9)) +
         seconds_up(std::max({per_xcc, static_cast<double>(load.local) / gpu.save_bandwidth,
                              static_cast<double>(load.system) / gpu.system_bandwidth}));
}

Duration move_time(const GpuParameters& gpu, std::uint64_t bytes) {
  return seconds_up(static_cast<double>(bytes) / gpu.system_bandwidth);
}

Result<Duration> representable_grace(Duration grace, double clock_hz) {
  constexpr double kUnitClocks = 1000;
  constexpr double kMaxUnits = 255;
  const double unit_ns = kUnitClocks * 1e9 / clock_hz;
  const double units = std::max(1.0, std::ceil(static_cast<double>(to_ns(grace)) / unit_ns));
  if (units > kMaxUnits) {
    return fail(
        Errc::kInvalidArgument,
        fmt::format("suspend with a grace period of {} ns: the hardware holds at most {:.0f} "
                    "ns at this clock; use that or less",
                    to_ns(grace), std::floor(kMaxUnits * unit_ns)));
  }
  return Duration(static_cast<std::int64_t>(std::llround(units * unit_ns)));
}

GpuId gpu_id_of(std::uint32_t index) {
  // Any values will do as long as they are no indices: real ones are hashes.
  constexpr std::uint32_t kFirst = 0x51a0;
  constexpr std::uint32_t kStep = 0x0b3d;
  return GpuId(kFirst + index * kStep);
}

}  // namespace gpreempt::sim
