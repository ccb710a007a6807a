#include "cli/run_options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/command_line.h"
#include "cli/option_values.h"
#include "cli/process_line.h"
#include "cli/run_help.h"
#include "cli/verb_line.h"
#include "config/document.h"
#include "config/override.h"
#include "core/error.h"
#include "core/name_spec.h"
#include "core/nearest.h"
#include "core/policy.h"

namespace gpreempt::cli {
namespace {

constexpr std::array<std::string_view, 3> kBackends = {"sim", "vkfd", "kfd"};

/// Values as they stand on the command line.
struct RawRun {
  std::string scenario = "default";
  std::string backend = "sim";
  std::vector<std::string> policies;
  std::string mechanism;
  std::vector<std::string> set;
  std::vector<std::string> traces;
  std::string seed;
  std::string duration;
  std::string format = "text";
  std::string out;
  std::string band;
  bool gate = false;
  bool quiet = false;
  RawProcesses processes;
};

/// Adds the options of `run`; `raw` must outlive the app.
CLI::App* add_run(CLI::App& app, RawRun& raw) {
  CLI::App* const run = app.add_subcommand("run", std::string(kRunSummary));
  run->add_option("SCENARIO", raw.scenario, "A TOML file, or a built-in scenario")
      ->capture_default_str();
  run->add_option("--backend", raw.backend,
                  "sim, vkfd or kfd; sim:MODEL,personality=NAME overrides the scenario")
      ->capture_default_str();
  run->add_option("--policy", raw.policies,
                  "A policy, a comma list, or all; repeatable (default: the scenario's)")
      ->allow_extra_args(false);
  run->add_option("--mechanism", raw.mechanism,
                  "How queues are taken off the GPU (default: the scenario's)");
  run->add_option("--set", raw.set,
                  "PATH=VALUE in the scenario, or in its model: model.cost.t_hiq=9us; repeatable")
      ->allow_extra_args(false);
  run->add_option("--trace", raw.traces,
                  "[TENANT=]FILE: arrivals of a tenant whose arrivals are a trace; repeatable")
      ->allow_extra_args(false);
  run->add_option("--seed", raw.seed, "Of every random draw (default: the scenario's)");
  run->add_option("--duration", raw.duration,
                  "How long requests arrive, such as 5s (default: the scenario's)");
  run->add_option("--format", raw.format, "text or json, on stdout")->capture_default_str();
  run->add_option("--out", raw.out, "Writes an evidence bundle into this folder");
  run->add_option("--band", raw.band,
                  "N draws from the priors of every parameter; reports what 90 % of them give");
  run->add_flag("--gate", raw.gate,
                "Exit 1 if a policy misses a first limit of [slo], or the backend refuses it");
  run->add_flag("--quiet", raw.quiet, "No progress on stderr");
  add_process_options(*run, raw.processes);
  run->footer(run_footer());
  return run;
}

void add_policy(const std::string& name, std::vector<std::string>& policies) {
  if (std::ranges::find(policies, name) == policies.end()) {
    policies.push_back(name);
  }
}

void read_policies(const std::vector<std::string>& texts, RunOptions& options) {
  for (const std::string& text : texts) {
    for (const std::string& name : split_names(text)) {
      if (name != "all") {
        add_policy(name, options.policies);
        continue;
      }
      options.all_policies = true;
      for (const std::string_view each : policy_names()) {
        add_policy(std::string(each), options.policies);
      }
    }
  }
}

Result<RunOptions> read_run(RawRun raw, bool has_out) {
  RunOptions options;
  options.scenario = std::move(raw.scenario);
  options.out = raw.out;
  options.gate = raw.gate;
  options.quiet = raw.quiet;
  GPREEMPT_TRY(store(options.backend, read_backend(raw.backend)));
  GPREEMPT_TRY(check_unperturbed(options.backend, raw.backend));
  GPREEMPT_TRY(store(options.format, read_format(raw.format)));
  read_policies(raw.policies, options);
  if (!raw.mechanism.empty()) {
    options.mechanism = raw.mechanism;
  }
  for (const std::string& text : raw.set) {
    Override one;
    GPREEMPT_TRY(store(one, read_override(text)));
    options.set.push_back(std::move(one));
  }
  GPREEMPT_TRY(store(options.traces, read_traces(raw.traces)));
  if (!raw.seed.empty()) {
    GPREEMPT_TRY(store(options.seed, read_seed(raw.seed)));
  }
  if (!raw.duration.empty()) {
    GPREEMPT_TRY(store(options.duration, read_duration(raw.duration)));
  }
  if (!raw.band.empty()) {
    GPREEMPT_TRY(store(options.band, read_draws(raw.band)));
  }
  GPREEMPT_TRY(store(options.processes, read_processes(raw.processes, options.backend.kind)));
  if (has_out && raw.out.empty()) {
    return fail(Errc::kInvalidArgument, "reading --out: the name of the folder is empty");
  }
  return options;
}

class RunLine final : public VerbLine {
 public:
  void add(CLI::App& app) override { app_ = add_run(app, raw_); }
  [[nodiscard]] Result<Command> read(const std::vector<std::string>& arguments) override {
    RunOptions options;
    GPREEMPT_TRY(store(options, read_run(std::move(raw_), app_->count("--out") != 0)));
    options.command = arguments;
    return Command{std::move(options)};
  }

 private:
  RawRun raw_;
  const CLI::App* app_ = nullptr;
};

}  // namespace

std::unique_ptr<VerbLine> run_line() { return std::make_unique<RunLine>(); }

const char* to_string(BackendKind kind) {
  return kBackends.at(static_cast<std::size_t>(kind)).data();
}

Result<BackendChoice> read_backend(const std::string& text) {
  NameSpec spec;
  GPREEMPT_TRY(store(spec, parse_name_spec("--backend", text)));
  const auto* const found = std::ranges::find(kBackends, spec.name);
  if (found == kBackends.end()) {
    return fail(Errc::kInvalidArgument,
                fmt::format("reading --backend '{}': no backend '{}'{}", text, spec.name,
                            suggestion(spec.name, kBackends)));
  }
  BackendChoice choice;
  choice.kind = static_cast<BackendKind>(found - kBackends.begin());
  choice.model = spec.bare;
  for (const auto& [key, value] : spec.options) {
    constexpr std::array<std::string_view, 8> kKeys = {
        "model", "personality", "noise", "unmodelled", "jitter", "drift", "missing", "bend"};
    if (std::ranges::find(kKeys, key) == kKeys.end()) {
      return fail(Errc::kInvalidArgument, fmt::format("reading --backend '{}': no option '{}'{}",
                                                      text, key, suggestion(key, kKeys)));
    }
    std::string& target = key == "model"         ? choice.model
                          : key == "personality" ? choice.personality
                                                 : choice.perturbation[key];
    if (value.empty() || !target.empty()) {
      return fail(Errc::kInvalidArgument,
                  fmt::format("reading --backend '{}': {} needs one value", text, key));
    }
    target = value;
  }
  return choice;
}

Result<void> check_unperturbed(const BackendChoice& choice, const std::string& text) {
  if (choice.perturbation.empty()) {
    return {};
  }
  return fail(Errc::kInvalidArgument,
              fmt::format("reading --backend '{}': {} is for 'gpreempt experiment', whose bundles "
                          "calibrate is tried on; leave it out here",
                          text, choice.perturbation.begin()->first));
}

}  // namespace gpreempt::cli
