#include "backends/kfd/discovery/queue_join.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "backends/kfd/abi.h"
#include "backends/kfd/activity.h"
#include "backends/kfd/debugfs/mqds.h"
#include "backends/kfd/debugfs/queue_state.h"
#include "backends/kfd/discovery/hardware_activity.h"
#include "backends/kfd/discovery/kfd_process.h"
#include "backends/kfd/discovery/queue_ids.h"
#include "backends/kfd/discovery/queue_slots.h"
#include "backends/kfd/queue_type.h"
#include "core/event.h"
#include "core/ids.h"

namespace gpreempt::kfd {
namespace {

/// A queue of mqds: its row, and what it is known by elsewhere.
struct ListedRow {
  QueueRow row;
  QueueMarks marks;
  const debugfs::MqdsQueue* queue = nullptr;
};

ListedRow compute_row(const debugfs::MqdsQueue& queue) {
  const debugfs::QueueState state = debugfs::state_of(queue.mqd(0));
  ListedRow made;
  made.row.ring_bytes = state.ring_bytes();
  for (std::size_t xcc = 0; xcc < queue.owned(); ++xcc) {
    made.row.mqd_bases.push_back(debugfs::state_of(queue.mqd(xcc)).mqd_base());
  }
  made.row.doorbell_slot = debugfs::doorbell_slot(state.doorbell_dword());
  made.row.pipe_priority = state.pipe_priority();
  made.row.queue_priority = state.queue_priority();
  made.row.ring = RingPlace{.read_pointer = state.read_pointer_address(),
                            .write_pointer = state.write_pointer_address(),
                            .ring_base = state.ring_base(),
                            .ring_bytes = state.ring_bytes(),
                            .is_aql = state.is_aql()};
  made.marks.doorbell_dword = state.doorbell_dword();
  made.marks.ring_base = state.ring_base();
  return made;
}

ListedRow sdma_row(const debugfs::MqdsQueue& queue) {
  const debugfs::SdmaQueueState state(queue.sdma_mqd());
  ListedRow made;
  made.row.type = QueueType::kSdma;
  made.row.ring_bytes = state.ring_bytes();
  made.row.doorbell_slot = debugfs::doorbell_slot(state.doorbell_dword());
  made.marks.doorbell_dword = state.doorbell_dword();
  made.marks.ring_base = state.ring_base();
  return made;
}

/// nullopt: no queue of a user.
std::optional<ListedRow> listed_row(const debugfs::MqdsQueue& queue) {
  if (queue.dumped() == 0 ||
      (queue.kind != debugfs::MqdKind::kCompute && queue.kind != debugfs::MqdKind::kSdma)) {
    return std::nullopt;
  }
  ListedRow made = queue.kind == debugfs::MqdKind::kCompute ? compute_row(queue) : sdma_row(queue);
  made.queue = &queue;
  made.row.gpu = GpuId(queue.gpu_id);
  made.row.role = role_of(made.row.type, made.row.ring_bytes);
  made.marks.gpu = made.row.gpu;
  made.marks.type = made.row.type;
  made.marks.mqd_bases = made.row.mqd_bases;
  return made;
}

/// The rows of a process that mqds lists.
std::vector<QueueRow> rows_of(const QueueSources& sources, const debugfs::MqdsProcess& process,
                              const KfdProcess* known) {
  const Pid pid(static_cast<std::int32_t>(process.pid));
  std::vector<ListedRow> listed;
  std::vector<UnnamedQueue> unnamed;
  for (const debugfs::MqdsQueue& queue : process.queues) {
    if (auto made = listed_row(queue)) {
      unnamed.push_back({.gpu = made->row.gpu,
                         .type = made->row.type,
                         .ring_bytes = made->row.ring_bytes,
                         .ring_base = made->marks.ring_base,
                         .doorbell_slot = made->row.doorbell_slot.value_or(0)});
      listed.push_back(*std::move(made));
    }
  }
  ProcessQueues queues{.newest_first = unnamed,
                       .known = {},
                       .is_settled = !sources.unsettled.contains(pid),
                       .has_others = listed.size() != process.queues.size()};
  if (known != nullptr) {
    queues.known = std::span<const abi::QueueSnapshotEntry>(known->queues);
  } else if (sources.processes) {
    queues.is_settled = false;  // it came, or went, while the files were read
  }
  std::vector<QueueName> names = name_queues(queues, sources.driver);
  std::vector<QueueRow> rows;
  for (std::size_t i = 0; i < listed.size(); ++i) {
    QueueRow& row = listed[i].row;
    row.pid = pid;
    row.name = std::move(names[i]);
    if (sources.hqds) {
      row.found = find_slots(*sources.hqds, listed[i].marks);
      row.hardware = hardware_activity(*listed[i].queue, row.found, *sources.hqds);
      row.backlog = hardware_backlog(*listed[i].queue, row.found, *sources.hqds);
    }
    if (sources.rls) {
      row.on_runlist = find_on_runlist(*sources.rls, listed[i].marks, row.found.mapping);
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

/// The rows of a process whose queues only sysfs or a snapshot shows.
std::vector<QueueRow> rows_of(const KfdProcess& process) {
  std::vector<QueueRow> rows;
  for (const abi::QueueSnapshotEntry& entry : process.queues) {
    const QueueType type = type_of(entry.queue_type);
    rows.push_back({.pid = process.pid,
                    .name = {.id = entry.queue_id,
                             .basis = IdBasis::kExact,
                             .reason = "the driver lists it by its id",
                             .candidates = {}},
                    .gpu = GpuId(entry.gpu_id),
                    .type = type,
                    .role = role_of(type, entry.ring_size),
                    .ring_bytes = entry.ring_size,
                    .mqd_bases = {},
                    .doorbell_slot = {},
                    .pipe_priority = {},
                    .queue_priority = {},
                    .ring = {},
                    .found = {},
                    .on_runlist = OnRunlist::kUnknown,
                    .hardware = {},
                    .backlog = {}});
  }
  return rows;
}

}  // namespace

std::vector<QueueRow> join_queues(const QueueSources& sources) {
  std::map<Pid, std::vector<QueueRow>> by_pid;
  std::map<Pid, const KfdProcess*> known;
  if (sources.processes) {
    for (const KfdProcess& process : *sources.processes) {
      known.emplace(process.pid, &process);
    }
  }
  if (sources.mqds) {
    for (const debugfs::MqdsProcess& process : *sources.mqds) {
      const Pid pid(static_cast<std::int32_t>(process.pid));
      const auto found = known.find(pid);
      by_pid[pid] = rows_of(sources, process, found == known.end() ? nullptr : found->second);
    }
  }
  for (const auto& [pid, process] : known) {
    if (!by_pid.contains(pid)) {
      by_pid[pid] = rows_of(*process);
    }
  }
  std::vector<QueueRow> rows;
  for (auto& [pid, of_process] : by_pid) {
    std::ranges::move(of_process, std::back_inserter(rows));
  }
  return rows;
}

}  // namespace gpreempt::kfd
