#include "backends/kfd/process_status.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "backends/kfd/os.h"

namespace gpreempt::kfd {

SysResult<ProcessStatus> read_process_status(Os& os, std::string_view proc_root,
                                             std::string_view who) {
  const auto text = os.read_file(fmt::format("{}/{}/status", proc_root, who));
  if (!text) {
    return tl::unexpected<SysError>(text.error());
  }
  ProcessStatus status;
  std::string_view rest(*text);
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) {
      continue;
    }
    const std::size_t value = std::min(line.find_first_not_of(" \t", colon + 1), line.size());
    std::string words(line.substr(value));
    std::replace(words.begin(), words.end(), '\t', ' ');
    words = printable(std::move(words));
    status.emplace(line.substr(0, colon), std::move(words));
  }
  return status;
}

std::string printable(std::string text) {
  constexpr char kDelete = 0x7f;
  constexpr auto kFirstOfC1 = '\xc2';  // U+0080 to U+009F begin so in UTF-8
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool is_c1 = text[i] == kFirstOfC1 && i + 1 < text.size() &&
                       static_cast<unsigned char>(text[i + 1]) < 0xa0;
    const bool is_control = static_cast<unsigned char>(text[i]) < ' ' || text[i] == kDelete;
    if (is_c1) {
      text[i + 1] = '?';
    }
    if (is_c1 || is_control) {
      text[i] = '?';
    }
  }
  return text;
}

std::string value_of(const ProcessStatus& status, std::string_view key) {
  const auto found = status.find(key);
  return found == status.end() ? std::string() : found->second;
}

}  // namespace gpreempt::kfd
