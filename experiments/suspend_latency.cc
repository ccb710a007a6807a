#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/document.h"
#include "core/backend.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/program.h"
#include "core/random.h"
#include "core/stats.h"
#include "core/testbed.h"
#include "core/time.h"
#include "experiments/catalogue.h"
#include "experiments/experiment.h"
#include "experiments/grace_units.h"
#include "experiments/programs.h"
#include "experiments/sampled.h"
#include "experiments/session.h"
#include "experiments/verdict.h"

namespace gpreempt::experiments {
namespace {

using std::chrono::milliseconds;

constexpr Duration kKernel = milliseconds(2);
/// What the project sets itself for a suspend.
constexpr Duration kLimit = milliseconds(5);

struct Occupancy {
  std::string_view name;
  double share;  ///< of the GPU; 0: no work
};

struct Place {
  std::uint32_t gpus = 1;
  std::uint32_t queues = 1;
  Occupancy occupancy{};
};

/// Units of 1000 clocks; nullopt: the driver's default.
using Grace = std::optional<std::uint32_t>;

struct LatencyPlan {
  std::vector<Place> places;
  std::vector<Grace> graces;
  std::size_t repetitions = 100;
};

LatencyPlan latency_plan_of(const Setting& setting) {
  constexpr Occupancy kIdle{.name = "idle", .share = 0};
  constexpr Occupancy kQuarter{.name = "quarter", .share = 0.25};
  constexpr Occupancy kFull{.name = "full", .share = 1};
  LatencyPlan plan;
  plan.repetitions = setting.quick ? 20 : 100;
  plan.graces = setting.quick ? std::vector<Grace>{1, std::nullopt}
                              : std::vector<Grace>{1, 8, 64, 255, std::nullopt};
  const std::vector<Occupancy> occupancies = setting.quick
                                                 ? std::vector<Occupancy>{kIdle, kFull}
                                                 : std::vector<Occupancy>{kIdle, kQuarter, kFull};
  for (const std::uint32_t gpus : {1U, 2U}) {
    for (const std::uint32_t queues : {1U, 4U}) {
      for (const Occupancy& occupancy : occupancies) {
        plan.places.push_back({.gpus = gpus, .queues = queues, .occupancy = occupancy});
      }
    }
  }
  return plan;
}

std::string name_of(const Place& place) {
  return fmt::format("{}/{}-queue{}/{}-gpu{}", place.occupancy.name, place.queues,
                     place.queues == 1 ? "" : "s", place.gpus, place.gpus == 1 ? "" : "s");
}

using Phases = std::array<double, kDriverPhases>;

/// The times of one process's suspends with one grace.
struct Times {
  std::vector<std::int64_t> suspends;
  std::vector<std::int64_t> resumes;
  std::vector<std::int64_t> outside;  ///< of the driver's call: the client's own time
  Phases phases{};                    ///< means; meaningless without `outside`
  double saved_bytes = 0;
};

class Measurement {
 public:
  Measurement(Session& session, const Setting& setting, const Place& place)
      : session_(session),
        place_(place),
        random_(setting.seed, "experiment/suspend-latency/" + name_of(place)) {}

  /// Launches, attaches and makes the first suspend, which may move save areas.
  Result<std::int64_t> begin() {
    const GpuInfo& gpu = session_.backend().info().gpus.front();
    Program program = place_.occupancy.share > 0
                          ? endless("job", gpu, place_.occupancy.share, kKernel)
                          : idle("job", place_.queues);
    program.queues = place_.queues;
    for (std::uint32_t other = 1; other < place_.gpus; ++other) {
      program.idle_gpus.push_back(other);
    }
    Pid pid;
    GPREEMPT_TRY(store(pid, session_.testbed().launch(std::move(program))));
    session_.testbed().start();
    GPREEMPT_TRY(session_.wait(milliseconds(20)));
    GPREEMPT_TRY(store(process_, session_.follow(pid, AttachMode::kControl)));
    GPREEMPT_TRY(session_.wait(milliseconds(20)));
    ControlDone first;
    GPREEMPT_TRY(store(first, session_.suspend(process_)));
    GPREEMPT_TRY(session_.resume(process_).map([](const ControlDone& /*done*/) {}));
    GPREEMPT_TRY(session_.wait(milliseconds(20)));
    GPREEMPT_TRY(store(longest_, longest_grace(session_, process_)));
    return to_ns(first.done - first.issued);
  }

  Result<Times> repeat(Grace units, std::size_t repetitions) {
    std::optional<Duration> grace;
    if (units) {
      grace = grace_of(longest_, *units);
    }
    Times times;
    for (std::size_t i = 0; i < repetitions; ++i) {
      GPREEMPT_TRY(session_.wait(milliseconds(4) +
                                 Duration(static_cast<std::int64_t>(
                                     random_.below(static_cast<std::uint64_t>(to_ns(kKernel)))))));
      GPREEMPT_TRY(one(grace, times));
    }
    for (double& phase : times.phases) {
      phase /= static_cast<double>(repetitions);
    }
    times.saved_bytes /= static_cast<double>(repetitions);
    return times;
  }

 private:
  Result<void> one(std::optional<Duration> grace, Times& times) {
    const std::size_t calls = session_.testbed().driver_calls().size();
    ControlDone done;
    GPREEMPT_TRY(store(done, session_.suspend(process_, grace)));
    const std::int64_t whole = to_ns(done.done - done.issued);
    times.suspends.push_back(whole);
    const std::vector<DriverCall>& served = session_.testbed().driver_calls();
    if (served.size() > calls && served[calls].tells_phases) {
      const DriverCall& call = served[calls];
      for (std::size_t i = 0; i < kDriverPhases; ++i) {
        times.phases.at(i) += static_cast<double>(to_ns(call.phases.at(i)));
      }
      times.outside.push_back(whole - to_ns(call.done - call.called));
      times.saved_bytes += static_cast<double>(call.saved_bytes);
    }
    GPREEMPT_TRY(store(done, session_.resume(process_)));
    times.resumes.push_back(to_ns(done.done - done.issued));
    return {};
  }

  Session& session_;
  Place place_;
  RandomStream random_;
  Followed process_;
  Duration longest_{};
};

void add_parts(Verdict& verdict, const Times& times) {
  if (times.outside.size() != times.suspends.size()) {
    verdict.facts.emplace_back("parts", "this world's driver does not tell where the time went");
    return;
  }
  for (std::size_t i = 1; i < kDriverPhases; ++i) {
    verdict.numbers.emplace_back(fmt::format("mean_{}_ns", to_string(static_cast<DriverPhase>(i))),
                                 times.phases.at(i));
  }
  const Sample outside(times.outside);
  verdict.numbers.emplace_back("mean_outside_driver_ns",
                               outside.summary().value_or(Summary{}).mean);
  verdict.numbers.emplace_back("mean_saved_bytes", times.saved_bytes);
}

Verdict judge_cell(const Place& place, Grace units, const Times& times) {
  const Sample suspends(times.suspends);
  const Quantile p99 = suspends.quantile(0.99, kConfidence).value_or(Quantile{});
  const std::string grace = units ? fmt::format("grace-{}", *units) : "grace-default";
  Verdict verdict{.name = fmt::format("suspend-latency/{}/{}", name_of(place), grace),
                  .value = static_cast<double>(p99.value),
                  .expected = {},
                  .answer = Answer::kReported,
                  .reason = fmt::format("steady p99 of {} suspends; {}", times.suspends.size(),
                                        p99.bounded ? "its band holds at 95 %"
                                                    : "too few for a band at 95 %, which is wider"),
                  .confidence = p99.bounded ? std::optional(kConfidence) : std::nullopt};
  add_quantiles(verdict, "", suspends);
  const Sample resumes(times.resumes);
  verdict.numbers.emplace_back(
      "resume_p99_ns", static_cast<double>(resumes.quantile(0.99).value_or(Quantile{}).value));
  add_parts(verdict, times);
  verdict.unit = "ns";
  return verdict;
}

/// What all cells come to.
struct Total {
  std::int64_t worst = 0;
  bool bounded = false;  ///< its band has an upper end at the confidence
  std::string where;
  std::vector<std::int64_t> firsts;
};

void count(Total& total, const Verdict& cell, const Times& times) {
  const Quantile p99 = Sample(times.suspends).quantile(0.99, kConfidence).value_or(Quantile{});
  if (p99.value > total.worst) {
    total.worst = p99.value;
    total.bounded = p99.bounded;
    total.where = cell.name.substr(cell.name.find('/') + 1);
  }
}

Verdict judge_limit(const Total& total) {
  const bool met = Duration(total.worst) <= kLimit;
  return {.name = "suspend-latency/limit",
          .value = static_cast<double>(total.worst),
          .expected = static_cast<double>(to_ns(kLimit)),
          .answer = met ? Answer::kMet : Answer::kMissed,
          .reason = fmt::format("the largest steady p99, at {}, is {} the goal of 5 ms{}",
                                total.where, met ? "within" : "beyond",
                                total.bounded ? "" : "; so few suspends put no upper bound on it"),
          .confidence = total.bounded ? std::optional(kConfidence) : std::nullopt,
          .numbers = {{"worst_p99_ns", static_cast<double>(total.worst)}},
          .unit = "ns"};
}

Verdict judge_first(const Total& total) {
  const Sample firsts(total.firsts);
  Verdict verdict{.name = "suspend-latency/first",
                  .value = static_cast<double>(firsts.sorted().back()),
                  .expected = {},
                  .answer = Answer::kReported,
                  .reason = fmt::format("the longest first suspend of {} processes: the first one "
                                        "touches save areas from the CPU, which may move them to "
                                        "system memory; suspend once before traffic comes",
                                        total.firsts.size())};
  verdict.numbers = {{"least_ns", static_cast<double>(firsts.sorted().front())},
                     {"most_ns", static_cast<double>(firsts.sorted().back())}};
  verdict.unit = "ns";
  return verdict;
}

Result<std::vector<Verdict>> measure_place(Session& session, const Setting& setting,
                                           const Place& place, const LatencyPlan& plan,
                                           Total& total) {
  Measurement measurement(session, setting, place);
  std::int64_t first = 0;
  GPREEMPT_TRY(store(first, measurement.begin()));
  total.firsts.push_back(first);
  std::vector<Verdict> cells;
  for (const Grace grace : plan.graces) {
    Times times;
    GPREEMPT_TRY(store(times, measurement.repeat(grace, plan.repetitions)));
    cells.push_back(judge_cell(place, grace, times));
    cells.back().numbers.emplace_back("first_ns", static_cast<double>(first));
    count(total, cells.back(), times);
  }
  return cells;
}

}  // namespace

Result<std::vector<Verdict>> run_suspend_latency(const Setting& setting) {
  const LatencyPlan plan = latency_plan_of(setting);
  std::vector<Verdict> verdicts;
  Total total;
  double done = 0;
  for (const Place& place : plan.places) {
    Result<std::vector<Verdict>> cells = in_world(
        setting, {.gpus = place.gpus, .seed = setting.seed},
        [&](Session& session) { return measure_place(session, setting, place, plan, total); });
    if (!cells && place.gpus > 1 && cells.error().code == Errc::kUnsupported) {
      cells = std::vector<Verdict>{
          unavailable("suspend-latency/" + name_of(place), cells.error().what)};
    }
    GPREEMPT_TRY(cells);
    std::ranges::move(*cells, std::back_inserter(verdicts));
    if (setting.progress) {
      setting.progress(++done / static_cast<double>(plan.places.size()));
    }
  }
  verdicts.push_back(judge_first(total));
  verdicts.push_back(judge_limit(total));
  return verdicts;
}

}  // namespace gpreempt::experiments
