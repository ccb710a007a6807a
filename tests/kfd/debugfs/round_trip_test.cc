// Goal: what is written in amdkfd's formats is read back the same, and no bytes at all make a
// reader stumble. Method: generated dumps and generated texts.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "backends/kfd/debugfs/fields.h"
#include "backends/kfd/debugfs/hqds.h"
#include "backends/kfd/debugfs/mqds.h"
#include "backends/kfd/debugfs/rls.h"
#include "backends/kfd/debugfs/smi_events.h"
#include "tests/kfd/debugfs/samples.h"

namespace gpreempt::kfd::debugfs {
namespace {

std::uint32_t number() { return *rc::gen::arbitrary<std::uint32_t>(); }
std::uint32_t below(std::uint32_t limit) { return *rc::gen::inRange<std::uint32_t>(0, limit); }

/// Sparse, as real ones are: most words are 0.
std::vector<std::uint32_t> words(std::size_t count) {
  std::vector<std::uint32_t> result(count, 0);
  for (std::uint32_t i = 0; i < 6; ++i) {
    result[below(static_cast<std::uint32_t>(count))] = number();
  }
  return result;
}

MqdsQueue any_queue() {
  MqdsQueue queue{.kind = static_cast<MqdKind>(below(6))};
  queue.gpu_id = queue.kind == MqdKind::kNeither ? 0 : number();
  const bool bad = queue.kind == MqdKind::kBadUser || queue.kind == MqdKind::kBadKernel;
  queue.bad_type = bad ? number() : 0;
  if (!bad && queue.kind != MqdKind::kNeither) {
    queue.words = words(queue.mqd_dwords() * (1 + below(4)));
  }
  return queue;
}

RC_GTEST_PROP(RoundTrip, MqdsIsReadBackTheSame, ()) {
  MqdsDump dump(below(4));
  for (MqdsProcess& process : dump) {
    process = {.pid = below(0x80000000U), .pasid = number(), .pasid_is_hex = below(2) == 1};
    for (std::uint32_t i = below(4); i > 0; --i) {
      process.queues.push_back(any_queue());
    }
  }
  const auto read = parse_mqds(write_mqds(dump), "mqds");
  RC_ASSERT(read.has_value());
  RC_ASSERT(*read == dump);
}

void add_slot(HqdsDump& dump, std::uint32_t node) {
  HqdSlot slot{.kind = static_cast<HqdKind>(below(3)), .node = node};
  slot.instance = below(16);
  slot.pipe = slot.kind == HqdKind::kSdma ? 0 : below(4);
  slot.queue = below(8);
  slot.address = below(1U << 24U) * 4;
  slot.first = dump.registers.size();
  slot.count = slot.kind == HqdKind::kSdma ? 42 + 2 * below(2) : kHqdDwords;
  const auto registers = words(slot.count);
  dump.registers.insert(dump.registers.end(), registers.begin(), registers.end());
  dump.slots.push_back(slot);
}

RC_GTEST_PROP(RoundTrip, HqdsIsReadBackTheSame, ()) {
  HqdsDump dump;
  dump.nodes.resize(below(4));
  for (std::uint32_t i = 0; i < dump.nodes.size(); ++i) {
    dump.nodes[i] = {.node = number(), .gpu_id = number(), .is_stopped = below(4) == 0};
    for (std::uint32_t left = dump.nodes[i].is_stopped ? 0 : below(5); left > 0; --left) {
      add_slot(dump, i);
    }
  }
  const auto read = parse_hqds(write_hqds(dump), "hqds");
  RC_ASSERT(read.has_value());
  RC_ASSERT(*read == dump);
}

RC_GTEST_PROP(RoundTrip, RlsIsReadBackTheSame, ()) {
  RlsDump dump(below(4));
  for (RlsNode& node : dump) {
    node = {.node = number(), .gpu_id = number(), .is_active = below(3) > 0};
    for (std::uint32_t i = node.is_active ? 1 + below(5) : 0; i > 0; --i) {
      Packet& packet = node.packets.emplace_back(Packet::of(static_cast<PacketKind>(below(4))));
      for (const Field& field : shape_of(packet.kind).fields) {
        packet.set(field.name, number());
      }
    }
    node.padding = node.is_active ? below(9) : 0;
  }
  const auto read = parse_rls(write_rls(dump), "rls");
  RC_ASSERT(read.has_value());
  RC_ASSERT(*read == dump);
}

RC_GTEST_PROP(RoundTrip, FieldOfAPacketIsItsOwn, ()) {
  // Setting one changes no other: the tables do not overlap.
  const auto kind = static_cast<PacketKind>(below(4));
  const auto fields = shape_of(kind).fields;
  const Field& changed = fields[below(static_cast<std::uint32_t>(fields.size()))];
  Packet packet = Packet::of(kind);
  packet.set(changed.name, 0xffffffffU);
  for (const Field& field : fields) {
    RC_ASSERT(packet.get(field.name) == (field.name == changed.name ? field.mask() : 0U));
  }
  RC_ASSERT(packet.words.front() == shape_of(kind).header);
}

RC_GTEST_PROP(RoundTrip, AnyBytesAreReadOrRefused, (const std::string& bytes)) {
  (void)parse_mqds(bytes, "mqds");
  (void)parse_hqds(bytes, "hqds");
  (void)parse_rls(bytes, "rls");
  (void)parse_smi_events(bytes, "events");
}

RC_GTEST_PROP(RoundTrip, DamagedTextIsReadOrRefused, ()) {
  static const std::string whole = hqds_text(2, "f7bc", 1, 1);
  std::string text = whole.substr(0, below(static_cast<std::uint32_t>(whole.size())));
  for (std::uint32_t i = below(3); i > 0 && !text.empty(); --i) {
    text[below(static_cast<std::uint32_t>(text.size()))] = *rc::gen::arbitrary<char>();
  }
  const auto read = parse_hqds(text, "hqds");
  if (read) {
    const auto again = parse_hqds(write_hqds(*read), "hqds");
    RC_ASSERT(again.has_value());
    RC_ASSERT(*again == *read);
  }
}

}  // namespace
}  // namespace gpreempt::kfd::debugfs
