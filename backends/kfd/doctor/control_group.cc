#include "backends/kfd/doctor/control_group.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "backends/kfd/doctor/box.h"

namespace gpreempt::kfd::doctor {

tl::expected<ControlGroup, std::string> control_group(Box& box, std::string_view who) {
  const std::string file = fmt::format("/proc/{}/cgroup", who);
  const auto text = box.text(file);
  if (!text) {
    return tl::unexpected<std::string>(fmt::format("{}: {}", file, sentence_of(text.error())));
  }
  std::optional<ControlGroup> unified;
  std::string_view rest(*text);
  while (!rest.empty()) {
    const auto line = rest.substr(0, std::min(rest.find('\n'), rest.size()));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    // "NUMBER:CONTROLLERS:PATH"; v1's freezer, where it is, freezes.
    const auto first = line.find(':');
    const auto second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second == std::string_view::npos) {
      continue;
    }
    const auto controllers = line.substr(first + 1, second - first - 1);
    const std::string path(line.substr(second + 1));
    if (controllers == "freezer") {
      return ControlGroup{.mount = "/sys/fs/cgroup/freezer", .path = path};
    }
    if (controllers.empty()) {
      unified = ControlGroup{.mount = "/sys/fs/cgroup", .path = path};
    }
  }
  if (!unified) {
    return tl::unexpected<std::string>(file + " names no group that can be frozen");
  }
  return *unified;
}

std::optional<bool> is_root_group(Box& box, const ControlGroup& group) {
  if (group.path != "/") {
    return false;
  }
  // PROC_CGROUP_INIT_INO of include/linux/proc_ns.h, the same on every machine.
  const auto link = box.os().read_link("/proc/self/ns/cgroup");
  return link ? std::optional(*link == "cgroup:[4026531835]") : std::nullopt;
}

}  // namespace gpreempt::kfd::doctor
