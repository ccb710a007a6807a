#include "experiments/saved_dumps.h"

#include <fmt/format.h>

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "backends/kfd/debugfs/mqds.h"
#include "backends/kfd/discovery/queue_join.h"
#include "config/document.h"
#include "core/error.h"
#include "core/ids.h"
#include "experiments/queue_id_rule.h"
#include "experiments/saved_folder.h"
#include "experiments/verdict.h"

namespace gpreempt::experiments {
namespace {

namespace fs = std::filesystem;

Result<ModelRun> run_of(const fs::path& folder, Pid pid, kfd::debugfs::MqdsDump dump) {
  kfd::QueueSources sources;
  sources.mqds = std::move(dump);
  sources.driver = {.is_stock = true, .reason = {}};
  ModelRun run{.pid = pid, .queues = {}};
  for (const kfd::QueueRow& row : kfd::join_queues(sources)) {
    if (row.pid != pid) {
      continue;
    }
    if (!row.name.id) {
      return fail(
          Errc::kInvalidArgument,
          fmt::format("read the run {}: the id of a queue of process {} cannot be inferred: "
                      "{}; leave this run out",
                      folder.string(), pid, row.name.reason));
    }
    run.queues.push_back({.gpu = row.gpu, .id = *row.name.id, .type = row.type, .role = row.role});
  }
  return run;
}

Result<ModelRun> read_alone(const SavedRun& run) {
  kfd::debugfs::MqdsDump dump;
  GPREEMPT_TRY(store(dump, last_mqds(run.folder, "during")));
  Pid pid;
  GPREEMPT_TRY(store(pid, process_of(run, processes_of(dump), processes_before(run.folder))));
  return run_of(run.folder, pid, std::move(dump));
}

Result<ConcurrentRun> read_concurrent(const fs::path& folder) {
  kfd::debugfs::MqdsDump first;
  kfd::debugfs::MqdsDump both;
  GPREEMPT_TRY(store(first, last_mqds(folder, "model_a_only")));
  GPREEMPT_TRY(store(both, last_mqds(folder, "both")));
  Pid a;
  Pid b;
  GPREEMPT_TRY(store(a, process_of({.folder = folder, .model = "a"}, processes_of(first),
                                   processes_before(folder))));
  GPREEMPT_TRY(store(
      b, process_of({.folder = folder, .model = "b"}, processes_of(both), processes_of(first))));
  ConcurrentRun run;
  GPREEMPT_TRY(store(run.first, run_of(folder, a, both)));
  GPREEMPT_TRY(store(run.second, run_of(folder, b, std::move(both))));
  run.first_alone.emplace();
  GPREEMPT_TRY(store(*run.first_alone, run_of(folder, a, std::move(first))));
  return run;
}

}  // namespace

Result<QueueIdEvidence> read_saved_runs(const fs::path& folder) {
  QueueIdEvidence evidence{
      .driver = "not recorded in the dumps",
      .inferred = "inferred from doorbells, as a stock driver gives both out; the dumps have none"};
  std::vector<SavedRun> alone;
  std::vector<fs::path> concurrent;
  GPREEMPT_TRY(store(alone, runs_alone(folder)));
  GPREEMPT_TRY(store(concurrent, concurrent_runs(folder)));
  std::map<std::string, ModelRuns> models;
  for (const SavedRun& saved : alone) {
    ModelRun run;
    GPREEMPT_TRY(store(run, read_alone(saved)));
    models[saved.model].model = saved.model;
    models[saved.model].runs.push_back(std::move(run));
  }
  for (const fs::path& saved : concurrent) {
    evidence.concurrent.emplace_back();
    GPREEMPT_TRY(store(evidence.concurrent.back(), read_concurrent(saved)));
  }
  if (models.empty() && evidence.concurrent.empty()) {
    return fail(Errc::kInvalidArgument,
                fmt::format("read saved runs in {}: it has no folder model_NAME_run_N and no "
                            "concurrent_run_N; name the folder that holds them",
                            folder.string()));
  }
  for (auto& [name, runs] : models) {
    evidence.alone.push_back(std::move(runs));
  }
  return evidence;
}

Result<std::vector<Verdict>> judge_saved_queue_ids(const fs::path& folder) {
  return read_saved_runs(folder).map(judge_queue_ids);
}

}  // namespace gpreempt::experiments
