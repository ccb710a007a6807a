#include "tests/support/testbed_case.h"

#include <chrono>
#include <cstdint>
#include <ostream>

#include "core/program.h"
#include "core/time.h"

namespace gpreempt::contract {
namespace {

using std::chrono::milliseconds;

constexpr KernelShape kTrainingShape{.workgroups = 160, .waves = 4, .vgprs = 128};
constexpr KernelShape kServiceShape{.workgroups = 40, .waves = 4, .vgprs = 64};

}  // namespace

void PrintTo(const TestbedCase& world, std::ostream* out) { *out << world.name; }

Program offline_training(std::uint32_t queues) {
  return Program{
      .name = "training",
      .offline = true,
      .queues = queues,
      .endless = true,
      .trains = {{KernelRun{.count = 5, .duration = milliseconds(2), .shape = kTrainingShape}}},
      .arrivals = {}};
}

Program offline_batches(std::uint32_t batches, std::uint32_t queues) {
  Program program{
      .name = "batches",
      .offline = true,
      .queues = queues,
      .trains = {{KernelRun{.count = 4, .duration = milliseconds(2), .shape = kTrainingShape},
                  KernelRun{.count = 2, .duration = milliseconds(1), .shape = kServiceShape}}},
      .arrivals = {}};
  program.arrivals.assign(batches, Arrival{.at = Duration::zero(), .train = 0});
  return program;
}

Program online_service(std::uint32_t requests, Duration period) {
  Program program{
      .name = "service",
      .offline = false,
      .hints = true,
      .trains = {{KernelRun{.count = 10, .duration = milliseconds(2), .shape = kServiceShape}}},
      .arrivals = {}};
  for (std::uint32_t i = 0; i < requests; ++i) {
    program.arrivals.push_back(Arrival{.at = i * period, .train = 0});
  }
  return program;
}

Total total_of(const Program& program) {
  Total total;
  for (const Arrival& arrival : program.arrivals) {
    ++total.requests;
    for (const KernelRun& run : program.trains[arrival.train]) {
      total.kernels += run.count;
      total.work += run.count * run.duration;
    }
  }
  return total;
}

}  // namespace gpreempt::contract
