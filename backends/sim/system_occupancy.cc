// What of a machine's queues is written down on request.
#include <cstddef>
#include <cstdint>
#include <memory>

#include "backends/sim/gpu/gpu.h"
#include "backends/sim/gpu/wave_dispatcher.h"
#include "backends/sim/occupancy_recorder.h"
#include "backends/sim/system.h"
#include "core/occupancy.h"

namespace gpreempt::sim {

void System::record_occupancy(std::size_t most) {
  recorder_ = std::make_unique<OccupancyRecorder>(timeline_, options_.gpus, most);
  const auto add = [this](const auto& runners) {
    for (const auto& [pid, runner] : runners) {
      const std::uint32_t gpu = runner->program().gpu;
      for (const QueueIndex queue : runner->queues()) {
        recorder_->add(gpu, queue, pid, gpus_[gpu]->occupancy(queue));
      }
    }
  };
  add(runners_);
  add(further_);
  for (std::uint32_t gpu = 0; gpu < options_.gpus; ++gpu) {
    gpus_[gpu]->listen(&recorder_->on(gpu));
  }
}

const OccupancyRecord& System::occupancy() const {
  static const OccupancyRecord kNothing;
  return recorder_ == nullptr ? kNothing : recorder_->record();
}

}  // namespace gpreempt::sim
