// Names for the queues that mqds lists without one. Goal: what is called exact is right, always;
// what is inferred is right if nothing was destroyed; where that can be seen to be wrong, or the
// rules do not hold, there is no id. Method: rapidcheck makes up histories of a process, which a
// second implementation of the driver's two rules plays: the lowest free id of the process, the
// lowest free doorbell of the process on the GPU.
#include "backends/kfd/discovery/queue_ids.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/kfd/abi.h"
#include "core/event.h"
#include "core/ids.h"

namespace gpreempt::kfd {
namespace {

const DriverKnowledge kStock{.is_stock = true, .reason = {}};

/// The driver's side of one process.
class PlayedProcess {
 public:
  void create(std::uint32_t gpu, QueueType type, std::uint32_t ring_bytes) {
    Made made{.id = 0, .gpu = gpu, .type = type, .ring_bytes = ring_bytes, .doorbell = 0};
    std::set<std::uint32_t> ids;
    std::set<std::uint32_t> doorbells;
    for (const Made& other : made_) {
      ids.insert(other.id);
      if (other.gpu == gpu && other.type == QueueType::kCompute) {
        doorbells.insert(other.doorbell);
      }
    }
    made.id = lowest_without(ids);
    made.doorbell = type == QueueType::kCompute ? lowest_without(doorbells) : 256 + made.id;
    made.ring = 0x7f0000000000 + 0x200000 * ++rings_;
    made_.push_back(made);
  }
  void destroy(std::size_t index) {
    made_.erase(made_.begin() + static_cast<std::ptrdiff_t>(index));
    has_destroyed_ = true;
  }
  [[nodiscard]] std::size_t size() const { return made_.size(); }
  [[nodiscard]] bool has_destroyed() const { return has_destroyed_; }

  [[nodiscard]] std::vector<UnnamedQueue> newest_first() const {
    std::vector<UnnamedQueue> listed;
    for (auto each = made_.rbegin(); each != made_.rend(); ++each) {
      listed.push_back({.gpu = GpuId(each->gpu),
                        .type = each->type,
                        .ring_bytes = each->ring_bytes,
                        .ring_base = each->ring,
                        .doorbell_slot = each->doorbell});
    }
    return listed;
  }
  [[nodiscard]] std::vector<std::uint32_t> ids_newest_first() const {
    std::vector<std::uint32_t> ids;
    for (auto each = made_.rbegin(); each != made_.rend(); ++each) {
      ids.push_back(each->id);
    }
    return ids;
  }
  /// `with_rings`: as a snapshot; otherwise as sysfs.
  [[nodiscard]] std::vector<abi::QueueSnapshotEntry> known(bool with_rings) const {
    std::vector<abi::QueueSnapshotEntry> entries;
    for (const Made& each : made_) {
      entries.push_back({.ring_base_address = with_rings ? each.ring : 0,
                         .queue_id = each.id,
                         .gpu_id = each.gpu,
                         .ring_size = each.ring_bytes,
                         .queue_type = each.type == QueueType::kCompute
                                           ? abi::QueueKind::kComputeAql
                                           : abi::QueueKind::kSdma});
    }
    std::ranges::sort(entries, {}, &abi::QueueSnapshotEntry::queue_id);
    return entries;
  }

 private:
  struct Made {
    std::uint32_t id = 0;
    std::uint32_t gpu = 0;
    QueueType type = QueueType::kCompute;
    std::uint32_t ring_bytes = 0;
    std::uint32_t doorbell = 0;
    std::uint64_t ring = 0;
  };
  static std::uint32_t lowest_without(const std::set<std::uint32_t>& taken) {
    std::uint32_t number = 0;
    while (taken.contains(number)) {
      ++number;
    }
    return number;
  }

  std::vector<Made> made_;
  std::uint64_t rings_ = 0;
  bool has_destroyed_ = false;
};

/// What a process may do next, by three numbers of any size.
struct Step {
  bool destroys = false;
  std::uint32_t which = 0;
  std::uint32_t gpu = 0;
};

void play(PlayedProcess& process, const Step& step) {
  if (step.destroys && process.size() > 0) {
    process.destroy(step.which % process.size());
    return;
  }
  // One in four is for copies, one in four internal.
  const bool is_sdma = step.which % 4 == 0;
  process.create(0xf7bc + step.gpu, is_sdma ? QueueType::kSdma : QueueType::kCompute,
                 step.which % 4 == 1 ? 4096 : 0x100000);
}

std::vector<Step> some_steps(bool with_destroys, std::uint32_t gpus) {
  const auto count = *rc::gen::inRange<std::size_t>(0, 24);
  std::vector<Step> steps;
  for (std::size_t i = 0; i < count; ++i) {
    steps.push_back({.destroys = with_destroys && *rc::gen::inRange(0, 3) == 0,
                     .which = *rc::gen::inRange<std::uint32_t>(0, 1000),
                     .gpu = *rc::gen::inRange<std::uint32_t>(0, gpus)});
  }
  return steps;
}

enum class Knows { kNothing, kSysfs, kSnapshot };

std::vector<QueueName> names_of(const PlayedProcess& process, Knows knows,
                                const DriverKnowledge& driver = kStock) {
  const std::vector<UnnamedQueue> listed = process.newest_first();
  const auto known = process.known(knows == Knows::kSnapshot);
  ProcessQueues queues{.newest_first = listed, .known = std::nullopt};
  if (knows != Knows::kNothing) {
    queues.known = known;
  }
  return name_queues(queues, driver);
}

constexpr std::array kAllKnowledge = {Knows::kNothing, Knows::kSysfs, Knows::kSnapshot};

RC_GTEST_PROP(QueueIds, ExactIdsAreRightWhateverTheProcessDid, ()) {
  PlayedProcess process;
  for (const Step& step : some_steps(true, *rc::gen::inRange<std::uint32_t>(1, 4))) {
    play(process, step);
  }
  const auto ids = process.ids_newest_first();
  for (const Knows knows : kAllKnowledge) {
    const auto names = names_of(process, knows);
    RC_ASSERT(names.size() == ids.size());
    for (std::size_t i = 0; i < names.size(); ++i) {
      RC_ASSERT(names[i].id.has_value() == (names[i].basis != IdBasis::kNone));
      RC_ASSERT(!names[i].reason.empty());
      if (names[i].basis == IdBasis::kExact) {
        RC_ASSERT(names[i].id == ids[i]);
      }
      // Of what sysfs leaves, the right one is there.
      if (knows == Knows::kSysfs && !names[i].id) {
        RC_ASSERT(std::ranges::count(names[i].candidates, ids[i]) == 1);
      }
    }
  }
}

RC_GTEST_PROP(QueueIds, SnapshotNamesEveryQueue, ()) {
  PlayedProcess process;
  for (const Step& step : some_steps(true, 3)) {
    play(process, step);
  }
  for (const QueueName& name : names_of(process, Knows::kSnapshot)) {
    RC_ASSERT(name.basis == IdBasis::kExact);
  }
}

RC_GTEST_PROP(QueueIds, EveryIdIsInferredRightlyIfNothingWasDestroyed, ()) {
  PlayedProcess process;
  for (const Step& step : some_steps(false, 1)) {
    play(process, step);
  }
  const auto ids = process.ids_newest_first();
  for (const Knows knows : kAllKnowledge) {
    const auto names = names_of(process, knows);
    for (std::size_t i = 0; i < names.size(); ++i) {
      RC_ASSERT(names[i].id == ids[i]);
    }
  }
}

// Last made, first destroyed: ids and doorbells are given back in the order in which they were
// taken, so that the process looks as if it had never made those queues.
RC_GTEST_PROP(QueueIds, EveryIdIsInferredRightlyIfOnlyTheNewestWereDestroyed, ()) {
  PlayedProcess process;
  for (const Step& step : some_steps(true, 1)) {
    if (step.destroys && process.size() > 0) {
      process.destroy(process.size() - 1);
    } else {
      play(process, {.destroys = false, .which = step.which, .gpu = 0});
    }
  }
  const auto ids = process.ids_newest_first();
  const auto names = names_of(process, Knows::kSysfs);
  for (std::size_t i = 0; i < names.size(); ++i) {
    RC_ASSERT(names[i].id == ids[i]);
  }
}

RC_GTEST_PROP(QueueIds, NothingIsInferredOnSeveralGpusOrUnderAnUnknownDriver, ()) {
  PlayedProcess process;
  process.create(0xf7bc, QueueType::kCompute, 4096);
  process.create(0xf05b, QueueType::kCompute, 4096);
  for (const Step& step : some_steps(false, 2)) {
    play(process, step);
  }
  PlayedProcess single;
  single.create(0xf7bc, QueueType::kCompute, 4096);
  const DriverKnowledge patched{.is_stock = false, .reason = "it is patched"};
  for (const Knows knows : {Knows::kNothing, Knows::kSysfs}) {
    for (const QueueName& name : names_of(process, knows)) {
      RC_ASSERT(name.basis != IdBasis::kInferred);
    }
    for (const QueueName& name : names_of(process, knows, patched)) {
      RC_ASSERT(name.basis != IdBasis::kInferred);
    }
  }
  const QueueName lone = names_of(single, Knows::kNothing, patched).front();
  RC_ASSERT(!lone.id);
  RC_ASSERT(lone.reason.find("it is patched") != std::string::npos);
}

TEST(QueueIdsUnderChurn, ShareOfEachAnswerIsRecorded) {
  // Random histories on one GPU, a third of the steps destroying. No bound follows from the rules,
  // so the shares are recorded, not judged; that there is something of each makes them mean
  // something.
  std::mt19937 random(1);
  std::size_t right = 0;
  std::size_t wrong = 0;
  std::size_t abstained = 0;
  std::size_t exact = 0;
  for (int history = 0; history < 2000; ++history) {
    PlayedProcess process;
    for (int i = 0; i < 16; ++i) {
      const bool destroys = random() % 3 == 0;
      play(process, {.destroys = destroys, .which = static_cast<std::uint32_t>(random() % 1000)});
    }
    const auto ids = process.ids_newest_first();
    const auto names = names_of(process, Knows::kSysfs);
    for (std::size_t i = 0; i < names.size(); ++i) {
      exact += names[i].basis == IdBasis::kExact ? 1U : 0U;
      abstained += names[i].basis == IdBasis::kNone ? 1U : 0U;
      if (names[i].basis == IdBasis::kInferred) {
        ++(names[i].id == ids[i] ? right : wrong);
      }
    }
  }
  RecordProperty("exact", static_cast<int>(exact));
  RecordProperty("inferred_right", static_cast<int>(right));
  RecordProperty("inferred_wrong", static_cast<int>(wrong));
  RecordProperty("abstained", static_cast<int>(abstained));
  EXPECT_GT(exact, 0U);
  EXPECT_GT(right, 0U);
  EXPECT_GT(abstained, 0U);
}

TEST(QueueIds, CountSdmaQueuesThatDoorbellsDoNot) {
  PlayedProcess process;
  process.create(0xf7bc, QueueType::kCompute, 4096);
  process.create(0xf7bc, QueueType::kSdma, 0x100000);
  process.create(0xf7bc, QueueType::kCompute, 0x100000);
  process.create(0xf7bc, QueueType::kCompute, 0x100000);
  const auto listed = process.newest_first();
  ASSERT_EQ(listed[1].doorbell_slot, 1U);
  const auto names = names_of(process, Knows::kNothing);
  EXPECT_EQ(names[1].id, 2U);
  EXPECT_EQ(names[1].basis, IdBasis::kInferred);
  EXPECT_EQ(names[0].id, 3U);
}

TEST(QueueIds, AreNotInferredFromDoorbellsOutOfOrder) {
  PlayedProcess process;
  process.create(0xf7bc, QueueType::kCompute, 0x100000);
  process.create(0xf7bc, QueueType::kCompute, 0x100000);
  process.destroy(0);
  process.create(0xf7bc, QueueType::kCompute, 0x100000);  // has id and doorbell 0 again
  for (const Knows knows : {Knows::kNothing, Knows::kSysfs}) {
    const auto names = names_of(process, knows);
    EXPECT_EQ(names[0].basis, IdBasis::kNone);
    EXPECT_NE(names[0].reason.find("destroyed"), std::string::npos);
  }
  EXPECT_EQ(names_of(process, Knows::kSysfs)[0].candidates, (std::vector<std::uint32_t>{0, 1}));
}

TEST(QueueIds, AreNotInferredAgainstSysfs) {
  PlayedProcess process;
  process.create(0xf7bc, QueueType::kSdma, 0x100000);
  process.create(0xf7bc, QueueType::kCompute, 0x100000);
  process.create(0xf7bc, QueueType::kCompute, 0x100000);
  process.destroy(0);  // the two left have doorbells 0 and 1, and ids 1 and 2
  EXPECT_EQ(names_of(process, Knows::kNothing)[0].id, 1U);  // wrong, and called inferred
  const auto names = names_of(process, Knows::kSysfs);
  EXPECT_EQ(names[0].basis, IdBasis::kNone);
  EXPECT_NE(names[0].reason.find("sysfs"), std::string::npos);
}

TEST(QueueIds, AreNotGivenWhileQueuesComeAndGo) {
  PlayedProcess process;
  process.create(0xf7bc, QueueType::kCompute, 4096);
  const auto listed = process.newest_first();
  process.create(0xf7bc, QueueType::kCompute, 0x100000);
  const auto known = process.known(false);
  const auto differ = name_queues({.newest_first = listed, .known = known}, kStock);
  EXPECT_FALSE(differ.front().id);
  EXPECT_NE(differ.front().reason.find("look again"), std::string::npos);
  const auto same = process.newest_first();
  const auto unsettled =
      name_queues({.newest_first = same, .known = known, .is_settled = false}, kStock);
  EXPECT_FALSE(unsettled.front().id);
}

TEST(QueueIds, AreNotInferredBesideQueuesOfUnknownKinds) {
  PlayedProcess process;
  process.create(0xf7bc, QueueType::kCompute, 4096);
  const auto listed = process.newest_first();
  EXPECT_FALSE(
      name_queues({.newest_first = listed, .known = {}, .has_others = true}, kStock).front().id);
}

}  // namespace
}  // namespace gpreempt::kfd
