#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/hardware_check.h"
#include "cli/hardware_checks.h"
#include "cli/hardware_gates.h"
#include "cli/hardware_runs.h"
#include "cli/hardware_verdicts.h"
#include "cli/metrics.h"
#include "cli/run_setup.h"
#include "config/document.h"
#include "core/error.h"
#include "core/event.h"
#include "core/policy.h"
#include "core/program.h"
#include "core/stats.h"
#include "core/time.h"
#include "experiments/queue_id_rule.h"
#include "experiments/verdict.h"

namespace gpreempt::cli::hardware {
namespace {

using experiments::Verdict;
using std::chrono::minutes;
using std::chrono::seconds;

/// Infinite without a sample, which misses every limit.
double p99_of(const OnlineMetrics& online) {
  return online.latency.p99 ? static_cast<double>(online.latency.p99->value) : INFINITY;
}

double seconds_of(Duration length) { return static_cast<double>(to_ns(length)) / 1e9; }

std::string time_text(double ns) { return quantity_text(GateUnit::kTime, ns); }

/// Offline's throughput over that alone; 0 where nothing is known.
double kept_of(const PolicyMetrics& run) {
  return run.offline && run.offline->loss ? 1 - *run.offline->loss : 0;
}

/// A run of a mix, beside Online alone.
struct Mix {
  PolicyMetrics alone;
  PolicyMetrics unscheduled;
  PolicyMetrics scheduled;
};

Result<Mix> run_mix(Campaign& campaign, PlannedRun run) {
  run.policies = {"none", "suspend"};
  Mix mix;
  GPREEMPT_TRY(store(mix.alone, run_alone(campaign, run, TenantClass::kOnline)));
  std::vector<PolicyMetrics> both;
  GPREEMPT_TRY(store(both, run_planned(campaign, run)));
  mix.unscheduled = both.front();
  mix.scheduled = both.back();
  return mix;
}

PlannedRun default_mix() {
  return {.scenario = "default", .set = {}, .full = minutes(5), .quick = seconds(30)};
}

Verdict table_row(std::string name, const PolicyMetrics& run, std::string reason) {
  const Spread& latency = run.online.latency;
  if (latency.p50 && latency.p95 && latency.p99 && latency.mean) {
    reason += fmt::format(
        ". Mean {}, p50 {}, p95 {}, p99 {}, deviation {}", time_text(*latency.mean),
        time_text(static_cast<double>(latency.p50->value)),
        time_text(static_cast<double>(latency.p95->value)),
        time_text(static_cast<double>(latency.p99->value)), time_text(latency.sd.value_or(0)));
  }
  Verdict row = reported(std::move(name), time_text(p99_of(run.online)), std::move(reason));
  add_spread(row.numbers, "", latency);
  if (run.offline && run.offline->loss) {
    row.numbers.emplace_back("offline_throughput", kept_of(run));
  }
  return row;
}

/// One tenant after the other instead of both at once: how long the same work takes.
Verdict compare_throughput(const PolicyMetrics& run, double run_s) {
  const double online_s = run.offline ? run.offline->loss_floor.value_or(0) * run_s : 0;
  const double offline_s = kept_of(run) * run_s;
  const double ratio = (online_s + offline_s) / run_s;
  Verdict verdict = reported(
      "total-throughput", fmt::format("{:.4g}", ratio),
      fmt::format("what both did in {:.4g} s would take {:.4g} s one after the other; Online needs "
                  "{} of the time",
                  run_s, online_s + offline_s, quantity_text(GateUnit::kShare, online_s / run_s)));
  verdict.numbers = {{"ratio", ratio}};
  return verdict;
}

/// Work done over time: each kernel counts as long as it takes on an idle GPU.
Verdict compare_utilisation(const Mix& mix, const PolicyMetrics& raised, double run_s) {
  constexpr const char* kName = "utilisation";
  const std::optional<OfflineMetrics>& known = mix.scheduled.offline;
  const auto alone = static_cast<double>(mix.alone.online.completed);
  if (!known || !known->loss_floor || !mix.unscheduled.offline || !raised.offline || alone == 0) {
    return experiments::unavailable(kName, "what Online or Offline does alone is not known");
  }
  // Online's own share of the time, as far as its requests were completed in that run.
  const auto online_of = [&](const PolicyMetrics& run) {
    return *known->loss_floor * static_cast<double>(run.online.completed) / alone;
  };
  const auto offline_of = [&](const PolicyMetrics& run) {
    return seconds_of(run.offline->work) / run_s;
  };
  const auto both_of = [&](const PolicyMetrics& run) {
    return quantity_text(GateUnit::kShare, online_of(run) + offline_of(run));
  };
  Verdict verdict = reported(
      kName, both_of(mix.scheduled),
      fmt::format("work over time under policy suspend: Online's queue {}, Offline's {}. Without a "
                  "scheduler {} together, with hardware priorities {}",
                  quantity_text(GateUnit::kShare, online_of(mix.scheduled)),
                  quantity_text(GateUnit::kShare, offline_of(mix.scheduled)),
                  both_of(mix.unscheduled), both_of(raised)));
  verdict.numbers = {{"offline_alone", seconds_of(known->baseline_work) / run_s}};
  const auto add = [&](const char* name, const PolicyMetrics& run) {
    verdict.numbers.emplace_back(fmt::format("online_{}", name), online_of(run));
    verdict.numbers.emplace_back(fmt::format("offline_{}", name), offline_of(run));
  };
  add("suspend", mix.scheduled);
  add("no_scheduler", mix.unscheduled);
  add("hardware_priority", raised);
  return verdict;
}

experiments::ModelRun model_run_of(const SeenProgram& program) {
  experiments::ModelRun run{.pid = program.pid, .queues = {}};
  for (const QueueInfo& queue : program.queues) {
    run.queues.push_back(
        {.gpu = queue.gpu, .id = queue.kernel_id, .type = queue.type, .role = queue.role});
  }
  return run;
}

/// Queues of two processes by the driver's numbers, which each process counts for itself.
Verdict compare_queue_sets(const SeenProgram& a, const SeenProgram& b) {
  constexpr const char* kName = "queue-sets";
  const std::vector<std::uint32_t> first = experiments::compute_ids(model_run_of(a));
  const std::vector<std::uint32_t> second = experiments::compute_ids(model_run_of(b));
  for (const auto& [program, ids] : {std::pair(&a, &first), std::pair(&b, &second)}) {
    if (ids->empty()) {
      return experiments::unavailable(kName,
                                      fmt::format("no compute queue of {} is seen", program->name));
    }
  }
  const double overlap = experiments::overlap_of(first, second);
  const double keys = a.pid == b.pid ? overlap : 0;
  Verdict verdict =
      reported(kName, quantity_text(GateUnit::kShare, overlap),
               fmt::format("of the ids are in both sets: {} has {}, {} has {}. As (pid, id), which "
                           "is what a call names, {}",
                           a.name, fmt::join(first, ", "), b.name, fmt::join(second, ", "),
                           quantity_text(GateUnit::kShare, keys)));
  verdict.numbers = {{"overlap", overlap},
                     {"keys_overlap", keys},
                     {"a", static_cast<double>(first.size())},
                     {"b", static_cast<double>(second.size())}};
  return verdict;
}

/// Whose kernels a GPU with both ran.
Verdict kernel_mix(std::string name, double a, double b, double run_s) {
  if (a + b == 0) {
    return experiments::unavailable(std::move(name), "no kernel was completed");
  }
  Verdict verdict =
      reported(std::move(name), quantity_text(GateUnit::kShare, a / (a + b)),
               fmt::format("of {:.0f} kernels in {:.4g} s were case A's", a + b, run_s));
  verdict.numbers = {{"a_kernels", a}, {"b_kernels", b}};
  return verdict;
}

/// Kernels that a case completes alone, against those that were counted in the same time.
Verdict counted(const char* name, double kernels, double measured, std::string reason) {
  Verdict verdict = exactly(name, kernels, measured, std::move(reason));
  // The last kernel may be under way when the time is over, and on a GPU a kernel's length is met
  // as well as its calibration goes.
  constexpr double kSame = 0.02;
  verdict.answer =
      std::abs(kernels - measured) <= kSame * measured ? experiments::Answer::kMet : verdict.answer;
  return verdict;
}

double kernels_of_a(const PolicyMetrics& run) {
  constexpr double kKernelsOfARequest = 67;
  return static_cast<double>(run.online.completed) * kKernelsOfARequest;
}

double kernels_of_b(const PolicyMetrics& run) {
  return run.offline ? static_cast<double>(run.offline->kernels) : 0;
}

/// The scenario's two programs, Online first.
Result<std::vector<SeenProgram>> see_both(Campaign& campaign, const PlannedRun& run) {
  RunSetup setup;
  GPREEMPT_TRY(store(setup, set_up(campaign, run)));
  GPREEMPT_CHECK(setup.workload.programs.size() == 2);
  std::ranges::partition(setup.workload.programs, std::logical_not{}, &Program::offline);
  return see_queues(campaign, setup);
}

const TenantMetrics* tenant(const PolicyMetrics& run, const std::string& name) {
  const auto found = std::ranges::find(run.tenants, name, &TenantMetrics::name);
  return found == run.tenants.end() ? nullptr : &*found;
}

double p99_of_tenant(const PolicyMetrics& run, const std::string& name) {
  const TenantMetrics* const found = tenant(run, name);
  return found == nullptr ? INFINITY : p99_of(found->online);
}

}  // namespace

Verdicts priorities(Campaign& campaign) {
  // What Online's work takes is part of the comparison.
  PlannedRun run{.scenario = "gemm-2048",
                 .set = {},
                 .full = minutes(5),
                 .quick = seconds(20),
                 .online_alone = true,
                 .offline_alone = true};
  Mix mix;
  GPREEMPT_TRY(store(mix, run_mix(campaign, run)));
  run.set = {"online.ask.hardware_priority=11", "offline.gemm.hardware_priority=0"};
  run.policies = {"none"};
  run.online_alone = run.offline_alone = false;
  std::vector<PolicyMetrics> raised;
  GPREEMPT_TRY(store(raised, run_planned(campaign, run)));
  const double effect = p99_of(mix.unscheduled.online) / p99_of(raised.front().online);
  const double run_s = seconds_of(length_of(campaign, run));
  std::vector<Verdict> verdicts = {
      table_row("alone", mix.alone, "Online by itself, p99"),
      table_row("no-scheduler", mix.unscheduled, "both at normal priority, p99"),
      table_row(
          "hardware-priority", raised.front(),
          fmt::format("Online at HIP's high priority and Offline at its low one: p99 is {:.3g} "
                      "times shorter than at equal ones",
                      effect)),
      table_row("suspend", mix.scheduled, "Offline suspended while Online works, p99"),
      compare_throughput(mix.scheduled, run_s),
      compare_utilisation(mix, raised.front(), run_s)};
  verdicts.at(2).numbers.emplace_back("effect", effect);
  return verdicts;
}

Verdicts two_cases(Campaign& campaign) {
  // The cases' lengths in the author's logs, and the kernels that they had.
  constexpr Duration kLengthOfA = std::chrono::milliseconds(107'370);
  constexpr Duration kLengthOfB = std::chrono::milliseconds(245'960);
  constexpr double kLoggedA = 127'099;
  constexpr double kLoggedB = 261'809;
  constexpr std::int64_t kQuickPart = 10;
  const PlannedRun run{.scenario = "case-ab",
                       .set = {},
                       .full = kLengthOfA,
                       .quick = kLengthOfA / kQuickPart,
                       .offline_alone = true};
  PlannedRun b_alone = run;
  b_alone.full = kLengthOfB;
  b_alone.quick = kLengthOfB / kQuickPart;
  Mix mix;
  GPREEMPT_TRY(store(mix, run_mix(campaign, run)));
  PolicyMetrics b;
  GPREEMPT_TRY(store(b, run_alone(campaign, b_alone, TenantClass::kOffline)));
  PlannedRun gaps = run;
  gaps.set = {"online.cnn.arrivals.think=56ms"};
  std::vector<PolicyMetrics> with_gaps;
  GPREEMPT_TRY(store(with_gaps, run_planned(campaign, gaps)));
  std::vector<SeenProgram> seen;
  GPREEMPT_TRY(store(seen, see_both(campaign, run)));
  const double part = campaign.full ? 1 : kQuickPart;
  const double run_s = seconds_of(length_of(campaign, run));
  return std::vector<Verdict>{
      counted("case-a-alone", kernels_of_a(mix.alone), kLoggedA / part,
              fmt::format("kernels in {:.4g} s, within 2 % of its log's rate", run_s)),
      counted("case-b-alone", kernels_of_b(b), kLoggedB / part,
              fmt::format("kernels in {:.4g} s, within 2 % of its log's rate",
                          seconds_of(length_of(campaign, b_alone)))),
      table_row("a-beside-b", mix.unscheduled,
                "p99 of A's 67 kernels without a scheduler, both on the GPU together"),
      table_row(
          "a-before-b", mix.scheduled,
          fmt::format("the same with B suspended while A works; A never pauses, and B keeps {} "
                      "of its throughput",
                      quantity_text(GateUnit::kShare, kept_of(mix.scheduled)))),
      table_row(
          "a-before-b-with-gaps", with_gaps.front(),
          fmt::format("the same with pauses of 56 ms in A, which leave B {} of its throughput",
                      quantity_text(GateUnit::kShare, kept_of(with_gaps.front())))),
      compare_queue_sets(seen.front(), seen.back()),
      kernel_mix("kernels-beside", kernels_of_a(mix.unscheduled), kernels_of_b(mix.unscheduled),
                 run_s),
      kernel_mix("kernels-before", kernels_of_a(mix.scheduled), kernels_of_b(mix.scheduled), run_s),
      kernel_mix("kernels-before-with-gaps", kernels_of_a(with_gaps.front()),
                 kernels_of_b(with_gaps.front()), run_s)};
}

Verdicts service_kept(Campaign& campaign) {
  PlannedRun run = default_mix();
  run.offline_alone = true;
  Mix mix;
  GPREEMPT_TRY(store(mix, run_mix(campaign, run)));
  const double alone = p99_of(mix.alone.online);
  return std::vector<Verdict>{
      at_most("online-slowdown", p99_of(mix.scheduled.online) / alone,
              campaign.gates.get("slowdown"),
              fmt::format("p99 under policy suspend {}, alone {}, without a scheduler {}",
                          time_text(p99_of(mix.scheduled.online)), time_text(alone),
                          time_text(p99_of(mix.unscheduled.online)))),
      at_least("offline-throughput", kept_of(mix.scheduled), campaign.gates.get("throughput"),
               "against alone")};
}

Verdicts ordering(Campaign& campaign) {
  Mix mix;
  GPREEMPT_TRY(store(mix, run_mix(campaign, default_mix())));
  const double alone = p99_of(mix.alone.online);
  const double scheduled = p99_of(mix.scheduled.online);
  const double unscheduled = p99_of(mix.unscheduled.online);
  Verdict verdict = holds(
      "alone-before-scheduled-before-unscheduled", alone < scheduled && scheduled < unscheduled,
      fmt::format("p99 {} alone, {} with Offline suspended, {} without a "
                  "scheduler",
                  time_text(alone), time_text(scheduled), time_text(unscheduled)));
  verdict.numbers = {
      {"alone_ns", alone}, {"scheduled_ns", scheduled}, {"unscheduled_ns", unscheduled}};
  return std::vector<Verdict>{std::move(verdict)};
}

Verdicts three_tenants(Campaign& campaign) {
  const PlannedRun run{.scenario = "three-tenants",
                       .set = {},
                       .full = minutes(10),
                       .quick = seconds(30),
                       .offline_alone = true};
  std::vector<PolicyMetrics> done;
  GPREEMPT_TRY(store(done, run_planned(campaign, run)));
  const PolicyMetrics& mix = done.front();
  return std::vector<Verdict>{
      at_most("a-p99", p99_of_tenant(mix, "a"), campaign.gates.get("tenant-a"),
              "A: 6.37 ms of work, 15.7 times a second"),
      at_most("b-p99", p99_of_tenant(mix, "b"), campaign.gates.get("tenant-b"),
              "B: 80 ms of work, twice a second"),
      at_least("c-throughput", kept_of(mix), campaign.gates.get("tenant-c"),
               "C: training, against alone")};
}

Verdicts video(Campaign& campaign) {
  const PlannedRun run{
      .scenario = "video-whisper", .set = {}, .full = minutes(10), .quick = seconds(30)};
  constexpr double kFramesPerSecond = 30;
  constexpr double kSecondsPerJob = 3;
  std::vector<PolicyMetrics> done;
  GPREEMPT_TRY(store(done, run_planned(campaign, run)));
  const PolicyMetrics& mix = done.front();
  const double run_s = seconds_of(length_of(campaign, run));
  const double jobs =
      mix.offline ? static_cast<double>(mix.offline->requests_completed.value_or(0)) : 0;
  return std::vector<Verdict>{
      exactly("frames", static_cast<double>(mix.online.completed), kFramesPerSecond * run_s,
              "frames done, against 30 a second"),
      at_most("frame-p99", p99_of(mix.online), campaign.gates.get("video"),
              "2.67 ms of work a frame, beside 1 s of transcription every 3 s"),
      exactly("transcriptions", jobs, std::floor(run_s / kSecondsPerJob),
              "done, against one every 3 s")};
}

}  // namespace gpreempt::cli::hardware
