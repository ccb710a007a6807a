#include "cli/study_command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/exit_code.h"
#include "cli/option_values.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/report_command.h"
#include "cli/report_options.h"
#include "cli/run_help.h"
#include "cli/run_options.h"
#include "cli/run_setup.h"
#include "cli/study_folder.h"
#include "cli/study_list.h"
#include "cli/study_merge.h"
#include "cli/study_options.h"
#include "cli/study_quantity.h"
#include "cli/study_report.h"
#include "cli/study_request.h"
#include "cli/study_runs.h"
#include "cli/wall_clock.h"
#include "config/document.h"
#include "core/error.h"
#include "crew/linux_crew.h"
#include "study/analysis.h"
#include "study/engine.h"
#include "study/outputs.h"
#include "study/schedule.h"
#include "study/shipped.h"
#include "study/study_file.h"
#ifdef GPREEMPT_STUDY_HAS_SQLITE
#include "study/sqlite_file.h"
#endif

namespace gpreempt::cli {
namespace {

std::uint32_t workers_of(const StudyOptions& options) {
  return options.jobs > 0
             ? options.jobs
             : static_cast<std::uint32_t>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN)));
}

/// A study and all that its runs need.
struct Prepared {
  StudyRecord record;
  StudyRuns runs;
};

Result<StudyIdentity> identity_of(const StudyOptions& options, const study::StudyFile& file,
                                  const RunOptions& base, const RunSetup& setup) {
  StudyIdentity identity;
  identity.built_from = kBuiltFrom;
  identity.study_name = options.study;
  identity.study = file.text;
  identity.quick = options.quick;
  identity.shard = {.index = options.shard.index, .count = options.shard.count};
  identity.scenario = base.scenario;
  identity.scenario_text = setup.scenario_text;
  identity.model_text = setup.model.text;
  identity.traces = options.trace_arguments;
  identity.first_seed = setup.scenario.run.seed;
  identity.limits = study_limits(setup.scenario.slo);
  for (const auto& [tenant, trace] : options.traces) {
    std::string mark;
    if (Result<void> read = store(mark, mark_of(trace)); !read) {
      return fail(Errc::kInvalidArgument, read.error().what);
    }
    identity.trace_marks.push_back(std::move(mark));
  }
  return identity;
}

Result<Prepared> prepare_study(const StudyOptions& options) {
  study::StudyFile file;
  study::StudyText source;
  GPREEMPT_TRY(store(source, study::find_study(options.study)));
  GPREEMPT_TRY(store(file, study::parse_study(source.text, source.display_name, options.quick)));
  RunOptions base;
  base.scenario = scenario_of(options.study, file.scenario);
  base.traces = options.traces;
  base.set = file.quick;
  RunSetup setup;
  StudyIdentity identity;
  Prepared prepared;
  GPREEMPT_TRY(store(setup, prepare(base)));
  GPREEMPT_TRY(store(identity, identity_of(options, file, base, setup)));
  GPREEMPT_TRY(store(prepared.record, record_of(std::move(identity))));
  GPREEMPT_TRY(store(prepared.runs, StudyRuns::prepare(prepared.record.plan, base)));
  return prepared;
}

/// How far it is, and how long the rest takes at most.
class Estimate {
 public:
  explicit Estimate(const study::Schedule& schedule)
      : schedule_(schedule), before_(schedule.settled()) {}

  void tell(Progress& progress) const {
    const std::size_t done = schedule_.settled();
    const std::size_t most = schedule_.at_most();
    const double pace =
        watch_.seconds() / static_cast<double>(std::max<std::size_t>(1, done - before_));
    progress.update(static_cast<double>(done) / static_cast<double>(most),
                    fmt::format("{} of {}{} runs, {:.0f} s left{}", done,
                                most > schedule_.at_least() ? "at most " : "", most,
                                pace * static_cast<double>(most - done),
                                most > schedule_.at_least() ? " at most" : ""));
  }

 private:
  const study::Schedule& schedule_;
  std::size_t before_;
  Stopwatch watch_;
};

Result<void> make_runs(const StudyOptions& options, Prepared& prepared, study::Schedule& schedule,
                       StudyFolder* folder) {
  Progress progress(options.quiet);
  progress.phase(fmt::format("study {}", prepared.record.plan.file.name));
  const crew::StopSignals stop;
  const Estimate estimate(schedule);
  const study::MakeRun make_run = [&](std::size_t point, std::uint64_t seed) {
    return prepared.runs.run(point, seed);
  };
  Result<void> made = study::run_study(schedule, make_run,
                                       {.workers = workers_of(options),
                                        .stop_fd = stop.fd(),
                                        .journal = folder == nullptr ? nullptr : &folder->journal(),
                                        .progress = [&] { estimate.tell(progress); }});
  if (made) {
    progress.finish(counted(schedule.settled(), "run"));
  }
  progress.finish();
  if (!made && made.error().code == Errc::kInterrupted) {
    return fail(Errc::kInterrupted,
                fmt::format("study {}: interrupted after {} runs; {}",
                            prepared.record.plan.file.name, schedule.settled(),
                            folder == nullptr ? "nothing is kept without --out"
                                              : "the same command goes on from there"));
  }
  return made;
}

Result<void> write_outputs(const StudyRecord& record, const std::vector<study::Row>& rows,
                           const StudyOptions& options, const std::string& analysis) {
  const study::Redo redo{.scenario = record.identity.scenario, .traces = record.identity.traces};
  const auto write = [&](std::string_view name, const std::string& text) {
    return write_study_file(options.out / name, text);
  };
  GPREEMPT_TRY(write("study.toml", record.identity.study));
  GPREEMPT_TRY(write("runs.csv", study::runs_csv(record.plan, rows, redo)));
  GPREEMPT_TRY(write("analysis.json", analysis));
  GPREEMPT_TRY(write_page(options.out, ReportKind::kStudy));
#ifdef GPREEMPT_STUDY_HAS_SQLITE
  return study::write_sqlite(options.out / "study.sqlite", record.plan, rows, redo);
#else
  fmt::print(stderr, "gpreempt: no study.sqlite: this build has no SQLite\n");
  return {};
#endif
}

/// Files, if they are wanted, and what is printed.
Result<ExitCode> conclude(const StudyRecord& record, const std::vector<study::Row>& rows,
                          const StudyOptions& options) {
  const study::Analysis analysis =
      study::analyse(study::table_of(record.plan, rows),
                     analysis_request(record.plan.file, record.identity.limits));
  const std::string json = study::analysis_json(analysis);
  if (!options.out.empty()) {
    GPREEMPT_TRY(write_outputs(record, rows, options, json));
  }
  GPREEMPT_TRY(print(options.format == OutputFormat::kJson ? json : study_text(analysis, rows)));
  const bool failed =
      std::ranges::any_of(rows, [](const study::Row& row) { return !row.error.empty(); });
  return failed ? ExitCode::kGateFailed : ExitCode::kOk;
}

}  // namespace

Result<ExitCode> study_command(const StudyOptions& options) {
  if (options.list) {
    std::string list;
    GPREEMPT_TRY(store(list, list_of_studies(options.format)));
    GPREEMPT_TRY(print(list));
    return ExitCode::kOk;
  }
  if (!options.merge.empty()) {
    StudyRecord record;
    std::vector<study::Row> rows;
    GPREEMPT_TRY(store(rows, merge_shards(options, record)));
    return conclude(record, rows, options);
  }
  Prepared prepared;
  GPREEMPT_TRY(store(prepared, prepare_study(options)));
  const StudyRecord& record = prepared.record;
  study::Schedule schedule = schedule_of(record);
  StudyFolder folder;
  const bool keeps = !options.out.empty();
  if (keeps) {
    GPREEMPT_TRY(store(folder, StudyFolder::open(options.out, record.identity, options.fresh)));
    GPREEMPT_TRY(folder.restore(schedule, record.plan.table.metrics.size()));
    if (folder.journal().torn() > 0) {
      fmt::print(stderr,
                 "gpreempt: {}: the last line was only half written; its run is made again\n",
                 (options.out / "journal.jsonl").string());
    }
  }
  GPREEMPT_TRY(make_runs(options, prepared, schedule, keeps ? &folder : nullptr));
  return conclude(record, schedule.rows(), options);
}

}  // namespace gpreempt::cli
