#include "tests/bench/engines/mm1_job.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "core/random.h"

namespace gpreempt::bench {
namespace {

constexpr double kMeanServiceNs = 1e6;
constexpr double kLoad = 0.8;

/// In units of the mean service: rho / (mu - lambda).
constexpr double kMeanWait = kLoad / (1 - kLoad);

/// Standard deviation of the mean wait of so many customers in a row, in the same unit.
/// Source: the asymptotic variance of the M/M/1 wait, W. Whitt, "Planning queueing simulations",
/// Management Science 35(11), 1989.
double deviation(std::size_t customers) {
  const double variance =
      kLoad * (2 + 5 * kLoad - 4 * kLoad * kLoad + kLoad * kLoad * kLoad) / std::pow(1 - kLoad, 4);
  return std::sqrt(variance / static_cast<double>(customers));
}

std::vector<std::int64_t> draws(std::size_t count, double mean, RandomStream stream) {
  std::vector<std::int64_t> times(count);
  std::ranges::generate(times, [&] { return std::llround(stream.exponential(mean)); });
  return times;
}

}  // namespace

Mm1Job draw_mm1(std::size_t customers, std::uint64_t seed) {
  return {.gap_ns = draws(customers, kMeanServiceNs / kLoad, RandomStream(seed, "arrivals")),
          .service_ns = draws(customers, kMeanServiceNs, RandomStream(seed, "services"))};
}

std::int64_t total_wait_ns(const Mm1Job& job) {
  std::int64_t total = 0;
  std::int64_t wait = 0;
  for (std::size_t i = 1; i < job.customers(); ++i) {
    wait = std::max<std::int64_t>(0, wait + job.service_ns[i - 1] - job.gap_ns[i]);
    total += wait;
  }
  return total;
}

bool write_mm1(const Mm1Job& job, const std::string& path) {
  std::ofstream file(path, std::ios::binary);
  const auto put = [&](const std::int64_t* from, std::size_t count) {
    file.write(reinterpret_cast<const char*>(from),
               static_cast<std::streamsize>(count * sizeof *from));
  };
  const auto customers = static_cast<std::int64_t>(job.customers());
  put(&customers, 1);
  put(job.gap_ns.data(), job.customers());
  put(job.service_ns.data(), job.customers());
  file.close();
  return file.good();
}

int measure(const std::string& engine, const Mm1Job& job, double tolerance,
            const std::function<double()>& run) {
  const std::clock_t begin = std::clock();
  const double total = run();
  const double cpu_s = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
  const auto customers = static_cast<double>(job.customers());
  const double exact = static_cast<double>(total_wait_ns(job));
  fmt::print("{{\"engine\":\"{}\",\"customers\":{},\"cpu_s\":{:.6f},\"mean_wait_ns\":{:.3f}}}\n",
             engine, job.customers(), cpu_s, total / customers);
  if (std::abs(total - exact) > tolerance * exact) {
    fmt::print(stderr, "{}: the mean wait is {:.3f} ns, and exactly it is {:.3f} ns\n", engine,
               total / customers, exact / customers);
    return 1;
  }
  constexpr double kDeviations = 4;
  const double mean = total / customers / kMeanServiceNs;
  if (std::abs(mean - kMeanWait) > kDeviations * deviation(job.customers())) {
    fmt::print(stderr, "{}: the mean wait is {:.4f} services, and by the closed form {:.4f}\n",
               engine, mean, kMeanWait);
    return 1;
  }
  return 0;
}

}  // namespace gpreempt::bench
