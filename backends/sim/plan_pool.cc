#include "backends/sim/plan_pool.h"

#include <algorithm>
#include <cstddef>
#include <memory>

#include "backends/sim/gpu/parameters.h"
#include "backends/sim/gpu/train_plan.h"
#include "backends/sim/serving_engine.h"
#include "core/program.h"
#include "core/time.h"

namespace gpreempt::sim {

std::shared_ptr<const TrainPlan> IterationPlans::of(Duration time) {
  constexpr std::size_t kMost = 256;
  if (by_time_.size() >= kMost) {
    by_time_.clear();
  }
  std::shared_ptr<const TrainPlan>& plan = by_time_[to_ns(time)];
  if (plan == nullptr) {
    plan = std::make_shared<const TrainPlan>(gpu_, train_of_iteration(serving_, time));
  }
  return plan;
}

std::shared_ptr<const TrainPlan> PlanPool::of(const GpuParameters& gpu, const KernelTrain& train) {
  const auto found = std::ranges::find_if(
      plans_, [&](const Entry& entry) { return entry.train == train && entry.gpu == gpu; });
  if (found != plans_.end()) {
    return found->plan;
  }
  return plans_
      .emplace_back(
          Entry{.gpu = gpu, .train = train, .plan = std::make_shared<const TrainPlan>(gpu, train)})
      .plan;
}

std::shared_ptr<IterationPlans> PlanPool::iterations(const GpuParameters& gpu,
                                                     const Serving& serving) {
  const auto found = std::ranges::find_if(
      iterations_,
      [&](const std::shared_ptr<IterationPlans>& each) { return each->are_for(gpu, serving); });
  if (found != iterations_.end()) {
    return *found;
  }
  return iterations_.emplace_back(std::make_shared<IterationPlans>(gpu, serving));
}

}  // namespace gpreempt::sim
