// V7, V9, V10, V12, V14: experiments whose results were not looked at. What the model says is
// printed, no more.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "backends/sim/gpu/parameters.h"
#include "config/document.h"
#include "core/error.h"
#include "core/program.h"
#include "core/testbed.h"
#include "core/time.h"
#include "validation/groups.h"
#include "validation/hardware.h"
#include "validation/scheduled.h"
#include "validation/shared_run.h"
#include "validation/target.h"

namespace gpreempt::validation {
namespace {

double quantile_ms(const std::vector<RequestRecord>& requests, double q) {
  std::vector<double> latencies;
  for (const RequestRecord& request : requests) {
    if (request.end != kForever) {
      latencies.push_back(static_cast<double>(to_ns(request.end - request.arrival)) / 1e6);
    }
  }
  if (latencies.empty()) {
    return 0;
  }
  const auto rank = static_cast<std::ptrdiff_t>(q * static_cast<double>(latencies.size() - 1));
  std::nth_element(latencies.begin(), latencies.begin() + rank, latencies.end());
  return latencies[static_cast<std::size_t>(rank)];
}

Result<ExperimentResult> run_pair(Hardware& hardware, const std::string& model, Program online,
                                  Program offline, std::string policy, std::string mechanism) {
  sim::GpuParameters gpu;
  GPREEMPT_TRY(store(gpu, hardware.gpu(model)));
  Experiment experiment{.system = {.gpu = gpu, .gpus = 1, .personality = {.name = "paper"}},
                        .programs = {},
                        .policy = std::move(policy),
                        .mechanism = std::move(mechanism),
                        .duration = std::chrono::seconds(60)};
  online.issue_until = offline.issue_until = experiment.duration;
  experiment.programs.push_back(std::move(online));
  experiment.programs.push_back(std::move(offline));
  return run_experiment(experiment);
}

Result<std::vector<RequestRecord>> online_requests(Hardware& hardware, const std::string& model,
                                                   Program online, Program offline,
                                                   std::string policy, std::string mechanism) {
  return run_pair(hardware, model, std::move(online), std::move(offline), std::move(policy),
                  std::move(mechanism))
      .map([](ExperimentResult result) { return std::move(result.programs[0].requests); });
}

using Requests = std::vector<RequestRecord>;

/// V7: threads of 30 naive matrix products, some of high priority, XSched level 1 with 4 in flight
/// and batches of 2.
SharedRun<Requests> threads_run(std::uint32_t high, std::uint32_t low) {
  return SharedRun<Requests>([=](Hardware& hardware) -> Result<Requests> {
    const auto threads = [](std::string name, std::uint32_t count) {
      Program program{.name = std::move(name), .queues = count};
      program.trains = {{{.count = 30,
                          .duration = std::chrono::microseconds(15'850),
                          .shape = {.workgroups = 128 * 128, .waves = 4, .vgprs = 32}}}};
      program.arrivals = {{.at = {}, .train = 0}};
      program.clients = count;
      return program;
    };
    Program online = threads("high", high);
    online.hints = true;
    Program offline = threads("low", low);
    offline.offline = true;
    return online_requests(hardware, "mi308x", std::move(online), std::move(offline), "suspend",
                           "launch-throttle:k=4,b=2");
  });
}

/// V14: BERT-large at 10 requests a second beside the same model without end.
SharedRun<Requests> bert_run(std::string policy, std::string mechanism) {
  return SharedRun<Requests>([policy = std::move(policy), mechanism = std::move(mechanism)](
                                 Hardware& hardware) -> Result<Requests> {
    constexpr std::uint32_t kKernels = 24 * 12;  // layers, and kernels of each
    const KernelTrain model{{.count = kKernels,
                             .duration = std::chrono::nanoseconds(8'460'000 / kKernels),
                             .shape = {.workgroups = 320, .waves = 8, .vgprs = 64}}};
    Program online{.name = "high", .hints = true};
    online.trains = {model};
    for (int i = 0; i < 600; ++i) {
      online.arrivals.push_back({.at = std::chrono::milliseconds(100) * i, .train = 0});
    }
    Program offline{.name = "low", .offline = true};
    offline.trains = {model};
    offline.arrivals = {{.at = {}, .train = 0}};
    offline.clients = 1;
    return online_requests(hardware, "gv100", std::move(online), std::move(offline), policy,
                           mechanism);
  });
}

struct Containers {
  double mean_ms = 0;  ///< of the requests
  double rate = 0;     ///< iterations of the other one, per second
};

/// V9: BlackScholes, 5 requests a second of 512 kernels, beside iterations of 8 euler3d commands.
/// Copies are in the kernels' time; shapes fill the GPU, as 4 million options and 97,000 cells do.
SharedRun<Containers> containers_run(std::string policy, std::string mechanism) {
  return SharedRun<Containers>([policy = std::move(policy), mechanism = std::move(mechanism)](
                                   Hardware& hardware) -> Result<Containers> {
    Program online{.name = "blackscholes", .hints = true};
    online.trains = {{{.count = 512,
                       .duration = std::chrono::nanoseconds(72'100'000 / 512),
                       .shape = {.workgroups = 4800, .waves = 4, .vgprs = 32}}}};
    for (int i = 0; i < 300; ++i) {
      online.arrivals.push_back({.at = std::chrono::milliseconds(200) * i, .train = 0});
    }
    Program offline{.name = "euler3d", .offline = true};
    offline.trains = {{{.count = 8,
                        .duration = std::chrono::nanoseconds(519'000 / 8),
                        .shape = {.workgroups = 506, .waves = 3, .vgprs = 64}}}};
    offline.arrivals = {{.at = {}, .train = 0}};
    offline.clients = 1;
    constexpr double kSeconds = 60;  // as `run_pair` runs
    return run_pair(hardware, "mi50", std::move(online), std::move(offline), policy, mechanism)
        .map([](const ExperimentResult& result) {
          return Containers{
              .mean_ms = mean_latency(result.programs[0].requests) / 1e6,
              .rate =
                  static_cast<double>(result.programs[1].progress.requests_completed) / kSeconds};
        });
  });
}

std::vector<Target> container_targets() {
  std::vector<Target> targets;
  const auto native = containers_run("none", "suspend-queues");
  const auto level_1 = containers_run("suspend", "launch-throttle:k=16,b=8");
  for (const auto& [name, run] : {std::pair{"native", native}, std::pair{"level-1", level_1}}) {
    const auto add = [&](const char* what, std::string unit, double Containers::* which) {
      targets.push_back(
          {.group = "V9",
           .name = fmt::format("v9-{}-{}", name, what),
           .unit = std::move(unit),
           .expected = std::nullopt,
           .tolerance = {},
           .label = Label::kPredicted,
           .source = "XSched (OSDI 2025) Fig. 13 on MI50: BlackScholes at 5 req/s, alone 72.1 ms, "
                     "beside Rodinia's euler3d, alone 0.519 ms an iteration",
           .long_run = true,
           .run = [kept = run, which](Hardware& hardware) -> Result<double> {
             return kept.on(hardware).map([which](const Containers& both) { return both.*which; });
           }});
    };
    add("blackscholes-mean", "ms", &Containers::mean_ms);
    add("euler3d-rate", "1/s", &Containers::rate);
  }
  return targets;
}

/// An experiment that the model cannot be asked about.
Target without_input(std::string group, std::string name, std::string unit, std::string source,
                     std::string why) {
  return {.group = std::move(group),
          .name = std::move(name),
          .unit = std::move(unit),
          .expected = std::nullopt,
          .tolerance = {},
          .label = Label::kPredicted,
          .source = std::move(source),
          .run = [why = std::move(why)](Hardware&) -> Result<double> {
            return fail(Errc::kUnsupported, "no input: " + why);
          }};
}

std::vector<Target> targets_without_input() {
  const std::string xsched = "XSched (OSDI 2025) Fig. 13 on MI50";
  return {
      without_input("V9", "v9-level-1-without-progressive-launch", "ms", xsched,
                    "how much its host then launches ahead is not published"),
      without_input("V10", "v10-shufflenet-training", "it/s", xsched + ": two ShuffleNet trainings",
                    "no profile of the kernels of a ShuffleNet training step on MI50 is public"),
      without_input("V12", "v12-8-processes-over-8-threads", "ratio",
                    "ROCm legacy-rocm-build#2705, W6800",
                    "the W6800 is no gfx9 part, and no model here is of it; what its program "
                    "launches is not published either")};
}

Target prediction(std::string group, std::string name, std::string source,
                  const SharedRun<Requests>& run, double (*of)(const Requests&)) {
  return {
      .group = std::move(group),
      .name = std::move(name),
      .unit = "ms",
      .expected = std::nullopt,
      .tolerance = {},
      .label = Label::kPredicted,
      .source = std::move(source),
      .run = [run, of](Hardware& hardware) -> Result<double> { return run.on(hardware).map(of); }};
}

double p50_of(const Requests& requests) { return quantile_ms(requests, 0.5); }
double p99_of(const Requests& requests) { return quantile_ms(requests, 0.99); }
double mean_of(const Requests& requests) { return mean_latency(requests) / 1e6; }

}  // namespace

std::vector<Target> prediction_targets() {
  const std::string matmul = "zhenhantech/amdgpudriver lv1_testlog 09, 10, 8thread, MI308X";
  const std::string bert =
      "XSched Fig. 15a, Triton and BERT-large on GV100; alone 8.46 ms, p99 8.79 ms";
  std::vector<Target> targets;
  struct Threads {
    std::uint32_t high;
    std::uint32_t low;
  };
  for (const auto& [high, low] : {Threads{1, 15}, Threads{3, 13}, Threads{1, 7}}) {
    const SharedRun<Requests> run = threads_run(high, low);
    const std::string name = fmt::format("v7-{}-high-{}-low-", high, low);
    targets.push_back(prediction("V7", name + "p50", matmul, run, p50_of));
    targets.push_back(prediction("V7", name + "p99", matmul, run, p99_of));
  }
  const auto native = bert_run("none", "suspend-queues");
  const auto level_1 = bert_run("suspend", "launch-throttle:k=8,b=4");
  const auto level_3 = bert_run("suspend", "suspend-queues");
  for (const auto& [name, run] : {std::pair{"native", native}, std::pair{"level-1", level_1},
                                  std::pair{"level-3", level_3}}) {
    targets.push_back(prediction("V14", fmt::format("v14-{}-mean", name), bert, run, mean_of));
    targets.push_back(prediction("V14", fmt::format("v14-{}-p99", name), bert, run, p99_of));
    for (auto each = targets.end() - 2; each != targets.end(); ++each) {
      each->long_run = true;
    }
  }
  for (std::vector<Target> more : {container_targets(), targets_without_input()}) {
    std::ranges::move(more, std::back_inserter(targets));
  }
  return targets;
}

}  // namespace gpreempt::validation
