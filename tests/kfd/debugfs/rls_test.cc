// Goal: a runlist is cut into its packets, and their numbers are read by name. Method: packets by
// the driver's headers with known numbers in known bits.
#include "backends/kfd/debugfs/rls.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>

#include "tests/kfd/debugfs/samples.h"

namespace gpreempt::kfd::debugfs {
namespace {

RlsDump read_rls(const std::string& text) {
  const auto dump = parse_rls(text, "rls");
  EXPECT_TRUE(dump) << dump.error().what;
  return dump.value_or(RlsDump{});
}

std::string runlist(std::initializer_list<Words> packets) {
  Words words;
  for (const Words& packet : packets) {
    words.insert(words.end(), packet.begin(), packet.end());
  }
  return "Node 2, gpu_id f7bc:\n" + hex_rows(words, "  ");
}

TEST(Rls, EmptyFileHasNoNodes) { EXPECT_TRUE(read_rls("").empty()); }

TEST(Rls, NodeWithoutARunlistSaysSo) {
  const RlsDump dump = read_rls("Node 3, gpu_id 1a2b:\n  No active runlist\n");
  ASSERT_EQ(dump.size(), 1U);
  EXPECT_FALSE(dump[0].is_active);
  EXPECT_EQ(dump[0].node, 3U);
  EXPECT_EQ(dump[0].gpu_id, 0x1a2bU);
}

TEST(Rls, ProcessIsFollowedByItsActiveQueues) {
  const RlsDump dump =
      read_rls(runlist({map_process(0x8004, 3), map_queues(0x802, 0x8000680000, 0x38),
                        map_process(0x8003, 2), map_queues(0x402, 0x8000600000, 0x7f10a03ff038)}));
  ASSERT_EQ(dump.at(0).packets.size(), 4U);
  const auto& packets = dump[0].packets;
  EXPECT_TRUE(packets[0].is_process());
  EXPECT_EQ(packets[0].get("pasid"), 0x8004U);
  EXPECT_EQ(packets[0].get("num_queues"), 3U);
  EXPECT_EQ(packets[0].get("sdma_enable"), 1U);
  EXPECT_EQ(packets[0].get("process_quantum"), 10U);
  EXPECT_EQ(packets[3].kind, PacketKind::kMapQueues);
  EXPECT_EQ(packets[3].doorbell_dword(), 0x402U);
  EXPECT_EQ(packets[3].mqd_address(), 0x8000600000U);
  EXPECT_EQ(packets[3].write_pointer_address(), 0x7f10a03ff038U);
  EXPECT_EQ(packets[3].get("num_queues"), 1U);
  EXPECT_TRUE(packets[3].is_compute());
}

TEST(Rls, SdmaQueuesNameTheirEngine) {
  // pm_map_queues_v9: engine 3 is extended engine 1, number 3; engine 0 is engine_sel 2.
  const RlsDump dump = read_rls(runlist({map_process(1, 2), map_queues(0x800, 1, 2, 0x2c000014),
                                         map_queues(0x802, 1, 2, 0x28000010)}));
  const auto& packets = dump.at(0).packets;
  EXPECT_FALSE(packets.at(1).is_compute());
  EXPECT_EQ(packets[1].get("extended_engine_sel"), 1U);
  EXPECT_EQ(packets[1].get("engine_sel"), 3U);
  EXPECT_FALSE(packets.at(2).is_compute());
  EXPECT_EQ(packets[2].get("engine_sel"), 2U);
}

TEST(Rls, OlderChipsMapAProcessIn16Words) {
  Words packet(16, 0);
  packet[0] = 0xc00ea100;
  packet[1] = 0x14008001;
  packet[13] = 0x00800080;
  const RlsDump dump = read_rls(runlist({packet, map_queues(0x1002, 0x958000, 0x38)}));
  ASSERT_EQ(dump.at(0).packets.size(), 2U);
  EXPECT_EQ(dump[0].packets[0].kind, PacketKind::kOldMapProcess);
  EXPECT_EQ(dump[0].packets[0].get("pasid"), 0x8001U);
  EXPECT_EQ(dump[0].packets[0].get("num_queues"), 2U);
}

TEST(Rls, OversubscribedRunlistEndsInItself) {
  // pm_runlist_v9: 200 words, chained, valid, 13 processes.
  const Words chained = {0xc002a500, 0x00400000, 0x80, 200U | 1U << 20U | 1U << 23U | 13U << 24U};
  const RlsDump dump = read_rls(runlist({map_process(1, 0), chained}));
  const Packet& last = dump.at(0).packets.back();
  EXPECT_EQ(last.kind, PacketKind::kRunList);
  EXPECT_EQ(last.get("ib_size"), 200U);
  EXPECT_EQ(last.get("chain"), 1U);
  EXPECT_EQ(last.get("valid"), 1U);
  EXPECT_EQ(last.get("process_cnt"), 13U);
}

TEST(Rls, RoomThatWasNotNeededIsPadding) {
  const RlsDump dump = read_rls(runlist({map_process(1, 1), Words(7, 0)}));
  EXPECT_EQ(dump.at(0).packets.size(), 1U);
  EXPECT_EQ(dump.at(0).padding, 7U);
}

}  // namespace
}  // namespace gpreempt::kfd::debugfs
