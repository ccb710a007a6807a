#include "backends/vkfd/kfd_proc_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backends/kfd/os.h"
#include "backends/kfd/whole_number.h"
#include "backends/sim/gpu/parameters.h"
#include "backends/sim/kfd_model/kfd_model.h"
#include "backends/sim/system.h"
#include "core/event.h"
#include "core/ids.h"

namespace gpreempt::vkfd {

using kfd::sys_fail;
using kfd::SysResult;
using kfd::whole_number;

namespace {

constexpr std::string_view kProcesses = "/sys/class/kfd/kfd/proc";

/// Takes the first part of a path, and the slash after it.
std::string_view take_part(std::string_view& path) {
  const std::string_view part = path.substr(0, std::min(path.find('/'), path.size()));
  path.remove_prefix(std::min(part.size() + 1, path.size()));
  return part;
}

/// "PID/REST" of a path below the folder of processes; nullopt for every other path.
struct ProcessPath {
  std::string_view pid;
  std::string_view rest;
};
std::optional<ProcessPath> process_path(std::string_view path) {
  if (!path.starts_with(kProcesses)) {
    return std::nullopt;
  }
  path.remove_prefix(kProcesses.size());
  if (!path.empty() && !path.starts_with('/')) {
    return std::nullopt;
  }
  path.remove_prefix(std::min<std::size_t>(path.size(), 1));
  const std::string_view pid = take_part(path);
  return ProcessPath{.pid = pid, .rest = path};
}

/// nullopt: the driver knows no such process.
std::optional<Pid> listed_pid(sim::System& system, std::string_view name) {
  const auto number = whole_number<std::int32_t>(name);
  const bool is_listed = number && system.kfd().is_listed(Pid(*number));
  return is_listed ? std::optional(Pid(*number)) : std::nullopt;
}

SysResult<std::string> text_of_queue(sim::System& system, Pid pid, std::string_view path) {
  const auto id = whole_number<std::uint32_t>(take_part(path));
  const auto queue = id ? system.kfd().listed_queue(pid, *id) : std::nullopt;
  if (!queue) {
    return sys_fail(ENOENT);
  }
  if (path == "gpuid") {
    return std::to_string(sim::gpu_id_of(queue->gpu).value());
  }
  if (path == "size") {
    return std::to_string(queue->ring_bytes);
  }
  if (path == "type") {
    return std::string(queue->type == QueueType::kSdma ? "1" : "0");
  }
  return sys_fail(ENOENT);
}

}  // namespace

std::optional<SysResult<std::vector<std::string>>> list_kfd_proc(sim::System& system,
                                                                 std::string_view path) {
  const auto found = process_path(path);
  if (!found) {
    return std::nullopt;
  }
  std::vector<std::string> names;
  if (found->pid.empty()) {
    for (const Pid pid : system.kfd().listed()) {
      names.push_back(fmt::format("{}", pid));
    }
    std::ranges::sort(names);
    return names;
  }
  const auto pid = listed_pid(system, found->pid);
  if (!pid || (!found->rest.empty() && found->rest != "queues")) {
    return sys_fail(ENOENT);
  }
  if (found->rest.empty()) {
    names.emplace_back("queues");
    for (const std::uint32_t gpu : system.kfd().visible(*pid)) {
      names.push_back(fmt::format("vram_{}", sim::gpu_id_of(gpu)));
    }
  } else {
    for (const std::uint32_t id : system.kfd().queue_ids(*pid)) {
      names.push_back(std::to_string(id));
    }
  }
  std::ranges::sort(names);
  return names;
}

std::optional<SysResult<std::string>> read_kfd_proc(sim::System& system, std::string_view path) {
  auto found = process_path(path);
  if (!found) {
    return std::nullopt;
  }
  const auto pid = listed_pid(system, found->pid);
  if (!pid) {
    return sys_fail(ENOENT);
  }
  const std::string_view name = take_part(found->rest);
  if (name == "queues" && !found->rest.empty()) {
    return text_of_queue(system, *pid, found->rest);
  }
  const auto gpus = system.kfd().visible(*pid);
  const bool is_memory = std::ranges::any_of(
      gpus, [&](std::uint32_t gpu) { return name == fmt::format("vram_{}", sim::gpu_id_of(gpu)); });
  if (is_memory && found->rest.empty()) {
    return std::string("0");
  }
  return sys_fail(name == "queues" || name.empty() ? EISDIR : ENOENT);
}

}  // namespace gpreempt::vkfd
