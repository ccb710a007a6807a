#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "backends/sim/gpu/parameters.h"
#include "backends/sim/gpu/train_plan.h"
#include "core/program.h"
#include "core/time.h"

namespace gpreempt::sim {

/// The plans of a serving engine's iterations on one kind of GPU, by their time. A batch decodes
/// many times in the same time, and a plan with many collectives is long.
class IterationPlans {
 public:
  IterationPlans(const GpuParameters& gpu, const Serving& serving) : gpu_(gpu), serving_(serving) {}

  /// Made when first asked for; the pool forgets them all when it has too many.
  [[nodiscard]] std::shared_ptr<const TrainPlan> of(Duration time);
  [[nodiscard]] bool are_for(const GpuParameters& gpu, const Serving& serving) const {
    return gpu_ == gpu && serving_ == serving;
  }

 private:
  GpuParameters gpu_;
  Serving serving_;
  std::unordered_map<std::int64_t, std::shared_ptr<const TrainPlan>> by_time_;  // ns
};

/// Plans that ranks of a job have in common: equal work on equal GPUs has one plan, which is made
/// once, and two ranks that have the same one need not compare what they run.
class PlanPool {
 public:
  /// For a train that is asked for seldom: it is compared with all of those before.
  [[nodiscard]] std::shared_ptr<const TrainPlan> of(const GpuParameters& gpu,
                                                    const KernelTrain& train);
  /// Lives as long as the pool or whoever keeps it.
  [[nodiscard]] std::shared_ptr<IterationPlans> iterations(const GpuParameters& gpu,
                                                           const Serving& serving);

 private:
  struct Entry {
    GpuParameters gpu;
    KernelTrain train;
    std::shared_ptr<const TrainPlan> plan;
  };

  std::vector<Entry> plans_;
  std::vector<std::shared_ptr<IterationPlans>> iterations_;
};

}  // namespace gpreempt::sim
