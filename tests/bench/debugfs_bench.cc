// What reading amdkfd's debugfs texts costs, beside the straightforward
// tests/bench/hqds_reference.py on a text of the same shape. Not a test: run by hand.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <string>

#include "backends/kfd/debugfs/hqds.h"
#include "backends/kfd/debugfs/mqds.h"
#include "tests/kfd/debugfs/samples.h"

namespace gpreempt::kfd::debugfs {
namespace {

/// 8 nodes of 4 XCCs and 8 SDMA engines: as many slots and bytes as a machine with 8 MI308X.
std::string machine_hqds() {
  std::string text;
  for (std::uint32_t node = 2; node < 10; ++node) {
    text += hqds_text(node, "f7bc", 4, 8);
  }
  return text;
}

void read_hqds(benchmark::State& state) {
  const std::string text = machine_hqds();
  for (auto _ : state) {
    benchmark::DoNotOptimize(parse_hqds(text, "hqds"));
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
  state.counters["bytes"] = static_cast<double>(text.size());
}
BENCHMARK(read_hqds)->Unit(benchmark::kMillisecond);

void write_hqds_text(benchmark::State& state) {
  const HqdsDump dump = parse_hqds(machine_hqds(), "hqds").value();
  for (auto _ : state) {
    benchmark::DoNotOptimize(write_hqds(dump));
  }
}
BENCHMARK(write_hqds_text)->Unit(benchmark::kMillisecond);

/// Five queues of one process on four XCCs.
void read_mqds(benchmark::State& state) {
  std::string text = "Process 1 PASID 1:\n";
  for (std::uint32_t queue = 0; queue < 5; ++queue) {
    text += compute_text({.doorbell_dword = 2 * queue});
  }
  for (auto _ : state) {
    benchmark::DoNotOptimize(parse_mqds(text, "mqds"));
  }
  state.counters["bytes"] = static_cast<double>(text.size());
}
BENCHMARK(read_mqds)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace gpreempt::kfd::debugfs
