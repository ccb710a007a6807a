#include "workloads/work_reader.h"

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
#include "workloads/tenant_reader.h"
#include "workloads/work.h"

namespace gpreempt {
namespace {

constexpr std::uint32_t kMaxWaves = 16;  // 1,024 threads
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

Result<void> read_reef(const TomlTable& table, const ScenarioFolder& folder, ProfileWork& work) {
  GPREEMPT_TRY(store(work.normalise, table.boolean("normalise", true)));
  GPREEMPT_TRY(store(work.schedule_file, table.string("schedule", "")));
  if (work.schedule_file.empty()) {
    return {};
  }
  return store(work.schedule, find_text(table, "schedule", work.schedule_file, folder));
}

Result<WorkSpec> read_profile(const TomlTable& table, const ScenarioFolder& folder) {
  ProfileWork work;
  work.shape = kDefaultShape;
  GPREEMPT_TRY(store(work.format, table.choice("format", {"orion", "reef"})));
  GPREEMPT_TRY(store(work.file, table.string("file")));
  GPREEMPT_TRY(store(work.text, find_text(table, "file", work.file, folder)));
  GPREEMPT_TRY(store(work.time_scale, table.positive("time_scale", 1)));
  if (work.format == "reef") {
    GPREEMPT_TRY(read_reef(table, folder, work));
  }
  GPREEMPT_TRY(read_resources(table, work.shape));
  return work;
}

Result<void> read_times(const TomlTable& table, std::string_view key, SizedTime& times) {
  std::vector<std::pair<std::uint32_t, Duration>> pairs;
  GPREEMPT_TRY(store(pairs, table.sized_durations(key)));
  for (const auto& [size, time] : pairs) {
    times.points.push_back({.size = size, .time = time});
  }
  return {};
}

Result<WorkSpec> read_llm(const TomlTable& table) {
  LlmWork work;
  Serving& engine = work.engine;
  engine.shape = kDefaultShape;
  GPREEMPT_TRY(store(engine.max_batch, table.uint32("max_batch", 1, kMaxCount)));
  GPREEMPT_TRY(store(engine.max_prefill_tokens, table.uint32("max_prefill_tokens", 1, kMaxTokens)));
  GPREEMPT_TRY(read_times(table, "prefill", engine.prefill));
  GPREEMPT_TRY(read_times(table, "decode", engine.decode));
  GPREEMPT_TRY(store(engine.kernels, table.uint32("kernels", 1, kMaxCount)));
  GPREEMPT_TRY(store(work.context_tokens, read_tokens(table, "context_tokens")));
  GPREEMPT_TRY(store(work.output_tokens, read_tokens(table, "output_tokens")));
  GPREEMPT_TRY(read_shape(table, engine.shape));
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

}  // namespace

Result<void> read_shape(const TomlTable& table, KernelShape& shape) {
  constexpr std::uint32_t kMost = std::numeric_limits<std::uint32_t>::max();
  GPREEMPT_TRY(store(shape.workgroups, table.uint32("workgroups", 1, kMost, shape.workgroups)));
  return read_resources(table, shape);
}

Result<std::string> find_text(const TomlTable& table, std::string_view key, const std::string& file,
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
      key, folder.embedded
               ? fmt::format("there is no embedded profile '{}'; name one with its full path in a "
                             "scenario file of your own",
                             file)
               : fmt::format("there is no file {}, and no embedded profile of that name; check the "
                             "name, relative ones start at the scenario's folder",
                             path.string()));
  error.code = Errc::kIo;
  return tl::unexpected<Error>(std::move(error));
}

Result<WorkSpec> read_work(const TomlTable& table, const ScenarioFolder& folder) {
  std::string kind;
  GPREEMPT_TRY(
      store(kind, table.choice("kind", {"transformer", "kernels", "profile", "service", "llm"})));
  if (kind == "transformer") {
    return read_transformer(table);
  }
  if (kind == "kernels") {
    return read_kernels(table);
  }
  if (kind == "profile") {
    return read_profile(table, folder);
  }
  return kind == "llm" ? read_llm(table) : read_service(table);
}

bool needs_trace(const WorkSpec& work) {
  if (const auto* llm = std::get_if<LlmWork>(&work)) {
    return std::holds_alternative<TraceTokens>(llm->context_tokens) ||
           std::holds_alternative<TraceTokens>(llm->output_tokens);
  }
  const auto* transformer = std::get_if<TransformerWork>(&work);
  return transformer != nullptr && std::holds_alternative<TraceTokens>(transformer->context_tokens);
}

}  // namespace gpreempt
