#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/error.h"
#include "core/program.h"
#include "core/time.h"
#include "workloads/hip/calibration.h"
#include "workloads/hip/gpu.h"
#include "workloads/hip/host.h"

/// From a program's trains to kernels of this GPU.
namespace gpreempt::hip {

/// What kernels have besides what a scenario says.
struct KernelOptions {
  std::uint64_t traffic_bytes = 0;  ///< that each kernel reads and writes
  std::uint32_t gemm = 0;           ///< > 0: every kernel is a product of matrices of so many rows
};

/// A kernel shape, measured.
struct CalibratedShape {
  KernelShape shape;
  KernelFacts facts;
  std::uint32_t touches = 0;
  KernelCost cost;
};

class KernelPlan {
 public:
  /// Measures each shape that occurs in `trains` on stream `stream`, which must be idle, and each
  /// duration as it came out. Blocks: until that is done, tens of milliseconds a shape.
  /// Errors: kInvalidArgument (a kernel that this GPU cannot run), those of the GPU; kTimedOut (no
  /// answer for ten seconds).
  [[nodiscard]] static Result<KernelPlan> make(const std::vector<KernelTrain>& trains,
                                               const KernelOptions& options, Gpu& gpu, Host& host,
                                               StreamId stream);

  [[nodiscard]] const std::vector<KernelBatch>& batches(std::uint32_t train) const {
    return batches_.at(train);
  }
  /// Kernel time of a train, and of each kernel of one of its runs, as the scenario has it, or, of
  /// matrix products, as measured.
  [[nodiscard]] Duration work_of(std::uint32_t train) const { return work_.at(train); }
  [[nodiscard]] Duration kernel_work(std::uint32_t train, std::size_t run) const {
    return kernel_work_.at(train).at(run);
  }
  [[nodiscard]] const std::vector<CalibratedShape>& shapes() const { return shapes_; }
  [[nodiscard]] const std::vector<MadeKernel>& made() const { return made_; }

 private:
  [[nodiscard]] Result<void> add_train(const KernelTrain& train, const KernelOptions& options,
                                       const MeasureKernel& measure, Gpu& gpu);
  [[nodiscard]] Result<Kernel> kernel_for(const KernelRun& run, const KernelOptions& options,
                                          const MeasureKernel& measure, Gpu& gpu);
  [[nodiscard]] Result<CalibratedShape> shape_for(const KernelShape& shape,
                                                  const KernelOptions& options,
                                                  const MeasureKernel& measure, Gpu& gpu);
  /// Notes how long it really takes. `asked`: nullopt: what it takes is what was asked for.
  [[nodiscard]] Result<void> check(const Kernel& kernel, std::uint32_t count,
                                   std::optional<Duration> asked, const MeasureKernel& measure);

  std::vector<CalibratedShape> shapes_;
  std::vector<MadeKernel> made_;
  std::vector<std::vector<KernelBatch>> batches_;
  std::vector<Duration> work_;
  std::vector<std::vector<Duration>> kernel_work_;
};

}  // namespace gpreempt::hip
