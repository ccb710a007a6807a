// What the hardware's registers say of a queue's work. Goal: work is never called idle, and idle
// only what no wave can be left of. Method: texts as the driver prints them, of an invented
// machine; an AQL packet is 16 dwords, a ring of 1 MiB has 262144.
#include "backends/kfd/discovery/hardware_activity.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "backends/kfd/activity.h"
#include "backends/kfd/debugfs/hqds.h"
#include "backends/kfd/debugfs/mqds.h"
#include "backends/kfd/discovery/queue_join.h"
#include "tests/kfd/discovery/saved_machine.h"

namespace gpreempt::kfd {
namespace {

constexpr std::uint32_t kRing = 0x100000;
constexpr std::uint32_t kPacket = 16;
constexpr std::uint32_t kRingDwords = 262144;

/// The one queue of a machine, in its slots or in none.
QueueRow row_of(SavedQueue queue, bool is_mapped) {
  queue.mapped_xccs = is_mapped ? 4 : 0;
  queue.on_runlist = is_mapped;
  const std::vector<SavedProcess> processes = {{.pid = 4711, .newest_first = {queue}}};
  QueueSources sources;
  sources.mqds = debugfs::parse_mqds(saved_mqds(processes), "mqds").value();
  sources.hqds = debugfs::parse_hqds(saved_hqds(processes), "hqds").value();
  return join_queues(sources).at(0);
}

std::optional<Activity> activity_of(const SavedQueue& queue, bool is_mapped) {
  return row_of(queue, is_mapped).hardware;
}

SavedQueue queue_with(std::uint32_t read_dword, std::uint32_t write_dword) {
  SavedQueue queue = saved_compute(0, kRing, 0);
  queue.compute.read_dword = read_dword;
  queue.compute.write_dword = write_dword;
  return queue;
}

TEST(HardwareActivity, MappedQueueWithPacketsLeftIsBusy) {
  EXPECT_EQ(activity_of(queue_with(kPacket, 3 * kPacket), true), Activity::kBusy);
}

TEST(HardwareActivity, MappedQueueThatHasReadAllMayStillRunItsLastPacket) {
  EXPECT_EQ(activity_of(queue_with(3 * kPacket, 3 * kPacket), true), Activity::kMaybeIdle);
}

TEST(HardwareActivity, PositionsAreComparedModuloTheRing) {
  EXPECT_EQ(activity_of(queue_with(kPacket, kRingDwords + kPacket), true), Activity::kMaybeIdle);
  EXPECT_EQ(activity_of(queue_with(kPacket, kRingDwords), true), Activity::kBusy);
}

TEST(HardwareActivity, UnmappedQueueWithoutSavedWavesIsIdle) {
  EXPECT_EQ(activity_of(queue_with(5 * kPacket, 5 * kPacket), false), Activity::kIdle);
}

TEST(HardwareActivity, UnmappedQueueWithSavedWavesIsBusy) {
  SavedQueue queue = queue_with(5 * kPacket, 5 * kPacket);
  queue.compute.wave_state_used = 4096;
  EXPECT_EQ(activity_of(queue, false), Activity::kBusy);
}

TEST(HardwareActivity, UnmappedQueueWithPacketsLeftIsBusy) {
  EXPECT_EQ(activity_of(queue_with(5 * kPacket, 6 * kPacket), false), Activity::kBusy);
}

TEST(HardwareActivity, QueueOfAGpuThatHqdsDoesNotShowIsNotKnown) {
  const std::vector<SavedProcess> processes = {
      {.pid = 4711, .newest_first = {saved_compute(0, kRing, 0)}}};
  const auto mqds = debugfs::parse_mqds(saved_mqds(processes), "mqds").value();
  EXPECT_FALSE(hardware_activity(mqds[0].queues[0], {}, {}));
}

TEST(HardwareActivity, SdmaQueueIsNotJudged) { EXPECT_FALSE(activity_of(saved_sdma(0), true)); }

TEST(HardwareBacklog, CountsThePacketsThatWereWrittenAndNotRead) {
  EXPECT_EQ(row_of(queue_with(2 * kPacket, 9 * kPacket), true).backlog, 7U);
  EXPECT_EQ(row_of(queue_with(2 * kPacket, 9 * kPacket), false).backlog, 7U);
  EXPECT_EQ(row_of(queue_with(9 * kPacket, 9 * kPacket), true).backlog, 0U);
}

TEST(HardwareBacklog, GoesOnWhereTheRingBeginsAnew) {
  EXPECT_EQ(row_of(queue_with(kRingDwords - kPacket, kRingDwords + 2 * kPacket), true).backlog, 3U);
}

TEST(HardwareBacklog, OfAnSdmaQueueIsNotKnown) {
  EXPECT_FALSE(row_of(saved_sdma(0), true).backlog);
}

// The grades of the proof of concept's guide to hardware queues, in packets.
TEST(HardwareBacklog, IsGradedByTheGuidesLimits) {
  EXPECT_EQ(backlog_grade(0), "idle");
  EXPECT_EQ(backlog_grade(1), "light");
  EXPECT_EQ(backlog_grade(99), "light");
  EXPECT_EQ(backlog_grade(100), "medium");
  EXPECT_EQ(backlog_grade(499), "medium");
  EXPECT_EQ(backlog_grade(500), "heavy");
}

TEST(CombinedActivity, RingThatKnowsIsBelieved) {
  EXPECT_EQ(combine_activity(Activity::kBusy, Activity::kIdle), Activity::kBusy);
  EXPECT_EQ(combine_activity(Activity::kIdle, Activity::kBusy), Activity::kIdle);
}

TEST(CombinedActivity, HardwareSettlesWhatARingLeavesOpen) {
  for (const Activity each : {Activity::kBusy, Activity::kMaybeIdle, Activity::kIdle}) {
    EXPECT_EQ(combine_activity(Activity::kMaybeIdle, each), each);
  }
  EXPECT_EQ(combine_activity(Activity::kMaybeIdle, std::nullopt), Activity::kMaybeIdle);
}

TEST(CombinedActivity, HardwareAloneProvesWorkOnly) {
  EXPECT_EQ(combine_activity(std::nullopt, Activity::kBusy), Activity::kBusy);
  EXPECT_EQ(combine_activity(std::nullopt, Activity::kIdle), Activity::kMaybeIdle);
  EXPECT_EQ(combine_activity(std::nullopt, std::nullopt), std::nullopt);
}

}  // namespace
}  // namespace gpreempt::kfd
