#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "backends/sim/gpu/cu_pool.h"
#include "backends/sim/gpu/parameters.h"
#include "backends/sim/gpu/perturbation.h"
#include "backends/sim/gpu/phase_clock.h"
#include "backends/sim/gpu/runlist.h"
#include "backends/sim/gpu/wave_dispatcher.h"
#include "backends/sim/task.h"
#include "backends/sim/timeline.h"
#include "core/occupancy.h"
#include "core/time.h"

namespace gpreempt::sim {

/// An UNMAP_QUEUES packet with its QUERY_STATUS. Pass a named one: g++ 12 destroys an aggregate
/// written inside a co_await expression twice.
struct UnmapRequest {
  Duration grace{};        ///< time waves may drain before they are stopped
  std::int32_t cause = 0;  ///< process whose call it is
  /// Empty: every queue that is mapped. Otherwise only these, everybody else's run on; no driver
  /// does that (hypothetical).
  std::vector<QueueIndex> only;
  bool drop = false;  ///< waves are killed instead of saved
};

/// What became of it.
struct UnmapReport {
  Duration unmap{};  ///< packet fetch, grace, stop
  Duration save{};
  std::uint64_t saved_bytes = 0;
  std::vector<QueueIndex> stuck;  ///< ignored preemption until the firmware gave up
  bool timed_out = false;         ///< the firmware did not answer: the fence's time ran out
};

/// When a queue's waves were saved and restored last; all zero: never.
struct SaveTimes {
  Instant save_start{};
  Instant save_end{};
  Instant restore_start{};
  Instant restore_end{};
};

/// Told of what becomes of each queue, at the instant it happens.
class OccupancyListener {
 public:
  OccupancyListener() = default;
  OccupancyListener(const OccupancyListener&) = delete;
  OccupancyListener& operator=(const OccupancyListener&) = delete;
  virtual ~OccupancyListener() = default;
  /// `waves`: as `OccupancyChange::waves`.
  virtual void turned(QueueIndex queue, Occupancy state, std::uint32_t waves) = 0;
};

/// One GPU (or partition): its CUs and the scheduler firmware that maps and unmaps queues. The
/// firmware takes packets from the HIQ in order, one after another; mapping goes on after the
/// driver's call has returned.
///
/// A runlist that does not fit (`RunlistGroups`) is chained: its groups take turns on the hardware,
/// a process group for the process quantum, within it queue groups for the queue quantum each. At
/// the end of a turn its waves are saved. Turns are taken blindly, whether or not a group has work.
/// Source: amdkfd's warning on oversubscription; pm_calc_rlib_size.
class Gpu {
 public:
  struct QueueSpec {
    std::int32_t process = 0;
    std::uint32_t priority = 7;
    bool compute = true;       ///< false: SDMA, which takes no compute slot and runs no waves
    bool cooperative = false;  ///< uses global wave sync: one such queue is mapped at a time
  };

  Gpu(Timeline& timeline, const GpuParameters& parameters, WaveDispatcher::Listener& listener,
      WaveDispatcher::Options options);

  [[nodiscard]] const GpuParameters& parameters() const { return parameters_; }
  [[nodiscard]] WaveDispatcher& waves() { return waves_; }
  [[nodiscard]] const WaveDispatcher& waves() const { return waves_; }
  [[nodiscard]] PhaseClock& phases() { return phases_; }

  /// Null for nobody, which costs nothing. It must outlive the GPU or be replaced.
  void listen(OccupancyListener* listener) { occupancy_ = listener; }
  /// What the queue is now.
  [[nodiscard]] Occupancy occupancy(QueueIndex queue) const;

  /// Adds a queue, unmapped.
  QueueIndex add_queue(const QueueSpec& spec);
  void remove_queue(QueueIndex queue);
  /// For workgroups placed from now on; the driver unmaps and maps around it.
  void set_priority(QueueIndex queue, std::uint32_t priority);
  /// `words` as SET_CU_MASK takes them; empty: all CUs. See `cu_sets_of`.
  void set_cu_mask(QueueIndex queue, std::span<const std::uint32_t> words);
  /// From now on this queue's saves and restores go through system memory.
  void move_save_area(QueueIndex queue) { queues_[queue].save_in_system_memory = true; }

  /// Queues run on while the packet is fetched, may drain for the grace period, then their waves
  /// are saved. Done when all state is in memory, or when the firmware gave up on a stuck queue
  /// (`unmap_timeout`), or does not answer (`fence_timeout`).
  Task unmap(UnmapRequest request, UnmapReport& report);
  /// RUN_LIST: starts the mapping and returns. Queues without saved waves run after it, the others
  /// when their waves are restored.
  void map(Runlist list);
  /// Maps some queues beside those that are mapped (hypothetical, the inverse of `only`).
  void map_more(std::vector<QueueIndex> queues);

  // ---- failures ----
  /// From now on the queue's waves ignore preemption.
  void hang(QueueIndex queue) { queues_[queue].stuck = true; }
  /// From now on the firmware answers nothing.
  void hang_firmware() { firmware_hung_ = true; }
  /// Resets one queue: its waves and whatever it had to run are lost, it obeys again.
  void reset_queue(QueueIndex queue);
  /// Resets the GPU: every queue loses its waves and its work and is unmapped; firmware runs again.
  void reset();

  /// The ring's read index in packets, as its owner sees it: kernels that have begun, or that have
  /// ended (`GpuParameters::read_index_early`). Equal to the write index is no proof of completion.
  [[nodiscard]] std::uint64_t read_index(QueueIndex queue) const {
    return parameters_.read_index_early != 0 ? waves_.kernels_begun(queue)
                                             : waves_.progress(queue).kernels;
  }
  /// Since when that index has been the write index of a queue that has no work left, having just
  /// completed it.
  [[nodiscard]] Instant ring_empty_since(QueueIndex queue) const {
    return parameters_.read_index_early != 0 ? waves_.last_begun(queue) : timeline_.now();
  }
  /// Time this queue was off for calls of other processes, until now.
  [[nodiscard]] Duration bystander(QueueIndex queue) const;
  [[nodiscard]] const SaveTimes& save_times(QueueIndex queue) const {
    return queues_[queue].save_times;
  }
  [[nodiscard]] Disturbance& disturbance() { return disturbance_; }
  [[nodiscard]] bool is_mapped(QueueIndex queue) const { return queues_[queue].mapped; }
  /// Whether the runlist is chained.
  [[nodiscard]] bool is_oversubscribed() const { return groups_.count() > 1; }
  /// Groups that take turns; 1 when nothing does.
  [[nodiscard]] std::uint32_t groups() const { return groups_.count(); }

 private:
  struct Queue {
    std::int32_t process = 0;
    bool compute = true;
    bool cooperative = false;
    bool present = false;
    bool mapped = false;
    bool save_in_system_memory = false;
    bool stuck = false;
    bool taken_off = false;  ///< by an unmap that named it; no turn maps it
    /// Was mapped when everything was unmapped: for a call of this process.
    std::optional<std::int32_t> off_for{};
    Instant off_since{};
    Duration bystander{};
    SaveTimes save_times;
  };

  Task map_and_restore(std::uint64_t generation);
  Task take_turns(std::uint64_t generation);
  /// Maps queues and restores what they had saved.
  Task switch_in(const Runlist& list);
  Task switch_out();
  Task map_beside(std::vector<QueueIndex> queues);
  Task restore(std::vector<QueueIndex> queues);
  Task save(std::vector<QueueIndex> queues, Duration grace, bool drop, UnmapReport& report);
  void turn_on(QueueIndex queue);
  /// Ends the time that the queue was off for the call of another process.
  void charge_bystander(Queue& queue);
  [[nodiscard]] static bool is_bystander(const Queue& queue);
  void tell(QueueIndex queue, Occupancy state, std::uint32_t waves = 0);
  void tell_unless_bystander(const std::vector<QueueIndex>& queues, Occupancy state);
  void tell_of_leaving(const std::vector<QueueIndex>& queues);
  void tell_of_saving(const WaveDispatcher::Freeze& frozen);
  void tell_of_return(QueueIndex queue);
  [[nodiscard]] std::vector<QueueIndex> mapped_queues() const;
  [[nodiscard]] SaveLoad restore_load(const std::vector<QueueIndex>& queues) const;
  void phase(DriverPhase which) { phases_.firmware(which, timeline_.now()); }

  Timeline& timeline_;
  GpuParameters parameters_;
  Disturbance disturbance_;
  WaveDispatcher waves_;
  PhaseClock phases_;
  std::vector<Queue> queues_;
  RunlistGroups groups_;
  std::uint64_t generation_ = 0;  ///< of the runlist: older turns end
  bool firmware_hung_ = false;
  OccupancyListener* occupancy_ = nullptr;
  FifoLock firmware_;
  TaskScope tasks_;
};

}  // namespace gpreempt::sim
