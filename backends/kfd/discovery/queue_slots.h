#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backends/kfd/debugfs/hqds.h"
#include "backends/kfd/debugfs/rls.h"
#include "core/event.h"
#include "core/ids.h"

namespace gpreempt::kfd {

/// A hardware slot: XCC, pipe and queue; of an SDMA queue the engine, 0 and the RLC.
struct QueueSlot {
  std::uint32_t xcc = 0;
  std::uint32_t pipe = 0;
  std::uint32_t queue = 0;
  friend bool operator==(const QueueSlot&, const QueueSlot&) = default;
};

enum class Mapping {
  kUnknown,   ///< hqds does not tell
  kUnmapped,  ///< in no slot
  kPartial,   ///< a compute queue that is not in exactly one slot of each XCC
  kMapped,
};
enum class OnRunlist { kUnknown, kOff, kOn };
[[nodiscard]] std::string_view to_string(Mapping mapping);       ///< "unknown", "unmapped", ...
[[nodiscard]] std::string_view to_string(OnRunlist on_runlist);  ///< "unknown", "off", "on"

/// What identifies a queue on its GPU.
struct QueueMarks {
  GpuId gpu;
  QueueType type = QueueType::kCompute;
  std::vector<std::uint64_t> mqd_bases;  ///< by XCC; none of an SDMA queue, whose MQD has it not
  std::uint32_t doorbell_dword = 0;
  std::uint64_t ring_base = 0;
};

struct FoundSlots {
  std::vector<QueueSlot> slots;
  Mapping mapping = Mapping::kUnknown;
  std::string problem;  ///< what does not fit; empty: everything does
};

/// The slots that a queue is mapped to now. A compute queue's slot is active, and has its MQD and
/// its doorbell; an SDMA queue's has its ring and its doorbell. What is left in slots that are not
/// active does not count.
[[nodiscard]] FoundSlots find_slots(const debugfs::HqdsDump& dump, const QueueMarks& queue);

/// Whether the driver wants a queue to run. A queue that is off is suspended by a debugger, evicted
/// or set to 0 %; the driver does not say which. A GPU without a runlist has none on it, or is
/// between unmap and map: unknown for a queue that `mapping` shows in a slot.
[[nodiscard]] OnRunlist find_on_runlist(std::span<const debugfs::RlsNode> dump,
                                        const QueueMarks& queue, Mapping mapping);

}  // namespace gpreempt::kfd
