// Goal: what amdkfd prints into mqds is read as it meant it. Method: texts by the driver's formats
// with known values in known words.
#include "backends/kfd/debugfs/mqds.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>

#include "backends/kfd/debugfs/cwsr.h"
#include "backends/kfd/debugfs/fields.h"
#include "backends/kfd/debugfs/queue_state.h"
#include "tests/kfd/debugfs/samples.h"

namespace gpreempt::kfd::debugfs {
namespace {

MqdsDump read_mqds(const std::string& text) {
  const auto dump = parse_mqds(text, "mqds");
  EXPECT_TRUE(dump) << dump.error().what;
  return dump.value_or(MqdsDump{});
}

TEST(Mqds, EmptyFileHasNoProcesses) { EXPECT_TRUE(read_mqds("").empty()); }

TEST(Mqds, ProcessWithoutQueuesIsListed) {
  const MqdsDump dump = read_mqds("Process 41400 PASID 0x8005:\nProcess 41401 PASID 41401:\n");
  ASSERT_EQ(dump.size(), 2U);
  EXPECT_EQ(dump[0].pid, 41400U);
  EXPECT_TRUE(dump[0].queues.empty());
}

TEST(Mqds, PasidIsHexadecimalOrDecimalAsItsPrefixSays) {
  const MqdsDump dump = read_mqds("Process 7 PASID 0x8001:\nProcess 8 PASID 8001:\n");
  ASSERT_EQ(dump.size(), 2U);
  EXPECT_EQ(dump[0].pasid, 0x8001U);
  EXPECT_TRUE(dump[0].pasid_is_hex);
  EXPECT_EQ(dump[1].pasid, 8001U);
  EXPECT_FALSE(dump[1].pasid_is_hex);
}

TEST(Mqds, ComputeQueueHasOneDescriptorForEachXcc) {
  const MqdsDump dump = read_mqds("Process 1 PASID 1:\n" + compute_text({}, 4));
  ASSERT_EQ(dump.at(0).queues.size(), 1U);
  const MqdsQueue& queue = dump[0].queues[0];
  EXPECT_EQ(queue.kind, MqdKind::kCompute);
  EXPECT_EQ(queue.gpu_id, 0xf7bcU);
  ASSERT_EQ(queue.owned(), 4U);
  for (std::uint32_t xcc = 0; xcc < 4; ++xcc) {
    EXPECT_EQ(queue.mqd(xcc)[39], xcc);
    EXPECT_EQ(state_of(queue.mqd(xcc)).mqd_base(), 0x8000600000U + 0x3000U * xcc);
  }
}

TEST(Mqds, DescriptorOfOneXccIsNamed) {
  const MqdsDump dump = read_mqds("Process 1 PASID 1:\n" + compute_text({.priority = 11}, 1));
  const QueueState state = state_of(dump.at(0).queues.at(0).mqd(0));
  EXPECT_EQ(state.ring_base(), 0x7f10a0400000U);
  EXPECT_EQ(state.ring_bytes(), 0x100000U);
  EXPECT_EQ(state.read_pointer_address(), 0x7f10a03ff080U);
  EXPECT_EQ(state.write_pointer_address(), 0x7f10a03ff038U);
  EXPECT_EQ(state.persistent_state(), 0x40005301U);
  EXPECT_EQ(state.pipe_priority(), 2U);
  EXPECT_EQ(state.queue_priority(), 11U);
  EXPECT_EQ(state.quantum(), 0x111U);
  EXPECT_EQ(state.doorbell_dword(), 0x1002U);
  EXPECT_EQ(doorbell_slot(state.doorbell_dword()), 1U);
  EXPECT_FALSE(state.doorbell_enabled());
  EXPECT_TRUE(state.is_aql());
  EXPECT_EQ(state.save_area(), 0x7f1080000000U);
  EXPECT_EQ(state.save_area_bytes(), 12214272U);
  EXPECT_EQ(state.saved_bytes(), 0U);
}

TEST(Mqds, SavedBytesAreControlStackAndWaves) {
  const ComputeSample queue{.control_stack_used = 0x60, .wave_state_used = 0x12000};
  const MqdsDump dump = read_mqds("Process 1 PASID 1:\n" + compute_text(queue, 1));
  EXPECT_EQ(state_of(dump.at(0).queues.at(0).mqd(0)).saved_bytes(), 0x12060U);
}

TEST(Mqds, SdmaQueueAfterAComputeQueueOwnsOnlyItsFirstDescriptor) {
  const MqdsDump dump = read_mqds("Process 1 PASID 1:\n" + compute_text({}, 4) +
                                  sdma_text({.engine = 3, .rlc = 5}, 3));
  ASSERT_EQ(dump.at(0).queues.size(), 2U);
  const MqdsQueue& sdma = dump[0].queues[1];
  EXPECT_EQ(sdma.kind, MqdKind::kSdma);
  EXPECT_EQ(sdma.dumped(), 4U);
  EXPECT_EQ(sdma.owned(), 1U);
  const SdmaQueueState state(sdma.sdma_mqd());
  EXPECT_EQ(state.ring_base(), 0x7f10a0200000U);
  EXPECT_EQ(state.ring_bytes(), 0x100000U);
  EXPECT_EQ(state.read_pointer_address(), 0x7f10a01ff000U);
  EXPECT_EQ(state.doorbell_dword(), 0x1400U);
  EXPECT_EQ(state.engine(), 3U);
  EXPECT_EQ(state.rlc(), 5U);
}

TEST(Mqds, QueuesKeepTheirOrderNewestFirst) {
  const MqdsDump dump =
      read_mqds("Process 1 PASID 1:\n" + sdma_text({}) + compute_text({.doorbell_dword = 0x1004}) +
                compute_text({.doorbell_dword = 0x1000}));
  ASSERT_EQ(dump.at(0).queues.size(), 3U);
  EXPECT_EQ(dump[0].queues[0].dumped(), 1U);
  EXPECT_EQ(doorbell_slot(state_of(dump[0].queues[1].mqd(0)).doorbell_dword()), 2U);
  EXPECT_EQ(doorbell_slot(state_of(dump[0].queues[2].mqd(0)).doorbell_dword()), 0U);
}

TEST(Mqds, QueuesOfUnknownTypesHaveNoDescriptor) {
  const MqdsDump dump = read_mqds(
      "Process 1 PASID 1:\n"
      "  Bad user queue type 7 on device f7bc\n"
      "  Bad kernel queue type 5 on device f7bc\n"
      "  Weird: Queue node with neither kernel nor user queue\n" +
      compute_text({}, 1));
  ASSERT_EQ(dump.at(0).queues.size(), 4U);
  EXPECT_EQ(dump[0].queues[0].kind, MqdKind::kBadUser);
  EXPECT_EQ(dump[0].queues[0].bad_type, 7U);
  EXPECT_EQ(dump[0].queues[1].kind, MqdKind::kBadKernel);
  EXPECT_EQ(dump[0].queues[2].kind, MqdKind::kNeither);
  EXPECT_EQ(dump[0].queues[3].owned(), 1U);
}

TEST(Mqds, TimesOfSaveAndRestoreAreWords98To105) {
  Words words = compute_mqd({}, 0);
  for (std::uint32_t i = 0; i < 4; ++i) {
    words[98 + 2 * i] = 1000 + 100 * i * i;  // 1000, 1100, 1400, 1900
    words[99 + 2 * i] = 5;
  }
  const MqdsDump dump =
      read_mqds("Process 1 PASID 1:\n  Compute queue on device 1\n" + hex_rows(words, "    "));
  const SaveTimes times = save_times(dump.at(0).queues.at(0).mqd(0));
  EXPECT_EQ(times.save_start, 0x5000003e8U);
  EXPECT_EQ(times.save_ticks(), 100U);
  EXPECT_EQ(times.restore_ticks(), 500U);
}

TEST(Mqds, EveryNamedWordIsInsideItsDescriptor) {
  EXPECT_TRUE(std::ranges::all_of(mqd_fields(), [](const Field& f) { return f.dword < 512; }));
  EXPECT_TRUE(std::ranges::all_of(sdma_mqd_fields(), [](const Field& f) { return f.dword < 128; }));
  EXPECT_TRUE(std::ranges::is_sorted(mqd_fields(), {}, &Field::dword));
}

}  // namespace
}  // namespace gpreempt::kfd::debugfs
