#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "conformance/stage.h"
#include "core/error.h"

/// Sequences that nobody thought of: every pair of operations, and triples, from every state.
namespace gpreempt::conformance {

/// A state to begin in, and operations: indices into the tables of sequences.cc.
struct Sequence {
  std::size_t state = 0;
  std::vector<std::size_t> operations;
};

/// "runtime-on attached: a ENABLE; target KILL"
[[nodiscard]] std::string name_of(const Sequence& sequence);

/// Every sequence of two operations.
[[nodiscard]] std::vector<Sequence> all_pairs();
/// `count` different sequences of three, drawn by `seed`; all of them if there are no more.
[[nodiscard]] std::vector<Sequence> some_triples(std::size_t count, std::uint64_t seed);
/// The pairs if `count` reaches, and triples for the rest; else `count` of the pairs, drawn.
[[nodiscard]] std::vector<Sequence> some_sequences(std::size_t count, std::uint64_t seed);

/// The results in order, then those that came late: "EPERM 0, late target 0".
/// Errors: those of `Stage::perform`; kInternal (the state could not be reached).
[[nodiscard]] Result<std::string> run_sequence(Stage& stage, const Sequence& sequence);

}  // namespace gpreempt::conformance
