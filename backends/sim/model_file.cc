#include "backends/sim/model_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "backends/sim/embedded_models.h"
#include "backends/sim/gpu/cu_pool.h"
#include "backends/sim/gpu/parameters.h"
#include "config/document.h"
#include "config/override.h"
#include "config/parameter.h"
#include "core/error.h"
#include "core/nearest.h"
#include "core/time.h"

namespace gpreempt::sim {
namespace {

using Field = std::variant<std::uint32_t GpuParameters::*, std::uint64_t GpuParameters::*,
                           double GpuParameters::*, Duration GpuParameters::*>;

/// Where a parameter of the file goes.
struct Binding {
  std::string_view table;
  std::string_view key;
  Quantity quantity;
  Field field;
};

using G = GpuParameters;
// A table: names of fields would hide it.
// NOLINTBEGIN(modernize-use-designated-initializers)
constexpr auto kBindings = std::to_array<Binding>({
    {"gpu", "partitions", Quantity::kCount, &G::partitions},
    {"gpu", "xccs", Quantity::kCount, &G::xccs},
    {"gpu", "cus_per_xcc", Quantity::kCount, &G::cus_per_xcc},
    {"gpu", "shader_engines", Quantity::kCount, &G::shader_engines},
    {"gpu", "waves_per_cu", Quantity::kCount, &G::waves_per_cu},
    {"gpu", "lanes_per_wave", Quantity::kCount, &G::lanes_per_wave},
    {"gpu", "vgpr_per_cu", Quantity::kBytes, &G::vgpr_bytes_per_cu},
    {"gpu", "acc_vgpr_per_cu", Quantity::kBytes, &G::acc_vgpr_bytes_per_cu},
    {"gpu", "lds_per_cu", Quantity::kBytes, &G::lds_bytes_per_cu},
    {"gpu", "hqds_per_xcc", Quantity::kCount, &G::hqd_slots},
    {"gpu", "kfd_vmids", Quantity::kCount, &G::vmids},
    {"gpu", "interference", Quantity::kNumber, &G::interference},
    {"gpu", "clock", Quantity::kFrequency, &G::clock_hz},
    {"gpu", "flops_fp16", Quantity::kFlops, &G::flops_fp16},
    {"memory", "save_bandwidth", Quantity::kBandwidth, &G::save_bandwidth},
    {"memory", "xcc_bandwidth", Quantity::kBandwidth, &G::xcc_bandwidth},
    {"memory", "cu_bytes_per_clk", Quantity::kNumber, &G::cu_bytes_per_clock},
    {"memory", "system_bandwidth", Quantity::kBandwidth, &G::system_bandwidth},
    {"memory", "area_moves", Quantity::kNumber, &G::area_moves},
    {"memory", "cwsr_area", Quantity::kBytes, &G::cwsr_area_bytes},
    {"cost", "t_ioctl", Quantity::kDuration, &G::t_ioctl},
    {"cost", "t_hiq", Quantity::kDuration, &G::t_hiq},
    {"cost", "t_grace", Quantity::kDuration, &G::t_grace},
    {"cost", "t_stop", Quantity::kDuration, &G::t_stop},
    {"cost", "t_relaunch", Quantity::kDuration, &G::t_relaunch},
    {"cost", "t_fence", Quantity::kDuration, &G::t_fence},
    {"cost", "t_copyctx", Quantity::kDuration, &G::t_copyctx},
    {"cost", "t_copyctx_entry", Quantity::kDuration, &G::t_copyctx_entry},
    {"cost", "t_build", Quantity::kDuration, &G::t_build},
    {"cost", "t_build_entry", Quantity::kDuration, &G::t_build_entry},
    {"cost", "t_map", Quantity::kDuration, &G::t_map},
    {"cost", "t_map_process", Quantity::kDuration, &G::t_map_process},
    {"cost", "t_map_queue", Quantity::kDuration, &G::t_map_queue},
    {"cost", "t_dequeue", Quantity::kDuration, &G::t_dequeue},
    {"cost", "t_launch", Quantity::kDuration, &G::t_launch},
    {"cost", "t_sync", Quantity::kDuration, &G::t_sync},
    {"driver", "read_index_early", Quantity::kNumber, &G::read_index_early},
    {"driver", "unmap_timeout", Quantity::kDuration, &G::unmap_timeout},
    {"driver", "fence_timeout", Quantity::kDuration, &G::fence_timeout},
    {"driver", "gpu_reset_time", Quantity::kDuration, &G::gpu_reset_time},
    {"driver", "process_quantum", Quantity::kDuration, &G::process_quantum},
    {"driver", "queue_quantum", Quantity::kDuration, &G::queue_quantum},
});
// NOLINTEND(modernize-use-designated-initializers)
constexpr std::array<std::string_view, 4> kTables = {"gpu", "memory", "cost", "driver"};
constexpr std::string_view kArea = "cwsr_area";

/// What a value must be, where its quantity does not say it.
struct Limits {
  std::string_view key;
  double least = 0;
  double most = 1;
  std::string_view problem = "must be between 0 and 1";
};
constexpr std::array kLimits = std::to_array<Limits>({
    {.key = "interference"},
    {.key = "area_moves", .problem = "a probability is between 0 and 1"},
    {.key = "xccs",
     .least = 1,
     .most = kMaxXccs,
     .problem = "must be between 1 and 8, the XCCs of the largest GPU modelled"},
    {.key = "cus_per_xcc",
     .least = 1,
     .most = kMaxCusPerXcc,
     .problem = "must be between 1 and 128, the CUs of the largest XCC modelled"},
    {.key = "waves_per_cu",
     .least = 1,
     .most = kMaxWavesPerCu,
     .problem = "must be between 1 and 32767, the most that the model counts"},
    {.key = "vgpr_per_cu",
     .most = kMaxVgprBytesPerCu,
     .problem = "must be below 2 GiB, the most that the model counts"},
    {.key = "lds_per_cu",
     .most = kMaxLdsBytesPerCu,
     .problem = "must be below 8 MiB, the most that the model counts"},
});

/// Why a parameter cannot be used; empty if it can.
std::string problem_of(const Parameter& parameter, std::string_view key, std::uint32_t num_kcq) {
  constexpr double kMaxCount = 1e6;
  if (parameter.quantity == Quantity::kCount &&
      (parameter.value < 1 || parameter.value > kMaxCount)) {
    return "must be between 1 and 1000000";
  }
  const auto* const limits = std::ranges::find(kLimits, key, &Limits::key);
  if (limits != kLimits.end() &&
      (parameter.value < limits->least || parameter.value > limits->most)) {
    return std::string(limits->problem);
  }
  if (parameter.quantity == Quantity::kBandwidth && parameter.value <= 0) {
    return "a bandwidth must be greater than zero";
  }
  if (key == "cu_bytes_per_clk" && parameter.value <= 0) {
    return "must be greater than zero";
  }
  if (key == "read_index_early" && parameter.value != 0 && parameter.value != 1) {
    return "is 0 (at completion) or 1 (early)";
  }
  if (key == "hqds_per_xcc" && num_kcq >= parameter.value) {
    return fmt::format("num_kcq = {} leaves KFD no hardware queue", num_kcq);
  }
  return {};
}

Result<void> read_parameter(const TomlTable& table, const Binding& binding, Model& model) {
  Result<Parameter> parameter = table.parameter(binding.key, binding.quantity);
  if (!parameter) {
    return tl::unexpected<Error>(std::move(parameter).error());
  }
  if (const std::string problem = problem_of(*parameter, binding.key, model.num_kcq);
      !problem.empty()) {
    return tl::unexpected<Error>(table.error(binding.key, problem));
  }
  model.parameters.push_back(*std::move(parameter));
  return {};
}

/// The save area has a place in the file for hardware that is not KFD's; else it is derived.
void add_derived_area(Model& model) {
  Parameter area;
  area.name = fmt::format("memory.{}", kArea);
  area.quantity = Quantity::kBytes;
  area.evidence = Evidence::kDerived;
  area.source = "from [gpu] by kfd_queue_ctx_save_restore_size in kfd_queue.c";
  model.parameters.push_back(std::move(area));
}

void put(GpuParameters& gpu, const Field& field, double value) {
  std::visit(
      [&](auto member) {
        using T = std::remove_reference_t<decltype(gpu.*member)>;
        if constexpr (std::is_same_v<T, double>) {
          gpu.*member = value;
        } else {
          gpu.*member = T(static_cast<std::int64_t>(std::llround(value)));
        }
      },
      field);
}

Result<void> read_table(const TomlTable& table, std::string_view name, Model& model) {
  for (const Binding& binding : kBindings) {
    if (binding.table != name) {
      continue;
    }
    if (binding.key == kArea && !table.has(kArea)) {
      add_derived_area(model);
      continue;
    }
    GPREEMPT_TRY(read_parameter(table, binding, model));
  }
  return {};
}

Result<void> read_tables(const TomlTable& root, Model& model) {
  for (const std::string_view name : kTables) {
    TomlTable table = root;
    GPREEMPT_TRY(store(table, root.table(name)));
    GPREEMPT_TRY(read_table(table, name, model));
  }
  return {};
}

GpuParameters gpu_of(std::span<const double> values, std::uint32_t num_kcq) {
  GPREEMPT_CHECK(values.size() == kBindings.size());
  GpuParameters gpu;
  for (std::size_t i = 0; i < kBindings.size(); ++i) {
    put(gpu, kBindings.at(i).field, values[i]);
  }
  gpu.hqd_slots -= num_kcq;
  return gpu;
}

std::vector<double> values_of(const std::vector<Parameter>& parameters) {
  std::vector<double> values;
  values.reserve(parameters.size());
  for (const Parameter& parameter : parameters) {
    values.push_back(parameter.value);
  }
  return values;
}

/// A parameter's override, as one of its value that drops the prior.
std::vector<Override> to_values(std::span<const Override> overrides) {
  std::vector<Override> values;
  for (const Override& change : overrides) {
    for (const std::string_view key : {"value", "range", "distribution"}) {
      Override one{.path = change.path, .value = std::nullopt};
      one.path.emplace_back(key);
      if (key == "value") {
        one.value = change.value;
      }
      values.push_back(std::move(one));
    }
  }
  return values;
}

Result<Model> read_model(const std::string& text, const std::string& display_name,
                         std::uint32_t num_kcq, std::span<const Override> overrides) {
  Result<TomlDocument> document = TomlDocument::parse(text, display_name, overrides);
  if (!document) {
    return tl::unexpected<Error>(std::move(document).error());
  }
  const TomlTable& root = document->root();
  Model model;
  model.text = text;
  model.num_kcq = num_kcq;
  GPREEMPT_TRY(document->expect_schema(1));
  GPREEMPT_TRY(store(model.name, root.string("name")));
  GPREEMPT_TRY(store(model.product, root.string("product")));
  GPREEMPT_TRY(store(model.gfx, root.string("gfx")));
  GPREEMPT_TRY(read_tables(root, model));
  GPREEMPT_TRY(root.finish());
  const auto area = std::ranges::find(model.parameters, "memory.cwsr_area", &Parameter::name);
  if (area->value == 0) {
    area->value =
        static_cast<double>(cwsr_area(gpu_of(values_of(model.parameters), num_kcq)).bytes);
  }
  model.point = gpu_of(values_of(model.parameters), num_kcq);
  return model;
}

}  // namespace

Evidence Model::weakest_cost_evidence() const {
  Evidence weakest = Evidence::kMeasured;
  for (const Parameter& parameter : parameters) {
    if (parameter.name.starts_with("cost.") || parameter.name.starts_with("memory.")) {
      weakest = std::max(weakest, parameter.evidence);
    }
  }
  return weakest;
}

GpuParameters Model::with(std::span<const double> values) const {
  GpuParameters gpu = gpu_of(values, num_kcq);
  const auto at_its_clock = [&](Duration time) {
    return Duration(
        std::llround(static_cast<double>(to_ns(time)) * nominal_clock_hz / gpu.clock_hz));
  };
  gpu.t_grace = at_its_clock(gpu.t_grace);
  gpu.t_dequeue = at_its_clock(gpu.t_dequeue);
  gpu.flops_fp16 *= gpu.clock_hz / nominal_clock_hz;
  return gpu;
}

Result<Model> parse_model(const std::string& text, const std::string& display_name,
                          std::uint32_t num_kcq, std::span<const Override> overrides) {
  Model model;
  GPREEMPT_TRY(store(model, read_model(text, display_name, num_kcq, {})));
  model.nominal_clock_hz = model.point.clock_hz;
  if (overrides.empty()) {
    return model;
  }
  Model changed;
  GPREEMPT_TRY(store(changed, read_model(text, display_name, num_kcq, to_values(overrides))));
  changed.nominal_clock_hz = model.nominal_clock_hz;
  changed.point = changed.with(values_of(changed.parameters));
  return changed;
}

Result<Model> find_model(const std::string& name, std::uint32_t num_kcq,
                         std::span<const Override> overrides) {
  std::vector<std::string_view> names;
  for (const EmbeddedModel& each : embedded_models()) {
    if (each.name == name) {
      return parse_model(std::string(each.text), fmt::format("models/{}.toml", name), num_kcq,
                         overrides);
    }
    names.push_back(each.name);
  }
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(name, ignored)) {
    return fail(Errc::kIo, fmt::format("hardware model '{}': neither a built-in model nor a file{}",
                                       name, suggestion(name, names)));
  }
  Result<std::string> text = read_text_file(name);
  if (!text) {
    return tl::unexpected<Error>(std::move(text).error());
  }
  return parse_model(*text, name, num_kcq, overrides);
}

}  // namespace gpreempt::sim
