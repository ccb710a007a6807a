#include "backends/kfd/discovery/queue_ids.h"

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
#include "backends/kfd/discovery/driver_knowledge.h"
#include "backends/kfd/queue_type.h"
#include "core/event.h"
#include "core/ids.h"

namespace gpreempt::kfd {
namespace {

using Entry = abi::QueueSnapshotEntry;

/// What both lists say of a queue.
using Likeness = std::tuple<GpuId, QueueType, std::uint64_t>;

Likeness likeness_of(const UnnamedQueue& queue) {
  return {queue.gpu, queue.type, queue.ring_bytes};
}
Likeness likeness_of(const Entry& entry) {
  return {GpuId(entry.gpu_id), type_of(entry.queue_type), entry.ring_size};
}

/// Names those whose ring a snapshot has.
void name_by_ring(std::span<const UnnamedQueue> newest_first, std::span<const Entry> known,
                  std::vector<QueueName>& names) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    const UnnamedQueue& queue = newest_first[i];
    const auto has_ring = [&](const Entry& entry) {
      return entry.ring_base_address != 0 && entry.ring_base_address == queue.ring_base &&
             likeness_of(entry) == likeness_of(queue);
    };
    if (std::ranges::count_if(known, has_ring) == 1) {
      names[i] = {.id = std::ranges::find_if(known, has_ring)->queue_id,
                  .basis = IdBasis::kExact,
                  .reason = "the snapshot has a queue with this ring",
                  .candidates = {}};
    }
  }
}

/// The two lists are not of the same queues.
bool differ(std::span<const UnnamedQueue> newest_first, std::span<const Entry> known) {
  std::multiset<Likeness> of_listed;
  std::multiset<Likeness> of_known;
  for (const UnnamedQueue& queue : newest_first) {
    of_listed.insert(likeness_of(queue));
  }
  for (const Entry& entry : known) {
    of_known.insert(likeness_of(entry));
  }
  return of_listed != of_known;
}

/// Names those that are alone of their kind, and notes for the others which ids are left.
void name_by_likeness(std::span<const UnnamedQueue> newest_first, std::span<const Entry> known,
                      std::vector<QueueName>& names) {
  std::map<Likeness, std::vector<std::uint32_t>> left;
  for (const Entry& entry : known) {
    const bool is_named = std::ranges::any_of(
        names, [&](const QueueName& name) { return name.id == entry.queue_id; });
    if (!is_named) {
      left[likeness_of(entry)].push_back(entry.queue_id);
    }
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i].id) {
      continue;
    }
    std::vector<std::uint32_t> ids = left[likeness_of(newest_first[i])];
    if (ids.size() == 1) {
      names[i] = {.id = ids.front(),
                  .basis = IdBasis::kExact,
                  .reason = "the process has one queue of this GPU, kind and ring size",
                  .candidates = {}};
    } else {
      std::ranges::sort(ids);
      names[i].candidates = std::move(ids);
    }
  }
}

std::size_t gpus_with_queues(const ProcessQueues& queues) {
  std::set<GpuId> gpus;
  for (const UnnamedQueue& queue : queues.newest_first) {
    gpus.insert(queue.gpu);
  }
  return gpus.size();
}

/// Why the queues are not those of a process that has destroyed none; empty if they can be. Shape:
/// on one GPU.
std::string contradiction(const ProcessQueues& queues, const std::vector<QueueName>& names) {
  const std::size_t count = names.size();
  std::uint32_t compute = 0;
  for (std::size_t id = 0; id < count; ++id) {
    const UnnamedQueue& queue = queues.newest_first[count - 1 - id];
    if (queue.type == QueueType::kCompute && queue.doorbell_slot != compute++) {
      return fmt::format(
          "its compute queues, in the order in which they were made, do not have the doorbells 0, "
          "1, 2 ...: {} has doorbell {}; a queue was destroyed before",
          compute - 1, queue.doorbell_slot);
    }
    const QueueName& name = names[count - 1 - id];
    if (name.id && *name.id != id) {
      return "the ids that are known are not in the order in which the queues were made; a queue "
             "was destroyed before";
    }
    if (!queues.known) {
      continue;
    }
    const auto entry = std::ranges::find(*queues.known, id, &Entry::queue_id);
    if (entry == queues.known->end() || likeness_of(*entry) != likeness_of(queue)) {
      return "sysfs has other ids, kinds or sizes than queues in this order would have; a queue "
             "was destroyed before";
    }
  }
  return {};
}

/// Why no id may be inferred; empty if one may.
std::string objection(const ProcessQueues& queues, const std::vector<QueueName>& names,
                      const DriverKnowledge& driver) {
  if (!driver.is_stock) {
    return fmt::format("how this driver gives out ids is not known: {}", driver.reason);
  }
  if (queues.has_others) {
    return "the process has queues of kinds that take ids and are not understood";
  }
  if (const std::size_t gpus = gpus_with_queues(queues); gpus > 1) {
    return fmt::format(
        "the process has queues on {} GPUs, which share its ids and not its doorbells", gpus);
  }
  return contradiction(queues, names);
}

}  // namespace

std::string_view to_string(IdBasis basis) {
  switch (basis) {
    case IdBasis::kInferred: return "inferred";
    case IdBasis::kExact: return "exact";
    case IdBasis::kNone: break;
  }
  return "none";
}

std::vector<QueueName> name_queues(const ProcessQueues& queues, const DriverKnowledge& driver) {
  std::vector<QueueName> names(queues.newest_first.size());
  bool is_one_picture = queues.is_settled;
  if (const auto& known = queues.known) {
    name_by_ring(queues.newest_first, *known, names);
    is_one_picture = is_one_picture && !differ(queues.newest_first, *known);
    if (is_one_picture) {
      name_by_likeness(queues.newest_first, *known, names);
    }
  }
  const std::string reason =
      is_one_picture ? objection(queues, names, driver)
                     : "the process made or destroyed queues while they were read; look again";
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i].id) {
      continue;
    }
    names[i].reason = reason;
    if (reason.empty()) {
      names[i] = {.id = static_cast<std::uint32_t>(names.size() - 1 - i),
                  .basis = IdBasis::kInferred,
                  .reason = "by order of creation and doorbell, if no queue was ever destroyed",
                  .candidates = {}};
    }
  }
  return names;
}

}  // namespace gpreempt::kfd
