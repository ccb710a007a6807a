#include "cli/bundle.h"

#include <fmt/format.h>

#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "cli/output_folder.h"
#include "cli/run_help.h"
#include "cli/run_options.h"
#include "cli/run_setup.h"
#include "cli/simulate.h"
#include "config/document.h"
#include "config/override.h"
#include "core/error.h"
#include "core/mechanism.h"
#include "core/testbed.h"
#include "core/time.h"
#include "core/units.h"

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

std::string instant_text(Instant instant) {
  return instant == kForever ? std::string{} : fmt::format("{}", to_ns(instant));
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
  std::string header = "policy,tenant,request,arrival_ns,first_wave_ns,end_ns";
  for (std::size_t i = 0; i < kDriverPhases; ++i) {
    header += fmt::format(",{}_ns", to_string(static_cast<DriverPhase>(i)));
  }
  fmt::print(bundle.requests_.get(), "{},first_token_ns,tokens\n", header);
  GPREEMPT_TRY(store(bundle.progress_, open(folder / "progress.csv")));
  fmt::print(bundle.progress_.get(), "policy,tenant,at_ns,work_ns\n");
  return bundle;
}

void Bundle::add_requests(std::string_view label, const RunRecord& run) {
  for (const TenantRecord& tenant : run.tenants) {
    for (const RequestRecord& request : tenant.requests) {
      fmt::memory_buffer line;
      auto out = std::back_inserter(line);
      fmt::format_to(out, "\"{}\",{},{},{},{},{}", label, tenant.name, request.request,
                     to_ns(request.arrival), instant_text(request.first_wave),
                     instant_text(request.end));
      for (const Duration phase : request.phases) {
        // Until the end they are counters and not yet times of this request.
        fmt::format_to(out, ",{}",
                       request.end == kForever ? std::string{} : fmt::format("{}", to_ns(phase)));
      }
      fmt::format_to(out, ",{},{}\n", instant_text(request.first_token), request.tokens);
      (void)std::fwrite(line.data(), 1, line.size(), requests_.get());
    }
  }
}

void Bundle::add_progress(std::string_view label, const RunRecord& run) {
  for (const WorkSample& sample : run.samples) {
    fmt::print(progress_.get(), "\"{}\",{},{},{}\n", label, run.tenants.at(sample.tenant).name,
               to_ns(sample.at), to_ns(sample.work));
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
  return close(std::move(requests_), folder_ / "requests.csv");
}

std::string describe_run(const RunOptions& options, const RunSetup& setup) {
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
  constexpr int kIndent = 2;
  return json.dump(kIndent, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace gpreempt::cli
