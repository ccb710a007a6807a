// Goal: a register is known by its place in the block, and a slot counts as occupied only if the
// hardware says so. Method: texts by the driver's formats, with address gaps and other bases.
#include "backends/kfd/debugfs/hqds.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "backends/kfd/debugfs/fields.h"
#include "backends/kfd/debugfs/queue_state.h"
#include "tests/kfd/debugfs/samples.h"

namespace gpreempt::kfd::debugfs {
namespace {

HqdsDump read_hqds(const std::string& text) {
  const auto dump = parse_hqds(text, "hqds");
  EXPECT_TRUE(dump) << dump.error().what;
  return dump.value_or(HqdsDump{});
}

std::size_t count(const HqdsDump& dump, HqdKind kind) {
  return static_cast<std::size_t>(std::ranges::count(dump.slots, kind, &HqdSlot::kind));
}

const HqdSlot& slot_at(const HqdsDump& dump, HqdKind kind, std::uint32_t instance) {
  return *std::ranges::find_if(dump.slots, [&](const HqdSlot& slot) {
    return slot.kind == kind && slot.instance == instance;
  });
}

TEST(Hqds, EmptyFileHasNoNodes) { EXPECT_TRUE(read_hqds("").nodes.empty()); }

TEST(Hqds, EveryXccHasAHiqAndItsSlots) {
  const HqdsDump dump = read_hqds(hqds_text(2, "f7bc", 4, 2) + hqds_text(3, "1a2b", 1, 1));
  ASSERT_EQ(dump.nodes.size(), 2U);
  EXPECT_EQ(dump.nodes[0].node, 2U);
  EXPECT_EQ(dump.nodes[0].gpu_id, 0xf7bcU);
  EXPECT_EQ(dump.nodes[1].gpu_id, 0x1a2bU);
  EXPECT_EQ(count(dump, HqdKind::kHiq), 5U);
  EXPECT_EQ(count(dump, HqdKind::kCp), 5U * 24);
  EXPECT_EQ(count(dump, HqdKind::kSdma), 24U);
  EXPECT_EQ(dump.slots.back().node, 1U);
}

TEST(Hqds, ActiveSlotIsReadByPosition) {
  const HqdsDump dump = read_hqds(hqds_text(2, "f7bc", 2, 0));
  for (const std::uint32_t xcc : {0U, 1U}) {
    const HqdSlot& slot = slot_at(dump, HqdKind::kCp, xcc);
    EXPECT_EQ(slot.pipe, 0U);
    EXPECT_EQ(slot.queue, 2U);
    EXPECT_EQ(slot.address, (0x2000U + 0x8000U * xcc + 0x1245U) * 4);
    EXPECT_TRUE(dump.is_active(slot));
    const QueueState state = dump.state_of(slot);
    EXPECT_EQ(state.mqd_base(), 0x8000600000U + 0x3000U * xcc);
    EXPECT_EQ(state.vmid(), 8U);
    EXPECT_EQ(state.ring_base(), 0x7f10a0400000U);
    EXPECT_EQ(state.read_position(), 0x40U);
    EXPECT_EQ(state.write_position(), 0x50U);
    EXPECT_TRUE(state.doorbell_enabled());
    EXPECT_FALSE(state.doorbell_hit());
  }
}

TEST(Hqds, SlotThatKeepsItsLastQueueIsStale) {
  Words words = active_hqd(0);
  words[2] = 0;
  const HqdsDump dump =
      read_hqds("Node 1, gpu_id 1:\n Inst 0,  CP Pipe 0, Queue 2\n" + cp_registers(0x2000, words) +
                " Inst 0,  CP Pipe 0, Queue 3\n" + cp_registers(0x2000, Words(56, 0)));
  EXPECT_FALSE(dump.is_active(dump.slots.at(0)));
  EXPECT_TRUE(dump.is_stale(dump.slots.at(0)));
  EXPECT_FALSE(dump.is_active(dump.slots.at(1)));
  EXPECT_FALSE(dump.is_stale(dump.slots.at(1)));
}

TEST(Hqds, SdmaRegistersAreReadAcrossTheirAddressGaps) {
  Words words;
  for (std::uint32_t i = 0; i < 44; ++i) {
    words.push_back(0x100 + i);
  }
  words[0] |= 1U;          // RB_ENABLE
  words[18] |= 1U << 28U;  // DOORBELL.ENABLE
  const std::string text =
      "Node 1, gpu_id 1:\n  SDMA Engine 3, RLC 7\n" + sdma_registers(0x1260, words);
  const HqdsDump dump = read_hqds(text);
  const HqdSlot& slot = dump.slots.at(0);
  EXPECT_EQ(slot.instance, 3U);
  EXPECT_EQ(slot.queue, 7U);
  EXPECT_TRUE(dump.is_active(slot));
  EXPECT_TRUE(std::ranges::equal(dump.registers_of(slot), words));
  const auto value = [&](std::string_view name) {
    const auto fields = sdma_hqd_fields(slot.count);
    return std::ranges::find(fields, name, &Field::name)->get(dump.registers_of(slot));
  };
  // sdma_4_4_2_offset.h: 0x142, 0x15b, 0x165 and 0x17b, counted without the gaps.
  EXPECT_EQ(value("doorbell"), 0x10000100U + 18);
  EXPECT_EQ(value("doorbell_offset"), 0x100U + 22);
  EXPECT_EQ(value("minor_ptr_update"), 0x100U + 31);
  EXPECT_EQ(value("midcmd_cntl"), 0x100U + 43);
}

TEST(Hqds, SdmaSlotWhoseDoorbellIsOffIsStale) {
  Words words(44, 0);
  words[0] = 0x03060025;  // RB_ENABLE, VMID 3
  words[1] = 0x10a02000;
  const HqdsDump dump =
      read_hqds("Node 1, gpu_id 1:\n  SDMA Engine 1, RLC 0\n" + sdma_registers(0x1260, words));
  EXPECT_FALSE(dump.is_active(dump.slots.at(0)));
  EXPECT_TRUE(dump.is_stale(dump.slots.at(0)));
}

TEST(Hqds, SdmaSlotOfOlderChipsHasTwoRegistersLess) {
  const HqdsDump dump = read_hqds("Node 1, gpu_id 1:\n  SDMA Engine 0, RLC 0\n" +
                                  sdma_registers(0x1260, Words(42, 0), true));
  EXPECT_EQ(dump.slots.at(0).count, 42U);
  EXPECT_EQ(sdma_hqd_fields(42).back().name, "midcmd_cntl");
}

TEST(Hqds, StoppedDeviceHasNoSlots) {
  const HqdsDump dump =
      read_hqds("Node 1, gpu_id 1:\n Device is stopped\n" + hqds_text(2, "f7bc", 1, 0));
  ASSERT_EQ(dump.nodes.size(), 2U);
  EXPECT_TRUE(dump.nodes[0].is_stopped);
  EXPECT_FALSE(dump.nodes[1].is_stopped);
  EXPECT_EQ(dump.slots.front().node, 1U);
}

TEST(Hqds, RegistersAreNamedAsTheWordsOfADescriptor) {
  for (const Field& field : mqd_fields()) {
    if (field.dword >= 128 && field.dword < 184) {
      EXPECT_EQ(hqd_fields()[field.dword - 128U].name, field.name);
    }
  }
}

}  // namespace
}  // namespace gpreempt::kfd::debugfs
