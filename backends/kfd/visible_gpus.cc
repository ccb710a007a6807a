#include "backends/kfd/visible_gpus.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backends/kfd/os.h"
#include "backends/kfd/topology.h"
#include "backends/kfd/whole_number.h"
#include "core/error.h"
#include "core/ids.h"

namespace gpreempt::kfd {
namespace {

constexpr std::string_view kVariable = "ROCR_VISIBLE_DEVICES";
constexpr std::string_view kUuid = "GPU-";

/// The next of `text` up to `separator`, which goes too.
std::string_view take(std::string_view& text, char separator) {
  const std::size_t end = std::min(text.find(separator), text.size());
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return word;
}

/// Its value in the environment; the first one counts, as for getenv(3).
std::optional<std::string> chosen(Os& os, const std::string& proc) {
  const auto environment = os.read_file(proc + "/self/environ");
  std::string_view rest = environment ? std::string_view(*environment) : std::string_view();
  while (!rest.empty()) {
    std::string_view value = take(rest, '\0');
    if (take(value, '=') == kVariable) {
      return std::string(value);
    }
  }
  return std::nullopt;
}

bool is_meant(const GpuNode& gpu, std::size_t index, std::string_view word) {
  if (word.starts_with(kUuid)) {
    const std::string_view id = word.substr(kUuid.size());
    return !id.empty() && fmt::format("{:016x}", gpu.unique_id).starts_with(id);
  }
  return whole_number<std::size_t>(word) == index;
}

}  // namespace

Result<std::vector<GpuNode>> visible_gpus(Os& os, std::vector<GpuNode> topology,
                                          const std::string& proc) {
  const std::optional<std::string> text = chosen(os, proc);
  if (!text) {
    return topology;
  }
  if (text->empty() || *text == "-1") {
    return fail(Errc::kNoSuchDevice,
                fmt::format("reading {} '{}': programs that are started here see no GPU; unset it, "
                            "or name those that they are to use",
                            kVariable, *text));
  }
  std::vector<GpuNode> visible;
  for (std::string_view rest = *text; !rest.empty();) {
    const std::string_view word = take(rest, ',');
    std::vector<GpuNode> meant;
    for (std::size_t index = 0; index < topology.size(); ++index) {
      if (is_meant(topology[index], index, word)) {
        meant.push_back(topology[index]);
      }
    }
    const bool is_new = meant.size() == 1 && std::ranges::none_of(visible, [&](const GpuNode& gpu) {
                          return gpu.info.id == meant.front().info.id;
                        });
    if (!is_new) {
      return fail(
          Errc::kInvalidArgument,
          fmt::format("reading {} '{}': '{}' is no GPU of this machine, several, or one that "
                      "is named twice; write indices from 0 to {}, or GPU- and a unique id",
                      kVariable, *text, word, topology.size() - 1));
    }
    visible.push_back(meant.front());
  }
  return visible;
}

}  // namespace gpreempt::kfd
