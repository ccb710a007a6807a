#include "cli/study_command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/exit_code.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/run_help.h"
#include "cli/run_options.h"
#include "cli/run_setup.h"
#include "cli/study_folder.h"
#include "cli/study_options.h"
#include "cli/study_report.h"
#include "cli/study_request.h"
#include "cli/study_runs.h"
#include "cli/wall_clock.h"
#include "config/document.h"
#include "config/parameter.h"
#include "core/error.h"
#include "core/nearest.h"
#include "crew/linux_crew.h"
#include "study/analysis.h"
#include "study/engine.h"
#include "study/outputs.h"
#include "study/plan.h"
#include "study/schedule.h"
#include "study/study_file.h"

namespace gpreempt::cli {
namespace {

std::uint32_t workers_of(const StudyOptions& options) {
  return options.jobs > 0
             ? options.jobs
             : static_cast<std::uint32_t>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN)));
}

Result<Parameter> find_parameter(const sim::Model& model, std::string_view name) {
  std::vector<std::string_view> names;
  for (const Parameter& parameter : model.parameters) {
    if (parameter.name == name) {
      return parameter;
    }
    names.push_back(parameter.name);
  }
  return fail(Errc::kInvalidArgument, fmt::format("model {} has no parameter '{}'{}", model.name,
                                                  name, suggestion(name, names)));
}

/// A study and all that its runs need.
struct Prepared {
  study::Plan plan;
  StudyIdentity identity;
  StudyRuns runs;
};

Result<StudyIdentity> identity_of(const StudyOptions& options, const study::StudyFile& file,
                                  const RunOptions& base, const RunSetup& setup) {
  StudyIdentity identity{.built_from = std::string(kBuiltFrom),
                         .study = file.text,
                         .quick = options.quick,
                         .shard = {.index = options.shard.index, .count = options.shard.count},
                         .scenario = base.scenario,
                         .scenario_text = setup.scenario_text,
                         .model_text = setup.model.text,
                         .traces = options.trace_arguments,
                         .trace_marks = {},
                         .first_seed = setup.scenario.run.seed};
  for (const auto& [tenant, trace] : options.traces) {
    Result<std::string> mark = mark_of(trace);
    if (!mark) {
      mark.error().code = Errc::kInvalidArgument;
    }
    GPREEMPT_TRY(mark);
    identity.trace_marks.push_back(*mark);
  }
  return identity;
}

Result<Prepared> prepare_study(const StudyOptions& options) {
  study::StudyFile file;
  std::string text;
  if (Result<void> read = store(text, read_text_file(options.study)); !read) {
    return fail(Errc::kInvalidArgument, read.error().what);
  }
  GPREEMPT_TRY(store(file, study::parse_study(text, options.study, options.quick)));
  RunOptions base;
  base.scenario = scenario_of(options.study, file.scenario);
  base.traces = options.traces;
  base.set = file.quick;
  RunSetup setup;
  Prepared prepared;
  GPREEMPT_TRY(store(setup, prepare(base)));
  GPREEMPT_TRY(store(prepared.identity, identity_of(options, file, base, setup)));
  GPREEMPT_TRY(store(prepared.plan, study::make_plan(std::move(file), [&](std::string_view name) {
                       return find_parameter(setup.model, name);
                     })));
  GPREEMPT_TRY(store(prepared.runs, StudyRuns::prepare(prepared.plan, base)));
  return prepared;
}

study::Schedule schedule_of(const study::Plan& plan, const StudyIdentity& identity) {
  const study::Repeat& repeat = plan.file.repeat;
  std::size_t metric = 0;
  if (repeat.until) {
    const auto found = std::ranges::find(plan.file.metrics, repeat.until->metric);
    metric = static_cast<std::size_t>(found - plan.file.metrics.begin());
  }
  return study::Schedule({.points = plan.table.points.size(),
                          .repeat = repeat,
                          .metric = metric,
                          .first_seed = identity.first_seed,
                          .shard = identity.shard});
}

Result<void> make_runs(const StudyOptions& options, Prepared& prepared, study::Schedule& schedule,
                       StudyFolder* folder) {
  Progress progress(options.quiet);
  progress.phase(fmt::format("study {}", prepared.plan.file.name));
  const crew::StopSignals stop;
  const study::MakeRun make_run = [&](std::size_t point, std::uint64_t seed) {
    return prepared.runs.run(point, seed);
  };
  Result<void> made = study::run_study(schedule, make_run,
                                       {.workers = workers_of(options),
                                        .stop_fd = stop.fd(),
                                        .journal = folder == nullptr ? nullptr : &folder->journal(),
                                        .progress = [&] {
                                          progress.update(static_cast<double>(schedule.settled()) /
                                                          static_cast<double>(schedule.at_least()));
                                        }});
  progress.finish();
  if (!made && made.error().code == Errc::kInterrupted) {
    return fail(Errc::kInterrupted,
                fmt::format("study {}: interrupted after {} runs; {}", prepared.plan.file.name,
                            schedule.settled(),
                            folder == nullptr ? "nothing is kept without --out"
                                              : "the same command goes on from there"));
  }
  return made;
}

}  // namespace

Result<ExitCode> study_command(const StudyOptions& options) {
  Prepared prepared;
  GPREEMPT_TRY(store(prepared, prepare_study(options)));
  study::Schedule schedule = schedule_of(prepared.plan, prepared.identity);
  std::optional<StudyFolder> folder;
  if (!options.out.empty()) {
    GPREEMPT_TRY(store(folder, StudyFolder::open(options.out, prepared.identity, options.fresh)));
    GPREEMPT_TRY(folder->restore(schedule, prepared.plan.table.metrics.size()));
  }
  GPREEMPT_TRY(make_runs(options, prepared, schedule, folder ? &*folder : nullptr));
  const std::vector<study::Row> rows = schedule.rows();
  const study::Redo redo{.scenario = prepared.identity.scenario,
                         .traces = prepared.identity.traces};
  const study::Analysis analysis =
      study::analyse(study::table_of(prepared.plan, rows),
                     analysis_request(prepared.plan.file, prepared.runs.base().scenario.slo));
  const std::string json = study::analysis_json(analysis);
  if (folder) {
    GPREEMPT_TRY(folder->write("study.toml", prepared.identity.study));
    GPREEMPT_TRY(folder->write("runs.csv", study::runs_csv(prepared.plan, rows, redo)));
    GPREEMPT_TRY(folder->write("analysis.json", json));
  }
  GPREEMPT_TRY(print(options.format == OutputFormat::kJson ? json : analysis_text(analysis)));
  return schedule.failed() == 0 ? ExitCode::kOk : ExitCode::kGateFailed;
}

}  // namespace gpreempt::cli
