#include "experiments/experiment.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <string_view>
#include <utility>
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
});

}  // namespace

std::span<const Experiment> experiments() { return kExperiments; }

Result<const Experiment*> find_experiment(std::string_view name) {
  const auto* const found = std::ranges::find(kExperiments, name, &Experiment::name);
  if (found == kExperiments.end()) {
    std::vector<std::string_view> names;
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
    verdict.backend = setting.backend;
    verdict.basis = verdict.basis == Basis::kAssumed ? Basis::kAssumed : setting.basis;
  }
  return verdicts;
}

}  // namespace gpreempt::experiments
