#include "backends/kfd/target_selector.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backends/kfd/os.h"
#include "backends/kfd/whole_number.h"
#include "core/error.h"
#include "core/ids.h"

namespace gpreempt::kfd {
namespace {

std::optional<Pid> read_pid(std::string_view text) {
  const auto number = whole_number<std::int32_t>(text);
  return number && *number > 0 ? std::optional(Pid(*number)) : std::nullopt;
}

std::string_view file_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

/// Whether the process has this name. A kernel thread has no command line and never matches.
bool is_named(Os& os, const std::string& folder, const std::string& name) {
  const auto line = os.read_file(folder + "/cmdline");
  if (!line || line->empty()) {
    return false;
  }
  if (file_name(std::string_view(*line).substr(0, line->find('\0'))) == name) {
    return true;
  }
  const auto title = os.read_file(folder + "/comm");
  return title && *title == name + "\n";
}

std::vector<Pid> find_named(Os& os, const std::string& proc, const std::string& name) {
  std::vector<Pid> found;
  for (const std::string& entry : os.list_dir(proc).value_or(std::vector<std::string>())) {
    const auto pid = read_pid(entry);
    if (pid && is_named(os, fmt::format("{}/{}", proc, entry), name)) {
      found.push_back(*pid);
    }
  }
  return found;
}

/// Adds the members of a group and of those below it; false if it is no group.
bool add_members(Os& os, const std::string& folder, std::vector<Pid>& found) {
  const auto members = os.read_file(folder + "/cgroup.procs");
  if (!members) {
    return false;
  }
  std::string_view rest(*members);
  while (!rest.empty()) {
    const auto end = std::min(rest.find('\n'), rest.size());
    // 0 stands for a process of another pid namespace.
    if (const auto pid = read_pid(rest.substr(0, end))) {
      found.push_back(*pid);
    }
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  for (const std::string& entry : os.list_dir(folder).value_or(std::vector<std::string>())) {
    (void)add_members(os, fmt::format("{}/{}", folder, entry), found);
  }
  return true;
}

std::string text_of(const TargetSelector& selector) {
  switch (selector.by) {
    case TargetSelector::By::kPid: return fmt::format("pid:{}", selector.pid);
    case TargetSelector::By::kCommand: return "command:" + selector.name;
    case TargetSelector::By::kCgroup: return "cgroup:" + selector.name;
  }
  return {};
}

}  // namespace

Result<TargetSelector> parse_target(std::string_view text) {
  const auto colon = text.find(':');
  const auto kind =
      colon == std::string_view::npos ? std::string_view("pid") : text.substr(0, colon);
  const auto value = colon == std::string_view::npos ? text : text.substr(colon + 1);
  using By = TargetSelector::By;
  if (kind == "pid") {
    if (const auto pid = read_pid(value)) {
      return TargetSelector{.by = By::kPid, .pid = *pid, .name = {}};
    }
  } else if (kind == "command" && !value.empty() && value.find('/') == std::string_view::npos) {
    return TargetSelector{.by = By::kCommand, .pid = {}, .name = std::string(value)};
  } else if (kind == "cgroup" && value.starts_with('/') &&
             value.find("..") == std::string_view::npos) {
    return TargetSelector{.by = By::kCgroup, .pid = {}, .name = std::string(value)};
  }
  return fail(Errc::kInvalidArgument,
              fmt::format("read target '{}': write a pid as 4711 or pid:4711, a program as "
                          "command:python3, or a control group as cgroup:/offline",
                          text));
}

Result<std::vector<Pid>> find_targets(Os& os, const TargetSelector& selector,
                                      const SelectorRoots& roots) {
  std::vector<Pid> found;
  switch (selector.by) {
    case TargetSelector::By::kPid:
      if (os.read_file(fmt::format("{}/{}/comm", roots.proc, selector.pid))) {
        found.push_back(selector.pid);
      }
      break;
    case TargetSelector::By::kCommand: found = find_named(os, roots.proc, selector.name); break;
    case TargetSelector::By::kCgroup:
      if (!add_members(os, roots.cgroup + selector.name, found)) {
        return fail(Errc::kInvalidArgument,
                    fmt::format("find {}: there is no such control group under {}; write its path "
                                "from there",
                                text_of(selector), roots.cgroup));
      }
      break;
  }
  // A controller is never its own target.
  const auto self = os.read_link(roots.proc + "/self");
  const auto own = self ? read_pid(*self) : std::nullopt;
  std::erase_if(found, [&](Pid pid) { return own && pid == *own; });
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  if (found.empty()) {
    return fail(
        Errc::kProcessExited,
        fmt::format("find {}: there is no such process; start it first", text_of(selector)));
  }
  return found;
}

}  // namespace gpreempt::kfd
