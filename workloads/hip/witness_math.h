#pragma once

#include <cstdint>

/// What the accumulators of a kernel must hold, in closed form. Kernels and the host's checks both
/// use it, so it knows neither: plain arithmetic modulo 2^32.
///
/// Every accumulator begins at a value of its own and grows by an odd step of its own with each
/// iteration: `x(n) = x(0) + n * step`. An iteration lost or done twice, a register that comes back
/// with another's content, a flipped bit: each leaves a value that no other fault explains as
/// simply.
#if defined(__HIPCC__) || defined(__CUDACC__)
#define GPREEMPT_HOST_DEVICE __host__ __device__
#else
#define GPREEMPT_HOST_DEVICE
#endif

namespace gpreempt::hip {

/// Where a wave keeps state that a context switch must save and restore.
enum class StateKind : std::uint32_t {
  kVector,        ///< VGPRs
  kAccumulation,  ///< AccVGPRs (CDNA only)
  kLds,           ///< shared memory of the workgroup
  kScalar,        ///< SGPRs, one value for a whole wave
  kExec,          ///< a value that only odd lanes count: the mask of active lanes
  kAtomic,        ///< a counter in memory that every block adds to
  kIterations,    ///< the block's own count of iterations
};
inline constexpr std::uint32_t kStateKinds = 7;

/// A block adds one to its stream's counter for each so many iterations.
inline constexpr std::uint32_t kIterationsPerAtomic = 64;

/// Sizes of one launch as the kernel was compiled and started.
struct WitnessShape {
  std::uint32_t blocks = 1;
  std::uint32_t threads = 64;       ///< per block
  std::uint32_t wave = 64;          ///< lanes
  std::uint32_t vectors = 0;        ///< per lane
  std::uint32_t accumulations = 0;  ///< per lane
  std::uint32_t lds_words = 0;      ///< per lane, of 4 bytes
  bool operator==(const WitnessShape&) const = default;
};

/// One accumulator: `lane` counts over the whole grid.
struct StateWord {
  StateKind kind = StateKind::kVector;
  std::uint32_t lane = 0;
  std::uint32_t index = 0;  ///< register or word of that lane
};

inline constexpr std::uint32_t kKindFactor = 0x85ebca6bU;
inline constexpr std::uint32_t kLaneFactor = 0x01000193U;
inline constexpr std::uint32_t kIndexFactor = 0xc2b2ae35U;
inline constexpr std::uint32_t kStep = 0x9e3779b1U;

/// How much an accumulator grows with an iteration. Odd, so that no number of lost iterations below
/// 2^32 goes unseen.
GPREEMPT_HOST_DEVICE constexpr std::uint32_t step_of(StateKind kind, std::uint32_t index) {
  return kStep + 2U * index + 256U * static_cast<std::uint32_t>(kind);
}

/// What an accumulator begins with in a launch with this seed.
GPREEMPT_HOST_DEVICE constexpr std::uint32_t first_of(const StateWord& word, std::uint32_t seed) {
  return seed + static_cast<std::uint32_t>(word.kind) * kKindFactor + word.lane * kLaneFactor +
         word.index * kIndexFactor;
}

/// How often an accumulator was added to in `iterations`. Words of LDS take turns; `kExec` counts
/// in odd lanes only.
GPREEMPT_HOST_DEVICE constexpr std::uint64_t additions_of(const StateWord& word,
                                                          std::uint32_t lds_words,
                                                          std::uint64_t iterations) {
  if (word.kind == StateKind::kLds) {
    return iterations / lds_words + (word.index < iterations % lds_words ? 1U : 0U);
  }
  if (word.kind == StateKind::kExec) {
    return word.lane % 2U == 1U ? iterations : 0U;
  }
  return iterations;
}

/// What an accumulator must hold after `iterations`. `lds_words` matters for LDS only.
GPREEMPT_HOST_DEVICE constexpr std::uint32_t expected_of(const StateWord& word, std::uint32_t seed,
                                                         std::uint32_t lds_words,
                                                         std::uint64_t iterations) {
  return first_of(word, seed) +
         static_cast<std::uint32_t>(additions_of(word, lds_words, iterations)) *
             step_of(word.kind, word.index);
}

/// What a lane found wrong at the end of a kernel.
struct LossRecord {
  std::uint32_t kernel = 0;  ///< running number of the launch on its stream
  StateKind kind = StateKind::kVector;
  std::uint32_t block = 0;
  std::uint32_t thread = 0;     ///< in its block
  std::uint32_t threads = 0;    ///< of a block
  std::uint32_t lds_words = 0;  ///< per lane
  std::uint32_t index = 0;
  std::uint32_t expected = 0;
  std::uint32_t got = 0;
  std::uint32_t seed = 0;
  std::uint64_t iterations = 0;
  std::uint64_t ticks = 0;  ///< when it was found, on the GPU's clock
};

/// What a block leaves for the host to check: sums over its lanes, modulo 2^32.
struct BlockReport {
  std::uint64_t iterations = 0;
  std::uint32_t vectors = 0;
  std::uint32_t accumulations = 0;
  std::uint32_t lds = 0;
  std::uint32_t scalar = 0;
  std::uint32_t exec = 0;
  std::uint32_t block = 0;  ///< its own number: a report that nobody wrote holds another one
};

/// One accumulator to corrupt on purpose, so that the check is seen to notice.
struct WitnessFault {
  std::uint32_t enabled = 0;
  StateKind kind = StateKind::kVector;
  std::uint32_t kernel = 0;
  std::uint32_t block = 0;
  std::uint32_t thread = 0;
  std::uint32_t index = 0;
  std::uint32_t flip =
      0;  ///< bits to flip, half-way through the iterations or behind the first round
};

}  // namespace gpreempt::hip
