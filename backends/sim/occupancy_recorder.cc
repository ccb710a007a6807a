#include "backends/sim/occupancy_recorder.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "backends/sim/gpu/gpu.h"
#include "backends/sim/gpu/wave_dispatcher.h"
#include "backends/sim/timeline.h"
#include "core/ids.h"
#include "core/occupancy.h"

namespace gpreempt::sim {

class OccupancyRecorder::Gpu final : public OccupancyListener {
 public:
  Gpu(OccupancyRecorder& recorder, std::uint32_t index) : recorder_(recorder), index_(index) {}

  void name(QueueIndex queue, Pid pid) {
    if (names_.size() <= queue) {
      names_.resize(queue + 1);
    }
    const auto number = std::ranges::count_if(
        names_, [pid](const std::optional<Name>& name) { return name && name->pid == pid; });
    names_[queue] = Name{.pid = pid, .number = static_cast<std::uint32_t>(number)};
  }

  void turned(QueueIndex queue, Occupancy state, std::uint32_t waves) override {
    if (queue >= names_.size()) {
      return;
    }
    if (const std::optional<Name>& name = names_[queue]) {
      recorder_.change({.at = recorder_.timeline_.now(),
                        .pid = name->pid,
                        .gpu = index_,
                        .queue = name->number,
                        .state = state,
                        .waves = waves});
    }
  }

 private:
  OccupancyRecorder& recorder_;
  std::uint32_t index_;
  std::vector<std::optional<Name>> names_;  ///< by `QueueIndex`
};

OccupancyRecorder::OccupancyRecorder(Timeline& timeline, std::uint32_t gpus, std::size_t most)
    : timeline_(timeline), most_(most) {
  for (std::uint32_t gpu = 0; gpu < gpus; ++gpu) {
    gpus_.push_back(std::make_unique<Gpu>(*this, gpu));
  }
}

OccupancyRecorder::~OccupancyRecorder() = default;

void OccupancyRecorder::add(std::uint32_t gpu, QueueIndex queue, Pid pid, Occupancy state) {
  gpus_[gpu]->name(queue, pid);
  gpus_[gpu]->turned(queue, state, 0);
}

OccupancyListener& OccupancyRecorder::on(std::uint32_t gpu) { return *gpus_[gpu]; }

void OccupancyRecorder::change(const OccupancyChange& change) {
  if (record_.changes.size() < most_) {
    record_.changes.push_back(change);
    return;
  }
  record_.until = record_.left_out == 0 ? change.at : record_.until;
  ++record_.left_out;
}

}  // namespace gpreempt::sim
