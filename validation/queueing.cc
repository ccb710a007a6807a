#include "validation/queueing.h"

#include <algorithm>
#include <chrono>
#include <cmath>
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
#include "core/testbed.h"
#include "core/time.h"
#include "validation/free_gpu.h"

namespace gpreempt::validation {

Program queueing_program(std::string name, std::uint64_t count, double gap_ns, const Draw& service,
                         std::uint64_t seed) {
  RandomStream gaps(seed, name + "/arrivals");
  RandomStream services(seed, name + "/services");
  Program program{.name = std::move(name)};
  double at = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    at += gaps.exponential(gap_ns);
    program.arrivals.push_back(
        Arrival{.at = Duration(std::llround(at)), .train = static_cast<std::uint32_t>(i)});
    const Duration length(std::max<std::int64_t>(1, std::llround(service(services))));
    program.trains.push_back({{.count = 1, .duration = length, .shape = small_workgroups(kFull)}});
  }
  return program;
}

Moments moments_of(const Program& program) {
  Moments result;
  for (const KernelTrain& train : program.trains) {
    const auto length = static_cast<double>(to_ns(train[0].duration));
    result.first += length;
    result.second += length * length;
  }
  const auto count = static_cast<double>(program.trains.size());
  result.first /= count;
  result.second /= count;
  result.rate = count / static_cast<double>(to_ns(program.arrivals.back().at));
  return result;
}

double mean_sojourn(const std::vector<RequestRecord>& requests) {
  double sum = 0;
  for (const RequestRecord& request : requests) {
    GPREEMPT_CHECK(request.end != kForever);
    sum += static_cast<double>(to_ns(request.end - request.arrival));
  }
  return sum / static_cast<double>(requests.size());
}

Result<Comparison> mg1_fcfs(double load, const Draw& service, double mean_ns,
                            const QueueingRun& run) {
  const auto weight = 1 / static_cast<double>(run.runs);
  Comparison total;
  for (std::uint64_t i = 0; i < run.runs; ++i) {
    sim::PlainTimeline timeline;
    sim::System system(timeline, free_system());
    Program program =
        queueing_program("online", run.requests, mean_ns / load, service, run.seed + i);
    const Moments moments = moments_of(program);
    const Instant last = Instant{} + program.arrivals.back().at;
    Pid pid;
    GPREEMPT_TRY(store(pid, system.launch(std::move(program))));
    system.start();
    timeline.run_until(last + std::chrono::seconds(10));
    total.simulated += mean_sojourn(system.requests(pid)) * weight;
    total.expected +=
        (moments.first + moments.rate * moments.second / (2 * (1 - moments.load()))) * weight;
  }
  return total;
}

}  // namespace gpreempt::validation
