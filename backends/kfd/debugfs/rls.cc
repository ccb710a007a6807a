#include "backends/kfd/debugfs/rls.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/kfd/debugfs/text_cursor.h"
#include "core/error.h"

namespace gpreempt::kfd::debugfs {
namespace {

constexpr std::string_view kBufferIndent = "  ";

Result<RlsNode> read_heading(TextCursor& cursor) {
  const auto number = cursor.take("Node ") ? cursor.take_decimal() : std::nullopt;
  const bool named = number && cursor.take(", gpu_id ");
  const auto gpu_id = named ? cursor.take_hex() : std::nullopt;
  if (!gpu_id || !cursor.take(":") || !cursor.take_end_of_line()) {
    return tl::unexpected<Error>(
        cursor.expected("\"Node N, gpu_id ID:\", which begins each GPU of rls"));
  }
  RlsNode node{.node = *number, .gpu_id = *gpu_id};
  node.is_active = !cursor.take("  No active runlist");
  if (!node.is_active && !cursor.take_end_of_line()) {
    return tl::unexpected<Error>(cursor.expected("the end of the line"));
  }
  return node;
}

Result<std::vector<std::uint32_t>> read_buffer(TextCursor& cursor) {
  constexpr std::uint32_t kBytes = sizeof(std::uint32_t);
  std::vector<std::uint32_t> words;
  DumpLine line;
  while (cursor.rest().starts_with(kBufferIndent)) {
    if (!cursor.take_dump_line(kBufferIndent, line)) {
      return tl::unexpected<Error>(
          cursor.expected("an offset and 1 to 8 words of 8 hexadecimal digits each"));
    }
    const bool after_short_line = words.size() % DumpLine::kMaxWords != 0;
    if (after_short_line || line.offset != words.size() * kBytes) {
      return tl::unexpected<Error>(cursor.refused_line(
          fmt::format("offset {:08x} does not follow {} words", line.offset, words.size())));
    }
    words.insert(words.end(), line.words.begin(),
                 line.words.begin() + static_cast<std::ptrdiff_t>(line.count));
  }
  return words;
}

/// Cuts a runlist into packets. Returns where it stopped understanding them; its end if nowhere.
std::size_t read_packets(std::span<const std::uint32_t> words, RlsNode& node) {
  std::size_t at = 0;
  while (at < words.size()) {
    const std::span<const PacketShape> shapes = packet_shapes();
    const auto shape = std::ranges::find(shapes, words[at], &PacketShape::header);
    if (shape == shapes.end() || words.size() - at < shape->dwords) {
      break;
    }
    Packet& packet = node.packets.emplace_back();
    packet.kind = shape->kind;
    std::ranges::copy(words.subspan(at, shape->dwords), packet.words.begin());
    at += shape->dwords;
  }
  const auto rest = words.subspan(at);
  if (std::ranges::all_of(rest, [](std::uint32_t word) { return word == 0; })) {
    node.padding = rest.size();
    return words.size();
  }
  return at;
}

Result<void> read_runlist(TextCursor& cursor, RlsNode& node) {
  const Result<std::vector<std::uint32_t>> words = read_buffer(cursor);
  GPREEMPT_TRY(words);
  if (words->empty()) {
    return tl::unexpected<Error>(
        cursor.expected("\"  No active runlist\" or the words of a runlist"));
  }
  if (const std::size_t stop = read_packets(*words, node); stop != words->size()) {
    return tl::unexpected<Error>(cursor.refused_line(
        fmt::format("word {} of the runlist that ends here, {:08x}, begins no whole packet of one "
                    "(MAP_PROCESS, MAP_QUEUES or RUN_LIST of gfx9)",
                    stop, (*words)[stop])));
  }
  return {};
}

Result<RlsNode> read_gpu(TextCursor& cursor) {
  Result<RlsNode> node = read_heading(cursor);
  if (node && node->is_active) {
    GPREEMPT_TRY(read_runlist(cursor, *node));
  }
  return node;
}

}  // namespace

Result<RlsDump> parse_rls(std::string_view text, std::string_view path) {
  TextCursor cursor(text, path, DumpKind::kRls);
  RlsDump dump;
  while (!cursor.at_end()) {
    Result<RlsNode> node = read_gpu(cursor);
    if (!node) {
      return tl::unexpected<Error>(std::move(node).error());
    }
    dump.push_back(*std::move(node));
  }
  return dump;
}

}  // namespace gpreempt::kfd::debugfs
