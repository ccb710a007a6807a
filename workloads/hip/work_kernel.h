#pragma once

#include <cstdint>

#include "workloads/hip/gpu_runtime.h"
#include "workloads/hip/witness_math.h"

/// The kernel that stands for all others: chosen time, grid, registers, LDS and memory traffic, and
/// accumulators that show whether its state survived.
namespace gpreempt::hip {

/// What a stream's kernels tell the host; copied to it behind each submission.
struct StreamState {
  std::uint64_t first = 0;    ///< the last submission's first wave, on the GPU's clock
  std::uint64_t last = 0;     ///< its last wave's end; only ever grows
  std::uint64_t atomics = 0;  ///< the counter that blocks add to
  std::uint32_t losses = 0;   ///< found, kept or not
  std::uint32_t unused = 0;
};

inline constexpr std::uint32_t kMostLosses = 256;

/// How an endless kernel and the host talk: in the host's memory, seen by both.
struct EndlessBox {
  std::uint64_t granted = 0;  ///< rounds that each block may do
  std::uint32_t stop = 0;
  std::uint32_t unused = 0;
};

struct WorkArgs {
  std::uint64_t iterations = 0;  ///< of an endless kernel: of one round
  std::uint32_t touches = 0;
  std::uint32_t kernel = 0;
  std::uint32_t seed = 0;
  std::uint32_t lds_words = 0;
  uint4* traffic = nullptr;  ///< `traffic_words` is a power of two
  std::uint64_t traffic_words = 0;
  StreamState* state = nullptr;
  bool stamps_first = false;
  bool stamps_last = false;
  LossRecord* losses = nullptr;    ///< room for `kMostLosses`
  BlockReport* reports = nullptr;  ///< one a block, or null
  WitnessFault fault;
  const volatile EndlessBox* endless = nullptr;  ///< null: it ends by itself
  bool persistent = false;
  std::uint64_t* progress = nullptr;  ///< endless: iterations of each block, in the host's memory
};

/// A lane's state. The arrays have constant sizes and indices, so that they are registers.
template <std::uint32_t kVectors, std::uint32_t kAccumulations>
struct Lane {
  std::uint32_t vectors[kVectors];
  std::uint32_t accumulations[kAccumulations > 0 ? kAccumulations : 1];
  std::uint32_t scalar;
  std::uint32_t exec;
  std::uint32_t next_word;  ///< of LDS, whose turn it is
  std::uint32_t until_atomic;
};

__device__ __forceinline__ std::uint32_t lane_of_grid() {
  return blockIdx.x * blockDim.x + threadIdx.x;
}

extern __shared__ std::uint32_t lds_words[];

/// What this lane's first accumulator of a kind begins with; the others follow by `kIndexFactor`.
/// Pinned: computed where it is needed, instead of kept in registers while the kernel runs.
__device__ __forceinline__ std::uint32_t beginning(const WorkArgs& args, StateKind kind) {
  std::uint32_t base = first_of({kind, lane_of_grid(), 0}, args.seed);
  pin(base);
  return base;
}

template <std::uint32_t kVectors, std::uint32_t kAccumulations>
__device__ __forceinline__ void begin(const WorkArgs& args, Lane<kVectors, kAccumulations>& lane) {
  std::uint32_t next = beginning(args, StateKind::kVector);
#pragma unroll
  for (std::uint32_t i = 0; i < kVectors; ++i) {
    lane.vectors[i] = next;
    pin(lane.vectors[i]);
    next += kIndexFactor;
    pin(next);
  }
  if constexpr (kAccumulations > 0) {
    next = beginning(args, StateKind::kAccumulation);
#pragma unroll
    for (std::uint32_t i = 0; i < kAccumulations; ++i) {
      write_accumulation(lane.accumulations[i], next);
      next += kIndexFactor;
      pin(next);
    }
  }
  // Of the block, so that it is the same in all lanes of a wave.
  lane.scalar = to_scalar(args.seed);
  lane.exec = beginning(args, StateKind::kExec);
  next = beginning(args, StateKind::kLds);
#pragma unroll 1
  for (std::uint32_t i = 0; i < args.lds_words; ++i, next += kIndexFactor) {
    lds_words[i * blockDim.x + threadIdx.x] = next;
  }
  lane.next_word = 0;
  lane.until_atomic = kIterationsPerAtomic;
}

template <std::uint32_t kVectors, std::uint32_t kAccumulations>
__device__ __forceinline__ void advance(const WorkArgs& args, std::uint64_t iterations,
                                        Lane<kVectors, kAccumulations>& lane) {
  for (std::uint64_t done = 0; done < iterations; ++done) {
#pragma unroll
    for (std::uint32_t i = 0; i < kVectors; ++i) {
      lane.vectors[i] += step_of(StateKind::kVector, i);
      pin(lane.vectors[i]);
    }
    if constexpr (kAccumulations > 0) {
#pragma unroll
      for (std::uint32_t i = 0; i < kAccumulations; ++i) {
        write_accumulation(lane.accumulations[i], read_accumulation(lane.accumulations[i]) +
                                                      step_of(StateKind::kAccumulation, i));
      }
    }
    add_scalar(lane.scalar, step_of(StateKind::kScalar, 0));
    if (lane_of_grid() % 2U == 1U) {
      lane.exec += step_of(StateKind::kExec, 0);
      pin(lane.exec);
    }
    if (args.lds_words > 0) {
      lds_words[lane.next_word * blockDim.x + threadIdx.x] +=
          step_of(StateKind::kLds, lane.next_word);
      lane.next_word = lane.next_word + 1 < args.lds_words ? lane.next_word + 1 : 0;
    }
    if (--lane.until_atomic == 0) {
      lane.until_atomic = kIterationsPerAtomic;
      if (threadIdx.x == 0) {
        atomicAdd(reinterpret_cast<unsigned long long*>(&args.state->atomics), 1ULL);
      }
    }
  }
}

/// Without a branch around the registers, which would need a second set of them.
template <std::uint32_t kVectors, std::uint32_t kAccumulations>
__device__ __forceinline__ void corrupt(const WitnessFault& fault, bool now,
                                        Lane<kVectors, kAccumulations>& lane) {
  const bool here =
      now && fault.enabled != 0 && fault.block == blockIdx.x && fault.thread == threadIdx.x;
  const std::uint32_t vector = here && fault.kind == StateKind::kVector ? fault.index : kVectors;
#pragma unroll
  for (std::uint32_t i = 0; i < kVectors; ++i) {
    lane.vectors[i] ^= vector == i ? fault.flip : 0U;
    pin(lane.vectors[i]);
  }
  if constexpr (kAccumulations > 0) {
    const std::uint32_t accumulation =
        here && fault.kind == StateKind::kAccumulation ? fault.index : kAccumulations;
#pragma unroll
    for (std::uint32_t i = 0; i < kAccumulations; ++i) {
      write_accumulation(lane.accumulations[i], read_accumulation(lane.accumulations[i]) ^
                                                    (accumulation == i ? fault.flip : 0U));
    }
  }
  if (here && fault.kind == StateKind::kLds) {
    lds_words[fault.index * blockDim.x + threadIdx.x] ^= fault.flip;
  }
  lane.exec ^= here && fault.kind == StateKind::kExec ? fault.flip : 0U;
}

/// The first accumulator of a kind that a lane found wrong.
struct Wrong {
  std::uint32_t count = 0;
  std::uint32_t index = 0;
  std::uint32_t got = 0;
};

/// Compares one value, and adds it to the block's sum. `first` is what it began with.
__device__ __forceinline__ void judge(const WorkArgs& args, const StateWord& word,
                                      std::uint32_t first, std::uint64_t iterations,
                                      std::uint32_t got, std::uint32_t& sum, Wrong& wrong) {
  const std::uint32_t expected =
      first + static_cast<std::uint32_t>(additions_of(word, args.lds_words, iterations)) *
                  step_of(word.kind, word.index);
  sum += got;
  const bool is_first = got != expected && wrong.count == 0;
  wrong.index = is_first ? word.index : wrong.index;
  wrong.got = is_first ? got : wrong.got;
  wrong.count += got != expected ? 1U : 0U;
  // Decided here, one after the other: put off to where it matters, all would be in registers
  // twice.
  pin(wrong.index);
  pin(wrong.got);
  pin(wrong.count);
}

__device__ inline void report_loss(const WorkArgs& args, StateKind kind, std::uint64_t iterations,
                                   const Wrong& wrong) {
  if (wrong.count == 0) {
    return;
  }
  const std::uint32_t place = atomicAdd(&args.state->losses, 1U);
  if (place >= kMostLosses) {
    return;
  }
  const StateWord word{kind, lane_of_grid(), wrong.index};
  LossRecord& record = args.losses[place];
  record.kernel = args.kernel;
  record.kind = kind;
  record.block = blockIdx.x;
  record.thread = threadIdx.x;
  record.threads = blockDim.x;
  record.lds_words = args.lds_words;
  record.index = wrong.index;
  record.expected = expected_of(word, args.seed, args.lds_words, iterations);
  record.got = wrong.got;
  record.seed = args.seed;
  record.iterations = iterations;
  record.ticks = ticks();
}

template <std::uint32_t kVectors, std::uint32_t kAccumulations>
__device__ __forceinline__ void finish(const WorkArgs& args, std::uint64_t iterations,
                                       Lane<kVectors, kAccumulations>& lane) {
  const std::uint32_t number = lane_of_grid();
  BlockReport sums;
  Wrong vectors;
  std::uint32_t next = beginning(args, StateKind::kVector);
#pragma unroll
  for (std::uint32_t i = 0; i < kVectors; ++i) {
    judge(args, {StateKind::kVector, number, i}, next, iterations, lane.vectors[i], sums.vectors,
          vectors);
    next += kIndexFactor;
    pin(next);
  }
  report_loss(args, StateKind::kVector, iterations, vectors);
  if constexpr (kAccumulations > 0) {
    Wrong accumulations;
    next = beginning(args, StateKind::kAccumulation);
#pragma unroll
    for (std::uint32_t i = 0; i < kAccumulations; ++i) {
      judge(args, {StateKind::kAccumulation, number, i}, next, iterations,
            read_accumulation(lane.accumulations[i]), sums.accumulations, accumulations);
      next += kIndexFactor;
      pin(next);
    }
    report_loss(args, StateKind::kAccumulation, iterations, accumulations);
  }
  Wrong lds;
  next = beginning(args, StateKind::kLds);
#pragma unroll 1
  for (std::uint32_t i = 0; i < args.lds_words; ++i, next += kIndexFactor) {
    judge(args, {StateKind::kLds, number, i}, next, iterations,
          lds_words[i * blockDim.x + threadIdx.x], sums.lds, lds);
  }
  report_loss(args, StateKind::kLds, iterations, lds);
  // In registers it is one value for a wave; each lane accounts for it with its own beginning.
  Wrong scalar;
  next = beginning(args, StateKind::kScalar);
  judge(args, {StateKind::kScalar, number, 0}, next, iterations, lane.scalar - args.seed + next,
        sums.scalar, scalar);
  report_loss(args, StateKind::kScalar, iterations, scalar);
  Wrong exec;
  judge(args, {StateKind::kExec, number, 0}, beginning(args, StateKind::kExec), iterations,
        lane.exec, sums.exec, exec);
  report_loss(args, StateKind::kExec, iterations, exec);
  if (args.reports == nullptr) {
    return;
  }
  BlockReport& report = args.reports[blockIdx.x];
  if (threadIdx.x == 0) {
    report.iterations = iterations;
    report.block = blockIdx.x;
  }
  atomicAdd(&report.vectors, sums.vectors);
  atomicAdd(&report.accumulations, sums.accumulations);
  atomicAdd(&report.lds, sums.lds);
  atomicAdd(&report.scalar, sums.scalar);
  atomicAdd(&report.exec, sums.exec);
}

/// How many iterations a block does next; 0: it is done. An endless kernel does a round, and waits
/// for a grant if it needs one; any other does one half and then the other.
__device__ inline std::uint64_t next_round(const WorkArgs& args, std::uint64_t done) {
  if (args.endless == nullptr) {
    const std::uint64_t half = args.iterations / 2;
    return done < half ? half : args.iterations - done;
  }
  __shared__ std::uint32_t goes_on;
  if (threadIdx.x == 0) {
    args.progress[blockIdx.x] = done;
    while (args.persistent && args.endless->stop == 0 &&
           args.endless->granted * args.iterations <= done) {
      nap();
    }
    goes_on = args.endless->stop == 0 ? 1U : 0U;
  }
  __syncthreads();
  const bool yes = goes_on != 0;
  __syncthreads();
  return yes ? args.iterations : 0;
}

__device__ inline void touch_memory(const WorkArgs& args) {
  const std::uint64_t lanes = static_cast<std::uint64_t>(gridDim.x) * blockDim.x;
#pragma unroll 1
  for (std::uint32_t i = 0; i < args.touches; ++i) {
    const std::uint64_t place = (lane_of_grid() + i * lanes) & (args.traffic_words - 1);
    uint4 word = args.traffic[place];
    word.x += 1;
    args.traffic[place] = word;
  }
}

template <std::uint32_t kMostThreads, std::uint32_t kVectors, std::uint32_t kAccumulations>
__global__ __launch_bounds__(kMostThreads) void work_kernel(WorkArgs args) {
  if (args.stamps_first && blockIdx.x == 0 && threadIdx.x == 0) {
    args.state->first = ticks();
  }
  touch_memory(args);
  Lane<kVectors, kAccumulations> lane;
  begin(args, lane);
  std::uint64_t done = 0;
  while (const std::uint64_t round = next_round(args, done)) {
    advance(args, round, lane);
    // Once: behind the first round.
    corrupt(args.fault, done == 0, lane);
    done += round;
  }
  finish(args, done, lane);
  if (args.stamps_last) {
    __syncthreads();
    if (threadIdx.x == 0) {
      atomicMax(reinterpret_cast<unsigned long long*>(&args.state->last),
                static_cast<unsigned long long>(ticks()));
    }
  }
}

}  // namespace gpreempt::hip
