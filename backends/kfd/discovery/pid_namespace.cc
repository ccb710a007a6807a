#include "backends/kfd/discovery/pid_namespace.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backends/kfd/discovery/kfd_process.h"
#include "backends/kfd/os.h"
#include "backends/kfd/process_status.h"
#include "backends/kfd/whole_number.h"
#include "core/error.h"
#include "core/ids.h"

namespace gpreempt::kfd {
namespace {

/// What tells a pid namespace from others; empty: nothing can be read.
std::string space_of(Os& os, const std::string& proc, Pid pid) {
  if (const auto link = os.read_link(fmt::format("{}/{}/ns/pid", proc, pid))) {
    return *link;
  }
  const auto group = os.read_file(fmt::format("{}/{}/cgroup", proc, pid));
  const std::string container = group ? container_of(cgroup_of(*group)) : std::string();
  return container.empty() ? container : "container " + container;
}

}  // namespace

PidView pid_view(Os& os, const std::string& proc) {
  const auto own = os.read_link(proc + "/self/ns/pid");
  if (own && *own == "pid:[4026531836]") {
    return PidView::kInitial;
  }
  // The host's /proc that is mounted into a container shows the reader's own namespace there.
  const auto second = read_process_status(os, proc, "2");
  if (second && value_of(*second, "Name") == "kthreadd" && value_of(*second, "PPid") == "0") {
    return PidView::kInitial;
  }
  return own ? PidView::kOther : PidView::kUnknown;
}

Result<void> check_pid_view(Os& os, const std::string& proc, std::string_view operation) {
  if (pid_view(os, proc) != PidView::kOther) {
    return {};
  }
  return fail(Errc::kNotPermitted,
              fmt::format("{}: {} is that of a pid namespace of its own, so which processes of the "
                          "machine it shows cannot be told; start the container with --pid=host, "
                          "or with `-v /proc:/host/proc:ro -v /sys:/host/sys:ro`, and look from "
                          "there with --sysroot /host",
                          operation, proc));
}

std::optional<Pid> inner_pid(Os& os, const std::string& proc, Pid pid) {
  const auto status = read_process_status(os, proc, fmt::format("{}", pid));
  const auto pids = status ? namespace_pids(*status) : std::vector<Pid>();
  return pids.empty() ? std::nullopt : std::optional(pids.back());
}

Result<Pid> outer_pid(Os& os, const std::string& proc, Pid inner, Pid in) {
  GPREEMPT_TRY(check_pid_view(os, proc, fmt::format("find pid {} of the container", inner)));
  const std::string home = space_of(os, proc, in);
  if (home.empty()) {
    return fail(Errc::kNotPermitted,
                fmt::format("find pid {} beside pid {}: neither its namespace nor its container "
                            "can be read; run as root of the machine",
                            inner, in));
  }
  for (const std::string& entry : os.list_dir(proc).value_or(std::vector<std::string>())) {
    const auto pid = whole_number<std::int32_t>(entry);
    if (pid && inner_pid(os, proc, Pid(*pid)) == inner && space_of(os, proc, Pid(*pid)) == home) {
      return Pid(*pid);
    }
  }
  return fail(
      Errc::kProcessExited,
      fmt::format("find pid {} beside pid {}: there is no such process in {}", inner, in, home));
}

std::vector<Pid> namespace_pids(const ProcessStatus& status) {
  const std::string text = value_of(status, "NSpid");
  std::vector<Pid> pids;
  std::string_view rest(text);
  while (!rest.empty()) {
    const std::string_view word = rest.substr(0, std::min(rest.find(' '), rest.size()));
    rest.remove_prefix(std::min(word.size() + 1, rest.size()));
    if (const auto pid = whole_number<std::int32_t>(word)) {
      pids.emplace_back(*pid);
    }
  }
  return pids;
}

}  // namespace gpreempt::kfd
