#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/program.h"
#include "core/random.h"
#include "core/testbed.h"

/// Queueing systems to simulate, and their closed forms. The formulas take the sample's own rate
/// and moments, which removes most of the sampling error.
namespace gpreempt::validation {

/// Draws a service time, in nanoseconds.
using Draw = std::function<double(RandomStream&)>;

/// Requests of one kernel each, which fills `free_gpu`: Poisson arrivals `gap_ns` apart on average,
/// service times drawn by `service`.
[[nodiscard]] Program queueing_program(std::string name, std::uint64_t count, double gap_ns,
                                       const Draw& service, std::uint64_t seed);

/// Rate and moments of what a program asks for, in nanoseconds.
struct Moments {
  double rate = 0;
  double first = 0;
  double second = 0;
  [[nodiscard]] double load() const { return rate * first; }
};
[[nodiscard]] Moments moments_of(const Program& program);

/// Mean time from arrival to end, in nanoseconds. Every request must be complete.
[[nodiscard]] double mean_sojourn(const std::vector<RequestRecord>& requests);

struct Comparison {
  double simulated = 0;
  double expected = 0;
};

struct QueueingRun {
  std::uint64_t requests = 0;
  std::uint64_t runs = 1;  ///< seeds `seed`, `seed + 1`, ...; means over all are compared
  std::uint64_t seed = 0;
};

/// M/G/1, first come first served, at `load` and a mean service of `mean_ns`, on `free_system`:
/// mean sojourn against Pollaczek-Khinchine, S + lambda E[S^2] / (2 (1 - rho)).
/// Errors: those of launching a program.
[[nodiscard]] Result<Comparison> mg1_fcfs(double load, const Draw& service, double mean_ns,
                                          const QueueingRun& run);

}  // namespace gpreempt::validation
