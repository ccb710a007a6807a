#include "backends/kfd/discovery/queue_slots.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "backends/kfd/debugfs/fields.h"
#include "backends/kfd/debugfs/hqds.h"
#include "backends/kfd/debugfs/queue_state.h"
#include "backends/kfd/debugfs/rls.h"
#include "core/event.h"
#include "core/ids.h"

namespace gpreempt::kfd {
namespace {

using debugfs::HqdKind;
using debugfs::HqdsDump;
using debugfs::HqdSlot;

QueueSlot place_of(const HqdSlot& slot) {
  return {.xcc = slot.instance, .pipe = slot.pipe, .queue = slot.queue};
}

FoundSlots compute_slots(const HqdsDump& dump, std::size_t node, const QueueMarks& queue) {
  FoundSlots found;
  std::map<std::uint32_t, std::size_t> by_xcc;  // how many slots it has on each
  for (const HqdSlot& slot : dump.slots) {
    if (slot.node != node || slot.kind == HqdKind::kSdma) {
      continue;
    }
    std::size_t& count = by_xcc[slot.instance];
    if (slot.kind != HqdKind::kCp || !dump.is_active(slot)) {
      continue;
    }
    const debugfs::QueueState state = dump.state_of(slot);
    if (std::ranges::find(queue.mqd_bases, state.mqd_base()) == queue.mqd_bases.end()) {
      continue;
    }
    if (state.doorbell_dword() != queue.doorbell_dword) {
      found.problem = fmt::format(
          "the slot with its descriptor on XCC {}, pipe {}, queue {} has another doorbell",
          slot.instance, slot.pipe, slot.queue);
      continue;
    }
    ++count;
    found.slots.push_back(place_of(slot));
  }
  const auto once = std::ranges::count_if(by_xcc, [](const auto& xcc) { return xcc.second == 1; });
  if (found.slots.empty()) {
    found.mapping = Mapping::kUnmapped;
  } else if (static_cast<std::size_t>(once) == by_xcc.size()) {
    found.mapping = Mapping::kMapped;
  } else {
    found.mapping = Mapping::kPartial;
    found.problem = fmt::format("it is in {} slots, and on {} of {} XCCs in exactly one",
                                found.slots.size(), once, by_xcc.size());
  }
  return found;
}

FoundSlots sdma_slots(const HqdsDump& dump, std::size_t node, const QueueMarks& queue) {
  constexpr std::size_t kDoorbellOffset = 22;
  FoundSlots found{.slots = {}, .mapping = Mapping::kUnmapped, .problem = {}};
  for (const HqdSlot& slot : dump.slots) {
    if (slot.node != node || slot.kind != HqdKind::kSdma || !dump.is_active(slot)) {
      continue;
    }
    const auto words = dump.registers_of(slot);
    if (debugfs::join(words[1], words[2]) << 8U == queue.ring_base &&
        (words[kDoorbellOffset] >> 2U & 0x3ffffffU) == queue.doorbell_dword) {
      found.slots.push_back(place_of(slot));
      found.mapping = Mapping::kMapped;
    }
  }
  return found;
}

}  // namespace

std::string_view to_string(Mapping mapping) {
  switch (mapping) {
    case Mapping::kUnmapped: return "unmapped";
    case Mapping::kPartial: return "partial";
    case Mapping::kMapped: return "mapped";
    case Mapping::kUnknown: break;
  }
  return "unknown";
}

std::string_view to_string(OnRunlist on_runlist) {
  switch (on_runlist) {
    case OnRunlist::kOff: return "off";
    case OnRunlist::kOn: return "on";
    case OnRunlist::kUnknown: break;
  }
  return "unknown";
}

FoundSlots find_slots(const HqdsDump& dump, const QueueMarks& queue) {
  const auto node = std::ranges::find(dump.nodes, queue.gpu.value(), &debugfs::HqdsNode::gpu_id);
  if (node == dump.nodes.end()) {
    return {.slots = {}, .mapping = Mapping::kUnknown, .problem = "hqds does not have its GPU"};
  }
  if (node->is_stopped) {
    return {.slots = {},
            .mapping = Mapping::kUnknown,
            .problem = "the scheduler of its GPU is stopped, as during a reset"};
  }
  const auto index = static_cast<std::size_t>(node - dump.nodes.begin());
  return queue.type == QueueType::kSdma ? sdma_slots(dump, index, queue)
                                        : compute_slots(dump, index, queue);
}

OnRunlist find_on_runlist(std::span<const debugfs::RlsNode> dump, const QueueMarks& queue,
                          Mapping mapping) {
  const auto node = std::ranges::find(dump, queue.gpu.value(), &debugfs::RlsNode::gpu_id);
  if (node == dump.end()) {
    return OnRunlist::kUnknown;
  }
  if (!node->is_active) {
    const bool is_mapped = mapping == Mapping::kMapped || mapping == Mapping::kPartial;
    return is_mapped ? OnRunlist::kUnknown : OnRunlist::kOff;
  }
  const bool is_on = std::ranges::any_of(node->packets, [&](const debugfs::Packet& packet) {
    if (packet.kind != debugfs::PacketKind::kMapQueues ||
        packet.doorbell_dword() != queue.doorbell_dword) {
      return false;
    }
    return queue.type == QueueType::kSdma
               ? !packet.is_compute()
               : std::ranges::find(queue.mqd_bases, packet.mqd_address()) != queue.mqd_bases.end();
  });
  return is_on ? OnRunlist::kOn : OnRunlist::kOff;
}

}  // namespace gpreempt::kfd
