#include "backends/kfd/observed_queues.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/kfd/abi.h"
#include "backends/kfd/activity.h"
#include "backends/kfd/debugfs/mqds.h"
#include "backends/kfd/debugfs/queue_state.h"
#include "backends/kfd/os.h"
#include "backends/kfd/whole_number.h"
#include "core/error.h"
#include "core/ids.h"

namespace gpreempt::kfd {
namespace {

/// What sysfs calls a queue's type: the driver's own numbers, not the ABI's.
enum class ProcfsType : std::uint32_t { kCompute = 0, kSdma = 1, kSdmaXgmi = 4 };

template <class Number>
Result<Number> read_decimal(Os& os, const std::string& path) {
  const auto text = os.read_file(path);
  if (!text) {
    return fail(Errc::kIo, fmt::format("read {}: {}", path, std::strerror(text.error().number)),
                text.error().number);
  }
  const std::string_view digits = std::string_view(*text).substr(0, text->find('\n'));
  const auto value = whole_number<Number>(digits);
  if (!value) {
    return fail(Errc::kParse, fmt::format("{}:1:1: reading a queue: expected a decimal number; "
                                          "this driver is not known",
                                          path));
  }
  return *value;
}

abi::QueueKind kind_of(std::uint32_t type) {
  switch (static_cast<ProcfsType>(type)) {
    case ProcfsType::kCompute: return abi::QueueKind::kComputeAql;  // or PM4: it does not say
    case ProcfsType::kSdmaXgmi: return abi::QueueKind::kSdmaXgmi;
    case ProcfsType::kSdma: break;
  }
  return abi::QueueKind::kSdma;
}

Result<abi::QueueSnapshotEntry> read_queue(Os& os, const std::string& folder, std::uint32_t id) {
  const auto gpu = read_decimal<std::uint32_t>(os, folder + "/gpuid");
  GPREEMPT_TRY(gpu);
  const auto bytes = read_decimal<std::uint64_t>(os, folder + "/size");
  GPREEMPT_TRY(bytes);
  const auto type = read_decimal<std::uint32_t>(os, folder + "/type");
  GPREEMPT_TRY(type);
  return abi::QueueSnapshotEntry{.queue_id = id,
                                 .gpu_id = *gpu,
                                 .ring_size = static_cast<std::uint32_t>(*bytes),
                                 .queue_type = kind_of(*type)};
}

}  // namespace

std::string queue_folder(const std::string& sysfs_root, Pid pid) {
  return fmt::format("{}/class/kfd/kfd/proc/{}/queues", sysfs_root, pid);
}

std::optional<bool> has_initial_pids(Os& os) {
  // PROC_PID_INIT_INO of the kernel's include/linux/proc_ns.h.
  constexpr std::string_view kInitial = "pid:[4026531836]";
  const auto link = os.read_link("/proc/self/ns/pid");
  return link ? std::optional(*link == kInitial) : std::nullopt;
}

Result<std::vector<abi::QueueSnapshotEntry>> scan_queues(Os& os, const std::string& sysfs_root,
                                                         Pid pid) {
  return scan_queue_folder(os, queue_folder(sysfs_root, pid));
}

Result<std::vector<abi::QueueSnapshotEntry>> scan_queue_folder(Os& os, const std::string& folder) {
  const auto names = os.list_dir(folder);
  std::vector<abi::QueueSnapshotEntry> queues;
  if (!names && names.error().number != ENOENT) {
    return fail(Errc::kIo, fmt::format("list {}: {}", folder, std::strerror(names.error().number)),
                names.error().number);
  }
  for (const std::string& name : names.value_or(std::vector<std::string>())) {
    const auto id = whole_number<std::uint32_t>(name);
    if (!id) {
      continue;
    }
    auto queue = read_queue(os, fmt::format("{}/{}", folder, name), *id);
    if (queue) {
      queues.push_back(*queue);
    } else if (queue.error().sys_errno != ENOENT && queue.error().sys_errno != ENODEV) {
      return tl::unexpected<Error>(std::move(queue).error());
    }
  }
  std::ranges::sort(queues, std::ranges::greater{}, &abi::QueueSnapshotEntry::queue_id);
  return queues;
}

Result<std::vector<RingPlace>> find_rings(Os& os, const std::string& debugfs, Pid pid) {
  const std::string path = debugfs + "/mqds";
  const auto text = os.read_file(path);
  if (!text) {
    return fail(Errc::kIo, fmt::format("read {}: {}", path, std::strerror(text.error().number)),
                text.error().number);
  }
  const auto dump = debugfs::parse_mqds(*text, path);
  GPREEMPT_TRY(dump);
  std::vector<RingPlace> rings;
  for (const debugfs::MqdsProcess& process : *dump) {
    if (process.pid != static_cast<std::uint32_t>(pid.value())) {
      continue;
    }
    for (const debugfs::MqdsQueue& queue : process.queues) {
      if (queue.kind == debugfs::MqdKind::kCompute && queue.dumped() > 0) {
        const auto state = debugfs::state_of(queue.mqd(0));
        rings.push_back({.read_pointer = state.read_pointer_address(),
                         .write_pointer = state.write_pointer_address(),
                         .ring_base = state.ring_base(),
                         .ring_bytes = state.ring_bytes(),
                         .is_aql = state.is_aql()});
      }
    }
  }
  return rings;
}

}  // namespace gpreempt::kfd
