#include "workloads/tenant_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/document.h"
#include "core/error.h"
#include "core/program.h"
#include "core/time.h"
#include "core/units.h"
#include "workloads/gang_reader.h"
#include "workloads/scenario.h"
#include "workloads/work_reader.h"

namespace gpreempt {
namespace {

constexpr std::uint32_t kMaxPriority = 15;
constexpr std::uint32_t kMaxQueues = 1024;  // of a process, as KFD limits them

// ---- arrivals ----------------------------------------------------------------------------------

Result<ArrivalSpec> read_trace(const TomlTable& table, const ScenarioFolder& folder) {
  TraceArrivals trace;
  std::string file;
  std::string on_error;
  GPREEMPT_TRY(store(trace.format, table.choice("format", {"azure-llm-2023"})));
  GPREEMPT_TRY(store(file, table.string("file", "")));
  GPREEMPT_TRY(store(trace.rate_scale, table.positive("rate_scale", 1)));
  GPREEMPT_TRY(store(on_error, table.choice("on_error", {"refuse", "skip"}, "refuse")));
  trace.on_error = on_error == "skip" ? TraceErrors::kSkip : TraceErrors::kRefuse;
  if (!file.empty() && !folder.embedded) {
    trace.file = folder.path / file;
  }
  return trace;
}

Result<ArrivalSpec> read_closed_loop(const TomlTable& table, bool thinks) {
  constexpr std::uint32_t kMaxClients = 100'000;
  ClosedLoopArrivals arrivals;
  GPREEMPT_TRY(store(arrivals.clients, table.uint32("clients", 1, kMaxClients, 1)));
  if (thinks) {
    GPREEMPT_TRY(store(arrivals.think, table.duration("think")));
  }
  return arrivals;
}

Result<ArrivalSpec> read_uniform(const TomlTable& table) {
  UniformArrivals arrivals;
  GPREEMPT_TRY(store(arrivals.min, table.duration("min")));
  GPREEMPT_TRY(store(arrivals.max, table.positive_duration("max")));
  if (arrivals.max < arrivals.min) {
    return tl::unexpected<Error>(table.error(
        "max", fmt::format("{} is less than min, {}; write the longer gap here",
                           format_duration(arrivals.max), format_duration(arrivals.min))));
  }
  return arrivals;
}

Result<ArrivalSpec> read_arrivals(const TomlTable& table, const ScenarioFolder& folder) {
  std::string kind;
  GPREEMPT_TRY(store(kind, table.choice("kind", {"periodic", "poisson", "bursty", "uniform",
                                                 "trace", "closed-loop", "saturated"})));
  if (kind == "trace") {
    return read_trace(table, folder);
  }
  if (kind == "closed-loop" || kind == "saturated") {
    return read_closed_loop(table, kind == "closed-loop");
  }
  if (kind == "uniform") {
    return read_uniform(table);
  }
  double rate = 0;
  GPREEMPT_TRY(store(rate, table.rate("rate")));
  if (kind == "periodic") {
    PeriodicArrivals arrivals{.rate = rate, .phase = {}};
    GPREEMPT_TRY(store(arrivals.phase, table.duration("phase", Duration::zero())));
    return arrivals;
  }
  RandomArrivals arrivals{.rate = rate, .cv2 = 1};
  if (kind == "bursty") {
    GPREEMPT_TRY(store(arrivals.cv2, table.number("cv2", Bounds{.min = 0.001, .max = 1000.0})));
  }
  return arrivals;
}

// ---- tenants -----------------------------------------------------------------------------------

Result<void> check_name(const TomlTable& table, const std::string& name) {
  if (!is_tenant_name(name)) {
    return tl::unexpected<Error>(table.error(
        "name", fmt::format("'{}' is no tenant name; use letters, digits, '-' and '_'", name)));
  }
  return {};
}

Result<void> read_work_and_arrivals(const TomlTable& table, const ScenarioFolder& folder,
                                    TenantScenario& tenant) {
  const std::string_view work_key = tenant.offline ? "step" : "request";
  const std::string_view other_key = tenant.offline ? "request" : "step";
  if (table.has(other_key)) {
    return tl::unexpected<Error>(table.error(
        other_key, fmt::format("an {} tenant has a `{}` instead; rename the key or move the tenant",
                               tenant.offline ? "Offline" : "Online", work_key)));
  }
  GPREEMPT_TRY(store(tenant.work, table.table(work_key).and_then([&](const TomlTable& work) {
    return read_work(work, folder);
  })));
  if (!tenant.offline || table.has("arrivals")) {
    GPREEMPT_TRY(
        store(tenant.arrivals, table.table("arrivals").and_then([&](const TomlTable& arrivals) {
          return read_arrivals(arrivals, folder);
        })));
  }
  if (needs_trace(tenant.work) &&
      !(tenant.arrivals && std::holds_alternative<TraceArrivals>(*tenant.arrivals))) {
    return tl::unexpected<Error>(
        table.error(work_key, "\"from-trace\" needs arrivals of kind \"trace\""));
  }
  if (std::holds_alternative<LlmWork>(tenant.work) && !tenant.arrivals) {
    return tl::unexpected<Error>(table.error(
        work_key, "an LLM engine serves requests; give the tenant arrivals, e.g. \"saturated\""));
  }
  return {};
}

}  // namespace

bool is_tenant_name(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
  });
}

Result<TenantScenario> read_tenant(const TomlTable& table, bool offline,
                                   const ScenarioFolder& folder) {
  TenantScenario tenant;
  tenant.offline = offline;
  GPREEMPT_TRY(store(tenant.name, table.string("name")));
  GPREEMPT_TRY(check_name(table, tenant.name));
  GPREEMPT_TRY(store(tenant.priority, table.uint32("priority", 0, kMaxPriority)));
  constexpr std::uint32_t kMaxWeight = 1'000'000;
  GPREEMPT_TRY(store(tenant.weight, table.uint32("weight", 1, kMaxWeight, 1)));
  if (table.has("deadline")) {
    GPREEMPT_TRY(store(tenant.deadline, table.positive_duration("deadline")));
  }
  GPREEMPT_TRY(
      store(tenant.hardware_priority, table.uint32("hardware_priority", 0, kMaxPriority, 7)));
  GPREEMPT_TRY(store(tenant.queues, table.uint32("queues", 1, kMaxQueues, 1)));
  constexpr std::uint32_t kMaxGpus = 64;
  GPREEMPT_TRY(store(tenant.gpu, table.uint32("gpu", 0, kMaxGpus - 1, 0)));
  std::string runtime;
  constexpr std::uint32_t kMaxRunAhead = 1'000'000;
  GPREEMPT_TRY(store(runtime, table.choice("runtime", {"bare", "hip"}, "hip")));
  tenant.runtime = runtime == "hip" ? Runtime::kHip : Runtime::kBare;
  GPREEMPT_TRY(store(tenant.run_ahead, table.uint32("run_ahead", 0, kMaxRunAhead, 0)));
  GPREEMPT_TRY(store(tenant.cooperative, table.boolean("cooperative", false)));
  GPREEMPT_TRY(store(tenant.preparation, table.duration("preparation", Duration::zero())));
  GPREEMPT_TRY(read_work_and_arrivals(table, folder, tenant));
  GPREEMPT_TRY(read_gang(table, tenant));
  return tenant;
}

}  // namespace gpreempt
