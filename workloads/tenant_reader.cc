#include "workloads/tenant_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

#include "config/document.h"
#include "core/error.h"
#include "core/program.h"
#include "core/time.h"
#include "workloads/loader.h"
#include "workloads/scenario.h"
#include "workloads/work.h"

namespace gpreempt {
namespace {

constexpr std::uint32_t kMaxPriority = 15;
constexpr std::uint32_t kMaxQueues = 1024;  // of a process, as KFD limits them
constexpr std::uint32_t kMaxWaves = 16;     // 1,024 threads
constexpr std::uint32_t kMaxVgprs = 512;
constexpr std::uint64_t kMaxLds = std::uint64_t{160} * 1024;
constexpr std::uint32_t kMaxCount = 10'000;
constexpr std::uint32_t kMaxTokens = 100'000'000;

/// A half-filled GPU: the median inference kernel of the REEF BERT profile has 240 blocks of 200
/// to 1,024 threads.
constexpr KernelShape kDefaultShape{
    .workgroups = 240, .waves = 4, .vgprs = 64, .lds_bytes = std::uint64_t{16} * 1024};

/// Everything of a shape but its workgroups.
Result<void> read_resources(const TomlTable& table, KernelShape& shape) {
  GPREEMPT_TRY(store(shape.waves, table.uint32("waves", 1, kMaxWaves, shape.waves)));
  GPREEMPT_TRY(store(shape.vgprs, table.uint32("vgprs", 1, kMaxVgprs, shape.vgprs)));
  GPREEMPT_TRY(store(shape.lds_bytes, table.bytes("lds", shape.lds_bytes)));
  if (shape.lds_bytes > kMaxLds) {
    return tl::unexpected<Error>(
        table.error("lds", fmt::format("a workgroup can have at most {} KiB", kMaxLds / 1024)));
  }
  return {};
}

Result<void> read_shape(const TomlTable& table, KernelShape& shape) {
  constexpr std::uint32_t kMost = std::numeric_limits<std::uint32_t>::max();
  GPREEMPT_TRY(store(shape.workgroups, table.uint32("workgroups", 1, kMost, shape.workgroups)));
  return read_resources(table, shape);
}

// ---- tokens ------------------------------------------------------------------------------------

Result<TokenSpec> read_lognormal(const TomlTable& table) {
  LognormalTokens tokens;
  std::string kind;
  GPREEMPT_TRY(store(kind, table.choice("kind", {"lognormal"})));
  GPREEMPT_TRY(store(tokens.mean, table.positive("mean")));
  GPREEMPT_TRY(store(tokens.p99, table.positive("p99")));
  GPREEMPT_TRY(store(tokens.max, table.uint32("max", 1, kMaxTokens)));
  if (tokens.p99 <= tokens.mean || tokens.p99 > kMaxLognormalRatio * tokens.mean) {
    return tl::unexpected<Error>(table.error(
        "p99", fmt::format("{} does not fit a lognormal distribution of mean {}; it must be above "
                           "the mean and at most {} times it",
                           tokens.p99, tokens.mean, kMaxLognormalRatio)));
  }
  return tokens;
}

Result<TokenSpec> read_tokens(const TomlTable& table, std::string_view key) {
  switch (table.kind(key)) {
    case TomlKind::kInteger:
      return table.uint32(key, 1, kMaxTokens).map([](std::uint32_t tokens) {
        return TokenSpec(ConstantTokens{.tokens = tokens});
      });
    case TomlKind::kString:
      return table.choice(key, {"from-trace"}).map([](const std::string&) {
        return TokenSpec(TraceTokens{});
      });
    case TomlKind::kTable: return table.table(key).and_then(read_lognormal);
    case TomlKind::kAbsent:
    case TomlKind::kFloat:
    case TomlKind::kBoolean:
    case TomlKind::kArray:
    case TomlKind::kOther: break;
  }
  return tl::unexpected<Error>(table.error(
      key, "write an integer, \"from-trace\" or { kind = \"lognormal\", mean, p99, max }"));
}

// ---- work --------------------------------------------------------------------------------------

Result<WorkSpec> read_transformer(const TomlTable& table) {
  TransformerWork work{.parameters = 0,
                       .layers = 0,
                       .kernels_per_layer = 0,
                       .context_tokens = {},
                       .shape = kDefaultShape};
  std::string phase;
  GPREEMPT_TRY(store(phase, table.choice("phase", {"prefill"})));
  GPREEMPT_TRY(store(work.parameters, table.positive("parameters")));
  GPREEMPT_TRY(store(work.layers, table.uint32("layers", 1, kMaxCount)));
  GPREEMPT_TRY(store(work.kernels_per_layer, table.uint32("kernels_per_layer", 1, kMaxCount)));
  GPREEMPT_TRY(store(work.context_tokens, read_tokens(table, "context_tokens")));
  GPREEMPT_TRY(read_shape(table, work.shape));
  return work;
}

Result<WorkSpec> read_kernels(const TomlTable& table) {
  std::vector<TomlTable> rows;
  GPREEMPT_TRY(store(rows, table.tables("repeat")));
  if (rows.empty()) {
    return tl::unexpected<Error>(
        table.error("repeat", "no kernels; write at least one { count = ..., duration = ... }"));
  }
  KernelsWork work;
  for (const TomlTable& row : rows) {
    KernelRun run{.count = 1, .duration = {}, .shape = kDefaultShape};
    constexpr std::uint32_t kMostKernels = 10'000'000;
    GPREEMPT_TRY(store(run.count, row.uint32("count", 1, kMostKernels, 1)));
    GPREEMPT_TRY(store(run.duration, row.positive_duration("duration")));
    GPREEMPT_TRY(read_shape(row, run.shape));
    work.train.push_back(run);
  }
  return work;
}

/// The text of a profile beside the scenario, or else embedded.
Result<std::string> find_profile(const TomlTable& table, const std::string& file,
                                 const ScenarioFolder& folder) {
  std::error_code status;
  const std::filesystem::path path = folder.path / file;
  if (!folder.embedded && std::filesystem::exists(path, status)) {
    return read_text_file(path);
  }
  for (const EmbeddedFile& embedded : embedded_profiles()) {
    if (embedded.name == file) {
      return std::string(embedded.text);
    }
  }
  Error error = table.error(
      "file", folder.embedded
                  ? fmt::format("there is no embedded profile '{}'; name one with its full path in "
                                "a scenario file of your own",
                                file)
                  : fmt::format("there is no file {}, and no embedded profile of that name; check "
                                "the name, relative ones start at the scenario's folder",
                                path.string()));
  error.code = Errc::kIo;
  return tl::unexpected<Error>(std::move(error));
}

Result<WorkSpec> read_profile(const TomlTable& table, const ScenarioFolder& folder) {
  ProfileWork work{.format = {}, .file = {}, .text = {}, .time_scale = 1, .shape = kDefaultShape};
  GPREEMPT_TRY(store(work.format, table.choice("format", {"orion"})));
  GPREEMPT_TRY(store(work.file, table.string("file")));
  GPREEMPT_TRY(store(work.text, find_profile(table, work.file, folder)));
  GPREEMPT_TRY(store(work.time_scale, table.positive("time_scale", 1)));
  GPREEMPT_TRY(read_resources(table, work.shape));
  return work;
}

Result<WorkSpec> read_service(const TomlTable& table) {
  ServiceWork work;
  std::string distribution;
  GPREEMPT_TRY(
      store(distribution, table.choice("distribution", {"exponential", "constant", "uniform"})));
  GPREEMPT_TRY(store(work.mean, table.positive_duration("mean")));
  if (distribution == "constant") {
    work.distribution = ServiceDistribution::kConstant;
  } else if (distribution == "uniform") {
    work.distribution = ServiceDistribution::kUniform;
  }
  const auto keys = {"workgroups", "waves", "vgprs", "lds"};
  if (std::ranges::any_of(keys, [&](std::string_view key) { return table.has(key); })) {
    KernelShape shape = kDefaultShape;
    shape.lds_bytes = 0;
    GPREEMPT_TRY(read_shape(table, shape));
    work.shape = shape;
  }
  return work;
}

Result<WorkSpec> read_work(const TomlTable& table, const ScenarioFolder& folder) {
  std::string kind;
  GPREEMPT_TRY(store(kind, table.choice("kind", {"transformer", "kernels", "profile", "service"})));
  if (kind == "transformer") {
    return read_transformer(table);
  }
  if (kind == "kernels") {
    return read_kernels(table);
  }
  if (kind == "profile") {
    return read_profile(table, folder);
  }
  return read_service(table);
}

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

Result<ArrivalSpec> read_arrivals(const TomlTable& table, const ScenarioFolder& folder) {
  std::string kind;
  GPREEMPT_TRY(store(kind, table.choice("kind", {"periodic", "poisson", "bursty", "trace"})));
  if (kind == "trace") {
    return read_trace(table, folder);
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
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
  };
  if (name.empty() || !std::ranges::all_of(name, allowed)) {
    return tl::unexpected<Error>(table.error(
        "name", fmt::format("'{}' is no tenant name; use letters, digits, '-' and '_'", name)));
  }
  return {};
}

bool needs_trace(const WorkSpec& work) {
  const auto* transformer = std::get_if<TransformerWork>(&work);
  return transformer != nullptr && std::holds_alternative<TraceTokens>(transformer->context_tokens);
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
        table.error(work_key, "context_tokens = \"from-trace\" needs arrivals of kind \"trace\""));
  }
  return {};
}

}  // namespace

Result<TenantScenario> read_tenant(const TomlTable& table, bool offline,
                                   const ScenarioFolder& folder) {
  TenantScenario tenant;
  tenant.offline = offline;
  GPREEMPT_TRY(store(tenant.name, table.string("name")));
  GPREEMPT_TRY(check_name(table, tenant.name));
  GPREEMPT_TRY(store(tenant.priority, table.uint32("priority", 0, kMaxPriority)));
  GPREEMPT_TRY(
      store(tenant.hardware_priority, table.uint32("hardware_priority", 0, kMaxPriority, 7)));
  GPREEMPT_TRY(store(tenant.queues, table.uint32("queues", 1, kMaxQueues, 1)));
  constexpr std::uint32_t kMaxGpus = 64;
  GPREEMPT_TRY(store(tenant.gpu, table.uint32("gpu", 0, kMaxGpus - 1, 0)));
  GPREEMPT_TRY(read_work_and_arrivals(table, folder, tenant));
  return tenant;
}

}  // namespace gpreempt
