// Where saving waves pays and where waiting for the kernel's end is better; conservation in a run.
#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "backends/sim/gpu/parameters.h"
#include "backends/sim/system.h"
#include "config/document.h"
#include "core/error.h"
#include "core/program.h"
#include "core/random.h"
#include "core/testbed.h"
#include "core/time.h"
#include "validation/groups.h"
#include "validation/hardware.h"
#include "validation/scheduled.h"
#include "validation/target.h"

namespace gpreempt::validation {
namespace {

constexpr std::uint64_t kLimitsSeed = 20260404;

/// One MI308X without the save areas' move, so that every suspend is a steady one.
Result<sim::SystemOptions> steady_mi308x(Hardware& hardware) {
  return hardware.gpu("mi308x").map([](const sim::GpuParameters& gpu) {
    sim::SystemOptions system{.gpu = gpu, .gpus = 1, .personality = {.name = "steady"}};
    system.gpu.area_moves = 0;
    return system;
  });
}

constexpr Duration kRequest = std::chrono::microseconds(100);

/// Mean latency added to a small request beside a job of kernels that fill the GPU. (Its first wave
/// may come before a suspend takes effect, and be saved with the others: the end counts.)
Result<double> mean_delay(Hardware& hardware, Duration kernel, const std::string& mechanism) {
  constexpr std::uint64_t kRequests = 2'000;
  constexpr double kGap = 20e6;
  Experiment experiment{.programs = {}, .mechanism = mechanism};
  GPREEMPT_TRY(store(experiment.system, steady_mi308x(hardware)));
  const KernelShape full{.workgroups = 640, .waves = 4, .vgprs = 64, .lds_bytes = 8192};
  Program online{.name = "online", .hints = true};
  online.trains = {
      {{.count = 1, .duration = kRequest, .shape = {.workgroups = 16, .waves = 4, .vgprs = 64}}}};
  RandomStream random(kLimitsSeed, "limits");
  double at = 0;
  for (std::uint64_t i = 0; i < kRequests; ++i) {
    at += 1e6 + random.exponential(kGap);
    online.arrivals.push_back({.at = Duration(std::llround(at)), .train = 0});
  }
  experiment.duration = online.arrivals.back().at;
  experiment.programs.push_back(std::move(online));
  experiment.programs.push_back({.name = "offline",
                                 .offline = true,
                                 .endless = true,
                                 .trains = {{{.count = 1, .duration = kernel, .shape = full}}}});
  ExperimentResult result;
  GPREEMPT_TRY(store(result, run_experiment(experiment)));
  return mean_latency(result.programs[0].requests) - static_cast<double>(to_ns(kRequest));
}

Target delay_ratio(std::string name, Duration kernel, double expected, Tolerance tolerance) {
  return {.group = "limits",
          .name = std::move(name),
          .unit = "waiting / saving",
          .expected = expected,
          .tolerance = tolerance,
          .label = Label::kPredicted,
          .source = "kernels much shorter than a suspend: saving must lose to waiting",
          .run = [kernel](Hardware& hardware) -> Result<double> {
            double saving = 0;
            double waiting = 0;
            GPREEMPT_TRY(store(saving, mean_delay(hardware, kernel, "suspend-queues")));
            GPREEMPT_TRY(store(waiting, mean_delay(hardware, kernel, "kernel-boundary")));
            return waiting / saving;
          }};
}

/// The kernel length at which both wait equally long, over twice the suspend's delay there.
Result<double> break_even(Hardware& hardware) {
  double shorter = 1e4;
  double longer = 1e7;
  double saving = 0;
  while (longer / shorter > 1.02) {
    const double middle = std::sqrt(shorter * longer);
    const Duration kernel(std::llround(middle));
    double waiting = 0;
    GPREEMPT_TRY(store(saving, mean_delay(hardware, kernel, "suspend-queues")));
    GPREEMPT_TRY(store(waiting, mean_delay(hardware, kernel, "kernel-boundary")));
    (waiting < saving ? shorter : longer) = middle;
  }
  return std::sqrt(shorter * longer) / (2 * saving);
}

/// Times a suspend and a resume take bytes off and put them back: what one saves the other
/// restores.
Result<double> offline_time_accounts(Hardware& hardware) {
  Experiment experiment{.programs = {}};
  GPREEMPT_TRY(store(experiment.system, steady_mi308x(hardware)));
  Program online{.name = "online", .hints = true};
  online.trains = {{{.count = 1,
                     .duration = std::chrono::milliseconds(2),
                     .shape = {.workgroups = 640, .waves = 4, .vgprs = 64}}}};
  for (int i = 0; i < 1000; ++i) {
    online.arrivals.push_back({.at = std::chrono::milliseconds(10) * i, .train = 0});
  }
  experiment.duration = std::chrono::seconds(10);
  experiment.programs.push_back(std::move(online));
  experiment.programs.push_back(
      {.name = "offline",
       .offline = true,
       .endless = true,
       .trains = {{{.count = 1,
                    .duration = std::chrono::microseconds(500),
                    .shape = {.workgroups = 640, .waves = 4, .vgprs = 64}}}}});
  ExperimentResult result;
  GPREEMPT_TRY(store(result, run_experiment(experiment)));
  // Little's law for the GPU as a server: Online's work rate is lambda S.
  const double work = static_cast<double>(to_ns(result.programs[0].progress.work));
  return work / (1000 * 2e6);
}

}  // namespace

std::vector<Target> limit_targets() {
  const Target crossing{.group = "limits",
                        .name = "break-even-kernel-length",
                        .unit = "B* / (2 T_suspend)",
                        .expected = 1,
                        .tolerance = within_percent(15),
                        .label = Label::kPredicted,
                        .source = "mean residual of a constant kernel is half of it",
                        .run = break_even};
  const Target work{.group = "conservation",
                    .name = "online-work-is-lambda-s",
                    .unit = "work / (lambda S)",
                    .expected = 1,
                    .tolerance = within_percent(0.1),
                    .label = Label::kPredicted,
                    .source = "Little's law for the server",
                    .run = offline_time_accounts};
  return {
      delay_ratio("waiting-wins-for-20us-kernels", std::chrono::microseconds(20), 1, at_most()),
      delay_ratio("waiting-wins-for-100us-kernels", std::chrono::microseconds(100), 1, at_most()),
      crossing, work};
}

}  // namespace gpreempt::validation
