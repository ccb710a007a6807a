// Goal: the dumps of a real MI308X join to the answers that were computed from them by other means.
// Method: the folder debugfs/ of GPREEMPT_DATA_DIR, whose README states the answers; it is not part
// of the project.
#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>

#include "backends/kfd/debugfs/hqds.h"
#include "backends/kfd/debugfs/mqds.h"
#include "backends/kfd/discovery/queue_join.h"
#include "backends/kfd/discovery/queue_warnings.h"
#include "core/event.h"
#include "core/ids.h"

namespace gpreempt::kfd {
namespace {

std::filesystem::path mi308x_folder() {
  const char* const given = std::getenv("GPREEMPT_DATA_DIR");
  return std::filesystem::path(given != nullptr ? given : GPREEMPT_DATA_DIR) / "debugfs" / "mi308x";
}

class RecordedQueues : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(mi308x_folder() / "hqds-active.txt")) {
      GTEST_SKIP()
          << "debugfs/mi308x is not in GPREEMPT_DATA_DIR; it is a third party's and is not "
             "shipped: record your own with cat /sys/kernel/debug/kfd/hqds";
    }
  }
  static std::string text_of(std::string_view name) {
    std::ifstream file(mi308x_folder() / name);
    EXPECT_TRUE(file) << name;
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }
  static QueueSources sources() {
    QueueSources made;
    made.mqds = debugfs::parse_mqds(text_of("mqds-active.txt"), "mqds").value();
    made.hqds = debugfs::parse_hqds(text_of("hqds-active.txt"), "hqds").value();
    made.driver.is_stock = true;
    return made;
  }
};

TEST_F(RecordedQueues, FiveQueuesAreEachInOneSlotOnEachOfFourXccs) {
  const auto rows = join_queues(sources());
  ASSERT_EQ(rows.size(), 5U);
  // Pipe and queue, of doorbells 4 to 0.
  const std::array<std::pair<std::uint32_t, std::uint32_t>, 5> places = {
      {{0, 2}, {1, 2}, {2, 2}, {3, 2}, {0, 3}}};
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const QueueRow& row = rows[i];
    EXPECT_EQ(row.gpu, GpuId(0xf7bc));
    EXPECT_EQ(row.doorbell_slot, 4 - i);
    EXPECT_EQ(row.pipe_priority, 1U);
    EXPECT_EQ(row.queue_priority, 7U);
    EXPECT_EQ(row.found.mapping, Mapping::kMapped) << row.found.problem;
    ASSERT_EQ(row.found.slots.size(), 4U);
    for (std::uint32_t xcc = 0; xcc < 4; ++xcc) {
      EXPECT_EQ(row.found.slots[xcc],
                (QueueSlot{.xcc = xcc, .pipe = places[i].first, .queue = places[i].second}));
    }
  }
  EXPECT_TRUE(queue_warnings(rows, {}).empty());
}

TEST_F(RecordedQueues, TheOldestIsTheRuntimesOwn) {
  const auto rows = join_queues(sources());
  ASSERT_EQ(rows.size(), 5U);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(rows[i].role, QueueRole::kUser);
    EXPECT_EQ(rows[i].ring_bytes, 1048576U);
  }
  EXPECT_EQ(rows[4].role, QueueRole::kInternal);
  EXPECT_EQ(rows[4].ring_bytes, 4096U);
  EXPECT_EQ(rows[4].doorbell_slot, 0U);
}

TEST_F(RecordedQueues, IdsFollowFromTheDoorbellsIfTheDriverIsKnown) {
  QueueSources known = sources();
  const auto rows = join_queues(known);
  ASSERT_EQ(rows.size(), 5U);
  for (std::uint32_t i = 0; i < 5; ++i) {
    EXPECT_EQ(rows[i].name.id, 4 - i);
    EXPECT_EQ(rows[i].name.basis, IdBasis::kInferred);
  }
  known.driver = {.is_stock = false, .reason = "nobody said which it is"};
  for (const QueueRow& row : join_queues(known)) {
    EXPECT_EQ(row.name.basis, IdBasis::kNone);
  }
}

TEST_F(RecordedQueues, StaleSlotsOfAnIdleMachineHoldNobody) {
  QueueSources idle = sources();
  idle.hqds = debugfs::parse_hqds(text_of("hqds-idle.txt"), "hqds").value();
  for (const QueueRow& row : join_queues(idle)) {
    EXPECT_EQ(row.found.mapping, Mapping::kUnmapped);
  }
}

}  // namespace
}  // namespace gpreempt::kfd
