#include "experiments/saved_dumps.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "backends/kfd/debugfs/mqds.h"
#include "backends/kfd/discovery/queue_join.h"
#include "config/document.h"
#include "core/error.h"
#include "core/ids.h"
#include "experiments/queue_id_rule.h"
#include "experiments/verdict.h"

namespace gpreempt::experiments {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kRun = "_run_";
constexpr std::string_view kModel = "model_";
constexpr std::string_view kConcurrent = "concurrent_run_";

/// Entries of a folder, by name.
Result<std::vector<fs::path>> entries_of(const fs::path& folder) {
  std::error_code error;
  std::vector<fs::path> entries;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    entries.push_back(at->path());
  }
  if (error) {
    return fail(Errc::kInvalidArgument,
                fmt::format("read saved runs in {}: {}; name the folder that holds model_a_run_1",
                            folder.string(), error.message()));
  }
  std::ranges::sort(entries);
  return entries;
}

/// The dump whose name has both words in it; the last one, if there are several.
Result<kfd::debugfs::MqdsDump> dump_of(const fs::path& folder, std::string_view when) {
  std::vector<fs::path> entries;
  GPREEMPT_TRY(store(entries, entries_of(folder)));
  std::optional<fs::path> found;
  for (const fs::path& entry : entries) {
    const std::string name = entry.filename().string();
    if (name.find("mqd") != std::string::npos && name.find(when) != std::string::npos &&
        name.find("summary") == std::string::npos) {
      found = entry;
    }
  }
  if (!found) {
    return fail(Errc::kInvalidArgument,
                fmt::format("read the run {}: no file has 'mqd' and '{}' in its name; save "
                            "/sys/kernel/debug/kfd/mqds under such a name",
                            folder.string(), when));
  }
  std::string text;
  GPREEMPT_TRY(store(text, read_text_file(*found)));
  return kfd::debugfs::parse_mqds(text, found->string());
}

std::set<Pid> processes_of(const kfd::debugfs::MqdsDump& dump) {
  std::set<Pid> pids;
  for (const kfd::debugfs::MqdsProcess& process : dump) {
    // Whoever opened the driver is listed, tools too; a model has queues.
    if (!process.queues.empty()) {
      pids.emplace(static_cast<std::int32_t>(process.pid));
    }
  }
  return pids;
}

/// What model_NAME_pid.txt says; nullopt: there is none.
Result<std::optional<Pid>> named_pid(const fs::path& folder, const std::string& model) {
  const fs::path file = folder / fmt::format("{}{}_pid.txt", kModel, model);
  std::error_code ignored;
  if (!fs::exists(file, ignored)) {
    return std::optional<Pid>{};
  }
  std::string text;
  GPREEMPT_TRY(store(text, read_text_file(file)));
  std::int32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view rest(end, static_cast<std::size_t>(text.data() + text.size() - end));
  if (error != std::errc{} || number <= 0 ||
      rest.find_first_not_of(" \t\r\n") != std::string_view::npos) {
    return fail(Errc::kParse, fmt::format("{}:1:1: reading a pid: '{}' is none; write one number",
                                          file.string(), text.substr(0, text.find('\n'))));
  }
  return std::optional<Pid>(Pid(number));
}

/// The process of `model` in `dump`: the named one, or the only one that is not in `others`.
Result<Pid> process_of(const fs::path& folder, const std::string& model,
                       const kfd::debugfs::MqdsDump& dump, const std::set<Pid>& others) {
  std::optional<Pid> named;
  GPREEMPT_TRY(store(named, named_pid(folder, model)));
  const std::set<Pid> all = processes_of(dump);
  if (named) {
    return all.contains(*named)
               ? Result<Pid>(*named)
               : fail(Errc::kInvalidArgument,
                      fmt::format(
                          "read the run {}: the dump has no process {}, which is to be model "
                          "{}; a pid of a container is another one, see NSpid in "
                          "/proc/PID/status",
                          folder.string(), *named, model));
  }
  std::vector<Pid> fresh;
  std::ranges::set_difference(all, others, std::back_inserter(fresh));
  if (fresh.size() != 1) {
    return fail(Errc::kInvalidArgument,
                fmt::format("read the run {}: {} processes could be model {}; write its pid into "
                            "{}{}_pid.txt",
                            folder.string(), fresh.size(), model, kModel, model));
  }
  return fresh.front();
}

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

/// Who is in the dump "before" is not the model; there may be none.
std::set<Pid> before_of(const fs::path& folder) {
  const Result<kfd::debugfs::MqdsDump> before = dump_of(folder, "before");
  return before ? processes_of(*before) : std::set<Pid>{};
}

Result<ModelRun> read_alone(const fs::path& folder, const std::string& model) {
  kfd::debugfs::MqdsDump dump;
  GPREEMPT_TRY(store(dump, dump_of(folder, "during")));
  Pid pid;
  GPREEMPT_TRY(store(pid, process_of(folder, model, dump, before_of(folder))));
  return run_of(folder, pid, std::move(dump));
}

Result<ConcurrentRun> read_concurrent(const fs::path& folder) {
  kfd::debugfs::MqdsDump first;
  kfd::debugfs::MqdsDump both;
  GPREEMPT_TRY(store(first, dump_of(folder, "model_a_only")));
  GPREEMPT_TRY(store(both, dump_of(folder, "both")));
  Pid a;
  Pid b;
  GPREEMPT_TRY(store(a, process_of(folder, "a", first, before_of(folder))));
  GPREEMPT_TRY(store(b, process_of(folder, "b", both, processes_of(first))));
  ConcurrentRun run;
  GPREEMPT_TRY(store(run.first, run_of(folder, a, both)));
  GPREEMPT_TRY(store(run.second, run_of(folder, b, std::move(both))));
  run.first_alone.emplace();
  GPREEMPT_TRY(store(*run.first_alone, run_of(folder, a, std::move(first))));
  return run;
}

/// Adds what one entry of the folder holds, if it is a run.
Result<void> read_entry(const fs::path& entry, std::map<std::string, ModelRuns>& models,
                        QueueIdEvidence& evidence) {
  const std::string name = entry.filename().string();
  if (name.starts_with(kConcurrent)) {
    evidence.concurrent.emplace_back();
    return store(evidence.concurrent.back(), read_concurrent(entry));
  }
  const std::size_t end = name.find(kRun);
  if (!name.starts_with(kModel) || end == std::string::npos || end <= kModel.size()) {
    return {};
  }
  const std::string model = name.substr(kModel.size(), end - kModel.size());
  ModelRun run;
  GPREEMPT_TRY(store(run, read_alone(entry, model)));
  models[model].model = model;
  models[model].runs.push_back(std::move(run));
  return {};
}

}  // namespace

Result<QueueIdEvidence> read_saved_runs(const fs::path& folder) {
  std::vector<fs::path> entries;
  GPREEMPT_TRY(store(entries, entries_of(folder)));
  std::map<std::string, ModelRuns> models;
  QueueIdEvidence evidence{
      .driver = "not recorded in the dumps",
      .inferred = "inferred from doorbells, as a stock driver gives both out; the dumps have none"};
  for (const fs::path& entry : entries) {
    GPREEMPT_TRY(read_entry(entry, models, evidence));
  }
  if (models.empty() && evidence.concurrent.empty()) {
    return fail(Errc::kInvalidArgument,
                fmt::format("read saved runs in {}: it has no folder model_NAME_run_N and no "
                            "concurrent_run_N",
                            folder.string()));
  }
  for (auto& [name, runs] : models) {
    evidence.alone.push_back(std::move(runs));
  }
  return evidence;
}

Result<std::vector<Verdict>> judge_saved_runs(const fs::path& folder) {
  QueueIdEvidence evidence;
  GPREEMPT_TRY(store(evidence, read_saved_runs(folder)));
  std::vector<Verdict> verdicts = judge_queue_ids(evidence);
  for (Verdict& verdict : verdicts) {
    stem_from(verdict, "files", Basis::kAssumed);
  }
  return verdicts;
}

}  // namespace gpreempt::experiments
