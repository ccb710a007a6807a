#include "experiments/experiment.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <functional>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/document.h"
#include "core/error.h"
#include "core/nearest.h"
#include "experiments/catalogue.h"
#include "experiments/saved_dumps.h"
#include "experiments/verdict.h"

namespace gpreempt::experiments {
namespace {

constexpr std::string_view kErrorFact = "error";

constexpr auto kExperiments = std::to_array<Experiment>({
    {.name = "queue-ids",
     .question =
         "Are a process's queue ids the same in every run, and do two processes share them?",
     .needs = "ids of queues (sysfs, or a debug session)",
     .run = run_queue_ids,
     .judge_saved = judge_saved_queue_ids},
    {.name = "suspend-latency",
     .question = "How long does a suspend take, by queues, GPUs, occupancy and grace period?",
     .needs = "suspend and resume; two GPUs for some of the cells",
     .run = run_suspend_latency},
    {.name = "suspend-costs",
     .question =
         "What do the steps of a suspend and of a resume cost, sample by sample for calibrate?",
     .needs = "suspend and resume; mqds for when waves were saved; a heartbeat for gaps",
     .run = run_suspend_costs},
    {.name = "priority",
     .question = "Does the hardware preempt running kernels by priority alone?",
     .needs = "first waves of kernels; mqds for what reaches the descriptor",
     .run = run_priority,
     .judge_saved = judge_saved_priority},
    {.name = "bystander",
     .question = "What does suspending one process cost another, by the number of mapped queues?",
     .needs = "suspend and resume; the time that a process's queues were off",
     .run = run_bystander},
    {.name = "lifecycle",
     .question = "How soon, in which order and for how long are a process's queues seen?",
     .needs = "births and exits; mqds and hqds for the slots",
     .run = run_lifecycle,
     .judge_saved = judge_saved_lifecycle},
    {.name = "doorbell",
     .question = "What becomes of work that is submitted to a queue while it is suspended?",
     .needs = "suspend and resume",
     .run = run_doorbell},
    {.name = "activity",
     .question = "Does a ring look empty while its last kernel still runs?",
     .needs = "polling of rings",
     .run = run_activity},
    {.name = "attach-tax",
     .question = "What does a debugger cost that is attached and suspends nothing?",
     .needs = "attach and detach",
     .run = run_attach_tax},
    {.name = "mechanisms",
     .question = "What do the ways to take queues off cost, beside what was claimed of them?",
     .needs = "suspend and resume; other controls for the comparison",
     .run = run_mechanisms},
    {.name = "oversubscription",
     .question = "What happens when there are more busy queues than hardware slots?",
     .needs = "the number of slots; as many queues",
     .run = run_oversubscription,
     .needs_hive = true},
    {.name = "identification",
     .question = "Which way to tell which queues are whose is right, and where do others fail?",
     .needs = "ids of queues (sysfs, and the driver's own list); eight GPUs for one of the worlds",
     .run = run_identification},
});

}  // namespace

std::span<const Experiment> experiments() { return kExperiments; }

Result<const Experiment*> find_experiment(std::string_view name) {
  const auto* const found = std::ranges::find(kExperiments, name, &Experiment::name);
  if (found == kExperiments.end()) {
    std::vector<std::string_view> names;
    names.reserve(kExperiments.size());
    for (const Experiment& each : kExperiments) {
      names.push_back(each.name);
    }
    return fail(Errc::kInvalidArgument, fmt::format("find experiment '{}': there is none{}", name,
                                                    suggestion(name, names)));
  }
  return found;
}

std::optional<Verdict> finding_of(std::string name, const Error& error) {
  switch (error.code) {
    case Errc::kUnsupported:
    case Errc::kNotPermitted:
    case Errc::kNoSuchDevice: return unavailable(std::move(name), error.what);
    case Errc::kNoSuchQueue:
    case Errc::kBusy:
    case Errc::kTimedOut:
    case Errc::kHardwareFailure:
    case Errc::kProcessExited:
    case Errc::kIo: break;
    case Errc::kInvalidArgument:
    case Errc::kParse:
    case Errc::kInterrupted:
    case Errc::kInternal: return std::nullopt;
  }
  return Verdict{.name = std::move(name),
                 .value = "broken off",
                 .expected = "finished",
                 .answer = Answer::kMissed,
                 .reason = error.what,
                 .confidence = {},
                 .numbers = {},
                 .facts = {{std::string(kErrorFact), std::string(to_string(error.code))}}};
}

bool failed_in_hardware(const std::vector<Verdict>& verdicts) {
  const std::pair<std::string, std::string> fact(kErrorFact, to_string(Errc::kHardwareFailure));
  return std::ranges::any_of(verdicts, [&](const Verdict& verdict) {
    return std::ranges::find(verdict.facts, fact) != verdict.facts.end();
  });
}

Verdict not_run(std::string name) {
  return unavailable(std::move(name),
                     "not run: the GPU or its firmware failed before; look at `dmesg`, have it "
                     "reset, and begin again with `gpreempt doctor`");
}

Result<std::vector<Verdict>> run_experiment(const Experiment& experiment, const Setting& setting) {
  Result<std::vector<Verdict>> verdicts = experiment.run(setting);
  if (!verdicts) {
    const std::optional<Verdict> finding =
        finding_of(std::string(experiment.name), verdicts.error());
    if (!finding) {
      return verdicts;
    }
    verdicts = std::vector<Verdict>{*finding};
  }
  for (Verdict& verdict : *verdicts) {
    stem_from(verdict, setting.backend, setting.basis);
  }
  return verdicts;
}

Result<std::vector<Verdict>> judge_saved(const Experiment& experiment,
                                         const std::filesystem::path& folder) {
  if (experiment.judge_saved == nullptr) {
    std::string able;
    for (const Experiment& each : kExperiments) {
      if (each.judge_saved != nullptr) {
        able += fmt::format("{}{}", able.empty() ? "" : ", ", each.name);
      }
    }
    return fail(Errc::kInvalidArgument,
                fmt::format("judge saved dumps for {}: they do not answer it, but {}; run it "
                            "where programs run",
                            experiment.name, able));
  }
  std::vector<Verdict> verdicts;
  GPREEMPT_TRY(store(verdicts, experiment.judge_saved(folder)));
  for (Verdict& verdict : verdicts) {
    stem_from(verdict, "files", Basis::kAssumed);
  }
  return verdicts;
}

Result<std::vector<Verdict>> run_experiments(
    std::span<const Experiment* const> chosen, const Setting& setting,
    const std::function<void(std::string_view)>& announce) {
  std::vector<Verdict> verdicts;
  bool is_over = false;
  for (const Experiment* experiment : chosen) {
    if (is_over) {
      verdicts.push_back(not_run(std::string(experiment->name)));
      stem_from(verdicts.back(), setting.backend, setting.basis);
      continue;
    }
    announce(experiment->name);
    std::vector<Verdict> more;
    GPREEMPT_TRY(store(more, run_experiment(*experiment, setting)));
    is_over = failed_in_hardware(more);
    std::ranges::move(more, std::back_inserter(verdicts));
  }
  return verdicts;
}

}  // namespace gpreempt::experiments
