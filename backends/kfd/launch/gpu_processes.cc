#include "backends/kfd/launch/gpu_processes.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "backends/kfd/abi.h"
#include "backends/kfd/first_queue.h"
#include "backends/kfd/observed_queues.h"
#include "backends/kfd/os.h"
#include "backends/kfd/target_selector.h"
#include "core/error.h"
#include "core/ids.h"
#include "core/time.h"

namespace gpreempt::kfd {
namespace {

/// How often it is looked: processes take seconds to make their first queue.
constexpr Duration kLookAgain = std::chrono::milliseconds(10);

bool has_open(Os& os, const SelectorRoots& roots, Pid pid, const std::string& device) {
  const std::string folder = fmt::format("{}/{}/fd", roots.proc, pid);
  const auto names = os.list_dir(folder).value_or(std::vector<std::string>());
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
    const auto link = os.read_link(fmt::format("{}/{}", folder, name));
    return link && *link == device;
  });
}

/// Place of the first GPU on which it has a queue.
std::size_t first_gpu(Os& os, const std::string& sysfs, Pid pid, const std::vector<GpuId>& gpus) {
  std::size_t first = gpus.size();
  const auto queues = scan_queues(os, sysfs, pid);
  if (queues) {
    for (const abi::QueueSnapshotEntry& queue : *queues) {
      const auto found = std::find(gpus.begin(), gpus.end(), GpuId(queue.gpu_id));
      first = std::min(first, static_cast<std::size_t>(found - gpus.begin()));
    }
  }
  return first;
}

/// Refuses what waiting longer cannot mend.
Result<void> check_found(const std::vector<Pid>& found, const GpuProcessWait& wait) {
  if (found.size() > wait.wanted) {
    return fail(Errc::kInvalidArgument,
                fmt::format("wait for processes to use a GPU: pids {} have queues, and the "
                            "scenario's tenant is {} process{}; give the tenant as many GPUs "
                            "(gpus = [...]), or name its processes one by one",
                            fmt::join(found, ", "), wait.wanted, wait.wanted == 1 ? "" : "es"));
  }
  const std::string why = found.empty() && wait.why_never ? wait.why_never() : std::string();
  if (!why.empty()) {
    return fail(Errc::kInvalidArgument, "wait for processes to use a GPU: " + why);
  }
  return {};
}

/// Sleeps until it is time for another look.
Result<void> await_next_look(Os& os, const GpuProcessWait& wait, Instant until, std::size_t found) {
  std::vector<WaitFd> fds;
  for (const Fd fd : {wait.interrupted, wait.ended}) {
    if (fd != kNoFd) {
      fds.push_back({.fd = fd});
    }
  }
  if (!os.wait(fds, until)) {
    return fail(Errc::kInternal, "wait for processes to use a GPU: the world ended");
  }
  for (const WaitFd& each : fds) {
    if (each.ready && each.fd == wait.interrupted) {
      return fail(Errc::kInterrupted,
                  "wait for processes to use a GPU: a signal asks this process to end");
    }
    if (each.ready) {
      return fail(Errc::kProcessExited,
                  fmt::format("wait for processes to use a GPU: it ended when {} of {} had queues",
                              found, wait.wanted));
    }
  }
  return {};
}

}  // namespace

std::optional<GpuId> gpu_outside(Os& os, const std::string& sysfs, Pid pid,
                                 const std::vector<GpuId>& gpus) {
  const auto queues = has_initial_pids(os).value_or(true)
                          ? scan_queues(os, sysfs, pid)
                          : Result<std::vector<abi::QueueSnapshotEntry>>();
  if (queues) {
    for (const abi::QueueSnapshotEntry& queue : *queues) {
      if (std::find(gpus.begin(), gpus.end(), GpuId(queue.gpu_id)) == gpus.end()) {
        return GpuId(queue.gpu_id);
      }
    }
  }
  return std::nullopt;
}

std::vector<Pid> with_queues(Os& os, const GpuProcessRoots& roots, const std::vector<Pid>& pids,
                             const std::vector<GpuId>& gpus) {
  const bool sees_queues = has_initial_pids(os).value_or(true);
  std::vector<std::pair<std::size_t, Pid>> found;
  for (const Pid pid : pids) {
    if (sees_queues && has_queue(os, roots.sysfs, pid)) {
      found.emplace_back(first_gpu(os, roots.sysfs, pid, gpus), pid);
    } else if (!sees_queues && has_open(os, roots.selectors, pid, roots.device)) {
      found.emplace_back(0, pid);
    }
  }
  std::sort(found.begin(), found.end());
  std::vector<Pid> ordered;
  ordered.reserve(found.size());
  for (const auto& [gpu, pid] : found) {
    ordered.push_back(pid);
  }
  return ordered;
}

Result<std::vector<Pid>> await_gpu_processes(Os& os, const GpuProcessRoots& roots,
                                             const std::vector<GpuId>& gpus,
                                             const std::function<std::vector<Pid>()>& find,
                                             const GpuProcessWait& wait) {
  const Instant deadline = saturating_add(os.now(), wait.patience);
  Instant settled = kForever;
  for (;;) {
    std::vector<Pid> found = with_queues(os, roots, find(), gpus);
    GPREEMPT_TRY(check_found(found, wait));
    const bool is_there = found.size() == wait.wanted && (!wait.is_ready || wait.is_ready());
    if (!is_there) {
      settled = kForever;
    } else if (settled == kForever) {
      settled = saturating_add(os.now(), wait.settle);
    }
    if (is_there && os.now() >= settled) {
      return found;
    }
    if (os.now() >= deadline && settled == kForever) {
      return fail(Errc::kTimedOut,
                  fmt::format("wait for processes to use a GPU: {} of {} had queues{}; does the "
                              "program use the GPU, and is the time enough?",
                              found.size(), wait.wanted,
                              found.size() == wait.wanted ? " and nobody said \"ready\"" : ""));
    }
    GPREEMPT_TRY(await_next_look(os, wait, std::min(settled, saturating_add(os.now(), kLookAgain)),
                                 found.size()));
  }
}

}  // namespace gpreempt::kfd
