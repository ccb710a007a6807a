// Two classes on one GPU: preemptive resume by the scheduler, and non-preemptive priority by the
// hardware's arbitration; Kleinrock's conservation law.
#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "config/document.h"
#include "core/error.h"
#include "core/program.h"
#include "core/random.h"
#include "core/time.h"
#include "validation/free_gpu.h"
#include "validation/groups.h"
#include "validation/hardware.h"
#include "validation/queueing.h"
#include "validation/scheduled.h"
#include "validation/shared_run.h"
#include "validation/target.h"

namespace gpreempt::validation {
namespace {

constexpr std::uint64_t kPriorityQueueingSeed = 20260101;
constexpr double kMillisecond = 1e6;

/// The published set-up: 0.1 and 0.02 requests per ms of 3 and 20 ms, exponential.
struct Classes {
  Program online;
  Program offline;
  Moments one;
  Moments two;
  Duration length{};
};

Classes two_classes(std::uint64_t requests, std::uint64_t seed) {
  Classes classes;
  classes.online = queueing_program(
      "online", requests, kMillisecond / 0.1,
      [](RandomStream& random) { return random.exponential(3 * kMillisecond); }, seed);
  classes.offline = queueing_program(
      "offline", requests / 5, kMillisecond / 0.02,
      [](RandomStream& random) { return random.exponential(20 * kMillisecond); }, seed);
  classes.online.hints = true;
  classes.offline.offline = true;
  classes.one = moments_of(classes.online);
  classes.two = moments_of(classes.offline);
  classes.length = std::max(classes.online.arrivals.back().at, classes.offline.arrivals.back().at);
  return classes;
}

/// Mean sojourns over their formulas, first and second class.
struct Ratios {
  double first = 0;
  double second = 0;
  double conservation = 0;  ///< sum of rho W under priority over that under FCFS' formula
};

Result<Ratios> run_classes(bool preemptive) {
  constexpr std::uint64_t kRequests = 250'000;
  constexpr std::uint64_t kRuns = 6;
  double simulated[2] = {};
  double expected[2] = {};
  double weighted_wait = 0;
  double weighted_wait_fcfs = 0;
  for (std::uint64_t run = 0; run < kRuns; ++run) {
    Classes classes = two_classes(kRequests, kPriorityQueueingSeed + run);
    const Moments one = classes.one;
    const Moments two = classes.two;
    if (!preemptive) {
      classes.online.hardware_priority = 15;
      classes.offline.hardware_priority = 0;
    }
    Experiment experiment{.system = free_system(),
                          .programs = {},
                          .policy = preemptive ? "suspend" : "none",
                          .duration = classes.length};
    experiment.programs.push_back(std::move(classes.online));
    experiment.programs.push_back(std::move(classes.offline));
    ExperimentResult result;
    GPREEMPT_TRY(store(result, run_experiment(experiment)));
    const double first = mean_sojourn(result.programs[0].requests);
    const double second = mean_sojourn(result.programs[1].requests);
    const double rho1 = one.load();
    const double rho = one.load() + two.load();
    const double residual = (one.rate * one.second + two.rate * two.second) / 2;
    simulated[0] += first;
    simulated[1] += second;
    if (preemptive) {
      expected[0] += one.first + one.rate * one.second / (2 * (1 - rho1));
      expected[1] += two.first / (1 - rho1) + residual / ((1 - rho1) * (1 - rho));
    } else {
      expected[0] += one.first + residual / (1 - rho1);
      expected[1] += two.first + residual / ((1 - rho1) * (1 - rho));
    }
    weighted_wait += rho1 * (first - one.first) + two.load() * (second - two.first);
    weighted_wait_fcfs += rho * residual / (1 - rho);
  }
  return Ratios{.first = simulated[0] / expected[0],
                .second = simulated[1] / expected[1],
                .conservation = weighted_wait / weighted_wait_fcfs};
}

Target ratio_target(std::string group, std::string name, std::string source, double percent,
                    const SharedRun<Ratios>& run, double Ratios::* which) {
  return {.group = std::move(group),
          .name = std::move(name),
          .unit = "sojourn / formula",
          .expected = 1,
          .tolerance = within_percent(percent),
          .label = Label::kPredicted,
          .source = std::move(source),
          .run = [run, which](Hardware& hardware) -> Result<double> {
            return run.on(hardware).map([which](const Ratios& ratios) { return ratios.*which; });
          }};
}

}  // namespace

std::vector<Target> priority_queueing_targets() {
  const auto classes = [](bool preemptive) {
    return SharedRun<Ratios>([=](Hardware& /*hardware*/) { return run_classes(preemptive); });
  };
  const SharedRun<Ratios> preemptive = classes(true);
  const SharedRun<Ratios> in_order = classes(false);
  const std::string resume =
      "preemptive resume: S2/(1-rho1) + sum lambda E[S^2]/(2(1-rho1)(1-rho))";
  const std::string order = "non-preemptive priority: S + R/((1-rho1)(1-rho))";
  return {ratio_target("preemptive-resume", "preemptive-resume-online", resume, 1, preemptive,
                       &Ratios::first),
          ratio_target("preemptive-resume", "preemptive-resume-offline", resume, 1, preemptive,
                       &Ratios::second),
          ratio_target("non-preemptive-priority", "non-preemptive-priority-online", order, 1,
                       in_order, &Ratios::first),
          ratio_target("non-preemptive-priority", "non-preemptive-priority-offline", order, 1,
                       in_order, &Ratios::second),
          ratio_target("conservation", "kleinrock-sum-of-rho-w",
                       "Kleinrock: the sum of rho W does not depend on the order of service", 1.5,
                       in_order, &Ratios::conservation)};
}

}  // namespace gpreempt::validation
