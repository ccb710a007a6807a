#include "backends/kfd/visible_gpus.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backends/kfd/os.h"
#include "backends/kfd/topology.h"
#include "backends/kfd/whole_number.h"
#include "core/error.h"

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

std::string_view trimmed(std::string_view word) {
  constexpr std::string_view kBlanks = " \t\n\v\f\r";
  word.remove_prefix(std::min(word.find_first_not_of(kBlanks), word.size()));
  return word.substr(0, word.find_last_not_of(kBlanks) + 1);
}

bool starts_with_letters_of(std::string_view text, std::string_view begin) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return begin.size() <= text.size() && std::ranges::equal(text.substr(0, begin.size()), begin,
                                                           std::ranges::equal_to(), lower, lower);
}

/// A GPU that has no unique id cannot be named by it.
bool has_uuid(const GpuNode& gpu, std::string_view word) {
  return gpu.unique_id != 0 && word.size() > kUuid.size() &&
         starts_with_letters_of(fmt::format("{}{:016x}", kUuid, gpu.unique_id), word);
}

/// Place of the GPU that `word` means, or why there is none.
tl::expected<std::size_t, std::string> place_of(const std::vector<GpuNode>& topology,
                                                std::string_view word) {
  if (!starts_with_letters_of(word, kUuid)) {
    const auto index = whole_number<std::size_t>(word);
    if (!index) {
      return tl::unexpected<std::string>("is no index and no unique id");
    }
    return *index < topology.size()
               ? tl::expected<std::size_t, std::string>(*index)
               : tl::unexpected<std::string>("is an index that no GPU of this machine has");
  }
  const auto is_meant = [&](const GpuNode& gpu) { return has_uuid(gpu, word); };
  const auto found = std::ranges::find_if(topology, is_meant);
  if (found == topology.end()) {
    return tl::unexpected<std::string>("is the unique id of no GPU of this machine");
  }
  if (std::ranges::count_if(topology, is_meant) > 1) {
    return tl::unexpected<std::string>("begins the unique ids of several GPUs");
  }
  return static_cast<std::size_t>(found - topology.begin());
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
  if (topology.empty()) {
    return fail(Errc::kNoSuchDevice,
                fmt::format("reading {} '{}': this process may use no GPU of this machine; see "
                            "`gpreempt doctor`",
                            kVariable, *text));
  }
  std::vector<std::size_t> places;
  for (std::string_view rest = *text; !rest.empty();) {
    const std::string_view word = trimmed(take(rest, ','));
    const auto place = place_of(topology, word);
    const bool is_new = place && std::ranges::find(places, *place) == places.end();
    if (!is_new) {
      return fail(Errc::kInvalidArgument,
                  fmt::format("reading {} '{}': '{}' {}; write indices from 0 to {}, or GPU- and a "
                              "unique id",
                              kVariable, *text, word,
                              place ? "names a GPU that is named before" : place.error(),
                              topology.size() - 1));
    }
    places.push_back(*place);
  }
  std::vector<GpuNode> visible;
  visible.reserve(places.size());
  for (const std::size_t place : places) {
    visible.push_back(topology[place]);
  }
  return visible;
}

}  // namespace gpreempt::kfd
