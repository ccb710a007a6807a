#include "workloads/hip/kernel_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "config/document.h"
#include "core/error.h"
#include "core/program.h"
#include "core/time.h"
#include "workloads/hip/calibration.h"
#include "workloads/hip/clock_fit.h"
#include "workloads/hip/gpu.h"
#include "workloads/hip/host.h"

namespace gpreempt::hip {
namespace {

constexpr std::uint32_t kReadings = 64;
constexpr Duration kApart = std::chrono::milliseconds(50);
constexpr Duration kPatience = std::chrono::seconds(10);
constexpr Duration kLook = std::chrono::microseconds(20);  // its stamps are exact, however late
constexpr std::uint64_t kTouchBytes = 32;                  // a word of 16 bytes, read and written

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

}  // namespace

Result<Duration> time_kernels(Gpu& gpu, Host& host, StreamId stream, const Kernel& kernel,
                              std::uint32_t count, double ns_per_tick) {
  const std::array<KernelBatch, 1> train = {KernelBatch{.count = count, .kernel = kernel}};
  Ticket ticket = 0;
  GPREEMPT_TRY(store(ticket, gpu.submit(stream, train, false)));
  const Instant deadline = host.now() + kPatience;
  while (host.now() < deadline) {
    std::optional<Finish> finish;
    GPREEMPT_TRY(store(finish, gpu.poll(ticket)));
    if (finish) {
      const auto ticks = static_cast<double>(finish->last_ticks - finish->first_ticks);
      return Duration(std::llround(ticks * ns_per_tick / count));
    }
    if (host.stop_requested()) {
      return fail(Errc::kInterrupted, "calibrate kernels: asked to stop");
    }
    host.wait_until(host.now() + kLook);
  }
  return fail(Errc::kTimedOut,
              fmt::format("calibrate kernels: {} of {} workgroups did not finish within 10 s; its "
                          "queues are off the GPU, or another process keeps it busy",
                          count, kernel.shape.workgroups));
}

Result<KernelPlan> KernelPlan::make(const std::vector<KernelTrain>& trains,
                                    const KernelOptions& options, Gpu& gpu, Host& host,
                                    StreamId stream) {
  double ns_per_tick = 0;
  GPREEMPT_TRY(store(ns_per_tick, tick_length(gpu, host)));
  const MeasureKernel measure = [&](const Kernel& kernel, std::uint32_t count) {
    return time_kernels(gpu, host, stream, kernel, count, ns_per_tick);
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
  constexpr std::uint32_t kMeasuredTogether = 16;
  Kernel kernel{.shape = run.shape, .gemm = options.gemm};
  if (options.gemm > 0) {
    if (made_.empty()) {
      Duration made{};
      (void)measure(kernel, 1);  // the matrices are made and filled
      GPREEMPT_TRY(store(made, measure(kernel, kMeasuredTogether)));
      made_.push_back({.shape = run.shape, .asked = made, .iterations = 1, .made = made});
    }
    return kernel;
  }
  auto shape = std::ranges::find(shapes_, run.shape, &CalibratedShape::shape);
  if (shape == shapes_.end()) {
    CalibratedShape fresh{.shape = run.shape};
    GPREEMPT_TRY(store(fresh.facts, gpu.kernel_facts(run.shape)));
    fresh.touches = touches_for(options.traffic_bytes, fresh.facts);
    kernel.touches = fresh.touches;
    GPREEMPT_TRY(store(fresh.cost, calibrate(kernel, measure)));
    shapes_.push_back(fresh);
    shape = shapes_.end() - 1;
  }
  kernel.touches = shape->touches;
  kernel.iterations = shape->cost.iterations_for(run.duration);
  const bool known = std::ranges::any_of(made_, [&](const MadeKernel& made) {
    return made.shape == run.shape && made.asked == run.duration;
  });
  constexpr std::size_t kMostChecked = 64;  // of thousands of durations these say enough
  if (!known && made_.size() < kMostChecked) {
    // Long kernels need no row of them.
    constexpr Duration kRow = std::chrono::milliseconds(200);
    const auto count = std::clamp<std::int64_t>(kRow / run.duration, 1, kMeasuredTogether);
    Duration made{};
    GPREEMPT_TRY(store(made, measure(kernel, static_cast<std::uint32_t>(count))));
    made_.push_back(
        {.shape = run.shape, .asked = run.duration, .iterations = kernel.iterations, .made = made});
  }
  return kernel;
}

}  // namespace gpreempt::hip
