#pragma once

#include <cstdint>
#include <vector>

#include "backends/sim/gpu/parameters.h"
#include "backends/sim/gpu/phase_clock.h"
#include "backends/sim/gpu/wave_dispatcher.h"
#include "backends/sim/task.h"
#include "backends/sim/timeline.h"
#include "core/time.h"

namespace gpreempt::sim {

/// What an UNMAP_QUEUES did.
struct UnmapReport {
  Duration unmap{};  ///< packet fetch, grace, stop
  Duration save{};
  std::uint64_t saved_bytes = 0;
};

/// One GPU: its CUs and the scheduler firmware that maps and unmaps queues. The firmware takes
/// packets from the HIQ in order, one after another; mapping goes on after the driver's call has
/// returned.
class Gpu {
 public:
  Gpu(Timeline& timeline, const GpuParameters& parameters, WaveDispatcher::Listener& listener,
      WaveDispatcher::Options options);

  [[nodiscard]] const GpuParameters& parameters() const { return parameters_; }
  [[nodiscard]] WaveDispatcher& waves() { return waves_; }
  [[nodiscard]] PhaseClock& phases() { return phases_; }

  /// Adds a queue of `process`, unmapped.
  QueueIndex add_queue(std::int32_t process, std::uint32_t priority);
  void remove_queue(QueueIndex queue);
  /// From now on this queue's saves and restores go through system memory.
  void move_save_area(QueueIndex queue) { queues_[queue].save_in_system_memory = true; }

  /// UNMAP_QUEUES of everything: queues run on while the packet is fetched, may drain for `grace`,
  /// then their waves are saved. `cause` is the process whose call it is. Done when all state is in
  /// memory.
  Task unmap(Duration grace, std::int32_t cause, UnmapReport& report);
  /// RUN_LIST with these queues: starts the mapping and returns; queues without saved waves run
  /// after it, the others when their waves are restored.
  void map(std::vector<QueueIndex> queues, std::uint32_t processes);

  /// Time this queue was off for calls of other processes.
  [[nodiscard]] Duration bystander(QueueIndex queue) const { return queues_[queue].bystander; }
  [[nodiscard]] bool is_mapped(QueueIndex queue) const { return queues_[queue].mapped; }

 private:
  struct Queue {
    std::int32_t process = 0;
    bool present = false;
    bool mapped = false;
    bool save_in_system_memory = false;
    bool off = false;  ///< was mapped when everything was unmapped last
    Instant off_since{};
    Duration bystander{};
  };

  Task map_and_restore(std::vector<QueueIndex> queues, std::uint32_t processes);
  void turn_on(QueueIndex queue);
  [[nodiscard]] Duration time_to_save(const std::vector<WaveDispatcher::Frozen>& frozen) const;
  [[nodiscard]] Duration time_to_restore(const std::vector<QueueIndex>& queues) const;

  Timeline& timeline_;
  GpuParameters parameters_;
  WaveDispatcher waves_;
  PhaseClock phases_;
  std::vector<Queue> queues_;
  std::int32_t cause_ = 0;
  FifoLock firmware_;
  TaskScope tasks_;
};

}  // namespace gpreempt::sim
