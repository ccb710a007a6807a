#include "backends/kfd/hold/blast_radius.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "backends/kfd/abi.h"
#include "backends/kfd/discovery/kfd_process.h"
#include "backends/kfd/topology.h"
#include "core/ids.h"

namespace gpreempt::kfd {
namespace {

using How = BlastRadius::How;

bool is_in(std::span<const Pid> pids, Pid pid) {
  return std::ranges::find(pids, pid) != pids.end();
}

std::map<GpuId, std::size_t> queues_by_gpu(const KfdProcess& process) {
  std::map<GpuId, std::size_t> counts;
  for (const auto* const queues : {&process.queues, &process.context_queues}) {
    for (const abi::QueueSnapshotEntry& queue : *queues) {
      ++counts[GpuId(queue.gpu_id)];
    }
  }
  return counts;
}

std::uint64_t hive_at(std::span<const GpuNode> topology, GpuId id) {
  const auto node = std::ranges::find(topology, id, [](const GpuNode& gpu) { return gpu.info.id; });
  return node == topology.end() ? 0 : node->hive;
}

/// What happens to the queues on one GPU.
class Reach {
 public:
  Reach(std::span<const BlastRadius::Gpu> gpus, std::span<const GpuNode> topology)
      : gpus_(gpus), topology_(topology) {
    for (const BlastRadius::Gpu& gpu : gpus) {
      hives_.insert(gpu.hive);
    }
    hives_.erase(0);
  }
  [[nodiscard]] std::optional<How> of(GpuId id) const {
    const auto gpu = std::ranges::find(gpus_, id, &BlastRadius::Gpu::id);
    if (gpu != gpus_.end()) {
      return gpu->queues > 0 ? How::kPreempted : How::kRefreshed;
    }
    return hives_.contains(hive_at(topology_, id)) ? std::optional(How::kReset) : std::nullopt;
  }

 private:
  std::span<const BlastRadius::Gpu> gpus_;
  std::span<const GpuNode> topology_;
  std::set<std::uint64_t> hives_;
};

std::optional<BlastRadius::Bystander> bystander(const KfdProcess& process, const Reach& reach) {
  BlastRadius::Bystander found{.pid = process.pid,
                               .name = process.name,
                               .container = process.container,
                               .how = How::kReset,
                               .gpus = {},
                               .queues = 0};
  const auto counts = queues_by_gpu(process);
  for (const auto& [gpu, queues] : counts) {
    found.how = std::min(found.how, reach.of(gpu).value_or(How::kReset));
  }
  for (const auto& [gpu, queues] : counts) {
    if (reach.of(gpu) == found.how) {
      found.gpus.push_back(gpu);
      found.queues += queues;
    }
  }
  return found.gpus.empty() ? std::nullopt : std::optional(found);
}

std::string_view what_happens(How how) {
  switch (how) {
    case How::kPreempted: return "preempted by each suspend and resume";
    case How::kRefreshed: return "preempted once by attaching and once by detaching";
    case How::kReset: return "reset, should a GPU of their hive hang";
  }
  return "";
}

}  // namespace

BlastRadius blast_radius(std::span<const KfdProcess> processes, std::span<const GpuNode> topology,
                         std::span<const Pid> targets, std::span<const Pid> named) {
  BlastRadius radius;
  std::map<GpuId, std::size_t> reached;
  for (const KfdProcess& process : processes) {
    if (!is_in(targets, process.pid)) {
      continue;
    }
    for (const GpuId gpu : process.gpus) {
      reached.try_emplace(gpu, 0);
    }
    for (const auto& [gpu, queues] : queues_by_gpu(process)) {
      reached[gpu] += queues;
    }
  }
  for (const auto& [id, queues] : reached) {
    radius.gpus.push_back({.id = id, .hive = hive_at(topology, id), .queues = queues});
  }
  const Reach reach(radius.gpus, topology);
  for (const KfdProcess& process : processes) {
    if (is_in(targets, process.pid) || is_in(named, process.pid)) {
      continue;
    }
    if (auto found = bystander(process, reach)) {
      radius.bystanders.push_back(*std::move(found));
    }
  }
  std::ranges::sort(radius.bystanders, {}, [](const BlastRadius::Bystander& each) {
    return std::tuple(each.how, each.pid);
  });
  return radius;
}

std::string describe(const BlastRadius::Bystander& bystander) {
  std::vector<std::string> gpus;
  gpus.reserve(bystander.gpus.size());
  for (const GpuId gpu : bystander.gpus) {
    gpus.push_back(fmt::format("{:x}", gpu.value()));
  }
  return fmt::format("pid {} ({}): {} queue{} on GPU{} {} {} {}", bystander.pid,
                     bystander.name.empty() ? "?" : bystander.name, bystander.queues,
                     bystander.queues == 1 ? "" : "s", gpus.size() == 1 ? "" : "s",
                     fmt::join(gpus, " "), bystander.queues == 1 ? "is" : "are",
                     what_happens(bystander.how));
}

}  // namespace gpreempt::kfd
