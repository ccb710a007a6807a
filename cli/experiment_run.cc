#include "cli/experiment_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "backends/kfd/linux_os.h"
#include "backends/sim/kfd_model/personality.h"
#include "backends/sim/system.h"
#include "calibration/sample.h"
#include "cli/exit_code.h"
#include "cli/experiment_options.h"
#include "cli/experiment_report.h"
#include "cli/machine_choice.h"
#include "cli/option_values.h"
#include "cli/output.h"
#include "cli/output_folder.h"
#include "cli/own_processes.h"
#include "cli/progress.h"
#include "cli/result_provenance.h"
#include "cli/run_options.h"
#include "cli/samples_file.h"
#include "cli/verdict_folder.h"
#include "cli/worlds.h"
#include "config/document.h"
#include "core/error.h"
#include "core/testbed.h"
#include "experiments/experiment.h"
#include "experiments/provenance.h"
#include "experiments/verdict.h"

namespace gpreempt::cli {
namespace {

using experiments::Experiment;
using experiments::Verdict;

Result<std::vector<const Experiment*>> chosen(const std::vector<std::string>& names) {
  std::vector<const Experiment*> found;
  const auto add = [&](const Experiment& each) {
    if (std::ranges::find(found, &each) == found.end()) {
      found.push_back(&each);
    }
  };
  for (const std::string& name : names) {
    if (name == "all") {
      for (const Experiment& each : experiments::experiments()) {
        add(each);
      }
      continue;
    }
    const Experiment* experiment = nullptr;
    GPREEMPT_TRY(store(experiment, experiments::find_experiment(name)));
    add(*experiment);
  }
  return found;
}

Verdict skipped(const Experiment& experiment, const experiments::Setting& setting) {
  Verdict verdict = experiments::unavailable(
      std::string(experiment.name),
      "skipped: it takes all that a GPU can do; if nobody else uses these GPUs or their hive, add "
      "--exclusive-hive");
  experiments::stem_from(verdict, setting.backend, setting.basis);
  return verdict;
}

PlannedSteps planned_by(const ExperimentOptions& options,
                        const std::vector<const Experiment*>& wanted) {
  PlannedSteps planned{.verb = "experiment",
                       .backend = options.backend.kind,
                       .steps = {},
                       .exclusive_hive = options.exclusive_hive,
                       .bystanders = options.bystanders,
                       .allow_bystanders = options.allow_bystanders,
                       .safety = options.safety};
  for (const Experiment* experiment : wanted) {
    planned.steps.push_back(
        {.name = std::string(experiment->name), .needs_hive = experiment->needs_hive});
  }
  return planned;
}

Result<std::vector<Verdict>> run_all(const ExperimentOptions& options,
                                     const std::vector<const Experiment*>& wanted,
                                     const experiments::Setting& setting, Progress& progress) {
  std::vector<const Experiment*> allowed;
  std::vector<Verdict> left_out;
  for (const Experiment* experiment : wanted) {
    if (experiment->needs_hive && options.backend.kind == BackendKind::kKfd &&
        !options.exclusive_hive) {
      left_out.push_back(skipped(*experiment, setting));
    } else {
      allowed.push_back(experiment);
    }
  }
  std::vector<Verdict> verdicts;
  GPREEMPT_TRY(
      store(verdicts, experiments::run_experiments(allowed, setting, [&](std::string_view name) {
              progress.phase(std::string(name));
            })));
  std::ranges::move(left_out, std::back_inserter(verdicts));
  return verdicts;
}

/// Whether a request is for something that a model can be made to be.
bool takes_a_model(const experiments::WorldRequest& request) {
  return request.read_index_early.has_value() || request.ids_from_pid;
}

/// That machine, with what an experiment asks of it.
sim::SystemOptions as_asked(sim::SystemOptions machine, const experiments::WorldRequest& request) {
  machine.gpus = request.gpus;
  machine.seed = request.seed;
  machine.gpu.perturbation.seed = request.seed;
  if (request.read_index_early) {
    machine.gpu.read_index_early = *request.read_index_early ? 1 : 0;
  }
  if (request.ids_from_pid) {
    machine.personality = sim::patched_personality();
  }
  return machine;
}

/// What a run leaves behind besides its verdicts.
struct Records {
  std::vector<calibration::CallSample> samples;
  std::vector<experiments::SavedFile> dumps;
};

/// Dumps of an experiment replace those that an earlier run left of it in the folder.
Result<void> write_dumps(const std::filesystem::path& folder,
                         const std::vector<experiments::SavedFile>& dumps) {
  std::set<std::filesystem::path> begun;
  for (const experiments::SavedFile& dump : dumps) {
    const std::filesystem::path file = folder / dump.name;
    const std::filesystem::path own = folder / *std::filesystem::path(dump.name).begin();
    std::error_code error;
    if (begun.insert(own).second) {
      std::filesystem::remove_all(own, error);
    }
    std::filesystem::create_directories(file.parent_path(), error);
    if (error) {
      return tl::unexpected<Error>(write_error(file, error.message()));
    }
    GPREEMPT_TRY(write_text(file, dump.text));
  }
  return {};
}

/// Opens worlds as experiments ask for them. Both must outlive it.
auto opener(const OpenMachine& open, const sim::SystemOptions& machine, BackendKind kind) {
  return [&open, &machine,
          kind](const experiments::WorldRequest& request) -> Result<std::unique_ptr<Testbed>> {
    if (kind == BackendKind::kKfd && takes_a_model(request)) {
      return fail(Errc::kUnsupported,
                  "open a world: firmware and driver of this machine are what they are; sim and "
                  "vkfd have others");
    }
    return open(as_asked(machine, request));
  };
}

Result<std::vector<Verdict>> run_on(const ExperimentOptions& options,
                                    const std::vector<const Experiment*>& wanted,
                                    Records& records) {
  Progress progress(options.quiet);
  experiments::Setting setting{
      .open = {},
      .quick = options.quick,
      .seed = options.seed,
      .backend = to_string(options.backend.kind),
      .basis = options.backend.kind == BackendKind::kKfd ? experiments::Basis::kMeasured
                                                         : experiments::Basis::kSimulated,
      .progress = [&](double done) { progress.update(done); },
      .record = [&](const calibration::CallSample& sample) { records.samples.push_back(sample); },
      .keep = {}};
  if (!options.out.empty()) {
    setting.keep = [&](experiments::SavedFile file) { records.dumps.push_back(std::move(file)); };
  }
  const Result<void> usable = check_backend(options.backend.kind);
  if (!usable) {
    setting.open =
        [&](const experiments::WorldRequest& /*request*/) -> Result<std::unique_ptr<Testbed>> {
      return tl::unexpected<Error>(usable.error());
    };
    return run_all(options, wanted, setting, progress);
  }
  sim::SystemOptions machine;
  GPREEMPT_TRY(store(machine, machine_of(options.backend)));
  kfd::LinuxOs os;
  GPREEMPT_TRY(check_others(os, planned_by(options, wanted)));
  std::vector<Verdict> verdicts;
  GPREEMPT_TRY(run_in_world(options.backend.kind, options.safety,
                            [&](const OpenMachine& open) -> Result<void> {
                              setting.open = opener(open, machine, options.backend.kind);
                              return store(verdicts, run_all(options, wanted, setting, progress));
                            }));
  progress.finish();
  return verdicts;
}

Result<experiments::Provenance> provenance_for(const ExperimentOptions& options) {
  kfd::LinuxOs os;
  experiments::Provenance provenance;
  GPREEMPT_TRY(store(provenance, provenance_of(options.backend, os)));
  provenance.seed = options.seed;
  provenance.profile = options.quick ? "quick" : "full";
  return provenance;
}

}  // namespace

Result<ExitCode> run_experiments(const ExperimentOptions& options) {
  if (options.names.front() == "list") {
    GPREEMPT_TRY(
        print(options.format == OutputFormat::kJson ? experiments_json() : experiments_text()));
    return ExitCode::kOk;
  }
  std::vector<const Experiment*> wanted;
  GPREEMPT_TRY(store(wanted, chosen(options.names)));
  const bool is_saved = !options.mqds_dir.empty();
  if (is_saved && wanted.size() != 1) {
    return fail(Errc::kInvalidArgument,
                fmt::format("reading --mqds-dir {}: {} experiments are named; a folder has the "
                            "dumps of one, name it alone",
                            options.mqds_dir.string(), wanted.size()));
  }
  if (options.dry_run) {
    kfd::LinuxOs os;
    std::string text;
    GPREEMPT_TRY(store(text, dry_run_text(os, planned_by(options, wanted))));
    GPREEMPT_TRY(print(text));
    return ExitCode::kOk;
  }
  std::vector<Verdict> verdicts;
  Records records;
  GPREEMPT_TRY(store(verdicts, is_saved
                                   ? experiments::judge_saved(*wanted.front(), options.mqds_dir)
                                   : run_on(options, wanted, records)));
  experiments::Provenance provenance = provenance_of_files();
  if (!is_saved) {
    GPREEMPT_TRY(store(provenance, provenance_for(options)));
  }
  const std::string document = experiments::verdicts_document("experiment", provenance, verdicts);
  if (!options.out.empty()) {
    GPREEMPT_TRY(write_verdicts(options.out, document));
    GPREEMPT_TRY(write_samples(options.out, records.samples));
    GPREEMPT_TRY(write_dumps(options.out, records.dumps));
  }
  GPREEMPT_TRY(print(options.format == OutputFormat::kJson ? document : verdicts_text(verdicts)));
  return exit_code_of(verdicts);
}

}  // namespace gpreempt::cli
