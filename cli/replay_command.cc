#include "cli/replay_command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "cli/command_line.h"
#include "cli/event_reader.h"
#include "cli/exit_code.h"
#include "cli/option_values.h"
#include "cli/output.h"
#include "cli/recorded_run.h"
#include "cli/replay.h"
#include "cli/replay_options.h"
#include "cli/replay_report.h"
#include "cli/request_verdict.h"
#include "cli/requests_reader.h"
#include "cli/saved_bundle.h"
#include "cli/verb_line.h"
#include "cli/what_if.h"
#include "config/document.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/policy.h"
#include "core/testbed.h"
#include "core/time.h"

namespace gpreempt::cli {
namespace {

constexpr std::string_view kReplayFooter =
    R"(
What it does:
  A bundle's events.jsonl holds every event that the scheduler was given, and how the scheduler was
  made. Given the same, a scheduler decides the same: without --policy each recorded run is taken
  again, without a backend, and each decision and realised cost must be the recorded line. The first
  one that is not is printed beside the recorded one. A difference is a defect of gpreempt, or a
  bundle of another version or one that was changed.

  With another policy the events stay as they were recorded: requests arrive and end when they did,
  whatever is decided (open loop). Until the first verdict that differs the replay is exact. From
  then on calls of the policy's own take the recorded median, always work, and are ended by the
  lease if need be; recorded ends of calls that it did not make are left out; and every verdict is
  conditional, since the policy's decisions would have changed the events. To know what would have
  happened, run it: gpreempt run --policy NAME.

  A request's verdict flips if Offline was off for it under one of the two policies only:
    preempted      a decision took Offline off the request's GPU between its arrival and its end
    found-off      Offline was off already when it arrived
    not-preempted  Offline ran all the time

Examples:
  gpreempt run --policy suspend,linger --out out/
  gpreempt replay out/                              both decide as they did
  gpreempt replay out/ --run suspend --policy slice:slice=5ms

Exit codes:
  0  done        1  a recorded policy decides otherwise now
  2  usage, or a bundle that was refused            3  stdout cannot be written)";

class ReplayLine final : public VerbLine {
 public:
  void add(CLI::App& app) override {
    CLI::App* const replay = app.add_subcommand(
        "replay", "Takes a bundle's scheduler through its events again, or another policy");
    replay->add_option("BUNDLE", bundle_, "A folder that 'run --out' made")->required();
    replay->add_option("--policy", options_.policy,
                       "NAME or NAME:key=value,... to decide instead (options of the scenario do "
                       "not apply); default: the recorded one");
    replay->add_option("--run", options_.run,
                       "Policy of the recorded run; needed with --policy if there are several");
    replay->add_option("--format", format_, "text or json, on stdout")->capture_default_str();
    replay->footer(std::string(kReplayFooter));
  }
  [[nodiscard]] Result<Command> read(const std::vector<std::string>& /*arguments*/) override {
    GPREEMPT_TRY(store(options_.format, read_format(format_)));
    options_.bundle = bundle_;
    return Command{std::move(options_)};
  }

 private:
  ReplayOptions options_;
  std::string bundle_;
  std::string format_ = "text";
};

Result<ReplayedRun> replay_recorded(const RecordedRun& run) {
  ReplayedRun replayed{.policy = run.header.policy, .replay = {}};
  std::unique_ptr<Policy> policy;
  GPREEMPT_TRY(store(policy, make_policy(run.header.policy)));
  GPREEMPT_TRY(store(replayed.replay, replay(run, std::move(policy))));
  return replayed;
}

Duration median(std::vector<Duration> latencies) {
  if (latencies.empty()) {
    return Duration{};
  }
  const auto middle = latencies.begin() + static_cast<std::ptrdiff_t>((latencies.size() - 1) / 2);
  std::ranges::nth_element(latencies, middle);
  return *middle;
}

bool tells_of_requests(const RecordedRun& run) {
  return std::ranges::any_of(run.steps, [](const RecordedStep& step) {
    return step.event != nullptr && std::holds_alternative<WorkArrived>(step.event->what);
  });
}

/// Refuses a policy that would see nothing to decide on.
Result<void> check_tells(const RecordedRun& run, const std::string& policy, PolicyNeeds needs) {
  if ((needs.requests || needs.deadlines) && !tells_of_requests(run)) {
    return fail(Errc::kInvalidArgument,
                fmt::format("replay the run of {} with policy '{}': it must be told of each "
                            "request, and this run only saw busy and idle; record one with "
                            "detection = \"hint\", or take a policy that needs activity only",
                            run.header.policy, policy));
  }
  for (const LoggedTenant& tenant : run.tenants) {
    if (needs.deadlines && tenant.spec.cls == TenantClass::kOnline &&
        tenant.spec.promise == kNoPromise) {
      return fail(Errc::kInvalidArgument,
                  fmt::format("replay the run of {} with policy '{}': it must know by when "
                              "requests are to be done, and tenant '{}' had no deadline; record "
                              "one with a deadline",
                              run.header.policy, policy, tenant.spec.name));
    }
  }
  return {};
}

/// The verdicts on the requests of one tenant.
void judge_requests(const std::vector<const RequestRecord*>& requests, std::vector<GpuId> gpus,
                    const OffTimes& recorded, const OffTimes& replayed, OtherPolicy& other) {
  VerdictCounts& counts = other.counts.back();
  for (const RequestRecord* const request : requests) {
    const RequestVerdict before = recorded.verdict(*request, gpus);
    const RequestVerdict after = replayed.verdict(*request, gpus);
    ++counts.requests;
    counts.recorded += had_gpu(before) ? 1U : 0U;
    counts.replayed += had_gpu(after) ? 1U : 0U;
    if (had_gpu(before) == had_gpu(after)) {
      continue;
    }
    ++(had_gpu(before) ? counts.lost : counts.gained);
    other.flips.push_back(
        {.tenant = counts.tenant,
         .request = request->request,
         .arrival = request->arrival,
         .recorded = before,
         .replayed = after,
         .conditional = other.what_if.diverged && request->arrival > *other.what_if.diverged});
  }
}

Result<OtherPolicy> replay_other(const SavedBundle& bundle, const RecordedRun& run,
                                 const Replay& exact, const std::string& spec) {
  OtherPolicy other;
  other.recorded_policy = run.header.policy;
  other.policy = spec;
  other.suspends = exact.suspends.size();
  other.resumes = exact.resumes.size();
  other.recorded_decisions = exact.decisions;
  other.assumed = {.suspend = median(exact.suspends), .resume = median(exact.resumes)};
  std::unique_ptr<Policy> policy;
  GPREEMPT_TRY(store(policy, make_policy(spec)));
  GPREEMPT_TRY(check_tells(run, spec, policy->needs()));
  GPREEMPT_TRY(store(other.what_if, what_if(run, std::move(policy), other.assumed)));
  const OffTimes recorded(decisions_of(run));
  const OffTimes replayed(other.what_if.decisions);
  for (const LoggedTenant& tenant : run.tenants) {
    if (tenant.spec.cls != TenantClass::kOnline) {
      continue;
    }
    std::vector<const RequestRecord*> requests;
    for (const SavedRequest& saved : bundle.requests) {
      if (saved.policy == run.header.policy && saved.tenant == tenant.spec.name) {
        requests.push_back(&saved.record);
      }
    }
    other.counts.push_back({.tenant = tenant.spec.name});
    judge_requests(requests, gpus_of(run, tenant.spec), recorded, replayed, other);
  }
  return other;
}

}  // namespace

std::unique_ptr<VerbLine> replay_line() { return std::make_unique<ReplayLine>(); }

Result<ExitCode> replay_command(const ReplayOptions& options) {
  if (!options.policy.empty()) {
    GPREEMPT_TRY(make_policy(options.policy));
  }
  SavedBundle bundle;
  GPREEMPT_TRY(store(bundle, read_bundle(options.bundle)));
  std::vector<const RecordedRun*> runs;
  const bool all = options.run.empty() && options.policy.empty();
  if (all) {
    for (const RecordedRun& run : bundle.runs) {
      runs.push_back(&run);
    }
  } else {
    // A recorded policy is replayed on its own run.
    const bool recorded =
        options.run.empty() && std::ranges::any_of(bundle.runs, [&](const RecordedRun& run) {
          return run.header.policy == options.policy;
        });
    GPREEMPT_TRY(store(runs.emplace_back(),
                       find_run(bundle, recorded ? options.policy : options.run, "--run")));
  }
  ReplayReport report{.bundle = options.bundle.string(),
                      .scenario = runs.front()->header.scenario,
                      .seed = runs.front()->header.seed,
                      .runs = {},
                      .other = {}};
  for (const RecordedRun* const run : runs) {
    GPREEMPT_TRY(store(report.runs.emplace_back(), replay_recorded(*run)));
  }
  const RecordedRun& run = *runs.front();
  if (report.reproduced() && !options.policy.empty() && options.policy != run.header.policy) {
    GPREEMPT_TRY(store(report.other.emplace(),
                       replay_other(bundle, run, report.runs.front().replay, options.policy)));
  }
  GPREEMPT_TRY(
      print(options.format == OutputFormat::kJson ? replay_json(report) : replay_text(report)));
  return report.reproduced() ? ExitCode::kOk : ExitCode::kGateFailed;
}

}  // namespace gpreempt::cli
