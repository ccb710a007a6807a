#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/hardware_check.h"
#include "cli/hardware_checks.h"
#include "cli/hardware_gates.h"
#include "cli/hardware_host.h"
#include "cli/hardware_runs.h"
#include "cli/hardware_verdicts.h"
#include "cli/metrics.h"
#include "cli/run_setup.h"
#include "cli/simulate.h"
#include "config/document.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/policy.h"
#include "core/stats.h"
#include "core/time.h"
#include "experiments/verdict.h"

namespace gpreempt::cli::hardware {
namespace {

using experiments::Answer;
using experiments::Verdict;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr double kNobody = 0;

/// Every request that was to arrive was served.
Verdict all_served(const PolicyMetrics& run, double expected) {
  const OnlineMetrics& online = run.online;
  Verdict verdict = exactly("requests", static_cast<double>(online.completed), expected,
                            fmt::format("{} arrived, {} were completed, {} not", online.requests,
                                        online.completed, online.unfinished));
  verdict.answer = online.unfinished == 0 ? verdict.answer : Answer::kMissed;
  return verdict;
}

Verdict in_time(const PolicyMetrics& run, const Gates& gates) {
  const std::optional<Quantile>& p99 = run.online.latency.p99;
  Verdict verdict =
      at_most("online-p99", p99 ? static_cast<double>(p99->value) : INFINITY, gates.get("online"),
              fmt::format("of {} requests, end to end", run.online.completed));
  add_spread(verdict.numbers, "", run.online.latency);
  return verdict;
}

/// `knows_floor`: Online ran alone, too.
Verdict work_kept(const PolicyMetrics& run, const Gates& gates, bool knows_floor) {
  GPREEMPT_CHECK(run.offline.has_value());
  const OfflineMetrics& offline = *run.offline;
  if (!offline.loss) {
    return experiments::unavailable("offline-loss", "Offline did no work alone");
  }
  Verdict verdict = at_most("offline-loss", *offline.loss, gates.get("loss"), "against alone");
  if (knows_floor && offline.loss_floor && offline.overhead) {
    verdict.reason += fmt::format("; Online's own work takes {} of it",
                                  quantity_text(GateUnit::kShare, *offline.loss_floor));
    verdict.numbers.emplace_back("floor", *offline.loss_floor);
    verdict.numbers.emplace_back("overhead", *offline.overhead);
  }
  verdict.numbers.emplace_back("work_ns", static_cast<double>(to_ns(offline.work)));
  verdict.numbers.emplace_back("alone_ns", static_cast<double>(to_ns(offline.baseline_work)));
  return verdict;
}

/// Nothing that a run leaves behind when it goes wrong.
Verdict no_trouble(const PolicyMetrics& run) {
  const PreemptionMetrics& calls = run.preemptions;
  Verdict verdict = exactly(
      "trouble", static_cast<double>(run.refusals + run.leases_expired), kNobody,
      fmt::format("refused calls and suspensions that their lease ended, of {} suspends and {} "
                  "resumes",
                  calls.suspends, calls.resumes));
  verdict.answer = calls.suspends == calls.resumes ? verdict.answer : Answer::kMissed;
  verdict.numbers = {{"suspends", static_cast<double>(calls.suspends)},
                     {"resumes", static_cast<double>(calls.resumes)},
                     {"refusals", static_cast<double>(run.refusals)},
                     {"leases_expired", static_cast<double>(run.leases_expired)},
                     {"simulated_s", run.simulated_s},
                     {"engine_events", static_cast<double>(run.engine_events)}};
  return verdict;
}

double seconds_of(const Campaign& campaign, const PlannedRun& run) {
  return static_cast<double>(to_ns(length_of(campaign, run))) / kNsPerSecond;
}

/// The run's only policy.
Result<PolicyMetrics> run_one(Campaign& campaign, const PlannedRun& run) {
  return run_planned(campaign, run).map([](const std::vector<PolicyMetrics>& results) {
    return results.front();
  });
}

using QueueCounts = std::map<std::pair<Pid, GpuId>, std::uint32_t>;

/// Queues per (process, GPU) of the scenario's Offline tenants, as a controller sees them.
Result<QueueCounts> count_queues(Campaign& campaign, const PlannedRun& run) {
  RunSetup setup;
  GPREEMPT_TRY(store(setup, set_up(campaign, run)));
  setup.workload = only(setup.workload, TenantClass::kOffline);
  return see_queues(campaign, setup).map([](const std::vector<SeenProgram>& seen) {
    QueueCounts counts;
    for (const SeenProgram& rank : seen) {
      for (const QueueInfo& queue : rank.queues) {
        counts[{rank.pid, queue.gpu}] += queue.type == QueueType::kCompute ? 1U : 0U;
      }
    }
    return counts;
  });
}

/// The plan's rule: 1 queue, the design holds; up to 8, batches; more, a selective strategy.
Verdict judge_queue_count(const QueueCounts& counts) {
  std::uint32_t most = 0;
  double total = 0;
  for (const auto& [place, count] : counts) {
    most = std::max(most, count);
    total += count;
  }
  constexpr std::uint32_t kBatch = 8;
  const std::string rule = most <= 1        ? "the design holds as it is"
                           : most <= kBatch ? "batches are needed"
                                            : "a selective strategy is needed";
  Verdict verdict = reported(
      "queues-of-a-rank", fmt::format("{}", most),
      fmt::format("by the plan's rule {}. One call suspends all queues of a process on a GPU, "
                  "however many, so that their number decides nothing here",
                  rule));
  verdict.numbers = {{"most", static_cast<double>(most)},
                     {"places", static_cast<double>(counts.size())},
                     {"total", total}};
  return verdict;
}

}  // namespace

Verdicts frequent(Campaign& campaign) {
  const PlannedRun run{.scenario = "gemm-2048",
                       .set = {},
                       .full = minutes(10),
                       .quick = seconds(30),
                       .online_alone = campaign.full,
                       .offline_alone = true};
  constexpr double kPerSecond = 10;
  PolicyMetrics done;
  GPREEMPT_TRY(store(done, run_one(campaign, run)));
  return std::vector<Verdict>{all_served(done, kPerSecond * seconds_of(campaign, run)),
                              in_time(done, campaign.gates),
                              work_kept(done, campaign.gates, campaign.full), no_trouble(done)};
}

Verdicts throughput(Campaign& campaign) {
  const PlannedRun run{.scenario = "poc-load",
                       .set = {},
                       .full = minutes(5),
                       .quick = seconds(30),
                       .online_alone = campaign.full,
                       .offline_alone = true};
  constexpr double kPerSecond = 2;
  PolicyMetrics done;
  GPREEMPT_TRY(store(done, run_one(campaign, run)));
  return std::vector<Verdict>{all_served(done, kPerSecond * seconds_of(campaign, run)),
                              in_time(done, campaign.gates),
                              work_kept(done, campaign.gates, campaign.full)};
}

Verdicts stability(Campaign& campaign) {
  const PlannedRun run{
      .scenario = "gemm-2048",
      .set = {R"(online.ask.arrivals={ kind = "uniform", min = "1s", max = "10s" })"},
      .full = std::chrono::hours(1),
      .quick = minutes(2)};
  HostBooks books(campaign.host, campaign.kernel_log);
  PolicyMetrics done;
  GPREEMPT_TRY(store(done, run_one(campaign, run)));
  return std::vector<Verdict>{all_served(done, static_cast<double>(done.online.requests)),
                              in_time(done, campaign.gates), no_trouble(done), books.kernel_log(),
                              books.memory()};
}

Verdicts stress(Campaign& campaign) {
  const PlannedRun run{
      .scenario = "ten-queues", .set = {}, .full = minutes(10), .quick = seconds(30)};
  constexpr double kPerSecond = 100;
  PolicyMetrics done;
  GPREEMPT_TRY(store(done, run_one(campaign, run)));
  return std::vector<Verdict>{all_served(done, kPerSecond * seconds_of(campaign, run)),
                              in_time(done, campaign.gates), no_trouble(done)};
}

Verdicts eight_gpus(Campaign& campaign) {
  const PlannedRun run{.scenario = "dsv3-tp8",
                       .set = {},
                       .full = seconds(60),
                       .quick = seconds(10),
                       .online_alone = campaign.full,
                       .offline_alone = true};
  QueueCounts counts;
  GPREEMPT_TRY(store(counts, count_queues(campaign, run)));
  PolicyMetrics done;
  GPREEMPT_TRY(store(done, run_one(campaign, run)));
  std::vector<Verdict> verdicts = {judge_queue_count(counts), in_time(done, campaign.gates),
                                   work_kept(done, campaign.gates, campaign.full),
                                   no_trouble(done)};
  for (const GangMetrics& gang : done.gangs) {
    if (gang.off.count != 0 && gang.off.p50) {
      verdicts.push_back(reported(
          fmt::format("{}-off", gang.name),
          quantity_text(GateUnit::kTime, static_cast<double>(gang.off.p50->value)),
          fmt::format("from the decision to the last of {} ranks off, p50; {} times not all went",
                      gang.ranks, gang.incomplete)));
      add_spread(verdicts.back().numbers, "", gang.off);
    }
  }
  return verdicts;
}

}  // namespace gpreempt::cli::hardware
