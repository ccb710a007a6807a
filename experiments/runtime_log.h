#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/ids.h"

/// What AMD's HIP runtime logs of its queues (AMD_LOG_LEVEL 3 and more). No I/O.
namespace gpreempt::experiments {

/// `hsa_queue_t.id`: ROCr counts all queues that a process ever made, over all its GPUs. It is not
/// KFD's id, which is the lowest free one and is reused, and so it never becomes one.
using RuntimeId = StrongId<struct RuntimeIdTag, std::uint64_t>;

/// A queue as dispatches name it.
struct RuntimeQueue {
  RuntimeId id;
  std::uint64_t software_queue = 0;  ///< address of the runtime's object, in its process
  std::uint64_t hardware_queue = 0;  ///< address of the `hsa_queue_t` that it is mapped on
  std::uint64_t dispatches = 0;      ///< lines that name it
  bool operator==(const RuntimeQueue&) const = default;
};

/// The queues of a log of one process, by id. Only "SWq=0x.., HWq=0x.., id=N," counts, so that
/// "correlation_id=0" is no queue. Other lines are passed over, and so is a last line that is cut
/// off. Errors: kParse ("SOURCE:LINE: ...": a line that begins such a triple and does not finish
/// it, or one hardware queue under two ids).
/// Source: rocclr/device/rocm/rocvirtual.cpp, dispatchGenericAqlPacket.
[[nodiscard]] Result<std::vector<RuntimeQueue>> parse_runtime_log(std::string_view text,
                                                                  std::string_view source);

}  // namespace gpreempt::experiments
