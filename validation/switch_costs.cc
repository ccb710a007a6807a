// Online over a job that never ends: what switching costs, and what waiting for a kernel costs.
#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "backends/sim/system.h"
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
#include "validation/target.h"

namespace gpreempt::validation {
namespace {

constexpr std::uint64_t kSwitchCostsSeed = 20260202;
constexpr double kNsPerMillisecond = 1e6;
constexpr double kService = 3.41 * kNsPerMillisecond;
constexpr std::uint64_t kRequests = 200'000;

Program online_program() {
  Program online = queueing_program(
      "online", kRequests, kNsPerMillisecond / 0.1, [](RandomStream&) { return kService; },
      kSwitchCostsSeed);
  online.hints = true;
  return online;
}

Program endless_program(Duration kernel) {
  return {.name = "offline",
          .offline = true,
          .endless = true,
          .trains = {{{.count = 1, .duration = kernel, .shape = small_workgroups(kFull)}}}};
}

struct Outcome {
  double sojourn = 0;
  double share = 0;  ///< of the time that Offline worked
  Moments online;
};

Result<Outcome> run(const sim::SystemOptions& system, Duration kernel, std::string policy,
                    std::string mechanism, Duration grace = {}) {
  Experiment experiment{.system = system,
                        .programs = {},
                        .policy = std::move(policy),
                        .mechanism = std::move(mechanism),
                        .grace = grace};
  experiment.programs.push_back(online_program());
  experiment.programs.push_back(endless_program(kernel));
  Outcome outcome{.online = moments_of(experiment.programs.front())};
  experiment.duration = experiment.programs.front().arrivals.back().at;
  ExperimentResult result;
  GPREEMPT_TRY(store(result, run_experiment(experiment)));
  outcome.sojourn = mean_sojourn(result.programs[0].requests);
  outcome.share = static_cast<double>(to_ns(result.programs[1].progress.work)) /
                  static_cast<double>(to_ns(experiment.duration));
  return outcome;
}

double mg1(const Moments& online) {
  return online.first + online.rate * online.second / (2 * (1 - online.load()));
}

/// No waves are saved where each may run to its end before it is: a grace period that no kernel
/// outlives. In units of 1000 clocks, so the clock is slow.
constexpr Duration kGraceForAll = std::chrono::milliseconds(200);
sim::SystemOptions draining_system() {
  sim::SystemOptions system = free_system();
  system.gpu.clock_hz = 1e6;
  system.gpu.t_grace = kGraceForAll;
  return system;
}

/// D into Online, R back, both the time of a mapping. A request that comes while Offline is being
/// given back waits for that first, so the set-up of a busy period is D, or D and what is left of
/// R.
struct SwitchFormula {
  double sojourn = 0;
  double share = 0;
};
SwitchFormula switch_formula(const Moments& online, double in, double out) {
  const double lambda = online.rate;
  const double meets = 1 - std::exp(-lambda * out);  // an arrival within R
  // E[R - t; t < R] and E[(R - t)^2; t < R] for exponential t.
  const double left = out - meets / lambda;
  const double left2 = out * out - 2 * left / lambda;
  const double setup = in + left;
  const double setup2 = in * in + 2 * in * left + left2;
  return {.sojourn = mg1(online) + (2 * setup + lambda * setup2) / (2 * (1 + lambda * setup)),
          .share = std::exp(-lambda * out) * (1 - online.load()) / (1 + lambda * setup)};
}

sim::SystemOptions switching_system(Duration cost) {
  sim::SystemOptions system = free_system();
  system.gpu.t_map = cost;
  return system;
}

Target switch_target(std::string name, double cost_ms, bool share) {
  return {.group = "switch-cost",
          .name = std::move(name),
          .unit = share ? "share / formula" : "sojourn / formula",
          .expected = 1,
          .tolerance = within_percent(1),
          .label = Label::kPredicted,
          .source =
              "M/G/1 with set-up: (2D + lambda D^2)/(2(1 + lambda D)); share "
              "e^(-lambda R)(1-rho)/(1+lambda D)",
          .run = [cost_ms, share](Hardware& /*hardware*/) -> Result<double> {
            const double cost = cost_ms * kNsPerMillisecond;
            Outcome outcome;
            GPREEMPT_TRY(
                store(outcome, run(switching_system(Duration(std::llround(cost))),
                                   std::chrono::milliseconds(1), "suspend", "suspend-queues")));
            const SwitchFormula formula = switch_formula(outcome.online, cost, cost);
            return share ? outcome.share / formula.share : outcome.sojourn / formula.sojourn;
          }};
}

Target boundary_target(std::string name, double kernel_ms, std::string policy,
                       std::string mechanism) {
  return {.group = "kernel-boundary",
          .name = std::move(name),
          .unit = "sojourn / formula",
          .expected = 1,
          .tolerance = within_percent(1),
          .label = Label::kPredicted,
          .source = "M/G/1 with vacations: E[B^2]/(2 E[B]) is added",
          .run = [kernel_ms, policy = std::move(policy),
                  mechanism = std::move(mechanism)](Hardware& /*hardware*/) -> Result<double> {
            Outcome outcome;
            const double kernel = kernel_ms * kNsPerMillisecond;
            GPREEMPT_TRY(store(
                outcome, run(free_system(), Duration(std::llround(kernel)), policy, mechanism)));
            return outcome.sojourn / (mg1(outcome.online) + kernel / 2);
          }};
}

/// Suspends that save nothing must cost Online what waiting for a kernel does.
Target without_cwsr() {
  return {.group = "limits",
          .name = "without-saving-waves-as-kernel-boundary",
          .unit = "sojourn / formula",
          .expected = 1,
          .tolerance = within_percent(1),
          .label = Label::kPredicted,
          .source = "CWSR off: M/G/1 with vacations, E[B^2]/(2 E[B]) is added",
          .run = [](Hardware& /*hardware*/) -> Result<double> {
            constexpr double kKernelMs = 5;
            Outcome outcome;
            GPREEMPT_TRY(store(outcome, run(draining_system(),
                                            Duration(std::llround(kKernelMs * kNsPerMillisecond)),
                                            "suspend", "suspend-queues", kGraceForAll)));
            return outcome.sojourn / (mg1(outcome.online) + kKernelMs * kNsPerMillisecond / 2);
          }};
}

}  // namespace

std::vector<Target> switch_cost_targets() {
  return {switch_target("switch-cost-sojourn", 0.2, false),
          switch_target("switch-cost-offline-share", 0.2, true),
          switch_target("switch-cost-sojourn-of-nothing", 0, false),
          boundary_target("kernel-boundary-5ms", 5, "suspend", "kernel-boundary"),
          boundary_target("kernel-boundary-1us", 0.001, "suspend", "kernel-boundary"),
          without_cwsr()};
}

}  // namespace gpreempt::validation
