// The texts as amdkfd prints them: its formats, line by line.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backends/kfd/debugfs/hqds.h"
#include "backends/kfd/debugfs/mqds.h"
#include "backends/kfd/debugfs/rls.h"
#include "backends/kfd/debugfs/text_cursor.h"

namespace gpreempt::kfd::debugfs {
namespace {

constexpr std::uint32_t kWordBytes = sizeof(std::uint32_t);

/// seq_hex_dump with rows of 32 bytes in groups of 4: "INDENT%08x: %08x ...".
void write_rows(std::string& text, std::string_view indent, std::uint32_t address,
                std::span<const std::uint32_t> words) {
  while (!words.empty()) {
    const auto row = words.first(std::min(words.size(), DumpLine::kMaxWords));
    fmt::format_to(std::back_inserter(text), "{}{:08x}: {:08x}\n", indent, address,
                   fmt::join(row, " "));
    words = words.subspan(row.size());
    address += static_cast<std::uint32_t>(row.size()) * kWordBytes;
  }
}

std::string title_of(const MqdsQueue& queue) {
  switch (queue.kind) {
    case MqdKind::kCompute: return fmt::format("  Compute queue on device {:x}\n", queue.gpu_id);
    case MqdKind::kSdma: return fmt::format("  SDMA queue on device {:x}\n", queue.gpu_id);
    case MqdKind::kDebug: return fmt::format("  DIQ on device {:x}\n", queue.gpu_id);
    case MqdKind::kBadUser:
      return fmt::format("  Bad user queue type {} on device {:x}\n", queue.bad_type, queue.gpu_id);
    case MqdKind::kBadKernel:
      return fmt::format("  Bad kernel queue type {} on device {:x}\n", queue.bad_type,
                         queue.gpu_id);
    case MqdKind::kNeither: break;
  }
  return "  Weird: Queue node with neither kernel nor user queue\n";
}

std::string title_of(const HqdSlot& slot) {
  switch (slot.kind) {
    case HqdKind::kHiq:
      return fmt::format("   Inst {}, HIQ on MEC 2 Pipe {} Queue {}\n", slot.instance, slot.pipe,
                         slot.queue);
    case HqdKind::kCp:
      return fmt::format(" Inst {},  CP Pipe {}, Queue {}\n", slot.instance, slot.pipe, slot.queue);
    case HqdKind::kSdma: break;
  }
  return fmt::format("  SDMA Engine {}, RLC {}\n", slot.instance, slot.queue);
}

/// Registers that follow each other, from `offset` words after a block's first one on.
struct RegisterGroup {
  std::uint32_t offset = 0;
  std::size_t count = 0;
};
/// SDMA_RLC0_RB_CNTL is 0x130; then 0x158, 0x15f and 0x170.
constexpr std::array<RegisterGroup, 4> kSdmaGroups = {{{.offset = 0, .count = 19},
                                                       {.offset = 0x28, .count = 6},
                                                       {.offset = 0x2f, .count = 7},
                                                       {.offset = 0x40, .count = 12}}};

void write_registers(std::string& text, const HqdSlot& slot,
                     std::span<const std::uint32_t> registers) {
  constexpr std::string_view kIndent = "    ";
  if (slot.kind != HqdKind::kSdma) {
    write_rows(text, kIndent, slot.address, registers);
    return;
  }
  for (const RegisterGroup& group : kSdmaGroups) {
    const std::size_t count = std::min(group.count, registers.size());
    write_rows(text, kIndent, slot.address + group.offset * kWordBytes, registers.first(count));
    registers = registers.subspan(count);
  }
}

}  // namespace

std::string write_mqds(const MqdsDump& dump) {
  std::string text;
  for (const MqdsProcess& process : dump) {
    text += process.pasid_is_hex
                ? fmt::format("Process {} PASID 0x{:x}:\n", process.pid, process.pasid)
                : fmt::format("Process {} PASID {}:\n", process.pid, process.pasid);
    for (const MqdsQueue& queue : process.queues) {
      text += title_of(queue);
      const std::size_t size = queue.mqd_dwords();
      for (std::size_t mqd = 0; mqd < queue.dumped(); ++mqd) {
        write_rows(text, "    ", 0,
                   std::span<const std::uint32_t>(queue.words).subspan(mqd * size, size));
      }
    }
  }
  return text;
}

std::string write_hqds(const HqdsDump& dump) {
  std::string text;
  auto slot = dump.slots.begin();
  for (std::uint32_t index = 0; index < dump.nodes.size(); ++index) {
    const HqdsNode& node = dump.nodes[index];
    text += fmt::format("Node {}, gpu_id {:x}:\n", node.node, node.gpu_id);
    if (node.is_stopped) {
      text += " Device is stopped\n";
    }
    for (; slot != dump.slots.end() && slot->node == index; ++slot) {
      text += title_of(*slot);
      write_registers(text, *slot, dump.registers_of(*slot));
    }
  }
  return text;
}

std::string write_rls(const RlsDump& dump) {
  std::string text;
  for (const RlsNode& node : dump) {
    text += fmt::format("Node {}, gpu_id {:x}:\n", node.node, node.gpu_id);
    if (!node.is_active) {
      text += "  No active runlist\n";
      continue;
    }
    std::vector<std::uint32_t> words;
    for (const Packet& packet : node.packets) {
      const auto used = std::span(packet.words).first(packet.dwords());
      words.insert(words.end(), used.begin(), used.end());
    }
    words.resize(words.size() + node.padding);
    write_rows(text, "  ", 0, words);
  }
  return text;
}

}  // namespace gpreempt::kfd::debugfs
