#include "experiments/experiment.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/nearest.h"
#include "experiments/catalogue.h"
#include "experiments/verdict.h"

namespace gpreempt::experiments {
namespace {

bool is_about_the_world(Errc code) {
  return code == Errc::kUnsupported || code == Errc::kNoSuchDevice || code == Errc::kNotPermitted;
}

constexpr auto kExperiments = std::to_array<Experiment>({
    {.name = "queue-ids",
     .question =
         "Are a process's queue ids the same in every run, and do two processes share them?",
     .needs = "ids of queues (sysfs, or a debug session)",
     .run = run_queue_ids},
    {.name = "suspend-latency",
     .question = "How long does a suspend take, by queues, GPUs, occupancy and grace period?",
     .needs = "suspend and resume; two GPUs for some of the cells",
     .run = run_suspend_latency},
    {.name = "suspend-costs",
     .question = "What do the steps of a suspend and of a resume cost? Raw samples for calibrate",
     .needs = "suspend and resume; mqds for when waves were saved; a heartbeat for gaps",
     .run = run_suspend_costs},
    {.name = "priority",
     .question = "Does the hardware preempt running kernels by priority alone?",
     .needs = "first waves of kernels; mqds for what reaches the descriptor",
     .run = run_priority},
    {.name = "bystander",
     .question = "What does suspending one process cost another, by the number of mapped queues?",
     .needs = "suspend and resume; the time that a process's queues were off",
     .run = run_bystander},
    {.name = "lifecycle",
     .question = "How soon, in which order and for how long are a process's queues seen?",
     .needs = "births and exits; mqds and hqds for the slots",
     .run = run_lifecycle},
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
     .run = run_oversubscription},
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

Result<std::vector<Verdict>> run_experiment(const Experiment& experiment, const Setting& setting) {
  Result<std::vector<Verdict>> verdicts = experiment.run(setting);
  if (!verdicts) {
    if (!is_about_the_world(verdicts.error().code)) {
      return verdicts;
    }
    verdicts =
        std::vector<Verdict>{unavailable(std::string(experiment.name), verdicts.error().what)};
  }
  for (Verdict& verdict : *verdicts) {
    stem_from(verdict, setting.backend, setting.basis);
  }
  return verdicts;
}

}  // namespace gpreempt::experiments
