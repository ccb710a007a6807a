// The M/M/1 job on ns-3's core: `mm1_ns3 CUSTOMERS`. Built where ns-3 is found.

#include <fmt/format.h>
#include <ns3/nstime.h>
#include <ns3/simulator.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "tests/bench/engines/mm1_job.h"

namespace gpreempt::bench {
namespace {

class Ns3Engine {
 public:
  [[nodiscard]] static std::int64_t now_ns() { return ns3::Simulator::Now().GetNanoSeconds(); }
  template <class Callback>
  static void after_ns(std::int64_t delay, Callback callback) {
    ns3::Simulator::Schedule(ns3::NanoSeconds(static_cast<std::uint64_t>(delay)),
                             std::move(callback));
  }
};

double on_ns3(const Mm1Job& job) {
  Ns3Engine engine;
  Mm1Model model(engine, job);
  model.start();
  ns3::Simulator::Run();
  ns3::Simulator::Destroy();
  return model.total_wait();
}

}  // namespace
}  // namespace gpreempt::bench

int main(int argc, char** argv) {
  const std::size_t customers = argc == 2 ? std::strtoull(argv[1], nullptr, 10) : 0;
  if (customers == 0) {
    fmt::print(stderr, "usage: mm1_ns3 CUSTOMERS\n");
    return 2;
  }
  const gpreempt::bench::Mm1Job job = gpreempt::bench::draw_mm1(customers, 1);
  return gpreempt::bench::measure("ns-3's core", job, 0,
                                  [&] { return gpreempt::bench::on_ns3(job); });
}
