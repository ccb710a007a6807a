// Goal: files of a real machine give the answers that were computed from them by other means.
// Method: the folder debugfs/ of GPREEMPT_DATA_DIR, whose README states the answers; it is not part
// of the project.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/kfd/debugfs/hqds.h"
#include "backends/kfd/debugfs/mqds.h"
#include "backends/kfd/debugfs/queue_state.h"
#include "backends/kfd/debugfs/rls.h"

namespace gpreempt::kfd::debugfs {
namespace {

std::filesystem::path data_folder() {
  const char* const given = std::getenv("GPREEMPT_DATA_DIR");
  return std::filesystem::path(given != nullptr ? given : GPREEMPT_DATA_DIR) / "debugfs";
}

class RecordedDump : public testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(data_folder() / "mi308x" / "hqds-active.txt")) {
      GTEST_SKIP()
          << "debugfs/mi308x is not in GPREEMPT_DATA_DIR; it is a third party's and is not "
             "shipped: record your own with cat /sys/kernel/debug/kfd/hqds";
    }
  }
  static std::string text_of(std::string_view name) {
    std::ifstream file(data_folder() / name);
    EXPECT_TRUE(file) << name;
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }
};

using Place = std::pair<std::uint32_t, std::uint32_t>;  // pipe, queue

std::size_t recorded_count(const HqdsDump& dump, HqdKind kind) {
  return static_cast<std::size_t>(std::ranges::count(dump.slots, kind, &HqdSlot::kind));
}

TEST_F(RecordedDump, HqdsHasTheSlotsOfEightNodes) {
  const HqdsDump dump = parse_hqds(text_of("mi308x/hqds-active.txt"), "hqds").value();
  std::vector<std::uint32_t> ids;
  for (const HqdsNode& node : dump.nodes) {
    ids.push_back(node.gpu_id);
  }
  EXPECT_EQ(ids, (std::vector<std::uint32_t>{0xf7bc, 0xf05b, 0xeb40, 0xc66d, 0xf220, 0xf5c7, 0xeedc,
                                             0xc3f1}));
  EXPECT_EQ(recorded_count(dump, HqdKind::kHiq), 32U);
  EXPECT_EQ(recorded_count(dump, HqdKind::kCp), 768U);
  EXPECT_EQ(recorded_count(dump, HqdKind::kSdma), 512U);
  constexpr std::array<std::uint32_t, 4> kFirstRegisters = {0xc914, 0xcc914, 0x10c914, 0x1cc914};
  for (const HqdSlot& slot : dump.slots) {
    EXPECT_EQ(slot.count, slot.kind == HqdKind::kSdma ? 44U : 56U);
    if (slot.kind != HqdKind::kSdma) {
      EXPECT_EQ(slot.address, kFirstRegisters.at(slot.instance));
    }
  }
}

TEST_F(RecordedDump, ActiveSlotsAreTheFiveQueuesOnEachXcc) {
  const HqdsDump dump = parse_hqds(text_of("mi308x/hqds-active.txt"), "hqds").value();
  std::map<Place, std::size_t> places;
  for (const HqdSlot& slot : dump.slots) {
    if (slot.kind != HqdKind::kCp || !dump.is_active(slot)) {
      continue;
    }
    EXPECT_EQ(dump.nodes[slot.node].gpu_id, 0xf7bcU);
    const Place place(slot.pipe, slot.queue);
    ++places[place];
    const std::map<Place, std::uint32_t> slots = {
        {{0, 2}, 4}, {{1, 2}, 3}, {{2, 2}, 2}, {{3, 2}, 1}, {{0, 3}, 0}};
    const QueueState state = dump.state_of(slot);
    const std::uint32_t expected = slots.at(place);
    EXPECT_EQ(doorbell_slot(state.doorbell_dword()), expected);
    EXPECT_EQ(state.ring_bytes(), expected == 0 ? 4096U : 1048576U);
    EXPECT_EQ(state.vmid(), 3U);
  }
  EXPECT_EQ(places.size(), 5U);
  EXPECT_TRUE(std::ranges::all_of(places, [](const auto& each) { return each.second == 4; }));
}

TEST_F(RecordedDump, IdleHqdsHasStaleSlotsAndNoActiveOne) {
  const HqdsDump dump = parse_hqds(text_of("mi308x/hqds-idle.txt"), "hqds").value();
  std::size_t stale = 0;
  for (const HqdSlot& slot : dump.slots) {
    // The mqds of the same instant is empty: there was no queue.
    EXPECT_FALSE(slot.kind != HqdKind::kHiq && dump.is_active(slot));
    stale += dump.is_stale(slot) ? 1U : 0U;
  }
  EXPECT_GT(stale, 0U);
}

TEST_F(RecordedDump, MqdsListsFiveQueuesNewestFirst) {
  const MqdsDump dump = parse_mqds(text_of("mi308x/mqds-active.txt"), "mqds").value();
  ASSERT_EQ(dump.size(), 1U);
  ASSERT_EQ(dump[0].queues.size(), 5U);
  for (std::uint32_t i = 0; i < 5; ++i) {
    const MqdsQueue& queue = dump[0].queues[i];
    EXPECT_EQ(queue.gpu_id, 0xf7bcU);
    ASSERT_EQ(queue.owned(), 4U);
    for (std::uint32_t xcc = 0; xcc < 4; ++xcc) {
      const QueueState state = state_of(queue.mqd(xcc));
      EXPECT_EQ(doorbell_slot(state.doorbell_dword()), 4 - i);
      EXPECT_EQ(state.save_area_bytes(), 0xba6000U);
      EXPECT_EQ(state.control_stack_size(), 0x2000U);
      EXPECT_EQ(state.pipe_priority(), 1U);
      EXPECT_EQ(state.queue_priority(), 7U);
      EXPECT_EQ(state.quantum(), 0x111U);
    }
  }
}

TEST_F(RecordedDump, DescriptorIsOlderThanItsSlotWhileTheQueueIsMapped) {
  const MqdsDump mqds = parse_mqds(text_of("mi308x/mqds-active.txt"), "mqds").value();
  const HqdsDump hqds = parse_hqds(text_of("mi308x/hqds-active.txt"), "hqds").value();
  const auto newest = mqds.at(0).queues.at(0).mqd(0);
  EXPECT_EQ(newest[131], 0U);
  EXPECT_EQ(newest[143], 0x4022U);
  const auto slot = std::ranges::find_if(hqds.slots, [&](const HqdSlot& each) {
    return each.kind == HqdKind::kCp && hqds.is_active(each) &&
           hqds.state_of(each).mqd_base() == state_of(newest).mqd_base();
  });
  ASSERT_NE(slot, hqds.slots.end());
  EXPECT_EQ(hqds.registers_of(*slot)[3], 0x303U);
  EXPECT_EQ(hqds.registers_of(*slot)[15], 0x60004022U);
}

TEST_F(RecordedDump, EmptyMqdsIsValid) {
  EXPECT_TRUE(parse_mqds(text_of("mi308x/mqds-idle.txt"), "mqds").value().empty());
}

TEST_F(RecordedDump, RunlistOfAnOlderChipMapsTwoQueues) {
  const RlsDump dump = parse_rls(text_of("mi308x/rls_wiki_gpu1bcb.txt"), "rls").value();
  ASSERT_EQ(dump.size(), 1U);
  EXPECT_EQ(dump[0].gpu_id, 0x1bcbU);
  ASSERT_EQ(dump[0].packets.size(), 3U);
  EXPECT_EQ(dump[0].packets[0].get("pasid"), 0x8001U);
  EXPECT_EQ(dump[0].packets[0].get("num_queues"), 2U);
  EXPECT_EQ(dump[0].packets[2].mqd_address(), 0x952000U);
}

TEST_F(RecordedDump, FilesAreWrittenBackByteForByte) {
  for (const std::string_view name :
       {"mi308x/hqds-active.txt", "mi308x/hqds-idle.txt", "synthetic/kfd-hqds.txt"}) {
    const std::string text = text_of(name);
    EXPECT_TRUE(write_hqds(parse_hqds(text, name).value()) == text) << name;
  }
  for (const std::string_view name :
       {"mi308x/mqds-active.txt", "synthetic/kfd-mqds-newer.txt",
        "synthetic/kfd-mqds-upto-6.14.txt", "synthetic/kfd-mqds-process-without-queues.txt"}) {
    const std::string text = text_of(name);
    EXPECT_TRUE(write_mqds(parse_mqds(text, name).value()) == text) << name;
  }
  for (const std::string_view name : {"mi308x/rls_wiki_gpu1bcb.txt", "synthetic/kfd-rls.txt"}) {
    const std::string text = text_of(name);
    EXPECT_EQ(write_rls(parse_rls(text, name).value()), text) << name;
  }
}

TEST_F(RecordedDump, InventedFormatsAreRefusedWithTheReason) {
  const auto hqds = parse_hqds(text_of("mi308x/hqds_INVENTED_named_registers.txt"), "invented");
  ASSERT_FALSE(hqds);
  EXPECT_TRUE(hqds.error().what.starts_with("invented:1:")) << hqds.error().what;
  EXPECT_NE(hqds.error().what.find("never prints a register by name"), std::string::npos);
  const auto mqds = parse_mqds(text_of("mi308x/mqds_INVENTED_format.txt"), "invented");
  ASSERT_FALSE(mqds);
  EXPECT_TRUE(mqds.error().what.starts_with("invented:1:")) << mqds.error().what;
  EXPECT_NE(mqds.error().what.find("no queue ids"), std::string::npos);
}

TEST_F(RecordedDump, FragmentsAreRefusedAsNotWhole) {
  const auto cut = parse_mqds(text_of("mi308x/mqds_wiki_pid8319_pasid_hex.txt"), "fragment");
  ASSERT_FALSE(cut);
  EXPECT_NE(cut.error().what.find("40 of 512 words"), std::string::npos) << cut.error().what;
  const auto left_out = parse_mqds(text_of("mi308x/mqds_real_partial_pid1616740.txt"), "fragment");
  ASSERT_FALSE(left_out);
  EXPECT_NE(left_out.error().what.find("lines were left out"), std::string::npos);
}

}  // namespace
}  // namespace gpreempt::kfd::debugfs
