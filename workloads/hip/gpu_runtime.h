#pragma once

// The one place where HIP and CUDA differ. Files with the ending .hip include it and compile for
// either; `GPREEMPT_GPU(Malloc)` is hipMalloc or cudaMalloc.
#include <cstddef>
#include <cstdint>
#include <string>

#if defined(__HIPCC__)
#include <hip/hip_runtime.h>
#define GPREEMPT_GPU(name) hip##name
#else
#include <cuda_runtime.h>
#define GPREEMPT_GPU(name) cuda##name
#endif

/// Device code: what a kernel can do that C++ has no words for.
namespace gpreempt::hip {

#if defined(__HIPCC__)

inline constexpr bool kHasAccumulation = true;  // CDNA's AccVGPRs

/// Ticks of the clock that does not stop or slow down: 100 MHz on MI200 and MI300.
__device__ __forceinline__ std::uint64_t ticks() { return __builtin_amdgcn_s_memrealtime(); }
__device__ __forceinline__ void nap() { __builtin_amdgcn_s_sleep(8); }

/// Keeps a value in a vector register, out of the reach of the optimiser.
__device__ __forceinline__ void pin(std::uint32_t& value) { asm volatile("" : "+v"(value)); }

/// One addition in scalar registers. `step` is the same in all lanes.
__device__ __forceinline__ void add_scalar(std::uint32_t& value, std::uint32_t step) {
  asm volatile("s_add_u32 %0, %0, %1" : "+s"(value) : "s"(step) : "scc");
}
__device__ __forceinline__ std::uint32_t to_scalar(std::uint32_t value) {
  return static_cast<std::uint32_t>(__builtin_amdgcn_readfirstlane(static_cast<int>(value)));
}

#if defined(__gfx90a__) || defined(__gfx940__) || defined(__gfx941__) || defined(__gfx942__) || \
    defined(__gfx908__)
/// Values that live in AccVGPRs and visit a VGPR to be added to.
__device__ __forceinline__ std::uint32_t read_accumulation(std::uint32_t accumulation) {
  std::uint32_t value;
  asm volatile("s_nop 1\n\tv_accvgpr_read_b32 %0, %1" : "=v"(value) : "a"(accumulation));
  return value;
}
__device__ __forceinline__ void write_accumulation(std::uint32_t& accumulation,
                                                   std::uint32_t value) {
  asm volatile("s_nop 1\n\tv_accvgpr_write_b32 %0, %1" : "=a"(accumulation) : "v"(value));
}
#elif defined(__HIP_DEVICE_COMPILE__)
#error "these kernels are for GPUs with AccVGPRs: gfx908, gfx90a, gfx940 and gfx942"
#else
// The host's pass parses device code, too.
__device__ inline std::uint32_t read_accumulation(std::uint32_t accumulation) {
  return accumulation;
}
__device__ inline void write_accumulation(std::uint32_t& accumulation, std::uint32_t value) {
  accumulation = value;
}
#endif

inline hipError_t host_alloc(void** memory, std::size_t bytes) {
  return hipHostMalloc(memory, bytes, hipHostMallocMapped);
}

using DeviceProperties = hipDeviceProp_t;
inline std::string architecture_of(const DeviceProperties& properties) {
  return properties.gcnArchName;
}
inline std::size_t lds_bytes_of(const DeviceProperties& properties) {
  return properties.sharedMemPerBlock;
}
inline constexpr const char* kRuntime = "HIP";
inline hipError_t allow_lds(const void* /*kernel*/, std::size_t /*bytes*/) { return hipSuccess; }

#else

inline constexpr bool kHasAccumulation = false;

__device__ __forceinline__ std::uint64_t ticks() {
  std::uint64_t now;
  asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(now));
  return now;
}
__device__ __forceinline__ void nap() { __nanosleep(200); }

__device__ __forceinline__ void pin(std::uint32_t& value) { asm volatile("" : "+r"(value)); }

/// The compiler decides whether it is in a uniform register.
__device__ __forceinline__ void add_scalar(std::uint32_t& value, std::uint32_t step) {
  asm volatile("add.u32 %0, %0, %1;" : "+r"(value) : "r"(step));
}
__device__ __forceinline__ std::uint32_t to_scalar(std::uint32_t value) { return value; }

// Never called: there are no such registers, and kernels have none of these values.
__device__ __forceinline__ std::uint32_t read_accumulation(std::uint32_t accumulation) {
  return accumulation;
}
__device__ __forceinline__ void write_accumulation(std::uint32_t& accumulation,
                                                   std::uint32_t value) {
  accumulation = value;
}

inline cudaError_t host_alloc(void** memory, std::size_t bytes) {
  return cudaHostAlloc(memory, bytes, cudaHostAllocMapped);
}

using DeviceProperties = cudaDeviceProp;
inline std::string architecture_of(const DeviceProperties& properties) {
  return "sm_" + std::to_string(properties.major) + std::to_string(properties.minor);
}
inline std::size_t lds_bytes_of(const DeviceProperties& properties) {
  return properties.sharedMemPerBlockOptin;
}
inline constexpr const char* kRuntime = "CUDA";
/// More than 48 KiB must be asked for, kernel by kernel.
inline cudaError_t allow_lds(const void* kernel, std::size_t bytes) {
  return cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                              static_cast<int>(bytes));
}

#endif

}  // namespace gpreempt::hip
