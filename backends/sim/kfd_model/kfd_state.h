#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>

#include "backends/sim/gpu/gpu.h"
#include "backends/sim/gpu/phase_clock.h"
#include "backends/sim/kfd_model/kfd_model.h"
#include "backends/sim/task.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/testbed.h"
#include "core/time.h"

/// State of `KfdModel`, shared by its sources only.
namespace gpreempt::sim {

struct KfdModel::Queue {
  std::uint32_t id = 0;
  std::uint32_t gpu = 0;
  QueueType type = QueueType::kCompute;
  std::uint64_t ring_bytes = 0;
  std::uint64_t ring_base = 0;
  QueueIndex hardware = 0;
  std::uint64_t exceptions = 0;
  // The three independent reasons for being off (QUEUE_IS_ACTIVE).
  std::uint32_t percentage = 100;
  bool is_evicted = false;
  bool is_suspended = false;
  bool headers_copied = false;  ///< the CPU has touched its save area

  [[nodiscard]] bool active() const { return percentage > 0 && !is_evicted && !is_suspended; }
};

struct KfdModel::Process {
  Pid pid;
  bool alive = true;
  bool runtime_enabled = true;
  std::map<std::uint32_t, Queue> queues;  ///< by id
  FifoLock mutex;                         ///< kfd_process.mutex

  // who traces it, and the debug session
  std::optional<Caller> tracer;
  std::optional<Pid> debugger;  ///< set while the session is enabled
  std::uint64_t exception_mask = 0;
  std::uint64_t process_exceptions = 0;
  std::function<void()> notify;

  [[nodiscard]] bool has_queue_on(std::uint32_t gpu) const {
    for (const auto& [id, queue] : queues) {
      if (queue.gpu == gpu) {
        return true;
      }
    }
    return false;
  }
};

/// A GPU as the driver sees it.
struct KfdModel::Node {
  Gpu* gpu = nullptr;
  FifoLock dqm_lock;
  bool runlist_active = false;
};

/// Times one SUSPEND or RESUME.
struct KfdModel::CallRecord {
  DriverCall call;
  Instant mark;  ///< end of the part timed last

  /// Books the time since the last mark on a phase.
  void book(DriverPhase which, Instant now) {
    phase(call.phases, which) += now - mark;
    mark = now;
  }
};

}  // namespace gpreempt::sim
