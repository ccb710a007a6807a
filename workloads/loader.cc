#include "workloads/loader.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

#include "config/document.h"
#include "config/override.h"
#include "core/error.h"
#include "core/nearest.h"
#include "core/policy.h"
#include "core/time.h"
#include "core/units.h"
#include "workloads/disb.h"
#include "workloads/gang_reader.h"
#include "workloads/scenario.h"
#include "workloads/tenant_reader.h"

namespace gpreempt {
namespace {

Result<RunScenario> read_run(const TomlTable& table) {
  RunScenario run;
  std::string duration;
  GPREEMPT_TRY(store(duration, table.string("duration")));
  if (duration != "trace" && duration != "workload") {
    Duration fixed{};
    GPREEMPT_TRY(store(fixed, table.positive_duration("duration")));
    run.duration = fixed;
  }
  constexpr std::uint64_t kMaxSeed = std::numeric_limits<std::int64_t>::max();
  GPREEMPT_TRY(store(run.drain, table.duration("drain", run.drain)));
  GPREEMPT_TRY(store(run.warmup, table.duration("warmup", run.warmup)));
  GPREEMPT_TRY(store(run.seed, table.uint64("seed", 0, kMaxSeed, run.seed)));
  if (run.duration && run.warmup >= *run.duration) {
    return tl::unexpected<Error>(
        table.error("warmup", "it leaves nothing to count; it must be shorter than `duration`"));
  }
  return run;
}

Result<HardwareScenario> read_hardware(const TomlTable& table) {
  HardwareScenario hardware;
  constexpr std::uint32_t kMaxGpus = 64;
  constexpr std::uint32_t kMaxKernelQueues = 32;
  GPREEMPT_TRY(store(hardware.model, table.string("model", hardware.model)));
  GPREEMPT_TRY(store(hardware.gpus, table.uint32("gpus", 1, kMaxGpus, hardware.gpus)));
  GPREEMPT_TRY(store(hardware.personality, table.string("personality", hardware.personality)));
  GPREEMPT_TRY(
      store(hardware.num_kcq, table.uint32("num_kcq", 0, kMaxKernelQueues, hardware.num_kcq)));
  return hardware;
}

Result<SloScenario> read_slo(const TomlTable& table) {
  SloScenario slo;
  GPREEMPT_TRY(store(slo.quantile, table.positive("quantile", slo.quantile)));
  if (slo.quantile >= 1) {
    return tl::unexpected<Error>(table.error("quantile", "it must be below 1, like 0.99"));
  }
  std::string metric;
  GPREEMPT_TRY(store(metric, table.choice("metric", {"latency", "ttft", "tpot"}, "latency")));
  slo.metric = metric == "ttft"   ? SloMetric::kTtft
               : metric == "tpot" ? SloMetric::kTpot
                                  : SloMetric::kLatency;
  GPREEMPT_TRY(store(slo.online_latency, table.durations("online_latency")));
  GPREEMPT_TRY(store(slo.offline_loss, table.percents("offline_loss")));
  if (std::ranges::any_of(slo.online_latency, [](Duration d) { return d <= Duration::zero(); })) {
    return tl::unexpected<Error>(table.error("online_latency", "a limit must be longer than 0"));
  }
  if (std::ranges::any_of(slo.offline_loss, [](double loss) { return loss > 1; })) {
    return tl::unexpected<Error>(table.error("offline_loss", "a loss is at most 100%"));
  }
  return slo;
}

/// A scalar as the text that policy options use.
Result<std::string> option_text(const TomlTable& table, const std::string& key) {
  switch (table.kind(key)) {
    case TomlKind::kString: return table.string(key);
    case TomlKind::kBoolean:
      return table.boolean(key, false).map([](bool value) { return fmt::format("{}", value); });
    case TomlKind::kInteger:
    case TomlKind::kFloat:
      return table.number(key).map([](double value) { return fmt::format("{}", value); });
    case TomlKind::kAbsent:
    case TomlKind::kArray:
    case TomlKind::kTable:
    case TomlKind::kOther: break;
  }
  return tl::unexpected<Error>(table.error(key, "an option is a string, a number or a boolean"));
}

Result<OptionTable> read_options(const TomlTable& table) {
  OptionTable options;
  for (const std::string& key : table.keys()) {
    GPREEMPT_TRY(store(options[key], option_text(table, key)));
  }
  return options;
}

Result<std::map<std::string, OptionTable>> read_policy_options(const TomlTable& table) {
  std::map<std::string, OptionTable> options;
  for (const std::string& policy : table.keys()) {
    if (std::ranges::find(policy_names(), policy) == policy_names().end()) {
      return tl::unexpected<Error>(table.error(
          policy, fmt::format("there is no such policy{}", suggestion(policy, policy_names()))));
    }
    GPREEMPT_TRY(store(options[policy], table.table(policy).and_then(read_options)));
  }
  return options;
}

Result<Duration> read_lease(const TomlTable& table, Duration fallback) {
  constexpr Duration kMinLease = std::chrono::milliseconds(1);
  Duration lease{};
  GPREEMPT_TRY(store(lease, table.positive_duration("lease", fallback)));
  if (lease < kMinLease) {
    return tl::unexpected<Error>(table.error(
        "lease", fmt::format("{} is about as long as a suspension takes to begin, so queues would "
                             "come and go all the time; the least is {}",
                             format_duration(lease), format_duration(kMinLease))));
  }
  return lease;
}

Result<SchedulerScenario> read_scheduler(const TomlTable& table) {
  SchedulerScenario scheduler;
  std::string grace;
  std::string detection;
  Duration poll_period{};
  GPREEMPT_TRY(store(scheduler.policy, table.string("policy", scheduler.policy)));
  GPREEMPT_TRY(store(scheduler.mechanism, table.string("mechanism", scheduler.mechanism)));
  GPREEMPT_TRY(store(grace, table.string("grace", "default")));
  if (grace != "default") {
    Duration fixed{};
    GPREEMPT_TRY(store(fixed, table.duration("grace")));
    scheduler.grace = fixed;
  }
  GPREEMPT_TRY(store(scheduler.lease, read_lease(table, scheduler.lease)));
  GPREEMPT_TRY(
      store(poll_period, table.positive_duration("poll_period", scheduler.detection.value)));
  GPREEMPT_TRY(store(detection, table.string("detection", "poll")));
  Result<Detection> parsed = parse_detection(detection, poll_period);
  if (!parsed) {
    return tl::unexpected<Error>(table.error("detection", parsed.error().what));
  }
  scheduler.detection = *parsed;
  GPREEMPT_TRY(store(scheduler.rescan_period,
                     table.positive_duration("rescan_period", scheduler.rescan_period)));
  GPREEMPT_TRY(store(scheduler.gang, table.table_or_empty("gang").and_then(read_gang_options)));
  GPREEMPT_TRY(
      store(scheduler.options, table.table_or_empty("options").and_then(read_policy_options)));
  return scheduler;
}

/// `table` is where the tenant is described, for messages.
Result<void> add_tenant(const TomlTable& table, TenantScenario tenant, Scenario& scenario) {
  const auto same_name = [&](const TenantScenario& other) { return other.name == tenant.name; };
  if (std::ranges::any_of(scenario.tenants, same_name)) {
    return tl::unexpected<Error>(table.error(
        "name", fmt::format("'{}' is taken by another tenant; names must differ", tenant.name)));
  }
  GPREEMPT_TRY(place_gang(table, scenario, tenant));
  // Online first; each in the order of the file.
  std::vector<TenantScenario>& all = scenario.tenants;
  const auto place =
      tenant.offline ? all.end() : std::ranges::find(all, true, &TenantScenario::offline);
  all.insert(place, std::move(tenant));
  return {};
}

/// The tenants of a [workload], and its duration where the scenario wants that.
Result<void> read_workload(const TomlTable& root, const ScenarioFolder& folder,
                           Scenario& scenario) {
  std::string duration;
  GPREEMPT_TRY(store(duration, root.table("run").and_then(
                                   [](const TomlTable& run) { return run.string("duration"); })));
  if (!root.has("workload")) {
    if (duration == "workload") {
      return tl::unexpected<Error>(
          root.error("run", "duration = \"workload\" needs a [workload] table"));
    }
    return {};
  }
  TomlTable table = root;
  DisbWorkload workload;
  GPREEMPT_TRY(store(table, root.table("workload")));
  GPREEMPT_TRY(store(workload, read_disb_workload(table, folder)));
  for (TenantScenario& tenant : workload.tenants) {
    GPREEMPT_TRY(add_tenant(table, std::move(tenant), scenario));
  }
  if (duration == "workload") {
    scenario.run.duration = workload.duration;
    if (scenario.run.warmup >= workload.duration) {
      return tl::unexpected<Error>(root.error(
          "run", "the warm-up leaves nothing to count; it must be shorter than the workload"));
    }
  }
  return {};
}

/// What Online is judged by is what it is promised, unless a tenant says something else.
void promise_latency(Scenario& scenario) {
  const SloScenario& slo = scenario.slo;
  if (slo.metric != SloMetric::kLatency || slo.online_latency.empty()) {
    return;
  }
  for (TenantScenario& tenant : scenario.tenants) {
    if (!tenant.offline && !tenant.deadline) {
      tenant.deadline = slo.online_latency.front();
    }
  }
}

/// A limit on tokens needs tokens.
Result<void> check_metric(const TomlTable& root, const Scenario& scenario) {
  for (const TenantScenario& tenant : scenario.tenants) {
    if (scenario.slo.metric != SloMetric::kLatency && !tenant.offline &&
        !std::holds_alternative<LlmWork>(tenant.work)) {
      return tl::unexpected<Error>(root.error(
          "slo", fmt::format("metric = \"{}\" needs requests of kind \"llm\", and tenant '{}' "
                             "has none",
                             to_string(scenario.slo.metric), tenant.name)));
    }
  }
  return {};
}

Result<void> read_class(const TomlTable& root, bool offline, const ScenarioFolder& folder,
                        Scenario& scenario) {
  std::vector<TomlTable> tables;
  GPREEMPT_TRY(store(tables, root.tables(offline ? "offline" : "online")));
  for (const TomlTable& table : tables) {
    TenantScenario tenant;
    GPREEMPT_TRY(store(tenant, read_tenant(table, offline, folder)));
    GPREEMPT_TRY(add_tenant(table, std::move(tenant), scenario));
  }
  return {};
}

Result<void> read_tenants(const TomlTable& root, const ScenarioFolder& folder, Scenario& scenario) {
  GPREEMPT_TRY(read_workload(root, folder, scenario));
  GPREEMPT_TRY(read_class(root, false, folder, scenario));
  GPREEMPT_TRY(read_class(root, true, folder, scenario));
  if (scenario.tenants.empty()) {
    return tl::unexpected<Error>(
        root.error("no tenants; write an [[online]] or [[offline]] table, or a [workload]"));
  }
  GPREEMPT_TRY(check_metric(root, scenario));
  promise_latency(scenario);
  return {};
}

bool has_trace(const TenantScenario& tenant) {
  return tenant.arrivals && std::holds_alternative<TraceArrivals>(*tenant.arrivals);
}

template <class T>
Result<void> read_section(const TomlTable& root, std::string_view key, T& out,
                          Result<T> (*read)(const TomlTable&)) {
  return store(out, root.table_or_empty(key).and_then(read));
}

Result<Scenario> read_document(const TomlDocument& document, const ScenarioFolder& folder) {
  const TomlTable& root = document.root();
  Scenario scenario;
  GPREEMPT_TRY(document.expect_schema(1));
  GPREEMPT_TRY(store(scenario.name, root.string("name")));
  GPREEMPT_TRY(store(scenario.description, root.string("description", "")));
  GPREEMPT_TRY(store(scenario.run, root.table("run").and_then(read_run)));
  GPREEMPT_TRY(read_section(root, "hardware", scenario.hardware, read_hardware));
  GPREEMPT_TRY(read_section(root, "slo", scenario.slo, read_slo));
  GPREEMPT_TRY(read_section(root, "scheduler", scenario.scheduler, read_scheduler));
  GPREEMPT_TRY(read_tenants(root, folder, scenario));
  GPREEMPT_TRY(root.finish());
  if (!scenario.run.duration && std::ranges::none_of(scenario.tenants, has_trace)) {
    return tl::unexpected<Error>(
        root.error("run", "duration = \"trace\" needs a tenant with arrivals of kind \"trace\""));
  }
  return scenario;
}

}  // namespace

Result<Scenario> load_scenario(const std::filesystem::path& file) {
  return TomlDocument::load(file).and_then([&](const TomlDocument& document) {
    return read_document(document, {.path = file.parent_path(), .embedded = false});
  });
}

Result<Scenario> parse_scenario(std::string_view text, std::string display_name,
                                const std::filesystem::path& folder) {
  return TomlDocument::parse(text, std::move(display_name))
      .and_then([&](const TomlDocument& document) {
        return read_document(document, {.path = folder, .embedded = folder.empty()});
      });
}

Result<ScenarioText> find_scenario_text(const std::string& name) {
  std::error_code status;
  ScenarioText found;
  if (std::filesystem::is_regular_file(name, status)) {
    found.display_name = name;
    found.folder = std::filesystem::path(name).parent_path();
    GPREEMPT_TRY(store(found.text, read_text_file(name)));
    return found;
  }
  for (const EmbeddedFile& file : embedded_scenarios()) {
    if (file.name == name || file.name == name + ".toml") {
      return ScenarioText{.text = std::string(file.text),
                          .display_name = std::string(file.name),
                          .folder = {},
                          .embedded = true};
    }
  }
  if (std::filesystem::is_directory(name, status)) {
    return fail(Errc::kIo,
                fmt::format("load scenario '{}': it is a folder; name a TOML file", name));
  }
  std::vector<std::string_view> names;
  for (const EmbeddedFile& file : embedded_scenarios()) {
    names.push_back(file.name.substr(0, file.name.rfind('.')));
  }
  return fail(Errc::kIo, fmt::format("load scenario '{}': there is no such file or built-in "
                                     "scenario{}",
                                     name, suggestion(name, names)));
}

Result<Scenario> read_scenario(const ScenarioText& source, std::span<const Override> overrides) {
  return TomlDocument::parse(source.text, source.display_name, overrides)
      .and_then([&](const TomlDocument& document) {
        return read_document(document, {.path = source.folder, .embedded = source.embedded});
      });
}

Result<Scenario> find_scenario(const std::string& name) {
  return find_scenario_text(name).and_then(
      [](const ScenarioText& source) { return read_scenario(source, {}); });
}

Result<Detection> parse_detection(std::string_view text, Duration poll_period) {
  const std::size_t colon = text.find(':');
  const std::string_view kind = text.substr(0, colon);
  const std::string_view rest =
      colon == std::string_view::npos ? std::string_view{} : text.substr(colon + 1);
  const bool bare = colon == std::string_view::npos;
  if (kind == "oracle" && bare) {
    return Detection{.kind = DetectionKind::kOracle, .value = {}};
  }
  if (kind != "hint" && kind != "poll") {
    return fail(Errc::kInvalidArgument,
                fmt::format("detection '{}': unknown; write hint, hint:<delay>, poll, "
                            "poll:<period> or oracle",
                            text));
  }
  const bool poll = kind == "poll";
  Detection detection{.kind = poll ? DetectionKind::kPoll : DetectionKind::kHint,
                      .value = poll ? poll_period : Duration::zero()};
  if (!bare) {
    GPREEMPT_TRY(store(detection.value, parse_duration(rest)));
  }
  if (poll && detection.value <= Duration::zero()) {
    return fail(Errc::kInvalidArgument,
                fmt::format("detection '{}': the period must be longer than 0", text));
  }
  return detection;
}

const EmbeddedFile* find_embedded(std::string_view name) {
  for (const auto files : {embedded_scenarios(), embedded_profiles()}) {
    for (const EmbeddedFile& file : files) {
      if (file.name == name || file.name.substr(0, file.name.rfind('.')) == name) {
        return &file;
      }
    }
  }
  return nullptr;
}

}  // namespace gpreempt
