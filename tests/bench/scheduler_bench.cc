// Cost of one step of the scheduler under each policy, and that it does not allocate once its
// tables have grown.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <string>
#include <string_view>
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
constexpr std::uint32_t kQueues = 2;  // of each target

/// One Online tenant for every seven Offline ones.
class Bench {
 public:
  Bench(std::string_view policy, std::uint32_t tenants)
      : scheduler_(make_policy(policy).value(), {}), answers_(tenants + 1) {
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
      answers_[i].outcomes.reserve(kQueues);
      for (std::uint32_t queue = 0; queue < kQueues; ++queue) {
        QueueInfo info;
        info.id = QueueId(kQueues * i + queue);
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
    ask(&event_);
  }

  /// Lets the time pass at which the policy wants to be asked again. Returns whether it wanted to.
  bool pass_deadline() {
    if (scheduler_.deadline() == kForever) {
      return false;
    }
    now_ = std::max(now_, scheduler_.deadline());
    ask(nullptr);
    return true;
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
      ask(&event_);
      sent.outcomes.swap(done.outcomes);
      done.outcomes.clear();
      ++steps;
    }
    return steps;
  }

  [[nodiscard]] const std::vector<TargetId>& online() const { return online_; }
  [[nodiscard]] const std::vector<TargetId>& offline() const { return offline_; }

 private:
  void ask(const Event* event) {
    scheduler_.step(event, now_, out_);
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

/// A busy period of one Online tenant with ten requests; all Offline ones are suspended and resumed
/// as the policy likes, which is asked whenever it wants to be, up to some bound.
std::uint64_t busy_period(Bench& bench) {
  constexpr std::uint64_t kRequests = 10;
  constexpr int kDeadlines = 4;
  const TargetId online = bench.online().front();
  std::uint64_t steps = 2 * kRequests;
  const auto settle = [&] {
    steps += bench.answer();
    for (int i = 0; i < kDeadlines && bench.pass_deadline(); ++i) {
      steps += 1 + bench.answer();
    }
  };
  for (std::uint64_t request = 0; request < kRequests; ++request) {
    bench.step(WorkArrived{.target = online, .request = request});
  }
  settle();
  for (std::uint64_t request = 0; request < kRequests; ++request) {
    bench.step(WorkFinished{.target = online, .request = request});
  }
  settle();
  return steps;
}

/// After it, tables have their size.
void warm_up(Bench& bench) {
  constexpr int kPeriods = 100;
  for (int i = 0; i < kPeriods; ++i) {
    busy_period(bench);
  }
}

void report(benchmark::State& state, std::uint64_t steps, std::uint64_t allocated) {
  state.counters["time/step"] = benchmark::Counter(
      static_cast<double>(steps), benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  state.counters["allocations"] = static_cast<double>(allocated);
}

void busy_periods(benchmark::State& state, std::string_view policy) {
  Bench bench(policy, static_cast<std::uint32_t>(state.range(0)));
  warm_up(bench);
  std::uint64_t steps = 0;
  const std::uint64_t before = allocations.load();
  for (auto _ : state) {
    steps += busy_period(bench);
  }
  report(state, steps, allocations.load() - before);
}

/// Requests that change nobody's mind.
void hints_while_busy(benchmark::State& state, std::string_view policy) {
  Bench bench(policy, static_cast<std::uint32_t>(state.range(0)));
  const TargetId online = bench.online().front();
  warm_up(bench);
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
