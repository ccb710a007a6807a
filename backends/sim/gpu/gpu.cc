#include "backends/sim/gpu/gpu.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <utility>
#include <vector>

#include "backends/sim/gpu/cu_pool.h"
#include "backends/sim/gpu/parameters.h"
#include "backends/sim/gpu/runlist.h"
#include "backends/sim/gpu/wave_dispatcher.h"
#include "backends/sim/task.h"
#include "backends/sim/timeline.h"
#include "core/mutant.h"
#include "core/occupancy.h"
#include "core/testbed.h"
#include "core/time.h"

namespace gpreempt::sim {

Gpu::Gpu(Timeline& timeline, const GpuParameters& parameters, WaveDispatcher::Listener& listener,
         WaveDispatcher::Options options)
    : timeline_(timeline),
      parameters_(parameters),
      disturbance_(parameters.perturbation),
      waves_(timeline, parameters_, listener, options) {}

QueueIndex Gpu::add_queue(const QueueSpec& spec) {
  const QueueIndex index = waves_.add_queue(spec.priority);
  queues_.push_back(Queue{.process = spec.process,
                          .compute = spec.compute,
                          .cooperative = spec.cooperative,
                          .present = true});
  return index;
}

void Gpu::remove_queue(QueueIndex queue) {
  queues_[queue].present = false;
  queues_[queue].mapped = false;
  queues_[queue].stuck = false;
  charge_bystander(queues_[queue]);
  waves_.remove_queue(queue);
  tell(queue, Occupancy::kGone);
}

void Gpu::set_priority(QueueIndex queue, std::uint32_t priority) {
  waves_.set_priority(queue, priority);
}

void Gpu::set_cu_mask(QueueIndex queue, std::span<const std::uint32_t> words) {
  waves_.set_cu_mask(queue, cu_sets_of(parameters_, words));
}

std::vector<QueueIndex> Gpu::mapped_queues() const {
  std::vector<QueueIndex> mapped;
  for (QueueIndex index = 0; index < queues_.size(); ++index) {
    if (queues_[index].mapped) {
      mapped.push_back(index);
    }
  }
  return mapped;
}

// ---- off the hardware
// -----------------------------------------------------------------------------------

Task Gpu::unmap(UnmapRequest request, UnmapReport& report) {
  co_await firmware_.acquire();
  if (firmware_hung_) {
    co_await Delay(timeline_, parameters_.fence_timeout);
    report.timed_out = true;
    report.unmap = parameters_.fence_timeout;
    firmware_.release();
    co_return;
  }
  const bool all = request.only.empty();
  const Instant begin = timeline_.now();
  if (all) {
    ++generation_;
    phase(DriverPhase::kUnmap);
  }
  co_await Delay(timeline_, parameters_.t_hiq);
  if (all) {
    request.only = mapped_queues();
    if (GPREEMPT_MUTANT("bystanders-spared")) {
      std::erase_if(request.only,
                    [&](QueueIndex index) { return queues_[index].process != request.cause; });
    }
    for (const QueueIndex index : request.only) {
      queues_[index].off_since = timeline_.now();
      queues_[index].off_for = request.cause;
    }
  } else {
    for (const QueueIndex index : request.only) {
      queues_[index].taken_off = true;
    }
  }
  for (const QueueIndex index : request.only) {
    queues_[index].mapped = false;
  }
  const std::vector<QueueIndex> told =
      occupancy_ != nullptr ? request.only : std::vector<QueueIndex>{};
  const std::size_t leaving = request.only.size();
  co_await save(std::move(request.only), request.grace, request.drop, report);
  if (!disturbance_.is_none()) {
    co_await Delay(timeline_, disturbance_.unmap(leaving));
  }
  tell_unless_bystander(told, Occupancy::kSuspended);
  report.unmap = timeline_.now() - begin - report.save;
  if (all) {
    phase(DriverPhase::kUnmap);
  }
  firmware_.release();
}

/// Drains or stops the queues' waves and saves them. Stuck queues stay where they are until the
/// firmware gives up.
Task Gpu::save(std::vector<QueueIndex> queues, Duration grace, bool drop, UnmapReport& report) {
  waves_.disable(queues);
  tell_of_leaving(queues);
  const Duration drain = waves_.drained_at(queues) - timeline_.now();
  co_await Delay(timeline_, GPREEMPT_MUTANT("grace-waited-out") ? grace : std::min(grace, drain));
  const auto is_stuck = [this](QueueIndex index) { return queues_[index].stuck; };
  std::ranges::copy_if(queues, std::back_inserter(report.stuck), is_stuck);
  std::erase_if(queues, is_stuck);
  const WaveDispatcher::Freeze frozen = waves_.freeze(queues);
  SaveLoad load{.xcc = frozen.xcc_bytes, .cu = frozen.cu_bytes};
  for (const WaveDispatcher::Frozen& each : frozen.queues) {
    (queues_[each.queue].save_in_system_memory ? load.system : load.local) += each.bytes;
  }
  if (drop) {
    // Also those whose waves are all in memory, or between two rounds.
    std::ranges::for_each(queues, [this](QueueIndex index) { waves_.drop(index); });
  }
  if (load.total() > 0) {
    co_await Delay(timeline_, parameters_.t_stop);
  }
  if (load.total() > 0 && !drop) {
    report.saved_bytes += load.total();
    tell_of_saving(frozen);
    const bool marks = phases_.in_firmware();
    if (marks) {
      phase(DriverPhase::kSave);
    }
    const Duration ideal = save_time(parameters_, load);
    const Duration time = disturbance_.is_none() ? ideal : disturbance_.jittered(ideal);
    const Instant start = timeline_.now();
    co_await Delay(timeline_,
                   GPREEMPT_MUTANT("suspend-returns-before-save") ? Duration::zero() : time);
    for (const WaveDispatcher::Frozen& each : frozen.queues) {
      queues_[each.queue].save_times = {.save_start = start, .save_end = timeline_.now()};
    }
    report.save += time;
    if (marks) {
      phase(DriverPhase::kUnmap);
    }
  }
  waves_.vacate(queues);
  if (!report.stuck.empty()) {
    co_await Delay(timeline_, parameters_.unmap_timeout);
  }
}

// ---- onto the hardware
// ----------------------------------------------------------------------------------

void Gpu::map(Runlist list) {
  groups_ = RunlistGroups(parameters_, list, [this](QueueIndex index) {
    return QueueTraits{.compute = queues_[index].compute,
                       .cooperative = queues_[index].cooperative};
  });
  for (const RunlistProcess& process : list) {
    for (const QueueIndex index : process.queues) {
      queues_[index].taken_off = false;
    }
  }
  const bool any = std::any_of(list.begin(), list.end(),
                               [](const RunlistProcess& each) { return !each.queues.empty(); });
  if (!any) {
    phase(DriverPhase::kNone);
    return;
  }
  tasks_.start(groups_.count() > 1 ? take_turns(generation_) : map_and_restore(generation_));
}

Task Gpu::map_and_restore(std::uint64_t generation) {
  co_await firmware_.acquire();
  if (generation == generation_ && !firmware_hung_) {
    const Runlist list = groups_.processes().front().turns.front().list;
    co_await switch_in(list);
  }
  firmware_.release();
}

/// The chained runlist: turn after turn until another runlist replaces it.
Task Gpu::take_turns(std::uint64_t generation) {
  const RunlistGroups groups = groups_;
  std::vector<std::size_t> next(groups.processes().size());
  for (std::size_t process = 0;; process = (process + 1) % next.size()) {
    const std::vector<RunlistGroups::Group>& turns = groups.processes()[process].turns;
    Instant end = kForever;  // of the process quantum, once the first turn has begun
    bool first = true;
    do {
      co_await firmware_.acquire();
      if (generation != generation_ || firmware_hung_) {
        firmware_.release();
        co_return;
      }
      co_await switch_in(turns[next[process]].list);
      firmware_.release();
      next[process] = GPREEMPT_MUTANT("one-turn-only") ? 0 : (next[process] + 1) % turns.size();
      if (std::exchange(first, false) && groups.processes().size() > 1) {
        end = timeline_.now() + parameters_.process_quantum;
      }
      const Duration quantum =
          turns.size() > 1 ? parameters_.queue_quantum : parameters_.process_quantum;
      co_await Delay(timeline_, std::min(quantum, end - timeline_.now()));
      co_await firmware_.acquire();
      if (generation != generation_ || firmware_hung_) {
        firmware_.release();
        co_return;
      }
      co_await switch_out();
      firmware_.release();
    } while (timeline_.now() < end);
  }
}

Task Gpu::switch_in(const Runlist& list) {
  phase(DriverPhase::kMap);
  std::vector<QueueIndex> queues;
  for (const RunlistProcess& process : list) {
    for (const QueueIndex index : process.queues) {
      if (queues_[index].present && !queues_[index].taken_off) {
        queues.push_back(index);
      }
    }
  }
  tell_unless_bystander(queues, Occupancy::kRestoring);
  const auto processes = static_cast<std::int64_t>(list.size());
  const auto count = static_cast<std::int64_t>(queues.size());
  co_await Delay(timeline_, parameters_.t_map + processes * parameters_.t_map_process +
                                count * (parameters_.t_map_queue + parameters_.t_dequeue));
  std::vector<QueueIndex> saved;
  for (const QueueIndex index : queues) {
    if (!queues_[index].present) {
      continue;
    }
    queues_[index].mapped = true;
    if (waves_.saved_bytes(index) > 0) {
      saved.push_back(index);
    } else {
      turn_on(index);
    }
  }
  if (!saved.empty()) {
    phase(DriverPhase::kRestore);
    co_await restore(std::move(saved));
  }
  phase(DriverPhase::kNone);
}

/// Brings the waves of mapped queues back, and lets them run.
Task Gpu::restore(std::vector<QueueIndex> queues) {
  const Duration ideal = restore_time(parameters_, restore_load(queues));
  const Duration time = disturbance_.is_none() ? ideal : disturbance_.jittered(ideal);
  const Instant start = timeline_.now();
  co_await Delay(timeline_, GPREEMPT_MUTANT("restore-is-free") ? Duration::zero() : time);
  for (const QueueIndex index : queues) {
    queues_[index].save_times.restore_start = start;
    queues_[index].save_times.restore_end = timeline_.now();
    if (queues_[index].present && queues_[index].mapped) {
      turn_on(index);
    }
  }
}

/// The end of a turn: what it had mapped makes room.
Task Gpu::switch_out() {
  phase(DriverPhase::kUnmap);
  std::vector<QueueIndex> queues = mapped_queues();
  for (const QueueIndex index : queues) {
    queues_[index].mapped = false;
  }
  UnmapReport report;
  const std::vector<QueueIndex> told = occupancy_ != nullptr ? queues : std::vector<QueueIndex>{};
  co_await save(std::move(queues), Duration::zero(), false, report);
  tell_unless_bystander(told, Occupancy::kWaiting);
  for (const QueueIndex index : report.stuck) {
    queues_[index].mapped = queues_[index].present;  // it stays: the driver's next unmap finds it
  }
  phase(DriverPhase::kNone);
}

void Gpu::map_more(std::vector<QueueIndex> queues) { tasks_.start(map_beside(std::move(queues))); }

Task Gpu::map_beside(std::vector<QueueIndex> queues) {
  co_await firmware_.acquire();
  if (!firmware_hung_) {
    tell_unless_bystander(queues, Occupancy::kRestoring);
    const auto count = static_cast<std::int64_t>(queues.size());
    co_await Delay(timeline_, parameters_.t_hiq + count * parameters_.t_map_queue);
    co_await Delay(timeline_, restore_time(parameters_, restore_load(queues)));
    for (const QueueIndex index : queues) {
      queues_[index].taken_off = false;
      if (queues_[index].present && !is_oversubscribed()) {  // else its next turn maps it
        queues_[index].mapped = true;
        turn_on(index);
      } else if (queues_[index].present) {
        tell(index, Occupancy::kWaiting);
      }
    }
  }
  firmware_.release();
}

void Gpu::turn_on(QueueIndex index) {
  charge_bystander(queues_[index]);
  tell_of_return(index);
  waves_.enable(index);
}

SaveLoad Gpu::restore_load(const std::vector<QueueIndex>& queues) const {
  SaveLoad load;
  WaveDispatcher::SavedByXcc sum;
  for (const QueueIndex index : queues) {
    (queues_[index].save_in_system_memory ? load.system : load.local) += waves_.saved_bytes(index);
    waves_.add_saved(index, sum);
  }
  load.waves = *std::max_element(sum.waves.begin(), sum.waves.end());
  load.xcc = *std::max_element(sum.bytes.begin(), sum.bytes.end());
  return load;
}

// ---- failures
// -------------------------------------------------------------------------------------------

void Gpu::reset_queue(QueueIndex queue) {
  queues_[queue].stuck = false;
  waves_.abandon(queue);
}

void Gpu::reset() {
  ++generation_;
  firmware_hung_ = false;
  for (QueueIndex index = 0; index < queues_.size(); ++index) {
    queues_[index].mapped = false;
    charge_bystander(queues_[index]);
    if (queues_[index].present) {
      waves_.disable(std::span(&index, 1));
      reset_queue(index);
      tell(index, Occupancy::kGone);
    }
  }
  phase(DriverPhase::kNone);
}

}  // namespace gpreempt::sim
