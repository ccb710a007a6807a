#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backends/kfd/abi.h"
#include "backends/kfd/discovery/driver_knowledge.h"
#include "core/event.h"
#include "core/ids.h"

namespace gpreempt::kfd {

/// A queue as mqds lists it: without its id.
struct UnnamedQueue {
  GpuId gpu;
  QueueType type = QueueType::kCompute;
  std::uint64_t ring_bytes = 0;
  std::uint64_t ring_base = 0;
  std::uint32_t doorbell_slot = 0;
};

/// All queues of one process, as seen at one time.
struct ProcessQueues {
  std::span<const UnnamedQueue> newest_first;
  /// With ids: of a snapshot (with ring addresses) or of sysfs (without). nullopt: not readable.
  std::optional<std::span<const abi::QueueSnapshotEntry>> known;
  /// False: `known` changed while the other list was read.
  bool is_settled = true;
  /// mqds lists queues of kinds besides, which take ids too.
  bool has_others = false;
};

enum class IdBasis {
  kNone,      ///< more than one id is possible
  kInferred,  ///< right if the process has never destroyed a queue
  kExact,
};
/// "none", "inferred", "exact".
[[nodiscard]] std::string_view to_string(IdBasis basis);

struct QueueName {
  std::optional<std::uint32_t> id;
  IdBasis basis = IdBasis::kNone;
  std::string reason;                     ///< how it is known, or why it is not
  std::vector<std::uint32_t> candidates;  ///< without an id: those that sysfs leaves for it
};

/// The id of each queue, in the order of `newest_first`.
///
/// Exact: the snapshot has a queue with this ring, or sysfs has only one queue of this GPU, kind
/// and ring size, and so has mqds.
/// Inferred: amdkfd gives the lowest free id of the process, over all its GPUs and kinds, and the
/// lowest free doorbell of the process on the GPU to a compute queue. If no queue was ever
/// destroyed, ids and doorbells therefore count the queues in the order in which they were made.
/// An id is inferred only if all of that fits, and sysfs, where it is readable, has these ids with
/// these kinds and sizes. It abstains for a process with queues on several GPUs and under a driver
/// that is not known.
/// Source: find_available_queue_slot of kfd_process_queue_manager.c, allocate_doorbell of
/// kfd_device_queue_manager.c.
[[nodiscard]] std::vector<QueueName> name_queues(const ProcessQueues& queues,
                                                 const DriverKnowledge& driver);

}  // namespace gpreempt::kfd
