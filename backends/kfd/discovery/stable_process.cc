#include "backends/kfd/discovery/stable_process.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backends/kfd/discovery/kfd_process.h"
#include "backends/kfd/os.h"
#include "backends/kfd/target_selector.h"
#include "backends/kfd/whole_number.h"
#include "core/error.h"
#include "core/ids.h"

namespace gpreempt::kfd {
namespace {

/// What a process does not change and its successor by the same pid has otherwise.
struct Identity {
  std::optional<std::uint64_t> started;  ///< in clock ticks since boot; nullopt: not readable
  bool uses_driver = false;
  friend bool operator==(const Identity&, const Identity&) = default;
};

/// Field 22 of /proc/PID/stat. The name, field 2, is in parentheses and may hold any.
std::optional<std::uint64_t> start_time(std::string_view stat) {
  constexpr int kFieldsBefore = 19;  // from field 3 on
  const std::size_t name_end = stat.rfind(')');
  if (name_end == std::string_view::npos) {
    return std::nullopt;
  }
  stat.remove_prefix(std::min(name_end + 2, stat.size()));
  for (int i = 0; i < kFieldsBefore; ++i) {
    stat.remove_prefix(std::min(stat.find(' '), stat.size() - 1) + 1);
    if (stat.empty()) {
      return std::nullopt;
    }
  }
  return whole_number<std::uint64_t>(stat.substr(0, std::min(stat.find(' '), stat.size())));
}

Identity identity_of(Os& os, const DiscoveryRoots& roots, Pid pid) {
  const auto stat = os.read_file(fmt::format("{}/{}/stat", roots.proc, pid));
  const auto listed = os.list_dir(fmt::format("{}/class/kfd/kfd/proc/{}", roots.sysfs, pid));
  return {.started = stat ? start_time(*stat) : std::nullopt, .uses_driver = listed.has_value()};
}

}  // namespace

Result<std::vector<StableProcess>> hold_targets(Os& os, const TargetSelector& selector,
                                                const DiscoveryRoots& roots) {
  const SelectorRoots where{.proc = roots.proc, .cgroup = roots.cgroup};
  const auto found = find_targets(os, selector, where);
  GPREEMPT_TRY(found);
  std::map<Pid, Identity> before;
  for (const Pid pid : *found) {
    before[pid] = identity_of(os, roots, pid);
  }
  std::vector<StableProcess> held;
  for (const Pid pid : *found) {
    const auto pidfd = os.open_pidfd(pid);
    if (pidfd) {
      held.emplace_back(os, pid, *pidfd);
    } else if (pidfd.error().number != ESRCH) {
      return fail(
          Errc::kIo,
          fmt::format("open a descriptor of pid {}: {}", pid, std::strerror(pidfd.error().number)),
          pidfd.error().number);
    }
  }
  const auto again = find_targets(os, selector, where);
  GPREEMPT_TRY(again);
  std::erase_if(held, [&](const StableProcess& process) {
    return !std::ranges::binary_search(*again, process.pid()) ||
           identity_of(os, roots, process.pid()) != before[process.pid()];
  });
  if (held.empty()) {
    return fail(Errc::kProcessExited,
                "find targets: they have exited while they were looked for; start them first");
  }
  return held;
}

}  // namespace gpreempt::kfd
