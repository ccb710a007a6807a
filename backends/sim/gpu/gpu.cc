#include "backends/sim/gpu/gpu.h"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "backends/sim/gpu/parameters.h"
#include "backends/sim/gpu/wave_dispatcher.h"
#include "backends/sim/task.h"
#include "backends/sim/timeline.h"
#include "core/testbed.h"
#include "core/time.h"

namespace gpreempt::sim {

Gpu::Gpu(Timeline& timeline, const GpuParameters& parameters, WaveDispatcher::Listener& listener,
         WaveDispatcher::Options options)
    : timeline_(timeline),
      parameters_(parameters),
      waves_(timeline, parameters_, listener, options) {}

QueueIndex Gpu::add_queue(std::int32_t process, std::uint32_t priority) {
  const QueueIndex index = waves_.add_queue(priority);
  queues_.push_back(Queue{.process = process, .present = true});
  return index;
}

void Gpu::remove_queue(QueueIndex queue) {
  queues_[queue].present = false;
  queues_[queue].mapped = false;
  waves_.remove_queue(queue);
}

Task Gpu::unmap(Duration grace, std::int32_t cause, UnmapReport& report) {
  co_await firmware_.acquire();
  const Instant begin = timeline_.now();
  phases_.firmware(DriverPhase::kUnmap, begin);
  co_await Delay(timeline_, parameters_.t_hiq);
  cause_ = cause;
  for (Queue& queue : queues_) {
    if (std::exchange(queue.mapped, false)) {
      queue.off = true;
      queue.off_since = timeline_.now();
    }
  }
  waves_.disable_all();
  co_await Delay(timeline_, std::min(grace, waves_.drained_at() - timeline_.now()));
  const std::vector<WaveDispatcher::Frozen> frozen = waves_.freeze();
  for (const WaveDispatcher::Frozen& each : frozen) {
    report.saved_bytes += each.bytes;
  }
  if (report.saved_bytes > 0) {
    co_await Delay(timeline_, parameters_.t_stop);
  }
  const Instant stopped = timeline_.now();
  report.unmap = stopped - begin;
  if (report.saved_bytes > 0) {
    phases_.firmware(DriverPhase::kSave, stopped);
    co_await Delay(timeline_, time_to_save(frozen));
  }
  report.save = timeline_.now() - stopped;
  phases_.firmware(DriverPhase::kUnmap, timeline_.now());
  firmware_.release();
}

void Gpu::map(std::vector<QueueIndex> queues, std::uint32_t processes) {
  if (queues.empty()) {
    phases_.firmware(DriverPhase::kNone, timeline_.now());
    return;
  }
  tasks_.start(map_and_restore(std::move(queues), processes));
}

Task Gpu::map_and_restore(std::vector<QueueIndex> queues, std::uint32_t processes) {
  co_await firmware_.acquire();
  phases_.firmware(DriverPhase::kMap, timeline_.now());
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
    phases_.firmware(DriverPhase::kRestore, timeline_.now());
    co_await Delay(timeline_, time_to_restore(saved));
    for (const QueueIndex index : saved) {
      if (queues_[index].present) {
        turn_on(index);
      }
    }
  }
  phases_.firmware(DriverPhase::kNone, timeline_.now());
  firmware_.release();
}

void Gpu::turn_on(QueueIndex index) {
  Queue& queue = queues_[index];
  if (std::exchange(queue.off, false) && queue.process != cause_) {
    queue.bystander += timeline_.now() - queue.off_since;
  }
  waves_.enable(index);
}

Duration Gpu::time_to_save(const std::vector<WaveDispatcher::Frozen>& frozen) const {
  std::uint64_t local = 0;
  std::uint64_t system = 0;
  for (const WaveDispatcher::Frozen& each : frozen) {
    (queues_[each.queue].save_in_system_memory ? system : local) += each.bytes;
  }
  return std::max(save_time(parameters_, local, parameters_.save_bandwidth),
                  save_time(parameters_, system, parameters_.system_bandwidth));
}

Duration Gpu::time_to_restore(const std::vector<QueueIndex>& queues) const {
  std::uint64_t local = 0;
  std::uint64_t system = 0;
  std::uint64_t waves = 0;
  for (const QueueIndex index : queues) {
    (queues_[index].save_in_system_memory ? system : local) += waves_.saved_bytes(index);
    waves += waves_.saved_waves(index);
  }
  return parameters_.t_relaunch + relaunch_time(parameters_, waves) +
         std::max(restore_time(parameters_, local, parameters_.save_bandwidth),
                  restore_time(parameters_, system, parameters_.system_bandwidth));
}

}  // namespace gpreempt::sim
