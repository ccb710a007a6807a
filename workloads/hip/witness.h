#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "workloads/hip/witness_math.h"

/// The host's side of the integrity witness: whether a kernel's accumulators hold what they must.
/// Pure functions of what a kernel left behind.
namespace gpreempt::hip {

/// "vgpr", "agpr", "lds", "sgpr", "exec", "atomic", "iterations".
[[nodiscard]] std::string_view to_string(StateKind kind);
/// Errors: kInvalidArgument (names the kinds).
[[nodiscard]] Result<StateKind> parse_state_kind(std::string_view text);

/// What a kernel left for the host, and what is known of its launch.
struct Audit {
  std::uint32_t kernel = 0;
  std::uint32_t seed = 0;
  WitnessShape shape;
  /// Asked for; of a kernel that runs until it is stopped the least number.
  std::uint64_t iterations = 0;
  bool endless = false;  ///< each block tells how far it came
  std::vector<BlockReport> blocks;
  std::uint64_t atomics = 0;  ///< the stream's counter after it
  /// What earlier kernels of the stream must have added to it.
  std::uint64_t atomics_before = 0;
};

/// Something that did not survive.
struct Loss {
  LossRecord record;  ///< of a sum over a block `thread` and `index` are 0
  bool whole_block = false;
  std::uint32_t wave = 0;  ///< in its block
  std::uint32_t lane = 0;  ///< in its wave
  /// The lane itself expected something else than the host does: its scalar state was lost, too.
  bool expectation_lost = false;
};

/// Sum over a block's lanes of everything of `kind` after `iterations`, modulo 2^32, in closed form
/// and time independent of the number of lanes. 0 for `kAtomic` and `kIterations`.
[[nodiscard]] std::uint32_t expected_block_sum(StateKind kind, const WitnessShape& shape,
                                               std::uint32_t seed, std::uint32_t block,
                                               std::uint64_t iterations);

/// The losses that the sums of an audit show, in order of blocks; none if all is as it must be.
[[nodiscard]] std::vector<Loss> losses_of(const Audit& audit);

/// What a lane reported, with its place in a wave of so many lanes, and the host's own expectation.
[[nodiscard]] Loss loss_of(const LossRecord& record, std::uint32_t wave);

/// How many additions too many (or, negative, too few) explain the difference; 0 if none up to 4096
/// does. Of all differences 1 in 2^19 is explained so by chance.
[[nodiscard]] std::int64_t additions_astray(const LossRecord& record);

/// "kernel 17, block 12, wave 3, lane 41: vgpr 5 holds 0x..., expected 0x... after 1024 iterations
/// (2 iterations too few)".
[[nodiscard]] std::string describe(const Loss& loss);

}  // namespace gpreempt::hip
