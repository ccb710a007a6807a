#include "experiments/runtime_log.h"

#include <fmt/format.h>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string_view>
#include <system_error>
#include <vector>

#include "core/error.h"

namespace gpreempt::experiments {
namespace {

constexpr std::string_view kBegin = "SWq=";

bool is_part_of_a_word(char c) {
  return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool skip(std::string_view& rest, std::string_view expected) {
  if (!rest.starts_with(expected)) {
    return false;
  }
  rest.remove_prefix(expected.size());
  return true;
}

bool read_number(std::string_view& rest, int base, std::uint64_t& number) {
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), number, base);
  if (error != std::errc{}) {
    return false;
  }
  rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
  return true;
}

/// Of a line from its "SWq=" on.
std::optional<RuntimeQueue> read_dispatch(std::string_view rest) {
  constexpr int kHexadecimal = 16;
  constexpr int kDecimal = 10;
  RuntimeQueue queue;
  std::uint64_t id = 0;
  const bool is_whole = skip(rest, kBegin) && skip(rest, "0x") &&
                        read_number(rest, kHexadecimal, queue.software_queue) &&
                        skip(rest, ", HWq=0x") &&
                        read_number(rest, kHexadecimal, queue.hardware_queue) &&
                        skip(rest, ", id=") && read_number(rest, kDecimal, id) && skip(rest, ",");
  if (!is_whole) {
    return std::nullopt;
  }
  queue.id = RuntimeId(id);
  return queue;
}

/// Where a dispatch's triple begins; npos: the line has none. "Created SWq=0x1 to map on HWq=0x2"
/// has addresses and no id.
std::size_t begin_of(std::string_view line) {
  const std::size_t at = line.find(kBegin);
  if (at == std::string_view::npos || (at > 0 && is_part_of_a_word(line[at - 1])) ||
      line.find("Created SWq=") != std::string_view::npos) {
    return std::string_view::npos;
  }
  return at;
}

}  // namespace

Result<std::vector<RuntimeQueue>> parse_runtime_log(std::string_view text,
                                                    std::string_view source) {
  std::map<RuntimeId, RuntimeQueue> queues;
  std::map<std::uint64_t, RuntimeId> ids;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) {
      break;
    }
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 1);
    const std::size_t at = begin_of(line);
    if (at == std::string_view::npos) {
      continue;
    }
    const std::optional<RuntimeQueue> queue = read_dispatch(line.substr(at));
    if (!queue) {
      return fail(Errc::kParse,
                  fmt::format("{}:{}: a dispatch without \"SWq=0x.., HWq=0x.., id=N,\"; this "
                              "runtime's log has another format, do not guess ids from it",
                              source, number));
    }
    const auto [known, is_new] = ids.try_emplace(queue->hardware_queue, queue->id);
    if (!is_new && known->second != queue->id) {
      return fail(Errc::kParse,
                  fmt::format("{}:{}: HWq=0x{:x} has id {}, and had {} before; give the log of one "
                              "process at a time",
                              source, number, queue->hardware_queue, queue->id, known->second));
    }
    ++queues.try_emplace(queue->id, *queue).first->second.dispatches;
  }
  std::vector<RuntimeQueue> found;
  found.reserve(queues.size());
  for (const auto& [id, queue] : queues) {
    found.push_back(queue);
  }
  return found;
}

}  // namespace gpreempt::experiments
