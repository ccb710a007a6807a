// Cost of one step of the scheduler under each policy, and that it does not allocate once its
// tables have grown.

#include <benchmark/benchmark.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "core/event.h"
#include "core/ids.h"
#include "core/policy.h"
#include "tests/support/allocations.h"
#include "tests/support/scheduler_steps.h"

namespace gpreempt {
namespace {

void report(benchmark::State& state, std::uint64_t steps, std::uint64_t allocated) {
  state.counters["time/step"] = benchmark::Counter(
      static_cast<double>(steps), benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  state.counters["allocations"] = static_cast<double>(allocated);
}

void busy_periods(benchmark::State& state, std::string_view policy) {
  Bench bench(policy, static_cast<std::uint32_t>(state.range(0)));
  warm_up(bench);
  std::uint64_t steps = 0;
  const std::uint64_t before = allocations();
  for (auto _ : state) {
    steps += busy_period(bench);
  }
  report(state, steps, allocations() - before);
}

/// Requests that change nobody's mind.
void hints_while_busy(benchmark::State& state, std::string_view policy) {
  Bench bench(policy, static_cast<std::uint32_t>(state.range(0)));
  const TargetId online = bench.online().front();
  warm_up(bench);
  bench.step(WorkArrived{.target = online, .request = 0});
  bench.answer();
  std::uint64_t steps = 0;
  const std::uint64_t before = allocations();
  for (auto _ : state) {
    bench.step(WorkArrived{.target = online, .request = 1});
    bench.step(WorkFinished{.target = online, .request = 1});
    steps += 2;
  }
  report(state, steps, allocations() - before);
}

void register_all() {
  for (const std::string_view policy : policy_names()) {
    const std::string name(policy);
    benchmark::RegisterBenchmark(("busy periods/" + name).c_str(),
                                 [policy](benchmark::State& state) { busy_periods(state, policy); })
        ->Arg(8)
        ->Arg(64);
    benchmark::RegisterBenchmark(
        ("hints while busy/" + name).c_str(),
        [policy](benchmark::State& state) { hints_while_busy(state, policy); })
        ->Arg(64);
  }
}

}  // namespace
}  // namespace gpreempt

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) {
    return 2;
  }
  gpreempt::register_all();
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
