#include "backends/kfd/discovery/kfd_process.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/kfd/abi.h"
#include "backends/kfd/discovery/pid_namespace.h"
#include "backends/kfd/observed_queues.h"
#include "backends/kfd/os.h"
#include "backends/kfd/process_status.h"
#include "backends/kfd/whole_number.h"
#include "core/error.h"
#include "core/ids.h"

namespace gpreempt::kfd {
namespace {

/// Gone, or going: reading a file of sysfs fails with ENODEV while its owner is taken down.
bool is_gone(SysError error) { return error.number == ENOENT || error.number == ENODEV; }

tl::unexpected<Error> cannot_list(const std::string& folder, SysError error) {
  return fail(Errc::kIo, fmt::format("list {}: {}", folder, std::strerror(error.number)),
              error.number);
}

/// The pids in the driver's list, ascending. Other names are contexts of theirs.
Result<std::vector<Pid>> listed_pids(Os& os, const DiscoveryRoots& roots) {
  const std::string driver = roots.sysfs + "/class/kfd/kfd";
  const auto names = os.list_dir(driver + "/proc");
  if (!names && !is_gone(names.error())) {
    return cannot_list(driver + "/proc", names.error());
  }
  if (!names && !os.list_dir(driver + "/topology")) {
    return fail(Errc::kNoSuchDevice,
                fmt::format("list {}: there is no such folder; load the driver with `sudo modprobe "
                            "amdgpu`, or save the folder with the tree",
                            driver),
                names.error().number);
  }
  std::vector<Pid> pids;
  for (const std::string& name : names.value_or(std::vector<std::string>())) {
    if (const auto pid = whole_number<std::int32_t>(name)) {
      pids.emplace_back(*pid);
    }
  }
  std::ranges::sort(pids);
  return pids;
}

/// nullopt: it has gone.
Result<std::optional<std::vector<GpuId>>> gpus_of(Os& os, const std::string& sysfs, Pid pid) {
  constexpr std::string_view kPrefix = "vram_";
  const std::string folder = fmt::format("{}/class/kfd/kfd/proc/{}", sysfs, pid);
  const auto names = os.list_dir(folder);
  if (!names) {
    if (is_gone(names.error())) {
      return std::nullopt;
    }
    return cannot_list(folder, names.error());
  }
  std::vector<GpuId> gpus;
  for (const std::string_view name : *names) {
    const auto gpu = name.starts_with(kPrefix)
                         ? whole_number<std::uint32_t>(name.substr(kPrefix.size()))
                         : std::nullopt;
    if (gpu) {
      gpus.emplace_back(*gpu);
    }
  }
  std::ranges::sort(gpus);
  return gpus;
}

/// PID/context_N/queues, as kfd_process.c of Linux 7 lists them.
Result<std::vector<abi::QueueSnapshotEntry>> queues_of_contexts(Os& os, const std::string& sysfs,
                                                                Pid pid) {
  const std::string folder = fmt::format("{}/class/kfd/kfd/proc/{}", sysfs, pid);
  const auto names = os.list_dir(folder);
  std::vector<abi::QueueSnapshotEntry> all;
  for (const std::string& name : names.value_or(std::vector<std::string>())) {
    if (!name.starts_with("context_")) {
      continue;
    }
    const auto queues = scan_queue_folder(os, fmt::format("{}/{}/queues", folder, name));
    GPREEMPT_TRY(queues);
    all.insert(all.end(), queues->begin(), queues->end());
  }
  return all;
}

/// `word`, if it is a container's id, alone or as a runtime decorates it.
std::string_view id_in(std::string_view word) {
  constexpr std::size_t kDigits = 64;
  constexpr std::string_view kScope = ".scope";
  constexpr std::array<std::string_view, 6> kRuntimes = {
      "docker-", "libpod-", "cri-containerd-", "containerd-", "nerdctl-", "crio-"};
  if (word.ends_with(kScope)) {
    word.remove_suffix(kScope.size());
  }
  // "SLICE:RUNTIME:ID", as runc names a group that nobody of systemd understood.
  word = word.substr(word.rfind(':') + 1);
  for (const std::string_view runtime : kRuntimes) {
    if (word.starts_with(runtime)) {
      word.remove_prefix(runtime.size());
      break;
    }
  }
  const bool is_id = word.size() == kDigits &&
                     word.find_first_not_of("0123456789abcdef") == std::string_view::npos;
  return is_id ? word : std::string_view();
}

}  // namespace

std::string container_of(std::string_view cgroup) {
  while (!cgroup.empty()) {
    const std::size_t slash = cgroup.rfind('/');
    const std::size_t begin = slash == std::string_view::npos ? 0 : slash + 1;
    if (const auto id = id_in(cgroup.substr(begin)); !id.empty()) {
      return std::string(id);
    }
    cgroup = cgroup.substr(0, begin == 0 ? 0 : slash);
  }
  return {};
}

std::string cgroup_of(std::string_view text) {
  std::string_view unified;
  std::string_view devices;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, std::min(text.find('\n'), text.size()));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    // "NUMBER:CONTROLLERS:PATH"; the path may hold colons.
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second == std::string_view::npos) {
      continue;
    }
    const std::string_view controllers = line.substr(first + 1, second - first - 1);
    if (controllers.empty()) {
      unified = line.substr(second + 1);
    } else if (controllers == "devices") {
      devices = line.substr(second + 1);
    }
  }
  return std::string((unified.empty() || unified == "/") && !devices.empty() ? devices : unified);
}

void read_proc_facts(Os& os, const std::string& proc, KfdProcess& process) {
  const std::string who = fmt::format("{}", process.pid);
  if (const auto status = read_process_status(os, proc, who)) {
    const auto pid_at = [&](std::string_view key) {
      return Pid(whole_number<std::int32_t>(value_of(*status, key)).value_or(0));
    };
    process.name = value_of(*status, "Name");
    process.parent = pid_at("PPid");
    process.tracer = pid_at("TracerPid");
    process.ns_pids = namespace_pids(*status);
  }
  if (const auto text = os.read_file(fmt::format("{}/{}/cgroup", proc, who))) {
    process.cgroup = cgroup_of(*text);
    process.container = container_of(process.cgroup);
  }
}

Result<std::vector<KfdProcess>> list_kfd_processes(Os& os, const DiscoveryRoots& roots) {
  const auto pids = listed_pids(os, roots);
  GPREEMPT_TRY(pids);
  // Another namespace's /proc would tell of other processes by the same numbers.
  const bool has_facts = pid_view(os, roots.proc) != PidView::kOther;
  std::vector<KfdProcess> processes;
  for (const Pid pid : *pids) {
    KfdProcess process{.pid = pid};
    auto gpus = gpus_of(os, roots.sysfs, pid);
    GPREEMPT_TRY(gpus);
    std::optional<std::vector<GpuId>>& known = *gpus;
    if (!known) {
      continue;
    }
    process.gpus = *std::move(known);
    auto queues = scan_queues(os, roots.sysfs, pid);
    GPREEMPT_TRY(queues);
    process.queues = *std::move(queues);
    auto others = queues_of_contexts(os, roots.sysfs, pid);
    GPREEMPT_TRY(others);
    process.context_queues = *std::move(others);
    if (has_facts) {
      read_proc_facts(os, roots.proc, process);
    }
    processes.push_back(std::move(process));
  }
  return processes;
}

}  // namespace gpreempt::kfd
