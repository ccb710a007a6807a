// Little's law: the mean number of requests in the system is their rate times their mean sojourn,
// class by class.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "backends/sim/system.h"
#include "backends/sim/timeline.h"
#include "config/document.h"
#include "core/error.h"
#include "core/ids.h"
#include "core/program.h"
#include "core/random.h"
#include "core/time.h"
#include "validation/free_gpu.h"
#include "validation/groups.h"
#include "validation/hardware.h"
#include "validation/queueing.h"
#include "validation/shared_run.h"
#include "validation/target.h"

namespace gpreempt::validation {
namespace {

/// L / (lambda W) of the two classes.
struct LittleRatios {
  double first = 0;
  double second = 0;
};

/// Two classes of different hardware priority. L comes from the testbed's counters, looked at every
/// 100 us; W from the records of the requests.
Result<LittleRatios> run_little() {
  constexpr std::uint64_t kSeed = 20260808;
  constexpr std::uint64_t kRequests = 20'000;
  constexpr Duration kLook = std::chrono::microseconds(100);
  constexpr double kGapNs = 4e6;
  Program programs[] = {queueing_program(
                            "first", kRequests, kGapNs,
                            [](RandomStream& random) { return random.exponential(1e6); }, kSeed),
                        queueing_program(
                            "second", kRequests, kGapNs,
                            [](RandomStream& random) { return random.exponential(2e6); }, kSeed)};
  programs[0].hardware_priority = 15;
  programs[1].hardware_priority = 0;
  sim::PlainTimeline timeline;
  sim::System system(timeline, free_system());
  std::vector<Pid> pids;
  std::vector<std::vector<Arrival>> arrivals;
  for (Program& program : programs) {
    arrivals.push_back(program.arrivals);
    Pid pid;
    GPREEMPT_TRY(store(pid, system.launch(std::move(program))));
    pids.push_back(pid);
  }
  const Instant start = system.start();
  double in_system[2] = {};
  std::size_t arrived[2] = {};
  std::uint64_t looks = 0;
  for (bool more = true; more; ++looks) {
    timeline.run_until(timeline.now() + kLook);
    more = false;
    for (std::size_t i = 0; i < 2; ++i) {
      while (arrived[i] < kRequests && start + arrivals[i][arrived[i]].at <= timeline.now()) {
        ++arrived[i];
      }
      const auto completed = system.progress(pids[i]).requests_completed;
      in_system[i] += static_cast<double>(arrived[i]) - static_cast<double>(completed);
      more |= completed < kRequests;
    }
  }
  const double span = static_cast<double>(to_ns(timeline.now() - start));
  const auto ratio = [&](std::size_t i) {
    const double rate = static_cast<double>(kRequests) / span;
    return in_system[i] / static_cast<double>(looks) /
           (rate * mean_sojourn(system.requests(pids[i])));
  };
  return LittleRatios{.first = ratio(0), .second = ratio(1)};
}

Target little_target(std::string name, const SharedRun<LittleRatios>& run,
                     double LittleRatios::* which) {
  return {
      .group = "conservation",
      .name = std::move(name),
      .unit = "L / (lambda W)",
      .expected = 1,
      .tolerance = within_percent(0.5),
      .label = Label::kPredicted,
      .source = "Little's law: the number in the system is looked at every 100 us",
      .run = [run, which](Hardware& hardware) -> Result<double> {
        return run.on(hardware).map([which](const LittleRatios& found) { return found.*which; });
      }};
}

}  // namespace

std::vector<Target> little_targets() {
  const SharedRun<LittleRatios> run([](Hardware& /*hardware*/) { return run_little(); });
  return {little_target("little-first-class", run, &LittleRatios::first),
          little_target("little-second-class", run, &LittleRatios::second)};
}

}  // namespace gpreempt::validation
