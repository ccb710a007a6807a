#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "backends/sim/gpu/gpu.h"
#include "backends/sim/gpu/phase_clock.h"
#include "backends/sim/gpu/runlist.h"
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
  std::uint64_t serial = 0;  ///< rises with each queue created
  QueueIndex hardware = 0;
  std::uint32_t doorbell = 0;  ///< of a compute queue: the lowest free of its process on its GPU
  std::uint32_t priority = 0;
  bool cooperative = false;
  std::uint64_t exceptions = 0;
  // The independent reasons for being off (QUEUE_IS_ACTIVE), and two of ours.
  std::uint32_t percentage = 100;
  bool is_evicted = false;
  bool is_suspended = false;  ///< see `set_suspended`
  Instant suspended_since;
  bool is_held = false;  ///< by a hypothetical ioctl
  bool is_gone = false;  ///< destroyed or lost to a reset, and still listed
  bool is_being_destroyed = false;
  bool headers_copied = false;  ///< the CPU has touched its save area
  /// Blocked DESTROYs: told true when the queue was resumed, false when its process was killed.
  std::vector<std::function<void(bool)>> destroyers;

  [[nodiscard]] bool active() const {
    return percentage > 0 && !is_evicted && !is_suspended && !is_held && !is_gone;
  }
  void wake_destroyers(bool resumed) {
    for (const auto& wake : std::exchange(destroyers, {})) {
      wake(resumed);
    }
  }
  [[nodiscard]] std::uint64_t ring_base() const { return ring_base_of(serial); }
};

/// A process on one GPU that it sees (kfd_process_device).
struct KfdModel::Device {
  std::uint32_t gpu = 0;
  std::uint32_t evicted = 0;  ///< evictions not undone
  bool has_reset_queue = false;
};

struct KfdModel::Process {
  Pid pid;
  bool alive = true;
  bool is_open = false;  ///< has a kfd_process: it opened the device, or ENABLE made one for it
  std::vector<Device> devices;            ///< one per visible GPU, in their order
  std::map<std::uint32_t, Queue> queues;  ///< by id
  FifoLock mutex;                         ///< kfd_process.mutex

  // who traces it, and the debug session
  std::optional<Caller> tracer;
  bool debug_enabled = false;
  Process* debugger = nullptr;  ///< who asked for ENABLE last, refused or not; never itself
  int sessions = 0;             ///< of others, counted as theirs (debugged_process_count)
  std::uint64_t exception_mask = 0;
  std::uint64_t process_exceptions = 0;
  std::function<void()> notify;
  std::uint32_t flags = 0;
  std::map<std::uint32_t, std::uint32_t> watches;  ///< by GPU: a bit for each watch point in use

  // the runtime's handshake with its debugger
  RuntimeInfo runtime;
  Semaphore runtime_answered;
  bool runtime_retry = false;  ///< a signal ended the last wait

  // evictions
  bool queues_paused = false;        ///< by CRIU
  std::array<bool, 3> evicted_by{};  ///< an `Eviction` is under way
  std::optional<Instant> last_restore;

  [[nodiscard]] Device* device(std::uint32_t gpu) {
    const auto found = std::ranges::find(devices, gpu, &Device::gpu);
    return found == devices.end() ? nullptr : &*found;
  }
  [[nodiscard]] Queue* queue(std::uint32_t id) {
    const auto found = queues.find(id);
    return found == queues.end() ? nullptr : &found->second;
  }
  /// Its queues on `gpu`, newest first.
  [[nodiscard]] std::vector<Queue*> queues_on(std::uint32_t gpu) {
    std::vector<Queue*> result;
    for (auto& [id, queue] : queues) {
      if (queue.gpu == gpu) {
        result.push_back(&queue);
      }
    }
    std::ranges::sort(result, std::ranges::greater{}, &Queue::serial);
    return result;
  }
};

/// A GPU as the driver sees it.
struct KfdModel::Node {
  Gpu* gpu = nullptr;
  FifoLock dqm_lock;
  bool runlist_active = false;
  Runlist runlist;  ///< submitted last
  bool is_resetting = false;
  std::vector<Process*> processes;  ///< that have queues here, newest first
};

/// Times one ioctl.
struct KfdModel::CallRecord {
  DriverCall call;
  Instant mark;    ///< end of the part timed last
  long error = 0;  ///< of the last unmap or map

  /// Books the time since the last mark on a phase.
  void book(DriverPhase which, Instant now) {
    phase(call.phases, which) += now - mark;
    mark = now;
  }
};

}  // namespace gpreempt::sim
