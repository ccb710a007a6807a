#include "cli/hardware_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/hardware_checks.h"
#include "cli/own_processes.h"
#include "cli/progress.h"
#include "cli/run_options.h"
#include "config/document.h"
#include "core/error.h"
#include "core/nearest.h"
#include "experiments/experiment.h"
#include "experiments/verdict.h"

namespace gpreempt::cli {
namespace {

constexpr auto kChecks = std::to_array<HardwareCheck>({
    {.id = "T-1",
     .plan = "Offline runs, one Online request comes: Offline goes off and on again, Online is in "
             "time",
     .also = "SuspendTest, ResumeTest",
     .run = hardware::basic},
    {.id = "T-2",
     .plan = "Online every 100 ms for 10 minutes: all served, little lost, nothing left over",
     .also = "SchedulerTest, PlanScheduleTest",
     .run = hardware::frequent},
    {.id = "T-3",
     .plan = "Unknown ids, double suspend, double resume, several queues in one call",
     .also = "IdempotenceTest, QueueTest",
     .run = hardware::edges},
    {.id = "T-4",
     .plan = "100 suspends and resumes: mean, deviation, quantiles; Online end to end",
     .also = "LatencyTest",
     .run = hardware::latency},
    {.id = "T-5",
     .plan = "Five minutes of two requests a second against five minutes alone",
     .also = "PlanScheduleTest",
     .run = hardware::throughput},
    {.id = "T-6",
     .plan = "An hour with a request every 1 to 10 s",
     .also = "ControllerTest, LifetimeTest, PlanScheduleTest",
     .run = hardware::stability},
    {.id = "T-7",
     .plan = "Online every 10 ms for 10 minutes, ten Offline queues",
     .tag = SafetyTag::kExclusiveHive,
     .also = "OversubscriptionTest, PlanScheduleTest",
     .run = hardware::stress},
    {.id = "T-8",
     .plan = "The script of twelve steps: B stops, A runs, B goes on",
     .also = "SuspendTest, ResumeTest, PlanTest",
     .run = hardware::twelve_steps},
    {.id = "T-9",
     .plan = "One call for ten queues against ten calls, and a batch unmap, 100 times each",
     .also = "RestrictionTest, PlanTest",
     .run = hardware::batches},
    {.id = "T-10",
     .plan = "10, 50, 100, 500 and 1000 iterations, 500 ms and 10 ms apart",
     .also = "ResumeTest, PlanTest",
     .run = hardware::iterations},
    {.id = "T-11",
     .plan = "Effect of priorities, table of latencies, throughput together and one by one",
     .also = "PriorityTest",
     .run = hardware::priorities},
    {.id = "T-12",
     .plan = "Case A and case B alone, together, and with A first",
     .also = "PlanTest",
     .run = hardware::two_cases},
    {.id = "T-13",
     .plan = "A DeepSeek-like engine over eight GPUs: how many queues, and what follows",
     .tag = SafetyTag::kExclusiveHive,
     .also = "GangTest, GangTenantTest",
     .run = hardware::eight_gpus},
    {.id = "T-14",
     .plan = "Online p99 under 1.5 times that alone, Offline above 0.3 of its throughput",
     .also = "PlanScheduleTest",
     .run = hardware::service_kept},
    {.id = "T-15",
     .plan = "Latency alone < with the scheduler < without",
     .also = "PlanScheduleTest",
     .run = hardware::ordering},
    {.id = "T-16",
     .plan = "20 preemptions, 1000 operations, utilisation of hardware queues",
     .also = "IdempotenceTest, ObservationTest, PlanTest",
     .run = hardware::days},
    {.id = "T-17",
     .plan = "A queue is made in under 1 ms",
     .also = "QueueTest, PlanTest",
     .run = hardware::queue_creation},
    {.id = "T-18",
     .plan = "Long kernels on two queues are complete and done once whatever interrupts them",
     .also = "ResumeTest",
     .run = hardware::integrity},
    {.id = "SCN-9-tenants",
     .plan = "Three tenants: A p99 under 100 ms, B under 500 ms, C above 20 % of alone",
     .also = "",
     .run = hardware::three_tenants},
    {.id = "SCN-9-video",
     .plan = "Video at 30 frames a second beside a transcription every 3 s",
     .also = "",
     .run = hardware::video},
});

constexpr const char* kAll = "all";

Result<std::vector<experiments::Verdict>> attempt(const HardwareCheck& check, Campaign& campaign) {
  if (check.tag == SafetyTag::kExclusiveHive && !campaign.exclusive_hive) {
    return std::vector{experiments::unavailable(
        kAll,
        fmt::format("{}it takes more of the machine than a shared one can give; if nobody else "
                    "uses these GPUs or their hive, add --exclusive-hive",
                    kSkipped))};
  }
  Result<std::vector<experiments::Verdict>> verdicts = check.run(campaign);
  if (!verdicts) {
    const auto finding = experiments::finding_of(kAll, verdicts.error());
    if (finding) {
      return std::vector{*finding};
    }
  }
  return verdicts;
}

void label(const HardwareCheck& check, const Campaign& campaign, experiments::Verdict& verdict) {
  verdict.name = fmt::format("{}/{}", check.id, verdict.name);
  stem_from(verdict, to_string(campaign.backend.kind),
            campaign.backend.kind == BackendKind::kKfd ? experiments::Basis::kMeasured
                                                       : experiments::Basis::kSimulated);
  verdict.facts.emplace_back("plan", check.plan);
  verdict.facts.emplace_back("tag", to_string(check.tag));
  if (!campaign.scaled.empty()) {
    verdict.facts.emplace_back(std::string(kScaled), campaign.scaled);
  }
  if (!check.also.empty()) {
    verdict.facts.emplace_back("contract_tests", check.also);
  }
}

}  // namespace

std::string_view to_string(SafetyTag tag) { return safety_tag(tag == SafetyTag::kExclusiveHive); }

std::span<const HardwareCheck> hardware_checks() { return kChecks; }

Result<std::vector<const HardwareCheck*>> choose_checks(std::span<const std::string> ids) {
  std::vector<std::string_view> known;
  std::ranges::transform(kChecks, std::back_inserter(known), &HardwareCheck::id);
  for (const std::string& id : ids) {
    if (std::ranges::find(known, id) == known.end()) {
      return fail(Errc::kInvalidArgument, fmt::format("reading --only '{}': the plan has no such "
                                                      "check{}",
                                                      id, suggestion(id, known)));
    }
  }
  std::vector<const HardwareCheck*> chosen;
  for (const HardwareCheck& check : kChecks) {
    if (ids.empty() || std::ranges::find(ids, check.id) != ids.end()) {
      chosen.push_back(&check);
    }
  }
  return chosen;
}

Result<std::vector<experiments::Verdict>> run_check(const HardwareCheck& check,
                                                    Campaign& campaign) {
  campaign.scaled.clear();
  std::vector<experiments::Verdict> verdicts;
  GPREEMPT_TRY(store(verdicts, attempt(check, campaign)));
  for (experiments::Verdict& verdict : verdicts) {
    label(check, campaign, verdict);
  }
  return verdicts;
}

Result<std::vector<experiments::Verdict>> run_checks(std::span<const HardwareCheck* const> checks,
                                                     Campaign& campaign) {
  std::vector<experiments::Verdict> verdicts;
  bool is_over = false;
  for (const HardwareCheck* check : checks) {
    if (is_over) {
      campaign.scaled.clear();
      verdicts.push_back(experiments::not_run(kAll));
      label(*check, campaign, verdicts.back());
      continue;
    }
    if (campaign.progress != nullptr) {
      campaign.progress->phase(std::string(check->id));
    }
    std::vector<experiments::Verdict> more;
    GPREEMPT_TRY(store(more, run_check(*check, campaign)));
    is_over = experiments::failed_in_hardware(more);
    std::ranges::move(more, std::back_inserter(verdicts));
  }
  return verdicts;
}

}  // namespace gpreempt::cli
