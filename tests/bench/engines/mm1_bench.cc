// The M/M/1 job on our timeline, with and without SimGrid under it, beside a loop over a heap and
// the same queue as two SimGrid actors. One engine a process: `mm1_bench ENGINE CUSTOMERS`, or
// `mm1_bench write CUSTOMERS FILE` for an engine in another language. engines.py runs them all.

#include <fmt/format.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <functional>
#include <memory>
#include <queue>
#include <simgrid/s4u.hpp>
#include <string>
#include <utility>
#include <vector>

#include "backends/sim/simgrid_compat.h"
#include "backends/sim/timeline.h"
#include "backends/sim/world.h"
#include "core/error.h"
#include "core/time.h"
#include "tests/bench/engines/mm1_job.h"

namespace gpreempt::bench {
namespace {

/// What one writes first: a heap of dates, and a switch.
double heap_loop(const Mm1Job& job) {
  struct Entry {
    std::int64_t at;
    std::uint64_t sequence;
    bool is_arrival;
    bool operator>(const Entry& other) const {
      return at != other.at ? at > other.at : sequence > other.sequence;
    }
  };
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> heap;
  std::vector<std::int64_t> arrivals;
  arrivals.reserve(job.customers());
  std::uint64_t sequence = 0;
  std::size_t served = 0;
  std::int64_t total = 0;
  bool busy = false;
  heap.push({job.gap_ns.front(), sequence++, true});
  while (!heap.empty()) {
    const Entry now = heap.top();
    heap.pop();
    if (now.is_arrival) {
      arrivals.push_back(now.at);
      if (arrivals.size() < job.customers()) {
        heap.push({now.at + job.gap_ns[arrivals.size()], sequence++, true});
      }
    } else {
      busy = false;
      ++served;
    }
    if (!busy && served < arrivals.size()) {
      busy = true;
      total += now.at - arrivals[served];
      heap.push({now.at + job.service_ns[served], sequence++, false});
    }
  }
  return static_cast<double>(total);
}

/// Our timeline, whoever drives it.
class TimelineEngine {
 public:
  explicit TimelineEngine(sim::Timeline& timeline) : timeline_(timeline) {}
  [[nodiscard]] std::int64_t now_ns() const { return to_ns(timeline_.now().time_since_epoch()); }
  template <class Callback>
  void after_ns(std::int64_t delay, Callback callback) {
    timeline_.after(Duration(delay), std::move(callback));
  }

 private:
  sim::Timeline& timeline_;
};

/// To be called where waiting is possible: in main, or from a party of the world.
double on_timeline(sim::Timeline& timeline, const Mm1Job& job) {
  TimelineEngine engine(timeline);
  Mm1Model model(engine, job);
  model.start();
  const std::unique_ptr<sim::Waiter> waiter = timeline.make_waiter("the last customer");
  while (!model.done()) {
    constexpr Duration kLook = std::chrono::seconds(10);
    GPREEMPT_CHECK(waiter->wait(timeline.now() + kLook).has_value());
  }
  return model.total_wait();
}

double on_plain_timeline(const Mm1Job& job) {
  sim::PlainTimeline timeline;
  return on_timeline(timeline, job);
}

double in_world(sim::World& world, const Mm1Job& job) {
  double total = 0;
  GPREEMPT_CHECK(world.run([&] { total = on_timeline(world.timeline(), job); }).has_value());
  return total;
}

/// As SimGrid's own examples do it: one actor brings customers, the other one serves them.
double simgrid_actors(simgrid::s4u::Engine& engine, const Mm1Job& job) {
  constexpr double kSecondsPerNs = 1e-9;
  std::deque<double> line;
  double total = 0;
  bool idle = false;
  simgrid::s4u::Host* const host = sim::compat::add_host(*sim::compat::root_zone(engine), "host");
  simgrid::s4u::ActorPtr server = sim::compat::add_actor(host, "server", [&] {
    for (const std::int64_t service : job.service_ns) {
      if (line.empty()) {
        idle = true;
        simgrid::s4u::this_actor::suspend();
      }
      total += (simgrid::s4u::Engine::get_clock() - line.front()) / kSecondsPerNs;
      line.pop_front();
      simgrid::s4u::this_actor::sleep_for(static_cast<double>(service) * kSecondsPerNs);
    }
  });
  sim::compat::add_actor(host, "customers", [&] {
    for (const std::int64_t gap : job.gap_ns) {
      simgrid::s4u::this_actor::sleep_for(static_cast<double>(gap) * kSecondsPerNs);
      line.push_back(simgrid::s4u::Engine::get_clock());
      if (std::exchange(idle, false)) {
        server->resume();
      }
    }
  });
  engine.run();
  return total;
}

int run(const std::string& name, const Mm1Job& job) {
  if (name == "heap") {
    return measure("a loop over a heap", job, 0, [&] { return heap_loop(job); });
  }
  if (name == "timeline") {
    return measure("gpreempt's timeline", job, 0, [&] { return on_plain_timeline(job); });
  }
  if (name == "world") {
    sim::World world;
    return measure("the same in a SimGrid world", job, 0, [&] { return in_world(world, job); });
  }
  if (name == "actors") {
    std::vector<std::string> words = {"mm1_bench", "--log=root.thres:critical",
                                      "--cfg=surf/precision:1e-12", "--cfg=contexts/stack-size:64"};
    std::vector<char*> arguments;
    for (std::string& word : words) {
      arguments.push_back(word.data());
    }
    int count = static_cast<int>(arguments.size());
    simgrid::s4u::Engine engine(&count, arguments.data());
    // Seconds in double: the clock of a long run resolves no single nanosecond.
    constexpr double kTolerance = 1e-6;
    return measure("SimGrid actors", job, kTolerance, [&] { return simgrid_actors(engine, job); });
  }
  fmt::print(stderr, "{}: no such engine; heap, timeline, world or actors\n", name);
  return 2;
}

int write(const Mm1Job& job, const std::string& path) {
  if (!write_mm1(job, path)) {
    fmt::print(stderr, "write {}: failed; is there room?\n", path);
    return 3;
  }
  return 0;
}

}  // namespace
}  // namespace gpreempt::bench

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  const bool writes = !words.empty() && words.front() == "write";
  const std::size_t customers = words.size() < 2 ? 0 : std::strtoull(words[1].c_str(), nullptr, 10);
  if (words.size() != (writes ? 3U : 2U) || customers == 0) {
    fmt::print(stderr,
               "usage: mm1_bench heap|timeline|world|actors CUSTOMERS\n"
               "       mm1_bench write CUSTOMERS FILE\n");
    return 2;
  }
  const gpreempt::bench::Mm1Job job = gpreempt::bench::draw_mm1(customers, 1);
  return writes ? gpreempt::bench::write(job, words[2]) : gpreempt::bench::run(words[0], job);
}
