#include "workloads/hip/witness.h"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/error.h"
#include "workloads/hip/witness_math.h"

namespace gpreempt::hip {
namespace {

constexpr std::array<std::string_view, kStateKinds> kKindNames = {
    "vgpr", "agpr", "lds", "sgpr", "exec", "atomic", "iterations"};

/// 0 + 1 + ... + (count - 1), modulo 2^32.
std::uint32_t triangle(std::uint32_t count) {
  const std::uint64_t n = count;
  return static_cast<std::uint32_t>(n % 2 == 0 ? (n / 2) * (n - 1) : n * ((n - 1) / 2));
}

std::uint32_t words_of(StateKind kind, const WitnessShape& shape) {
  switch (kind) {
    case StateKind::kVector: return shape.vectors;
    case StateKind::kAccumulation: return shape.accumulations;
    case StateKind::kLds: return shape.lds_words;
    case StateKind::kScalar:
    case StateKind::kExec: return 1;
    case StateKind::kAtomic:
    case StateKind::kIterations: break;
  }
  return 0;
}

Loss block_loss(const Audit& audit, const BlockReport& report, StateKind kind,
                std::uint32_t expected, std::uint32_t got) {
  return {.record = {.kernel = audit.kernel,
                     .kind = kind,
                     .block = report.block,
                     .expected = expected,
                     .got = got,
                     .seed = audit.seed,
                     .iterations = report.iterations},
          .whole_block = true};
}

/// What a block's own report says; `number` is the place where it lies.
void check_block(const Audit& audit, const BlockReport& report, std::uint32_t number,
                 std::vector<Loss>& losses) {
  BlockReport named = report;
  named.block = number;
  const bool written = report.block == number;
  const bool counted =
      audit.endless ? report.iterations >= audit.iterations : report.iterations == audit.iterations;
  if (!written || !counted) {
    losses.push_back(block_loss(audit, named, StateKind::kIterations,
                                static_cast<std::uint32_t>(audit.iterations),
                                written ? static_cast<std::uint32_t>(report.iterations) : 0U));
    return;  // sums after another number of iterations say nothing more
  }
  const std::array<std::pair<StateKind, std::uint32_t>, 5> sums = {{
      {StateKind::kVector, report.vectors},
      {StateKind::kAccumulation, report.accumulations},
      {StateKind::kLds, report.lds},
      {StateKind::kScalar, report.scalar},
      {StateKind::kExec, report.exec},
  }};
  for (const auto& [kind, got] : sums) {
    const std::uint32_t expected =
        expected_block_sum(kind, audit.shape, audit.seed, number, report.iterations);
    if (got != expected) {
      losses.push_back(block_loss(audit, named, kind, expected, got));
    }
  }
}

/// The inverse of an odd number modulo 2^32, by Newton's iteration: each doubles the right bits.
std::uint32_t inverse_of(std::uint32_t odd) {
  std::uint32_t inverse = odd;  // right in the lowest three bits
  for (int i = 0; i < 4; ++i) {
    inverse *= 2U - odd * inverse;
  }
  return inverse;
}

/// What may have happened. Additions commute, so a bit flipped on the way leaves its own value.
std::string astray_text(const LossRecord& record) {
  if (const std::int64_t astray = additions_astray(record); astray != 0) {
    return fmt::format("{} addition{} too {}", astray < 0 ? -astray : astray,
                       astray == 1 || astray == -1 ? "" : "s", astray < 0 ? "few" : "many");
  }
  const std::uint32_t up = record.got - record.expected;
  const std::uint32_t down = record.expected - record.got;
  if (std::has_single_bit(up) || std::has_single_bit(down)) {
    return fmt::format("as if bit {} was flipped on the way",
                       std::countr_zero(std::has_single_bit(up) ? up : down));
  }
  return fmt::format("{:#010x} away", up);
}

}  // namespace

std::string_view to_string(StateKind kind) { return kKindNames.at(static_cast<std::size_t>(kind)); }

Result<StateKind> parse_state_kind(std::string_view text) {
  for (std::size_t i = 0; i < kKindNames.size(); ++i) {
    if (kKindNames.at(i) == text) {
      return static_cast<StateKind>(i);
    }
  }
  return fail(Errc::kInvalidArgument,
              fmt::format("read kind of state '{}': it is none; use one of {}", text,
                          fmt::join(kKindNames, ", ")));
}

std::uint32_t expected_block_sum(StateKind kind, const WitnessShape& shape, std::uint32_t seed,
                                 std::uint32_t block, std::uint64_t iterations) {
  const std::uint32_t words = words_of(kind, shape);
  const std::uint32_t lanes = shape.threads;
  if (words == 0) {
    return 0;
  }
  const std::uint32_t first_lane = block * lanes;
  // Sum of first_of over the lanes and words: each term is linear in one of them.
  std::uint32_t sum = lanes * words * (seed + static_cast<std::uint32_t>(kind) * kKindFactor);
  sum += words * kLaneFactor * (lanes * first_lane + triangle(lanes));
  sum += lanes * kIndexFactor * triangle(words);
  for (std::uint32_t index = 0; index < words; ++index) {
    std::uint32_t counting = lanes;
    if (kind == StateKind::kExec) {
      // Odd lanes of the grid; a block begins at an even one or an odd one.
      counting = (first_lane + lanes) / 2U - first_lane / 2U;
    }
    const StateWord word{.kind = kind, .lane = 1, .index = index};
    sum += counting * step_of(kind, index) *
           static_cast<std::uint32_t>(additions_of(word, shape.lds_words, iterations));
  }
  return sum;
}

std::vector<Loss> losses_of(const Audit& audit) {
  std::vector<Loss> losses;
  std::uint64_t atomics = audit.atomics_before;
  for (std::uint32_t number = 0; number < audit.blocks.size(); ++number) {
    const BlockReport& report = audit.blocks.at(number);
    check_block(audit, report, number, losses);
    atomics += report.iterations / kIterationsPerAtomic;
  }
  if (atomics != audit.atomics) {
    Loss& loss = losses.emplace_back();
    loss.whole_block = true;
    loss.record = {.kernel = audit.kernel,
                   .kind = StateKind::kAtomic,
                   .expected = static_cast<std::uint32_t>(atomics),
                   .got = static_cast<std::uint32_t>(audit.atomics),
                   .seed = audit.seed,
                   .iterations = audit.iterations};
  }
  return losses;
}

Loss loss_of(const LossRecord& record, std::uint32_t wave) {
  Loss loss{.record = record, .wave = record.thread / wave, .lane = record.thread % wave};
  const StateWord word{.kind = record.kind,
                       .lane = record.block * record.threads + record.thread,
                       .index = record.index};
  if (record.kind == StateKind::kLds && record.lds_words == 0) {
    loss.expectation_lost = true;  // it reports of what it does not have
    return loss;
  }
  const std::uint32_t expected =
      expected_of(word, record.seed, record.lds_words, record.iterations);
  loss.expectation_lost = expected != record.expected;
  loss.record.expected = expected;
  return loss;
}

std::int64_t additions_astray(const LossRecord& record) {
  constexpr std::int32_t kPlausible = 1 << 12;
  const std::uint32_t count =
      (record.got - record.expected) * inverse_of(step_of(record.kind, record.index));
  const auto astray = static_cast<std::int32_t>(count);
  return astray >= -kPlausible && astray <= kPlausible ? astray : 0;
}

std::string describe(const Loss& loss) {
  const LossRecord& record = loss.record;
  if (record.kind == StateKind::kAtomic) {
    return fmt::format(
        "up to kernel {}: the stream's counter in memory holds {}, expected {} (modulo 2^32)",
        record.kernel, record.got, record.expected);
  }
  if (record.kind == StateKind::kIterations) {
    return fmt::format("kernel {}, block {}: it reported {} iterations, expected {}", record.kernel,
                       record.block, record.got, record.expected);
  }
  if (loss.whole_block) {
    return fmt::format(
        "kernel {}, block {}: the sum of {} is {:#010x}, expected {:#010x} after {} "
        "iterations",
        record.kernel, record.block, to_string(record.kind), record.got, record.expected,
        record.iterations);
  }
  return fmt::format(
      "kernel {}, block {}, wave {}, lane {}: {} {} holds {:#010x}, expected {:#010x} after {} "
      "iterations ({}){}",
      record.kernel, record.block, loss.wave, loss.lane, to_string(record.kind), record.index,
      record.got, record.expected, record.iterations, astray_text(record),
      loss.expectation_lost ? "; the lane itself expected something else" : "");
}

}  // namespace gpreempt::hip
