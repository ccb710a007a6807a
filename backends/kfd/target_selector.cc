#include "backends/kfd/target_selector.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/kfd/discovery/kfd_process.h"
#include "backends/kfd/discovery/pid_namespace.h"
#include "backends/kfd/os.h"
#include "backends/kfd/process_status.h"
#include "backends/kfd/whole_number.h"
#include "core/error.h"
#include "core/ids.h"
#include "core/mutant.h"

namespace gpreempt::kfd {
namespace {

std::optional<Pid> read_pid(std::string_view text) {
  const auto number = whole_number<std::int32_t>(text);
  return number && *number > 0 ? std::optional(Pid(*number)) : std::nullopt;
}

/// "ID" or "ID/PID".
std::optional<TargetSelector> read_container(std::string_view text) {
  constexpr std::size_t kFewestDigits = 6;
  constexpr std::size_t kDigits = 64;
  const auto slash = text.find('/');
  const auto id = text.substr(0, slash);
  if (id.size() < kFewestDigits || id.size() > kDigits ||
      id.find_first_not_of("0123456789abcdef") != std::string_view::npos) {
    return std::nullopt;
  }
  TargetSelector selector{
      .by = TargetSelector::By::kContainer, .pid = Pid(0), .name = std::string(id)};
  if (slash != std::string_view::npos) {
    const auto pid = read_pid(text.substr(slash + 1));
    if (!pid) {
      return std::nullopt;
    }
    selector.pid = *pid;
  }
  return selector;
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
    case TargetSelector::By::kTree: return fmt::format("tree:{}", selector.pid);
    case TargetSelector::By::kContainer:
      return selector.pid == Pid(0) ? "container:" + selector.name
                                    : fmt::format("container:{}/{}", selector.name, selector.pid);
  }
  return {};
}

/// Every process of a /proc.
std::vector<Pid> all_pids(Os& os, const std::string& proc) {
  std::vector<Pid> pids;
  for (const std::string& entry : os.list_dir(proc).value_or(std::vector<std::string>())) {
    if (const auto pid = read_pid(entry)) {
      pids.push_back(*pid);
    }
  }
  return pids;
}

/// A process and its descendants, as far as they are; none without it.
std::vector<Pid> find_tree(Os& os, const std::string& proc, Pid root) {
  std::multimap<Pid, Pid> children;
  bool is_there = false;
  for (const Pid pid : all_pids(os, proc)) {
    if (const auto status = read_process_status(os, proc, fmt::format("{}", pid))) {
      is_there = is_there || pid == root;
      if (const auto parent = read_pid(value_of(*status, "PPid"))) {
        children.emplace(*parent, pid);
      }
    }
  }
  std::vector<Pid> found;
  if (is_there) {
    found.push_back(root);
  }
  for (std::size_t i = 0; i < found.size(); ++i) {
    const auto [begin, end] = children.equal_range(found[i]);
    for (auto child = begin; child != end; ++child) {
      // A pid that is reused while they are read might close a ring.
      if (std::find(found.begin(), found.end(), child->second) == found.end()) {
        found.push_back(child->second);
      }
    }
  }
  return found;
}

Result<std::vector<Pid>> find_in_container(Os& os, const std::string& proc,
                                           const TargetSelector& selector) {
  if (auto can_tell = check_pid_view(os, proc, "find " + text_of(selector)); !can_tell) {
    return tl::unexpected<Error>(std::move(can_tell).error());
  }
  std::set<std::string> containers;
  std::vector<Pid> found;
  for (const Pid pid : all_pids(os, proc)) {
    const auto group = os.read_file(fmt::format("{}/{}/cgroup", proc, pid));
    const std::string container = group ? container_of(cgroup_of(*group)) : std::string();
    if (!container.starts_with(selector.name)) {
      continue;
    }
    containers.insert(container);
    if (selector.pid == Pid(0) || inner_pid(os, proc, pid) == selector.pid) {
      found.push_back(pid);
    }
  }
  if (containers.size() > 1) {
    return fail(Errc::kInvalidArgument,
                fmt::format("find {}: the ids of {} containers begin so; write more digits",
                            text_of(selector), containers.size()));
  }
  return found;
}

/// In any order, some perhaps twice; there may be none.
Result<std::vector<Pid>> find_meant(Os& os, const TargetSelector& selector,
                                    const SelectorRoots& roots) {
  std::vector<Pid> found;
  switch (selector.by) {
    case TargetSelector::By::kPid:
      if (os.read_file(fmt::format("{}/{}/comm", roots.proc, selector.pid))) {
        found.push_back(selector.pid);
      }
      break;
    case TargetSelector::By::kCommand: return find_named(os, roots.proc, selector.name);
    case TargetSelector::By::kCgroup:
      if (!add_members(os, roots.cgroup + selector.name, found)) {
        return fail(Errc::kInvalidArgument,
                    fmt::format("find {}: there is no such control group under {}; write its path "
                                "from there",
                                text_of(selector), roots.cgroup));
      }
      break;
    case TargetSelector::By::kTree: return find_tree(os, roots.proc, selector.pid);
    case TargetSelector::By::kContainer: return find_in_container(os, roots.proc, selector);
  }
  return found;
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
  } else if (kind == "tree") {
    if (const auto pid = read_pid(value)) {
      return TargetSelector{.by = By::kTree, .pid = *pid, .name = {}};
    }
  } else if (kind == "container") {
    if (auto container = read_container(value)) {
      return *std::move(container);
    }
  }
  return fail(Errc::kInvalidArgument,
              fmt::format("read target '{}': write {}", text, kTargetForms));
}

Result<std::vector<Pid>> find_targets(Os& os, const TargetSelector& selector,
                                      const SelectorRoots& roots) {
  auto meant = find_meant(os, selector, roots);
  GPREEMPT_TRY(meant);
  std::vector<Pid> found = *std::move(meant);
  // A controller is never its own target.
  const auto self = os.read_link(roots.proc + "/self");
  const auto own = self ? read_pid(*self) : std::nullopt;
  std::erase_if(found, [&](Pid pid) {
    return own && pid == *own && !GPREEMPT_MUTANT("controller-is-target");
  });
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
