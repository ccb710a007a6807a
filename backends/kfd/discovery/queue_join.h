#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "backends/kfd/activity.h"
#include "backends/kfd/debugfs/hqds.h"
#include "backends/kfd/debugfs/mqds.h"
#include "backends/kfd/debugfs/rls.h"
#include "backends/kfd/discovery/driver_knowledge.h"
#include "backends/kfd/discovery/kfd_process.h"
#include "backends/kfd/discovery/queue_ids.h"
#include "backends/kfd/discovery/queue_slots.h"
#include "core/event.h"
#include "core/ids.h"

namespace gpreempt::kfd {

/// What the driver shows of all queues, from each of its files.
struct QueueSources {
  /// With queue ids, of sysfs or of a snapshot. nullopt: not readable.
  std::optional<std::vector<KfdProcess>> processes;
  std::set<Pid> unsettled;  ///< whose queues changed while the files were read
  std::optional<debugfs::MqdsDump> mqds;
  std::optional<debugfs::HqdsDump> hqds;
  std::optional<debugfs::RlsDump> rls;
  DriverKnowledge driver;
};

/// A queue, and all that the sources say of it together.
struct QueueRow {
  Pid pid;  ///< of the initial pid namespace
  QueueName name;
  GpuId gpu;
  QueueType type = QueueType::kCompute;
  QueueRole role = QueueRole::kUser;
  std::uint64_t ring_bytes = 0;
  // From mqds; empty without it.
  std::vector<std::uint64_t> mqd_bases;  ///< of a compute queue, by XCC
  std::optional<std::uint32_t> doorbell_slot;
  std::optional<std::uint32_t> pipe_priority;   ///< of a compute queue: 0 to 2
  std::optional<std::uint32_t> queue_priority;  ///< of a compute queue: KFD's 0 to 15
  std::optional<RingPlace> ring;                ///< of a compute queue, in its process's memory
  // From hqds and rls.
  FoundSlots found;
  OnRunlist on_runlist = OnRunlist::kUnknown;
  std::optional<Activity> hardware;      ///< see `hardware_activity`
  std::optional<std::uint64_t> backlog;  ///< in packets, see `hardware_backlog`
};

/// Puts the sources together: a row for each queue, by process, and in it the newest first. Queues
/// are mqds's where it is readable, otherwise those of `processes`; their ids come from
/// `name_queues`. No I/O.
[[nodiscard]] std::vector<QueueRow> join_queues(const QueueSources& sources);

}  // namespace gpreempt::kfd
