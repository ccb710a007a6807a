#include "cli/run_help.h"

#include <fmt/format.h>

#include <span>
#include <string>
#include <string_view>

#include "core/mechanism.h"
#include "core/policy.h"

namespace gpreempt::cli {

const std::string_view kVersion = GPREEMPT_VERSION;
const std::string_view kVersionLine = "gpreempt " GPREEMPT_VERSION;

const std::string_view kToolSummary =
    "gpreempt: an inference service (Online) and a training job (Offline) share one AMD GPU, and\n"
    "a scheduler takes the GPU away from the training job while the service has work. What does\n"
    "each of them pay? Runs on a simulated GPU and driver; no GPU is needed. Every cost in the\n"
    "model is a prior, not a measurement, and results say so.\n";

const std::string_view kToolFooter =
    R"(
Examples:
  gpreempt run                          the default scenario, its own policy
  gpreempt run --policy all             every policy, side by side
  gpreempt run my.toml --out out/       a scenario of yours, with all records kept
  gpreempt run --band 100               what the model's priors leave open
  gpreempt compare A B                  two bundles, or two runs, side by side
  gpreempt replay out/                  the decisions of a bundle once more, or another policy's
  gpreempt explain out/ --request 17    why Offline was, or was not, taken off for a request
  gpreempt models show mi308x           a model's numbers, and which of them matter
  gpreempt validate                     the model against what is published
  gpreempt conformance                  the modelled driver against what real ones answered
  gpreempt soak                         random runs in which things go wrong
  gpreempt study STUDY                  varies a scenario and says what matters
  gpreempt decode hqds FILE             which queue is in which hardware slot
  gpreempt suspend 4711 --for 30s       keeps a process off the GPU for a while
  gpreempt rescue 4711                  frees a process that a controller left behind
  gpreempt VERB --help                  everything about a verb

Exit codes:
  0  done        1  --gate: a limit was missed     2  usage, or input that was refused
  3  the environment: no device, a file that cannot be written
  4  a defect of gpreempt; please report it)";

const std::string_view kRunSummary =
    "Runs a scenario once per policy and reports what Online and Offline paid";

namespace {

constexpr std::string_view kRunFooterHead =
    R"(
What it does:
  Runs Online alone and Offline alone (no scheduler), then both together under each policy, with
  the same seed and so the same requests. `added` latency is over Online alone; `loss` is Offline
  work not done, over Offline alone; `floor` is the loss if preemption were free, since Online
  needs the GPU for that long; `overhead` is the rest, and is judged against [slo] offline_loss.

Backends:
  sim     the scheduler on a model of the GPU and its driver, in virtual time
  vkfd    the scheduler on the KFD client code, on the same model, in virtual time
  kfd     this machine's GPU: refused here, with the reason (exit 3)
  sim:MODEL or sim:model=MODEL,personality=NAME replaces the scenario's hardware; MODEL is a
  built-in model or a TOML file.

)";

constexpr std::string_view kRunFooterTail = R"(
Output:
  The result on stdout, progress on stderr. --format json is the schema of summary.json:
  schema, scenario, backend, seed, evidence, results[]. No sample is null. Times are integer
  nanoseconds where the key ends in _ns.
  --out DIR holds scenario.toml model.toml run.json summary.json requests.csv events.jsonl.
  A folder that holds anything else is refused. The same seed gives the same bytes, but for
  sim.wall_s in summary.json.

  --set PATH=VALUE puts a value into the scenario before it is read: keys with dots between, tenants
  by name, elements by index from 0. model.TABLE.NAME is a parameter of the hardware model.

  --band N runs everything on N draws from the priors of all the model's parameters (a Latin
  hypercube by the run's seed) and reports, per policy, what 90 % of them give: `band` of each
  result in JSON, where `rank_band` then holds the band from the ranks of one run.

Examples:
  gpreempt run --policy none,suspend --seed 2 --duration 10s
  gpreempt run --backend sim:mi308x,personality=upstream-6.12.107
  gpreempt run azure-conv-mi308x --trace AzureLLMInferenceTrace_conv.csv --policy all
  gpreempt run --set offline.train.step.repeat.1.duration=2ms --set model.cost.t_hiq=9us
  gpreempt run --gate --quiet --format json      for CI: exit 1 if a limit is missed

Exit codes:
  0  done        1  --gate: a limit was missed     2  usage, or input that was refused
  3  the environment: no device, a file that cannot be written
  4  a defect of gpreempt; please report it)";

std::string option_lines(std::span<const PolicyOption> options) {
  std::string lines;
  for (const PolicyOption& option : options) {
    const std::string spec =
        fmt::format("{}{}{}", option.key, option.fallback.empty() ? "" : "=", option.fallback);
    lines += fmt::format("      {:<19} {}\n", spec, option.summary);
  }
  return lines;
}

std::string policy_lines() {
  std::string lines =
      "\nPolicies (options as NAME:key=value,...; `all` is every one; see docs/policies.md):\n";
  for (const PolicyEntry& entry : policies()) {
    lines += fmt::format("  {:<23} {}{}\n", entry.name, entry.summary,
                         entry.needs.deadlines  ? " (needs hints, deadlines)"
                         : entry.needs.requests ? " (needs hints)"
                                                : "");
    lines += option_lines(entry.options);
  }
  return lines + "  and for each of them, against thrashing:\n" +
         option_lines(common_policy_options());
}

std::string mechanism_lines() {
  std::string lines =
      "\nMechanisms (how Offline is taken off the GPU; --backend sim offers all):\n";
  for (const MechanismEntry& entry : mechanisms()) {
    const std::string spec =
        fmt::format("{}{}{}", entry.name, entry.options.empty() ? "" : ":", entry.options);
    lines += fmt::format("  {:<23} {}{}\n", spec, entry.hypothetical ? "(hypothetical) " : "",
                         entry.summary);
  }
  return lines;
}

}  // namespace

std::string run_footer() {
  return fmt::format("{}{}{}{}", kRunFooterHead, policy_lines(), mechanism_lines(), kRunFooterTail);
}

}  // namespace gpreempt::cli
