#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "backends/sim/gpu/gpu.h"
#include "backends/sim/gpu/wave_dispatcher.h"
#include "backends/sim/timeline.h"
#include "core/ids.h"
#include "core/occupancy.h"

namespace gpreempt::sim {

/// Writes down what becomes of the queues that it knows, on all GPUs of a machine. Others it
/// ignores: those that runtimes keep for themselves.
class OccupancyRecorder {
 public:
  /// Keeps at most `most` changes. `timeline` must outlive it.
  OccupancyRecorder(Timeline& timeline, std::uint32_t gpus, std::size_t most);
  OccupancyRecorder(const OccupancyRecorder&) = delete;
  OccupancyRecorder& operator=(const OccupancyRecorder&) = delete;
  ~OccupancyRecorder();

  /// A queue of `pid`, which is in `state` now. Those of a process are numbered as they are added.
  void add(std::uint32_t gpu, QueueIndex queue, Pid pid, Occupancy state);
  /// To be told by that GPU.
  [[nodiscard]] OccupancyListener& on(std::uint32_t gpu);
  [[nodiscard]] const OccupancyRecord& record() const { return record_; }

 private:
  struct Name {
    Pid pid;
    std::uint32_t number = 0;
  };
  class Gpu;
  void change(const OccupancyChange& change);

  Timeline& timeline_;
  std::size_t most_;
  std::vector<std::unique_ptr<Gpu>> gpus_;
  OccupancyRecord record_;
};

}  // namespace gpreempt::sim
