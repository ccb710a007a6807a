#include "cli/bundle.h"

#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "cli/output_folder.h"
#include "cli/run_help.h"
#include "cli/run_options.h"
#include "cli/run_setup.h"
#include "cli/run_trace.h"
#include "cli/simulate.h"
#include "cli/timeline.h"
#include "cli/trace_file.h"
#include "config/document.h"
#include "config/override.h"
#include "core/error.h"
#include "core/mechanism.h"
#include "core/occupancy.h"
#include "core/testbed.h"
#include "core/time.h"
#include "core/units.h"
#include "workloads/record_rows.h"

namespace gpreempt::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kTool = "gpreempt";

/// Whether the folder's `run.json` says that gpreempt made it.
bool is_bundle(const fs::path& folder) {
  const Result<std::string> text = read_text_file(folder / "run.json");
  if (!text) {
    return false;
  }
  const nlohmann::json run = nlohmann::json::parse(*text, nullptr, false);
  return run.is_object() && run.contains("tool") && run["tool"] == std::string(kTool);
}

}  // namespace

Result<Bundle::File> Bundle::open(const fs::path& file) {
  File opened(std::fopen(file.c_str(), "wb"));
  if (opened == nullptr) {
    return tl::unexpected<Error>(write_error(file, "it cannot be opened for writing"));
  }
  return opened;
}

Result<void> Bundle::close(File file, const fs::path& name) {
  const bool failed = std::ferror(file.get()) != 0;
  if (std::fclose(file.release()) != 0 || failed) {
    return tl::unexpected<Error>(write_error(name, "the file system refused it"));
  }
  return {};
}

Result<Bundle> Bundle::create(const fs::path& folder) {
  GPREEMPT_TRY(make_output_folder(folder, "a bundle", "run.json of gpreempt", is_bundle(folder)));
  std::error_code error;
  // A run that fails half-way must not leave the results of another one beside its events.
  fs::remove(folder / "summary.json", error);
  fs::remove(folder / "report.html", error);
  Bundle bundle;
  bundle.folder_ = folder;
  GPREEMPT_TRY(store(bundle.events_, open(folder / "events.jsonl")));
  GPREEMPT_TRY(store(bundle.requests_, open(folder / "requests.csv")));
  GPREEMPT_TRY(store(bundle.timeline_, open(folder / "timeline.csv")));
  GPREEMPT_TRY(store(bundle.trace_file_, open(folder / "trace.json")));
  bundle.trace_ = std::make_unique<TraceFile>(*bundle.trace_file_);
  fmt::print(bundle.timeline_.get(), "policy,tenant,gpu,state,from_ns,to_ns,origin\n");
  fmt::print(bundle.requests_.get(), "{}\n", requests_header());
  GPREEMPT_TRY(store(bundle.progress_, open(folder / "progress.csv")));
  fmt::print(bundle.progress_.get(), "{}\n", progress_header());
  return bundle;
}

void Bundle::add_requests(std::string_view label, const RunRecord& run) {
  for (const TenantRecord& tenant : run.tenants) {
    for (const RequestRecord& request : tenant.requests) {
      fmt::memory_buffer line;
      append_request(line, label, tenant.name, request, Phases::kKnown);
      (void)std::fwrite(line.data(), 1, line.size(), requests_.get());
    }
  }
}

void Bundle::add_trace(std::string_view label, const RunRecord& run) {
  const Timeline timeline = timeline_of(run);
  for (const TenantLine& line : timeline.lines) {
    fmt::memory_buffer rows;
    for (const Interval& interval : line.intervals) {
      fmt::format_to(std::back_inserter(rows), "\"{}\",{},{},{},{},{},{}\n", label, line.name,
                     line.gpu, to_string(interval.state), to_ns(interval.from), to_ns(interval.to),
                     to_string(interval.origin));
    }
    (void)std::fwrite(rows.data(), 1, rows.size(), timeline_.get());
  }
  const TraceExtent extent = extent_of(run, timeline, kMostTraced);
  write_trace({.label = label, .run = run, .timeline = timeline, .until = extent.until}, place_,
              *trace_);
  const bool told = !run.occupancy.changes.empty();
  traces_.push_back({.label = std::string(label),
                     .origin = std::string(to_string(told ? Origin::kModel : Origin::kCalls)),
                     .model_until = told ? run.occupancy.until : run.start,
                     .changes = run.occupancy.left_out,
                     .trace = extent});
}

void Bundle::add_progress(std::string_view label, const RunRecord& run) {
  for (const WorkSample& sample : run.samples) {
    fmt::memory_buffer line;
    append_progress(line, label, run.tenants.at(sample.tenant).name, sample.at, sample.work);
    (void)std::fwrite(line.data(), 1, line.size(), progress_.get());
  }
}

Result<void> Bundle::write(std::string_view name, std::string_view text) const {
  const fs::path path = folder_ / name;
  File file;
  GPREEMPT_TRY(store(file, open(path)));
  (void)std::fwrite(text.data(), 1, text.size(), file.get());
  return close(std::move(file), path);
}

Result<void> Bundle::finish() {
  GPREEMPT_TRY(close(std::move(events_), folder_ / "events.jsonl"));
  GPREEMPT_TRY(close(std::move(progress_), folder_ / "progress.csv"));
  GPREEMPT_TRY(close(std::move(requests_), folder_ / "requests.csv"));
  GPREEMPT_TRY(close(std::move(timeline_), folder_ / "timeline.csv"));
  GPREEMPT_TRY(trace_->finish("\"tool\":\"gpreempt\",\"clock\":\"backend\""));
  return close(std::move(trace_file_), folder_ / "trace.json");
}

namespace {

nlohmann::ordered_json instant_json(Instant instant) {
  return instant == kForever ? nlohmann::ordered_json() : nlohmann::ordered_json(to_ns(instant));
}

nlohmann::ordered_json describe(const TraceNote& note) {
  return {{"policy", note.label},
          {"origin", note.origin},
          {"model_until_ns", instant_json(note.model_until)},
          {"changes_left_out", note.changes},
          {"trace_until_ns", instant_json(note.trace.until)},
          {"trace_left_out", note.trace.left_out}};
}

}  // namespace

std::string describe_run(const RunOptions& options, const RunSetup& setup,
                         const std::vector<TraceNote>& traces) {
  nlohmann::ordered_json json;
  json["schema"] = 1;
  json["tool"] = std::string(kTool);
  json["version"] = std::string(kVersion);
  json["command"] = options.command;
  json["scenario"] = setup.scenario.name;
  json["backend"] = to_string(options.backend.kind);
  json["model"] = setup.scenario.hardware.model;
  json["personality"] = std::string(setup.system.personality.name);
  json["seed"] = setup.scenario.run.seed;
  json["policies"] = setup.policies;
  json["mechanism"] = label_of(setup.mechanism);
  nlohmann::ordered_json overrides = nlohmann::ordered_json::object();
  if (options.seed) {
    overrides["seed"] = *options.seed;
  }
  if (options.duration) {
    overrides["duration"] = format_duration(*options.duration);
  }
  if (!options.backend.model.empty()) {
    overrides["model"] = options.backend.model;
  }
  if (!options.backend.personality.empty()) {
    overrides["personality"] = options.backend.personality;
  }
  if (options.mechanism) {
    overrides["mechanism"] = *options.mechanism;
  }
  for (const Override& one : options.set) {
    overrides["set"][join_path(one.path)] = one.value ? one.value->text() : "";
  }
  for (const auto& [tenant, file] : options.traces) {
    overrides["traces"][tenant] = file.string();
  }
  json["overrides"] = overrides;
  json["traces"] = nlohmann::ordered_json::array();
  for (const TraceNote& note : traces) {
    json["traces"].push_back(describe(note));
  }
  constexpr int kIndent = 2;
  return json.dump(kIndent, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace gpreempt::cli
