#include "workloads/hip/kernel_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "config/document.h"
#include "core/error.h"
#include "core/program.h"
#include "core/time.h"
#include "workloads/hip/calibration.h"
#include "workloads/hip/clock_fit.h"
#include "workloads/hip/gpu.h"
#include "workloads/hip/host.h"
#include "workloads/hip/submission.h"

namespace gpreempt::hip {
namespace {

constexpr std::uint32_t kReadings = 64;
constexpr Duration kApart = std::chrono::milliseconds(50);
constexpr std::uint32_t kMeasuredTogether = 16;
constexpr std::uint64_t kTouchBytes = 32;  // a word of 16 bytes, read and written

/// Ticks of two rows of readings some time apart: enough for a rate, to parts in ten thousand.
Result<double> tick_length(Gpu& gpu, Host& host) {
  std::vector<ClockSample> samples;
  GPREEMPT_TRY(store(samples, gpu.read_clock(host, kReadings)));
  host.wait_until(host.now() + kApart);
  std::vector<ClockSample> later;
  GPREEMPT_TRY(store(later, gpu.read_clock(host, kReadings)));
  samples.insert(samples.end(), later.begin(), later.end());
  ClockFit fit;
  GPREEMPT_TRY(store(fit, fit_clock(samples)));
  return fit.ns_per_tick;
}

std::uint32_t touches_for(std::uint64_t bytes, const KernelFacts& facts) {
  const std::uint64_t lanes =
      std::uint64_t{facts.witness.blocks} * facts.witness.threads * kTouchBytes;
  return static_cast<std::uint32_t>((bytes + lanes - 1) / lanes);
}

/// Runs kernels in a row on an idle stream; their mean time is by the stamps of the first and the
/// last one.
struct KernelTimer {
  Gpu& gpu;
  Host& host;
  StreamId stream = 0;
  double ns_per_tick = 0;

  [[nodiscard]] Result<Duration> time(const Kernel& kernel, std::uint32_t count) const {
    const std::array<KernelBatch, 1> train = {KernelBatch{.count = count, .kernel = kernel}};
    Ticket ticket = 0;
    GPREEMPT_TRY(store(ticket, gpu.submit(stream, train, false)));
    Finish finish;
    GPREEMPT_TRY(store(finish, await_finish(gpu, host, ticket,
                                            fmt::format("calibrate kernels: {} of {} workgroups",
                                                        count, kernel.shape.workgroups))));
    const auto ticks = static_cast<double>(finish.last_ticks - finish.first_ticks);
    return Duration(std::llround(ticks * ns_per_tick / count));
  }
};

}  // namespace

Result<KernelPlan> KernelPlan::make(const std::vector<KernelTrain>& trains,
                                    const KernelOptions& options, Gpu& gpu, Host& host,
                                    StreamId stream) {
  double ns_per_tick = 0;
  GPREEMPT_TRY(store(ns_per_tick, tick_length(gpu, host)));
  const KernelTimer timer{.gpu = gpu, .host = host, .stream = stream, .ns_per_tick = ns_per_tick};
  const MeasureKernel measure = [&](const Kernel& kernel, std::uint32_t count) {
    return timer.time(kernel, count);
  };
  KernelPlan plan;
  for (const KernelTrain& train : trains) {
    GPREEMPT_TRY(plan.add_train(train, options, measure, gpu));
  }
  return plan;
}

Result<void> KernelPlan::add_train(const KernelTrain& train, const KernelOptions& options,
                                   const MeasureKernel& measure, Gpu& gpu) {
  std::vector<KernelBatch>& batches = batches_.emplace_back();
  std::vector<Duration>& kernel_work = kernel_work_.emplace_back();
  Duration work{};
  for (const KernelRun& run : train) {
    Kernel kernel;
    GPREEMPT_TRY(store(kernel, kernel_for(run, options, measure, gpu)));
    kernel_work.push_back(kernel.gemm > 0 ? made_.back().made : run.duration);
    work += run.count * kernel_work.back();
    batches.push_back({.count = run.count, .kernel = kernel});
  }
  work_.push_back(work);
  return {};
}

Result<Kernel> KernelPlan::kernel_for(const KernelRun& run, const KernelOptions& options,
                                      const MeasureKernel& measure, Gpu& gpu) {
  Kernel kernel{.shape = run.shape, .gemm = options.gemm};
  const bool is_gemm = options.gemm > 0;
  if (is_gemm && made_.empty()) {
    (void)measure(kernel, 1);  // the matrices are made and filled
    GPREEMPT_TRY(check(kernel, kMeasuredTogether, std::nullopt, measure));
  }
  if (is_gemm) {
    return kernel;
  }
  CalibratedShape shape;
  GPREEMPT_TRY(store(shape, shape_for(run.shape, options, measure, gpu)));
  kernel.touches = shape.touches;
  const auto known = std::ranges::find_if(made_, [&](const MadeKernel& made) {
    return made.shape == run.shape && made.asked == run.duration;
  });
  if (run.duration > kLongestTried) {
    if (known != made_.end()) {
      kernel.iterations = known->iterations;
      return kernel;
    }
    MadeKernel made;
    GPREEMPT_TRY(store(made, extrapolate(kernel, run.duration, shape.cost, measure)));
    made_.push_back(made);
    kernel.iterations = made.iterations;
    return kernel;
  }
  kernel.iterations = shape.cost.iterations_for(run.duration);
  constexpr std::size_t kMostChecked = 64;  // of thousands of durations these say enough
  if (known == made_.end() && made_.size() < kMostChecked) {
    // Long kernels need no row of them.
    constexpr Duration kRow = std::chrono::milliseconds(200);
    const auto count = std::clamp<std::int64_t>(kRow / run.duration, 1, kMeasuredTogether);
    GPREEMPT_TRY(check(kernel, static_cast<std::uint32_t>(count), run.duration, measure));
  }
  return kernel;
}

Result<CalibratedShape> KernelPlan::shape_for(const KernelShape& shape,
                                              const KernelOptions& options,
                                              const MeasureKernel& measure, Gpu& gpu) {
  const auto found = std::ranges::find(shapes_, shape, &CalibratedShape::shape);
  if (found != shapes_.end()) {
    return *found;
  }
  CalibratedShape fresh{.shape = shape};
  GPREEMPT_TRY(store(fresh.facts, gpu.kernel_facts(shape)));
  fresh.touches = touches_for(options.traffic_bytes, fresh.facts);
  const Kernel kernel{.shape = shape, .touches = fresh.touches};
  GPREEMPT_TRY(store(fresh.cost, calibrate(kernel, measure)));
  shapes_.push_back(fresh);
  return fresh;
}

Result<void> KernelPlan::check(const Kernel& kernel, std::uint32_t count,
                               std::optional<Duration> asked, const MeasureKernel& measure) {
  Duration made{};
  GPREEMPT_TRY(store(made, measure(kernel, count)));
  made_.push_back({.shape = kernel.shape,
                   .asked = asked.value_or(made),
                   .iterations = kernel.iterations,
                   .made = made});
  return {};
}

}  // namespace gpreempt::hip
