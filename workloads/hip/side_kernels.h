#pragma once

#include <cstdint>

#include "workloads/hip/gemm.h"
#include "workloads/hip/gpu_runtime.h"
#include "workloads/hip/heartbeat_log.h"
#include "workloads/hip/work_kernel.h"

/// Kernels of one wave that only read the clock, and the matrix product.
namespace gpreempt::hip {

inline constexpr std::uint32_t kMostGaps = 1U << 16U;

/// In the host's memory: the heartbeat writes, the host reads, and writes `stop`.
struct HeartbeatBox {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::uint64_t beats = 0;
  std::uint64_t gaps = 0;
  std::uint32_t stop = 0;
  std::uint32_t unused = 0;
};

/// One lane. A beat is a read of `stop` over the bus, a microsecond or two.
__global__ void heartbeat_kernel(volatile HeartbeatBox* box, volatile HeartbeatGap* gaps,
                                 std::uint64_t threshold) {
  std::uint64_t before = ticks();
  std::uint64_t beats = 1;
  std::uint64_t seen = 0;
  box->first = before;
  while (box->stop == 0) {
    const std::uint64_t now = ticks();
    ++beats;
    if (now - before > threshold) {
      if (seen < kMostGaps) {
        gaps[seen].from_ticks = before;
        gaps[seen].to_ticks = now;
      }
      ++seen;
      // Rare enough to be told at once; the count behind what it counts.
      box->last = now;
      box->beats = beats;
      __threadfence_system();
      box->gaps = seen;
    }
    before = now;
  }
  box->last = before;
  box->beats = beats;
  box->gaps = seen;
  __threadfence_system();
}

/// In the host's memory. The host counts `asked` up, and the GPU answers with its clock.
struct ClockBox {
  std::uint64_t ticks = 0;
  std::uint32_t asked = 0;
  std::uint32_t answered = 0;
};

/// One lane; gives up after so many reads of `asked`, lest it outlive a host that went away.
__global__ void clock_kernel(volatile ClockBox* box, std::uint32_t readings,
                             std::uint32_t patience) {
  for (std::uint32_t number = 1; number <= readings; ++number) {
    std::uint32_t reads = 0;
    while (box->asked < number && reads < patience) {
      ++reads;
    }
    box->ticks = ticks();
    __threadfence_system();
    box->answered = number;
    __threadfence_system();
  }
}

__global__ void fill_kernel(float* left, float* right, std::uint32_t rows) {
  const std::uint32_t column = blockIdx.x * blockDim.x + threadIdx.x;
  const std::uint32_t row = blockIdx.y;
  if (column < rows) {
    left[static_cast<std::uint64_t>(row) * rows + column] = gemm_left(row, column);
    right[static_cast<std::uint64_t>(row) * rows + column] = gemm_right(row, column);
  }
}

struct GemmArgs {
  const float* left = nullptr;
  const float* right = nullptr;
  float* product = nullptr;
  std::uint32_t rows = 0;  ///< a multiple of `kGemmTile`
  StreamState* state = nullptr;
  bool stamps_first = false;
  bool stamps_last = false;
};

__global__ __launch_bounds__(kGemmTile* kGemmTile) void gemm_kernel(GemmArgs args) {
  __shared__ float left[kGemmTile][kGemmTile];
  __shared__ float right[kGemmTile][kGemmTile];
  const std::uint32_t column = blockIdx.x * kGemmTile + threadIdx.x;
  const std::uint32_t row = blockIdx.y * kGemmTile + threadIdx.y;
  const bool leads = threadIdx.x == 0 && threadIdx.y == 0;
  if (args.stamps_first && leads && blockIdx.x == 0 && blockIdx.y == 0) {
    args.state->first = ticks();
  }
  float sum = 0;
  for (std::uint32_t tile = 0; tile < args.rows; tile += kGemmTile) {
    left[threadIdx.y][threadIdx.x] =
        args.left[static_cast<std::uint64_t>(row) * args.rows + tile + threadIdx.x];
    right[threadIdx.y][threadIdx.x] =
        args.right[static_cast<std::uint64_t>(tile + threadIdx.y) * args.rows + column];
    __syncthreads();
    for (std::uint32_t i = 0; i < kGemmTile; ++i) {
      sum += left[threadIdx.y][i] * right[i][threadIdx.x];
    }
    __syncthreads();
  }
  args.product[static_cast<std::uint64_t>(row) * args.rows + column] = sum;
  if (args.stamps_last) {
    __syncthreads();
    if (leads) {
      atomicMax(reinterpret_cast<unsigned long long*>(&args.state->last),
                static_cast<unsigned long long>(ticks()));
    }
  }
}

}  // namespace gpreempt::hip
