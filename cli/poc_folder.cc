#include "cli/poc_folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "cli/report/run_files.h"
#include "config/document.h"
#include "core/error.h"
#include "experiments/poc_evidence.h"
#include "experiments/provenance.h"
#include "experiments/verdict.h"

namespace gpreempt::cli {
namespace {

namespace fs = std::filesystem;

using experiments::PocEvidence;

/// The folder itself and those in it.
Result<std::vector<fs::path>> folders_of(const fs::path& folder) {
  std::error_code error;
  std::vector<fs::path> folders = {folder};
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    if (at->is_directory(error)) {
      folders.push_back(at->path());
    }
  }
  if (error) {
    return fail(Errc::kInvalidArgument,
                fmt::format("make a report of {}: it cannot be listed ({}); name a folder with "
                            "those of `gpreempt experiment --out` and `gpreempt "
                            "validate-hardware --out` in it",
                            folder.string(), error.message()));
  }
  std::ranges::sort(folders.begin() + 1, folders.end());
  return folders;
}

/// How the report names a file: from the folder that it is about.
std::string name_of(const fs::path& file, const fs::path& folder) {
  return file.lexically_relative(folder).generic_string();
}

/// The latencies of each policy's requests that were completed.
void add_latencies(const report::RunFiles& run, const std::string& source, experiments::Basis basis,
                   PocEvidence& evidence) {
  std::map<std::string, std::vector<std::int64_t>> latencies;
  for (const report::RequestRow& row : run.requests) {
    if (row.end_ns) {
      latencies[row.policy].push_back(*row.end_ns - row.arrival_ns);
    }
  }
  for (auto& [policy, ns] : latencies) {
    evidence.latencies.push_back(
        {.source = source,
         .what = fmt::format("Requests under policy {}, warm-up included", policy),
         .basis = basis,
         .ns = std::move(ns)});
  }
}

Result<void> add_run(const fs::path& place, const fs::path& folder, PocEvidence& evidence) {
  const fs::path summary = place / "summary.json";
  report::RunFiles run;
  GPREEMPT_TRY(store(run, report::read_run_files(place)));
  std::vector<experiments::RunResult> results;
  GPREEMPT_TRY(store(results, experiments::read_run_results(run.summary, summary.string())));
  if (!results.empty()) {
    add_latencies(run, name_of(place / "requests.csv", folder), results.front().basis, evidence);
  }
  for (experiments::RunResult& result : results) {
    result.source = name_of(summary, folder);
    evidence.runs.push_back(std::move(result));
  }
  return {};
}

/// Errors: those of the file.
Result<void> add_verdicts(const fs::path& file, const fs::path& folder, PocEvidence& evidence) {
  std::string text;
  GPREEMPT_TRY(store(text, read_text_file(file)));
  std::vector<experiments::SourcedVerdict> verdicts;
  GPREEMPT_TRY(store(verdicts, experiments::read_verdicts(text, file.string())));
  for (experiments::SourcedVerdict& verdict : verdicts) {
    verdict.source = name_of(file, folder);
    evidence.verdicts.push_back(std::move(verdict));
  }
  experiments::SourcedProvenance from{.source = name_of(file, folder), .provenance = {}};
  GPREEMPT_TRY(store(from.provenance, experiments::read_provenance(text, file.string())));
  evidence.provenance.push_back(std::move(from));
  return {};
}

/// Whether there was anything.
Result<bool> add_place(const fs::path& place, const fs::path& folder, PocEvidence& evidence) {
  std::error_code ignored;
  const fs::path verdicts = place / "verdicts.json";
  const bool has_verdicts = fs::exists(verdicts, ignored);
  const bool has_run = fs::exists(place / "summary.json", ignored);
  if (has_verdicts) {
    GPREEMPT_TRY(add_verdicts(verdicts, folder, evidence));
  }
  if (has_run) {
    GPREEMPT_TRY(add_run(place, folder, evidence));
  }
  return has_verdicts || has_run;
}

}  // namespace

Result<PocEvidence> read_poc_folder(const fs::path& folder) {
  std::vector<fs::path> places;
  GPREEMPT_TRY(store(places, folders_of(folder)));
  PocEvidence evidence;
  bool is_any = false;
  for (const fs::path& place : places) {
    bool is_one = false;
    GPREEMPT_TRY(store(is_one, add_place(place, folder, evidence)));
    is_any = is_any || is_one;
  }
  if (!is_any) {
    return fail(Errc::kInvalidArgument,
                fmt::format("make a report of {}: neither it nor a folder in it has verdicts.json "
                            "or a run's summary.json; make some with `gpreempt experiment all "
                            "--out {}/experiments`",
                            folder.string(), folder.string()));
  }
  return evidence;
}

}  // namespace gpreempt::cli
