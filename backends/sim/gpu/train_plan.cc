#include "backends/sim/gpu/train_plan.h"

#include <algorithm>
#include <cstdint>
#include <iterator>

#include "backends/sim/gpu/parameters.h"
#include "core/error.h"
#include "core/program.h"
#include "core/time.h"

namespace gpreempt::sim {

TrainPlan::TrainPlan(const GpuParameters& gpu, const KernelTrain& train) {
  runs_.reserve(train.size());
  for (const KernelRun& kernels : train) {
    const std::uint32_t capacity = workgroups_per_cu(gpu, kernels.shape) * gpu.cus();
    GPREEMPT_CHECK(capacity > 0 && kernels.count > 0 && kernels.shape.workgroups > 0);
    const std::int64_t rounds = (kernels.shape.workgroups + capacity - 1) / capacity;
    const Duration workgroup =
        std::max(Duration(1), (kernels.duration + Duration(rounds - 1)) / rounds);
    runs_.push_back(Run{.shape = kernels.shape,
                        .count = kernels.count,
                        .capacity = capacity,
                        .workgroup = workgroup,
                        .kernel = rounds * workgroup,
                        .start = total_,
                        .first_kernel = kernels_});
    total_ += kernels.count * runs_.back().kernel;
    kernels_ += kernels.count;
  }
  GPREEMPT_CHECK(!runs_.empty());
}

Duration TrainPlan::elapsed(Position position) const {
  const Run& run = runs_[position.run];
  return run.start + position.index * run.kernel + position.offset;
}

TrainPlan::Position TrainPlan::locate(Duration elapsed) const {
  GPREEMPT_CHECK(elapsed >= Duration::zero() && elapsed < total_);
  const auto after =
      std::upper_bound(runs_.begin(), runs_.end(), elapsed,
                       [](Duration value, const Run& run) { return value < run.start; });
  const auto run = std::prev(after);
  const Duration inside = elapsed - run->start;
  return Position{.run = static_cast<std::uint32_t>(run - runs_.begin()),
                  .index = static_cast<std::uint32_t>(inside / run->kernel),
                  .offset = inside % run->kernel};
}

std::uint64_t TrainPlan::kernels_before(Position position) const {
  return runs_[position.run].first_kernel + position.index;
}

bool TrainPlan::advance(Position& position) const {
  position.offset = Duration::zero();
  if (++position.index < runs_[position.run].count) {
    return true;
  }
  position.index = 0;
  return ++position.run < runs_.size();
}

}  // namespace gpreempt::sim
