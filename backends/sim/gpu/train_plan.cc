#include "backends/sim/gpu/train_plan.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iterator>

#include "backends/sim/gpu/cu_pool.h"
#include "backends/sim/gpu/parameters.h"
#include "core/error.h"
#include "core/program.h"
#include "core/time.h"

namespace gpreempt::sim {

std::uint32_t TrainPlan::Run::placed_before(std::uint32_t xcc, std::uint32_t round) const {
  const std::uint64_t slots = std::uint64_t{round} * capacity;
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(share.at(xcc), slots));
}

TrainPlan::TrainPlan(const GpuParameters& gpu, const KernelTrain& train) {
  runs_.reserve(train.size());
  for (const KernelRun& kernels : train) {
    const KernelShape& shape = kernels.shape;
    const std::uint32_t capacity = workgroups_per_cu(gpu, shape) * gpu.cus_per_xcc;
    GPREEMPT_CHECK(capacity > 0 && kernels.count > 0 && shape.workgroups > 0);
    const PerXcc share = share_of_xccs(shape.workgroups, gpu.xccs);
    const std::uint32_t rounds = (share.front() + capacity - 1) / capacity;
    const Duration workgroup =
        std::max(Duration(1), (kernels.duration + Duration(rounds - 1)) / rounds);
    runs_.push_back(Run{
        .shape = shape,
        .footprint = {.waves = shape.waves,
                      .vgpr_bytes = static_cast<std::uint32_t>(vgpr_bytes(gpu, shape)),
                      .lds_bytes = static_cast<std::uint32_t>(shape.lds_bytes)},
        .count = kernels.count,
        .share = share,
        .capacity = capacity,
        .rounds = rounds,
        .workgroup = workgroup,
        .beside = workgroup +
                  Duration(std::llround(static_cast<double>(to_ns(workgroup)) * gpu.interference)),
        .kernel = std::int64_t{rounds} * workgroup,
        .start = total_,
        .first_kernel = kernels_,
        .collective = kernels.collective});
    GPREEMPT_CHECK(!kernels.collective || rounds == 1);
    has_collectives_ = has_collectives_ || kernels.collective;
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

Duration TrainPlan::alone_until(Duration elapsed, bool endless) const {
  auto next = std::lower_bound(runs_.begin(), runs_.end(), elapsed,
                               [](const Run& run, Duration value) { return run.start < value; });
  next = std::find_if(next, runs_.end(), [](const Run& run) { return run.collective; });
  if (next != runs_.end()) {
    return next->start;
  }
  if (!endless) {
    return total_;
  }
  next = std::ranges::find_if(runs_, [](const Run& run) { return run.collective; });
  return next == runs_.end() ? Duration::max() : total_ + next->start;
}

bool TrainPlan::same_as(const TrainPlan& other) const {
  return this == &other || std::ranges::equal(runs_, other.runs_, [](const Run& a, const Run& b) {
           return a.kernel == b.kernel && a.count == b.count && a.collective == b.collective;
         });
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
