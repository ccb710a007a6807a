#include "backends/kfd/debugfs/hqds.h"

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "backends/kfd/debugfs/fields.h"
#include "backends/kfd/debugfs/text_cursor.h"
#include "core/error.h"

namespace gpreempt::kfd::debugfs {
namespace {

constexpr std::string_view kRegisterIndent = "    ";

Result<HqdsNode> read_node(TextCursor& cursor) {
  HqdsNode node;
  const bool begins = cursor.take("Node ");
  const auto number = begins ? cursor.take_decimal() : std::nullopt;
  const bool named = number && cursor.take(", gpu_id ");
  const auto gpu_id = named ? cursor.take_hex() : std::nullopt;
  if (!gpu_id || !cursor.take(":") || !cursor.take_end_of_line()) {
    return tl::unexpected<Error>(
        cursor.expected("\"Node N, gpu_id ID:\", which begins each GPU of hqds"));
  }
  node.node = *number;
  node.gpu_id = *gpu_id;
  node.is_stopped = cursor.take(" Device is stopped");
  if (node.is_stopped && !cursor.take_end_of_line()) {
    return tl::unexpected<Error>(cursor.expected("the end of the line"));
  }
  return node;
}

/// "   Inst X, HIQ on MEC 2 Pipe 0 Queue 0"; the number of the MEC is not kept, it is always 2.
bool read_hiq(TextCursor& cursor, HqdSlot& slot) {
  const auto xcc = cursor.take("   Inst ") ? cursor.take_decimal() : std::nullopt;
  const bool named = xcc && cursor.take(", HIQ on MEC 2 Pipe ");
  const auto pipe = named ? cursor.take_decimal() : std::nullopt;
  const auto queue = pipe && cursor.take(" Queue ") ? cursor.take_decimal() : std::nullopt;
  if (!queue) {
    return false;
  }
  slot.kind = HqdKind::kHiq;
  slot.instance = *xcc;
  slot.pipe = *pipe;
  slot.queue = *queue;
  return true;
}

/// " Inst X,  CP Pipe P, Queue Q".
bool read_cp(TextCursor& cursor, HqdSlot& slot) {
  const auto xcc = cursor.take(" Inst ") ? cursor.take_decimal() : std::nullopt;
  const auto pipe = xcc && cursor.take(",  CP Pipe ") ? cursor.take_decimal() : std::nullopt;
  const auto queue = pipe && cursor.take(", Queue ") ? cursor.take_decimal() : std::nullopt;
  if (!queue) {
    return false;
  }
  slot.kind = HqdKind::kCp;
  slot.instance = *xcc;
  slot.pipe = *pipe;
  slot.queue = *queue;
  return true;
}

/// "  SDMA Engine E, RLC R".
bool read_sdma(TextCursor& cursor, HqdSlot& slot) {
  const auto engine = cursor.take("  SDMA Engine ") ? cursor.take_decimal() : std::nullopt;
  const auto rlc = engine && cursor.take(", RLC ") ? cursor.take_decimal() : std::nullopt;
  if (!rlc) {
    return false;
  }
  slot.kind = HqdKind::kSdma;
  slot.instance = *engine;
  slot.pipe = 0;
  slot.queue = *rlc;
  return true;
}

bool read_title(TextCursor& cursor, HqdSlot& slot) {
  const std::string_view rest = cursor.rest();
  bool read = false;
  if (rest.starts_with("   Inst")) {
    read = read_hiq(cursor, slot);
  } else if (rest.starts_with("  SDMA")) {
    read = read_sdma(cursor, slot);
  } else {
    read = read_cp(cursor, slot);
  }
  return read && cursor.take_end_of_line();
}

bool is_complete(const HqdSlot& slot) {
  return slot.kind == HqdKind::kSdma
             ? slot.count == kSdmaHqdDwords || slot.count == kOldSdmaHqdDwords
             : slot.count == kHqdDwords;
}

Result<void> read_registers(TextCursor& cursor, HqdSlot& slot, HqdsDump& dump) {
  slot.first = dump.registers.size();
  DumpLine line;
  while (cursor.rest().starts_with(kRegisterIndent)) {
    if (!cursor.take_dump_line(kRegisterIndent, line)) {
      return tl::unexpected<Error>(
          cursor.expected("an address and 1 to 8 words of 8 hexadecimal digits each"));
    }
    if (dump.registers.size() == slot.first) {
      slot.address = line.offset;
    }
    dump.registers.insert(dump.registers.end(), line.words.begin(),
                          line.words.begin() + static_cast<std::ptrdiff_t>(line.count));
  }
  slot.count = dump.registers.size() - slot.first;
  if (!is_complete(slot)) {
    return tl::unexpected<Error>(cursor.refused_line(fmt::format(
        "here a slot ends that has {} registers, and amdkfd prints {}", slot.count,
        slot.kind == HqdKind::kSdma ? "44 of an SDMA slot (42 before gfx9.4.3)" : "56 of it")));
  }
  return {};
}

Result<void> add_node(TextCursor& cursor, HqdsDump& dump) {
  const Result<HqdsNode> node = read_node(cursor);
  GPREEMPT_TRY(node);
  dump.nodes.push_back(*node);
  return {};
}

Result<void> add_slot(TextCursor& cursor, HqdsDump& dump) {
  HqdSlot slot{.node = static_cast<std::uint32_t>(dump.nodes.size() - 1)};
  if (dump.nodes.back().is_stopped) {
    return tl::unexpected<Error>(cursor.expected("another GPU: the last one is stopped"));
  }
  if (!read_title(cursor, slot)) {
    return tl::unexpected<Error>(cursor.expected("the title of a slot, or \"Node N, gpu_id ID:\""));
  }
  GPREEMPT_TRY(read_registers(cursor, slot, dump));
  dump.slots.push_back(slot);
  return {};
}

}  // namespace

bool HqdsDump::is_active(const HqdSlot& slot) const {
  if (slot.kind != HqdKind::kSdma) {
    return state_of(slot).is_active();
  }
  // As hqd_sdma_load leaves them: RB_CNTL.RB_ENABLE and DOORBELL.ENABLE.
  constexpr std::size_t kDoorbell = 18;
  constexpr std::uint32_t kDoorbellEnable = 1U << 28U;
  const auto words = registers_of(slot);
  return (words.front() & 1U) != 0 && (words[kDoorbell] & kDoorbellEnable) != 0;
}

bool HqdsDump::is_stale(const HqdSlot& slot) const {
  if (is_active(slot)) {
    return false;
  }
  const auto words = registers_of(slot);
  return slot.kind == HqdKind::kSdma ? join(words[1], words[2]) != 0
                                     : state_of(slot).mqd_base() != 0;
}

Result<HqdsDump> parse_hqds(std::string_view text, std::string_view path) {
  // A word takes 9 characters, and the least that a block takes is an SDMA slot's.
  constexpr std::size_t kCharactersPerWord = 9;
  constexpr std::size_t kCharactersPerSlot = 500;
  TextCursor cursor(text, path, DumpKind::kHqds);
  HqdsDump dump;
  dump.registers.reserve(text.size() / kCharactersPerWord);
  dump.slots.reserve(text.size() / kCharactersPerSlot);
  while (!cursor.at_end()) {
    const bool is_node = dump.nodes.empty() || cursor.rest().starts_with("Node ");
    GPREEMPT_TRY(is_node ? add_node(cursor, dump) : add_slot(cursor, dump));
  }
  return dump;
}

}  // namespace gpreempt::kfd::debugfs
