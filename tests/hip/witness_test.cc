// Goal: what a kernel's accumulators must hold is known in closed form, and whatever differs is
// named. Method: a kernel played step by step on the host, as the device code does it.
#include "workloads/hip/witness.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "workloads/hip/gemm.h"
#include "workloads/hip/witness_math.h"

namespace gpreempt::hip {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

/// The state of one block, every addition done one by one.
class PlayedBlock {
 public:
  PlayedBlock(const WitnessShape& shape, std::uint32_t seed, std::uint32_t block)
      : shape_(shape), seed_(seed), block_(block) {
    for (std::uint32_t thread = 0; thread < shape.threads; ++thread) {
      Lane& lane = lanes_.emplace_back();
      for (std::uint32_t i = 0; i < shape.vectors; ++i) {
        lane.vectors.push_back(begin(StateKind::kVector, thread, i));
      }
      for (std::uint32_t i = 0; i < shape.accumulations; ++i) {
        lane.accumulations.push_back(begin(StateKind::kAccumulation, thread, i));
      }
      for (std::uint32_t i = 0; i < shape.lds_words; ++i) {
        lane.lds.push_back(begin(StateKind::kLds, thread, i));
      }
      lane.scalar = begin(StateKind::kScalar, thread, 0);
      lane.exec = begin(StateKind::kExec, thread, 0);
    }
  }

  struct Lane {
    std::vector<std::uint32_t> vectors;
    std::vector<std::uint32_t> accumulations;
    std::vector<std::uint32_t> lds;
    std::uint32_t scalar = 0;
    std::uint32_t exec = 0;
  };

  void advance(std::uint64_t iterations) {
    for (std::uint64_t n = 0; n < iterations; ++n) {
      for (std::uint32_t thread = 0; thread < shape_.threads; ++thread) {
        step(thread);
      }
      next_word_ = shape_.lds_words > 0 ? (next_word_ + 1) % shape_.lds_words : 0;
      ++done_;
      atomics += done_ % kIterationsPerAtomic == 0 ? 1U : 0U;
    }
  }

  [[nodiscard]] BlockReport report() const {
    BlockReport sums{.iterations = done_, .block = block_};
    for (const Lane& lane : lanes_) {
      for (const std::uint32_t value : lane.vectors) {
        sums.vectors += value;
      }
      for (const std::uint32_t value : lane.accumulations) {
        sums.accumulations += value;
      }
      for (const std::uint32_t value : lane.lds) {
        sums.lds += value;
      }
      sums.scalar += lane.scalar;
      sums.exec += lane.exec;
    }
    return sums;
  }

  Lane& lane(std::uint32_t thread) { return lanes_.at(thread); }
  std::uint64_t atomics = 0;

 private:
  [[nodiscard]] std::uint32_t begin(StateKind kind, std::uint32_t thread, std::uint32_t i) const {
    return first_of({.kind = kind, .lane = block_ * shape_.threads + thread, .index = i}, seed_);
  }
  void step(std::uint32_t thread) {
    Lane& lane = lanes_.at(thread);
    for (std::uint32_t i = 0; i < shape_.vectors; ++i) {
      lane.vectors.at(i) += step_of(StateKind::kVector, i);
    }
    for (std::uint32_t i = 0; i < shape_.accumulations; ++i) {
      lane.accumulations.at(i) += step_of(StateKind::kAccumulation, i);
    }
    if (shape_.lds_words > 0) {
      lane.lds.at(next_word_) += step_of(StateKind::kLds, next_word_);
    }
    lane.scalar += step_of(StateKind::kScalar, 0);
    if ((block_ * shape_.threads + thread) % 2 == 1) {
      lane.exec += step_of(StateKind::kExec, 0);
    }
  }

  WitnessShape shape_;
  std::uint32_t seed_;
  std::uint32_t block_;
  std::vector<Lane> lanes_;
  std::uint32_t next_word_ = 0;
  std::uint64_t done_ = 0;
};

constexpr WitnessShape kShape{
    .blocks = 3, .threads = 192, .wave = 64, .vectors = 7, .accumulations = 3, .lds_words = 5};
constexpr std::uint32_t kSeed = 0xfeedface;

struct Played {
  std::vector<PlayedBlock> blocks;
  Audit audit;
};

Played play(const WitnessShape& shape, std::uint64_t iterations) {
  Played played;
  played.audit = {.kernel = 17,
                  .seed = kSeed,
                  .shape = shape,
                  .iterations = iterations,
                  .atomics = 5,
                  .atomics_before = 5};
  for (std::uint32_t block = 0; block < shape.blocks; ++block) {
    PlayedBlock& one = played.blocks.emplace_back(shape, kSeed, block);
    one.advance(iterations);
    played.audit.blocks.push_back(one.report());
    played.audit.atomics += one.atomics;
  }
  return played;
}

TEST(Witness, FindsNothingWhereEveryAdditionWasDone) {
  for (const std::uint64_t iterations : {1U, 4U, 5U, 64U, 129U, 1000U}) {
    EXPECT_THAT(losses_of(play(kShape, iterations).audit), IsEmpty()) << iterations;
  }
}

TEST(Witness, FindsNothingInBlocksOfAnOddNumberOfLanes) {
  WitnessShape shape = kShape;
  shape.threads = 33;  // so that the odd lanes of the grid change places from block to block
  shape.lds_words = 0;
  EXPECT_THAT(losses_of(play(shape, 77).audit), IsEmpty());
}

TEST(Witness, NamesTheBlockAndTheKindOfEachCorruptedAccumulator) {
  struct Case {
    StateKind kind;
    void (*corrupt)(PlayedBlock::Lane&);
  };
  const std::vector<Case> cases = {
      {StateKind::kVector, [](PlayedBlock::Lane& lane) { lane.vectors.at(6) ^= 1U; }},
      {StateKind::kAccumulation, [](PlayedBlock::Lane& lane) { lane.accumulations.at(0) ^= 4U; }},
      {StateKind::kLds, [](PlayedBlock::Lane& lane) { lane.lds.at(4) ^= 0x80000000U; }},
      {StateKind::kScalar,
       [](PlayedBlock::Lane& lane) { lane.scalar -= step_of(StateKind::kScalar, 0); }},
      {StateKind::kExec, [](PlayedBlock::Lane& lane) { lane.exec += 1; }},
  };
  for (const Case& one : cases) {
    Played played = play(kShape, 100);
    one.corrupt(played.blocks.at(1).lane(130));
    played.audit.blocks.at(1) = played.blocks.at(1).report();
    const std::vector<Loss> losses = losses_of(played.audit);
    ASSERT_THAT(losses, SizeIs(1)) << to_string(one.kind);
    EXPECT_EQ(losses.front().record.kind, one.kind);
    EXPECT_EQ(losses.front().record.block, 1U);
    EXPECT_EQ(losses.front().record.kernel, 17U);
    EXPECT_THAT(describe(losses.front()), HasSubstr(std::string(to_string(one.kind))));
  }
}

TEST(Witness, FindsABlockThatNeverWroteItsReport) {
  Played played = play(kShape, 100);
  played.audit.blocks.at(0) = {};
  played.audit.blocks.at(2) = {};
  const std::vector<Loss> losses = losses_of(played.audit);
  // Both blocks, and the additions that they did not make to the counter.
  ASSERT_THAT(losses, SizeIs(3));
  EXPECT_EQ(losses.at(0).record.kind, StateKind::kIterations);
  EXPECT_EQ(losses.at(1).record.block, 2U);
  EXPECT_EQ(losses.at(2).record.kind, StateKind::kAtomic);
}

TEST(Witness, FindsAnAtomicAdditionThatWasDoneTwice) {
  Played played = play(kShape, 100);
  ++played.audit.atomics;
  const std::vector<Loss> losses = losses_of(played.audit);
  ASSERT_THAT(losses, SizeIs(1));
  EXPECT_EQ(losses.front().record.kind, StateKind::kAtomic);
  EXPECT_EQ(losses.front().record.got, losses.front().record.expected + 1);
}

TEST(Witness, LetsTheBlocksOfAnEndlessKernelComeDifferentlyFar) {
  Played played = play(kShape, 64);
  played.audit.endless = true;
  played.audit.iterations = 0;
  played.blocks.at(1).advance(64);
  played.audit.blocks.at(1) = played.blocks.at(1).report();
  played.audit.atomics += 1;
  EXPECT_THAT(losses_of(played.audit), IsEmpty());
}

/// What a lane reports of its state, as the device code does.
LossRecord report_of(StateKind kind, std::uint32_t index, std::uint64_t iterations,
                     std::uint32_t got) {
  constexpr std::uint32_t kBlock = 12;
  constexpr std::uint32_t kThread = 233;  // wave 3, lane 41
  const StateWord word{.kind = kind, .lane = kBlock * 256 + kThread, .index = index};
  return {.kernel = 17,
          .kind = kind,
          .block = kBlock,
          .thread = kThread,
          .threads = 256,
          .lds_words = 8,
          .index = index,
          .expected = expected_of(word, kSeed, 8, iterations),
          .got = got,
          .seed = kSeed,
          .iterations = iterations};
}

TEST(Witness, NamesWaveAndLaneOfALanesOwnFinding) {
  const Loss loss = loss_of(report_of(StateKind::kVector, 5, 1024, 0), 64);
  EXPECT_EQ(loss.wave, 3U);
  EXPECT_EQ(loss.lane, 41U);
  EXPECT_FALSE(loss.expectation_lost);
  EXPECT_THAT(describe(loss), HasSubstr("kernel 17, block 12, wave 3, lane 41: vgpr 5 holds"));
}

TEST(Witness, SaysHowManyIterationsAreMissing) {
  LossRecord record = report_of(StateKind::kVector, 5, 1024, 0);
  record.got = record.expected - 2 * step_of(StateKind::kVector, 5);
  EXPECT_EQ(additions_astray(record), -2);
  EXPECT_THAT(describe(loss_of(record, 64)), HasSubstr("2 additions too few"));
  record.got = record.expected + step_of(StateKind::kVector, 5);
  EXPECT_THAT(describe(loss_of(record, 64)), HasSubstr("1 addition too many"));
}

TEST(Witness, SaysWhichBitWasFlippedHoweverManyAdditionsCameAfter) {
  LossRecord record = report_of(StateKind::kVector, 5, 1024, 0);
  const std::uint32_t half = record.expected - 512 * step_of(StateKind::kVector, 5);
  record.got = (half ^ 0x80U) + 512 * step_of(StateKind::kVector, 5);
  EXPECT_EQ(additions_astray(record), 0);
  EXPECT_THAT(describe(loss_of(record, 64)), HasSubstr("as if bit 7 was flipped on the way"));
  record.got = record.expected + 0x12345;
  EXPECT_THAT(describe(loss_of(record, 64)), HasSubstr("0x00012345 away"));
}

TEST(Witness, NoticesALaneWhoseExpectationIsWrongItself) {
  LossRecord record = report_of(StateKind::kLds, 3, 1001, 1);
  const std::uint32_t expected = record.expected;
  record.expected += 1;
  const Loss loss = loss_of(record, 64);
  EXPECT_TRUE(loss.expectation_lost);
  EXPECT_EQ(loss.record.expected, expected);
}

TEST(Witness, ReadsTheNamesThatItPrints) {
  for (std::uint32_t kind = 0; kind < kStateKinds; ++kind) {
    const auto read = parse_state_kind(to_string(static_cast<StateKind>(kind)));
    ASSERT_TRUE(read.has_value());
    EXPECT_EQ(*read, static_cast<StateKind>(kind));
  }
  const auto none = parse_state_kind("cache");
  ASSERT_FALSE(none.has_value());
  EXPECT_THAT(none.error().what, HasSubstr("vgpr, agpr, lds"));
}

TEST(Gemm, AnElementIsTheSumThatItStandsFor) {
  constexpr std::uint32_t kRows = 32;
  std::vector<float> row;
  for (std::uint32_t column = 0; column < kRows; ++column) {
    float sum = 0;
    for (std::uint32_t i = 0; i < kRows; ++i) {
      sum += gemm_left(5, i) * gemm_right(i, column);
    }
    EXPECT_EQ(gemm_element(kRows, 5, column), sum) << column;
    row.push_back(sum);
  }
  EXPECT_FALSE(first_wrong(row, 5).has_value());
  row.at(9) += 1;
  EXPECT_EQ(first_wrong(row, 5), 9U);
}

}  // namespace
}  // namespace gpreempt::hip
