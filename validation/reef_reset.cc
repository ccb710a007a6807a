// V17: REEF's example on MI50: ResNet-152 in a closed loop beside four more that count for little.
#include <fmt/format.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "config/document.h"
#include "core/error.h"
#include "core/program.h"
#include "validation/groups.h"
#include "validation/hardware.h"
#include "validation/serving.h"
#include "validation/shared_run.h"
#include "validation/target.h"

namespace gpreempt::validation {
namespace {

Result<Program> closed_loop(const std::filesystem::path& data, std::string name, bool offline) {
  Program program{.name = std::move(name), .offline = offline, .hints = !offline};
  KernelTrain train;
  GPREEMPT_TRY(store(train, reef_model(data, "resnet152", 1)));
  program.trains.push_back(std::move(train));
  program.clients = 1;
  program.issue_until = kServingLength;
  program.arrivals = {{.at = {}, .train = 0}};
  return program;
}

constexpr int kBestEffort = 4;

/// Without the real-time task, the first best-effort one stands in its place.
Result<Measured> run_reef(const std::filesystem::path& data, Hardware& hardware, bool real_time,
                          int best_effort) {
  std::vector<Program> programs;
  if (real_time) {
    Program online;
    GPREEMPT_TRY(store(online, closed_loop(data, "real-time", false)));
    programs.push_back(std::move(online));
  }
  for (int i = 0; i < best_effort; ++i) {
    Program offline;
    GPREEMPT_TRY(store(offline, closed_loop(data, fmt::format("best-effort-{}", i), true)));
    programs.push_back(std::move(offline));
  }
  const Mode mode{.policy = real_time ? "suspend" : "none", .mechanism = "reset"};
  return measure(hardware, "mi50", std::move(programs), mode);
}

}  // namespace

std::vector<Target> reef_targets(const std::filesystem::path& data) {
  const auto shared = [data](bool real_time, int best_effort) {
    return SharedRun<Measured>([data, real_time, best_effort](Hardware& hardware) {
      return run_reef(data, hardware, real_time, best_effort);
    });
  };
  const SharedRun<Measured> all = shared(true, kBestEffort);
  const SharedRun<Measured> alone = shared(true, 0);
  const SharedRun<Measured> others = shared(false, kBestEffort);
  const std::string source = "REEF (OSDI 2022), ResNet-152 with four best-effort tasks on MI50";
  // The profile's kernels are scaled to the model's latency alone, 13.2 ms.
  const Target latency{
      .group = "V17",
      .name = "v17-reset-latency",
      .unit = "ms",
      .expected = 12.75,
      .tolerance = within_percent(10),
      .label = Label::kInput,
      .source = source + ": 12.6 to 12.9 ms",
      .run = [all](Hardware& hardware) -> Result<double> {
        return all.on(hardware).map([](const Measured& measured) { return measured.latency_ms; });
      }};
  const Target overhead{.group = "V17",
                        .name = "v17-reset-overhead",
                        .unit = "of alone",
                        .expected = 0.02,
                        .tolerance = at_most(),
                        .label = Label::kPredicted,
                        .source = source + ": less than 2 % overhead",
                        .run = [all, alone](Hardware& hardware) -> Result<double> {
                          Measured together;
                          Measured by_itself;
                          GPREEMPT_TRY(store(together, all.on(hardware)));
                          GPREEMPT_TRY(store(by_itself, alone.on(hardware)));
                          return together.latency_ms / by_itself.latency_ms - 1;
                        }};
  // Four samples of each in REEF's README: 16.6 to 32.5 ms without the real-time task, 25.8 on
  // average, and 34.9 to 68.6 ms with it, 48.8 on average.
  const Target slowdown{.group = "V17",
                        .name = "v17-best-effort-rate",
                        .unit = "of that without",
                        .expected = 25.8 / 48.8,
                        .tolerance = within_percent(10),
                        .label = Label::kPredicted,
                        .source = source + ": 16-32 ms become 35-69 ms",
                        .miss =
                            "REEF pads the real-time task's kernels with best-effort ones (dynamic "
                            "kernel padding); a reset alone leaves them nothing beside a task that "
                            "never pauses",
                        .run = [all, others](Hardware& hardware) -> Result<double> {
                          Measured together;
                          Measured without;
                          GPREEMPT_TRY(store(together, all.on(hardware)));
                          GPREEMPT_TRY(store(without, others.on(hardware)));
                          // `rate` leaves out the first program, one of four equals.
                          const double four = without.rate * kBestEffort / (kBestEffort - 1);
                          return together.rate / four;
                        }};
  return {latency, overhead, slowdown};
}

}  // namespace gpreempt::validation
