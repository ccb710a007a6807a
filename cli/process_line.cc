#include "cli/process_line.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "cli/process_options.h"
#include "cli/run_options.h"
#include "config/document.h"
#include "core/error.h"
#include "core/time.h"
#include "core/units.h"

namespace gpreempt::cli {
namespace {

Result<void> read_time(std::string_view name, const std::string& text, Duration& into) {
  const auto value = parse_duration(text);
  if (!value || *value < Duration{}) {
    return fail(Errc::kInvalidArgument,
                fmt::format("reading {} '{}': {}", name, text,
                            value ? "it is negative; write 30s or 500ms" : value.error().what));
  }
  into = *value;
  return {};
}

}  // namespace

void add_process_options(CLI::App& run, RawProcesses& raw) {
  ProcessOptions& options = raw.options;
  const std::string group = "Processes (--backend kfd)";
  const auto list = [&](const char* name, std::vector<std::string>& into, const char* text) {
    run.add_option(name, into, text)->allow_extra_args(false)->group(group);
  };
  list("--online", options.online,
       "[TENANT=]COMMAND that is Online; repeatable. Without one: gpreempt-hip-online");
  list("--offline", options.offline,
       "[TENANT=]COMMAND that is Offline; repeatable. Without one: gpreempt-hip-offline");
  list("--online-pid", options.online_pids,
       "[TENANT=]TARGET, a process that runs, as in `suspend`; repeatable");
  list("--offline-pid", options.offline_pids, "The same, for Offline");
  run.add_flag("--await-ready", options.await_ready,
               "Each command says on its socket when it is ready (docs/run-anything.md)")
      ->group(group);
  run.add_flag("--no-baselines", raw.no_baselines,
               "Do not measure each side alone: what is added or lost is then unknown")
      ->group(group);
  const auto time = [&](const char* name, std::string& into, const char* text) {
    run.add_option(name, into, text)->capture_default_str()->group(group);
  };
  time("--ready-timeout", raw.ready_timeout, "Until a tenant's processes have queues");
  time("--settle", raw.settle, "How long they warm up then (default: not at all)");
  time("--stop-timeout", raw.stop_timeout, "From SIGTERM to SIGKILL");
  time("--slow", raw.slow, "A suspend that takes longer ends the run");
  list("--bystander", options.bystanders, "Somebody who may be disturbed, written as TARGET");
  run.add_flag("--allow-bystanders", options.allow_bystanders, "Disturb anybody")->group(group);
  run.add_flag("--exclusive-hive", options.exclusive_hive,
               "Nobody else uses these GPUs or their hive: refuse if somebody does")
      ->group(group);
  run.add_flag("--dry-run", options.dry_run, "Say who would do what to whom, and do nothing")
      ->group(group);
  raw.safety.add(run, group);
  run.add_option("--device", options.device, "The driver's device")
      ->capture_default_str()
      ->group(group);
}

Result<ProcessOptions> read_processes(const RawProcesses& raw, BackendKind kind) {
  ProcessOptions options = raw.options;
  options.baselines = !raw.no_baselines;
  GPREEMPT_TRY(read_time("--ready-timeout", raw.ready_timeout, options.ready_timeout));
  if (!raw.settle.empty()) {
    GPREEMPT_TRY(read_time("--settle", raw.settle, options.settle));
  }
  GPREEMPT_TRY(read_time("--stop-timeout", raw.stop_timeout, options.stop_timeout));
  GPREEMPT_TRY(read_time("--slow", raw.slow, options.slow));
  if (kind != BackendKind::kKfd && (options.names_processes() || options.dry_run)) {
    return fail(Errc::kInvalidArgument,
                fmt::format("reading --online, --offline or --dry-run: processes run on this "
                            "machine's GPU only, and the backend is {}; add --backend kfd",
                            to_string(kind)));
  }
  GPREEMPT_TRY(store(options.safety, raw.safety.read(kind)));
  return options;
}

}  // namespace gpreempt::cli
