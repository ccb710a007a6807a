// Cost of one step of the scheduler, and that it does not allocate once its tables have grown.

#include <benchmark/benchmark.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <string>
#include <variant>
#include <vector>

#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/policy.h"
#include "core/scheduler.h"
#include "core/time.h"

namespace {
std::atomic<std::uint64_t> allocations{0};
}  // namespace

// Not inlined: GCC would otherwise see malloc's memory go to a delete it thinks is not its pair.
[[gnu::noinline]] void* operator new(std::size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* const memory = std::malloc(size)) {
    return memory;
  }
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t /*size*/) noexcept {
  std::free(memory);
}

namespace gpreempt {
namespace {

constexpr GpuId kGpu(1);

/// One Online tenant for every seven Offline ones; two queues for each target.
class Bench {
 public:
  explicit Bench(std::uint32_t tenants)
      : scheduler_(make_policy("suspend").value(), {}), answers_(tenants + 1) {
    for (std::uint32_t i = 1; i <= tenants; ++i) {
      const bool online = i % 8 == 1;
      const TargetId target(i);
      GPREEMPT_CHECK(scheduler_
                         .add_tenant({.name = std::to_string(i),
                                      .cls = online ? TenantClass::kOnline : TenantClass::kOffline,
                                      .priority = online ? 9U : 1U,
                                      .targets = {target}})
                         .has_value());
      (online ? online_ : offline_).push_back(target);
      for (const std::uint32_t queue : {2 * i, 2 * i + 1}) {
        QueueInfo info;
        info.id = QueueId(queue);
        info.target = target;
        info.gpu = kGpu;
        step(QueueBorn{info});
      }
    }
  }

  template <class What>
  void step(const What& what) {
    event_.at = now_ += Duration(10);
    event_.what = what;
    step();
  }

  /// Answers every request that is open; returns how many there were.
  std::uint64_t answer() {
    std::uint64_t steps = 0;
    for (const TargetId target : offline_) {
      ControlDone& done = answers_[target.value()];
      if (done.outcomes.empty()) {
        continue;
      }
      event_.at = done.done = now_ += Duration(10);
      event_.what.emplace<ControlDone>();
      std::get<ControlDone>(event_.what).outcomes.swap(done.outcomes);
      ControlDone& sent = std::get<ControlDone>(event_.what);
      sent.target = target;
      sent.kind = done.kind;
      sent.issued = done.issued;
      sent.done = done.done;
      step();
      sent.outcomes.swap(done.outcomes);
      done.outcomes.clear();
      ++steps;
    }
    return steps;
  }

  [[nodiscard]] const std::vector<TargetId>& online() const { return online_; }
  [[nodiscard]] const std::vector<TargetId>& offline() const { return offline_; }

 private:
  void step() {
    scheduler_.step(&event_, now_, out_);
    for (const Action& action : out_.items) {
      scheduler_.issued(action, RequestId(0));
      ControlDone& done = answers_[action.target.value()];
      done.kind = action.kind;
      done.issued = now_;
      for (const QueueId id : out_.ids_of(action)) {
        done.outcomes.push_back({.id = id, .outcome = Outcome::kOk});
      }
    }
  }

  Scheduler scheduler_;
  Actions out_;
  Event event_{};
  Instant now_ = instant_from_ns(0);
  std::vector<TargetId> online_;
  std::vector<TargetId> offline_;
  std::vector<ControlDone> answers_;
};

/// A busy period of one Online tenant with ten requests, all Offline ones suspended and resumed.
std::uint64_t busy_period(Bench& bench) {
  const TargetId online = bench.online().front();
  std::uint64_t steps = 20;
  for (std::uint64_t request = 0; request < 10; ++request) {
    bench.step(WorkArrived{.target = online, .request = request});
  }
  steps += bench.answer();
  for (std::uint64_t request = 0; request < 10; ++request) {
    bench.step(WorkFinished{.target = online, .request = request});
  }
  return steps + bench.answer();
}

void report(benchmark::State& state, std::uint64_t steps, std::uint64_t allocated) {
  state.counters["time/step"] = benchmark::Counter(
      static_cast<double>(steps), benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  state.counters["allocations"] = static_cast<double>(allocated);
}

void BM_BusyPeriods(benchmark::State& state) {
  Bench bench(static_cast<std::uint32_t>(state.range(0)));
  busy_period(bench);
  std::uint64_t steps = 0;
  const std::uint64_t before = allocations.load();
  for (auto _ : state) {
    steps += busy_period(bench);
  }
  report(state, steps, allocations.load() - before);
}
BENCHMARK(BM_BusyPeriods)->Arg(8)->Arg(64);

/// Requests that change nobody's mind.
void BM_HintsWhileBusy(benchmark::State& state) {
  Bench bench(static_cast<std::uint32_t>(state.range(0)));
  const TargetId online = bench.online().front();
  bench.step(WorkArrived{.target = online, .request = 0});
  bench.answer();
  std::uint64_t steps = 0;
  const std::uint64_t before = allocations.load();
  for (auto _ : state) {
    bench.step(WorkArrived{.target = online, .request = 1});
    bench.step(WorkFinished{.target = online, .request = 1});
    steps += 2;
  }
  report(state, steps, allocations.load() - before);
}
BENCHMARK(BM_HintsWhileBusy)->Arg(64);

}  // namespace
}  // namespace gpreempt
