#pragma once

#include <cstdint>
#include <vector>

#include "backends/sim/gpu/cu_pool.h"
#include "backends/sim/gpu/parameters.h"
#include "core/program.h"
#include "core/time.h"

namespace gpreempt::sim {

/// A kernel train as one GPU runs it when nothing else does: kernels back to back, each in rounds
/// of as many workgroups as fit. Lets a position be found without visiting the kernels before it.
class TrainPlan {
 public:
  /// One run of equal kernels.
  struct Run {
    KernelShape shape;
    Footprint footprint;
    std::uint32_t count = 0;
    PerXcc share{};              ///< a kernel's workgroups by XCC
    std::uint32_t capacity = 0;  ///< workgroups resident at once on one XCC
    std::uint32_t rounds = 0;    ///< of the XCC with the largest share
    /// One round: the kernel's duration over its rounds, rounded up to whole ns.
    Duration workgroup{};
    Duration beside{};               ///< the same beside another queue's residents
    Duration kernel{};               ///< rounds x workgroup
    Duration start{};                ///< of the run within the train
    std::uint64_t first_kernel = 0;  ///< kernels of the train before this run
    bool collective = false;         ///< see `KernelRun`; it has one round

    /// Workgroups of one XCC that are placed before round `round` when the kernel runs alone.
    [[nodiscard]] std::uint32_t placed_before(std::uint32_t xcc, std::uint32_t round) const;
  };
  /// Where a train is: in kernel `index` of run `run`, `offset` into it.
  struct Position {
    std::uint32_t run = 0;
    std::uint32_t index = 0;
    Duration offset{};
  };

  /// Every shape must fit (`workgroups_per_cu` > 0) and every run have a kernel.
  TrainPlan(const GpuParameters& gpu, const KernelTrain& train);

  [[nodiscard]] const Run& run(std::uint32_t index) const { return runs_[index]; }
  [[nodiscard]] Duration total() const { return total_; }
  /// How far a train that has the GPU to itself gets from `elapsed` without another rank: to its
  /// next collective, or to its end. Beyond `total()` in the next lap of an endless one;
  /// `Duration::max()`: for ever.
  [[nodiscard]] Duration alone_until(Duration elapsed, bool endless) const;
  [[nodiscard]] std::uint64_t kernels() const { return kernels_; }
  /// Whether the other one takes the same time to the same places.
  [[nodiscard]] bool same_as(const TrainPlan& other) const;
  [[nodiscard]] bool has_collectives() const { return has_collectives_; }
  /// Duration of the train's last kernel.
  [[nodiscard]] Duration last_kernel() const { return runs_.back().kernel; }
  /// Time before `position` in a train that runs alone.
  [[nodiscard]] Duration elapsed(Position position) const;
  /// Inverse of `elapsed`, for 0 <= elapsed < total; at a boundary the next kernel has begun.
  [[nodiscard]] Position locate(Duration elapsed) const;
  [[nodiscard]] std::uint64_t kernels_before(Position position) const;
  /// Moves to the next kernel; false at the end of the train.
  [[nodiscard]] bool advance(Position& position) const;

 private:
  std::vector<Run> runs_;
  Duration total_{};
  std::uint64_t kernels_ = 0;
  bool has_collectives_ = false;
};

}  // namespace gpreempt::sim
