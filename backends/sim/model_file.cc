#include "backends/sim/model_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "backends/sim/embedded_models.h"
#include "backends/sim/gpu/parameters.h"
#include "config/document.h"
#include "config/parameter.h"
#include "core/error.h"
#include "core/nearest.h"
#include "core/time.h"

namespace gpreempt::sim {
namespace {

/// Reads parameters of one table, keeping each with its label.
class Reader {
 public:
  Reader(TomlTable table, std::vector<Parameter>& all) : table_(std::move(table)), all_(all) {}

  Result<void> operator()(std::string_view key, Quantity quantity, double& out) {
    Result<Parameter> parameter = table_.parameter(key, quantity);
    if (!parameter) {
      return tl::unexpected<Error>(std::move(parameter).error());
    }
    out = parameter->value;
    all_.push_back(*std::move(parameter));
    return {};
  }
  Result<void> operator()(std::string_view key, Quantity quantity, std::uint64_t& out) {
    double value = 0;
    GPREEMPT_TRY((*this)(key, quantity, value));
    out = static_cast<std::uint64_t>(value);
    return {};
  }
  Result<void> operator()(std::string_view key, std::uint32_t& out) {
    double value = 0;
    GPREEMPT_TRY((*this)(key, Quantity::kCount, value));
    if (value < 1 || value > 1e6) {
      return tl::unexpected<Error>(table_.error(key, "must be between 1 and 1000000"));
    }
    out = static_cast<std::uint32_t>(value);
    return {};
  }
  Result<void> operator()(std::string_view key, Duration& out) {
    double value = 0;
    GPREEMPT_TRY((*this)(key, Quantity::kDuration, value));
    out = Duration(static_cast<std::int64_t>(value));
    return {};
  }
  [[nodiscard]] Error error(std::string_view key, std::string_view reason) const {
    return table_.error(key, reason);
  }

 private:
  TomlTable table_;
  std::vector<Parameter>& all_;
};

Result<void> read_gpu(const TomlTable& root, std::uint32_t num_kcq, Model& model) {
  TomlTable table = root;
  GPREEMPT_TRY(store(table, root.table("gpu")));
  Reader read(table, model.parameters);
  GpuParameters& gpu = model.point;
  std::uint32_t hqds = 0;
  GPREEMPT_TRY(read("xccs", gpu.xccs));
  GPREEMPT_TRY(read("cus_per_xcc", gpu.cus_per_xcc));
  GPREEMPT_TRY(read("waves_per_cu", gpu.waves_per_cu));
  GPREEMPT_TRY(read("vgpr_per_cu", Quantity::kBytes, gpu.vgpr_bytes_per_cu));
  GPREEMPT_TRY(read("lds_per_cu", Quantity::kBytes, gpu.lds_bytes_per_cu));
  GPREEMPT_TRY(read("hqds_per_xcc", hqds));
  GPREEMPT_TRY(read("kfd_vmids", gpu.vmids));
  GPREEMPT_TRY(read("clock", Quantity::kFrequency, gpu.clock_hz));
  GPREEMPT_TRY(read("flops_fp16", Quantity::kFlops, gpu.flops_fp16));
  if (num_kcq >= hqds) {
    return tl::unexpected<Error>(read.error(
        "hqds_per_xcc", fmt::format("num_kcq = {} leaves KFD no hardware queue", num_kcq)));
  }
  gpu.hqd_slots = hqds - num_kcq;
  return {};
}

Result<void> read_memory(const TomlTable& root, Model& model) {
  TomlTable table = root;
  GPREEMPT_TRY(store(table, root.table("memory")));
  Reader read(table, model.parameters);
  GpuParameters& gpu = model.point;
  GPREEMPT_TRY(read("save_bandwidth", Quantity::kBandwidth, gpu.save_bandwidth));
  GPREEMPT_TRY(read("xcc_bandwidth", Quantity::kBandwidth, gpu.xcc_bandwidth));
  GPREEMPT_TRY(read("cu_bytes_per_clk", Quantity::kNumber, gpu.cu_bytes_per_clock));
  GPREEMPT_TRY(read("system_bandwidth", Quantity::kBandwidth, gpu.system_bandwidth));
  GPREEMPT_TRY(read("cwsr_area", Quantity::kBytes, gpu.cwsr_area_bytes));
  GPREEMPT_TRY(read("area_moves", Quantity::kNumber, gpu.area_moves));
  if (gpu.area_moves < 0 || gpu.area_moves > 1) {
    return tl::unexpected<Error>(read.error("area_moves", "a probability is between 0 and 1"));
  }
  for (const double rate :
       {gpu.save_bandwidth, gpu.xcc_bandwidth, gpu.cu_bytes_per_clock, gpu.system_bandwidth}) {
    if (rate <= 0) {
      return tl::unexpected<Error>(table.error("a bandwidth must be greater than zero"));
    }
  }
  return {};
}

Result<void> read_costs(const TomlTable& root, Model& model) {
  TomlTable table = root;
  GPREEMPT_TRY(store(table, root.table("cost")));
  Reader read(table, model.parameters);
  GpuParameters& gpu = model.point;
  const std::vector<std::pair<std::string_view, Duration*>> costs = {
      {"t_ioctl", &gpu.t_ioctl},
      {"t_hiq", &gpu.t_hiq},
      {"t_grace", &gpu.t_grace},
      {"t_stop", &gpu.t_stop},
      {"t_relaunch", &gpu.t_relaunch},
      {"t_fence", &gpu.t_fence},
      {"t_copyctx", &gpu.t_copyctx},
      {"t_build", &gpu.t_build},
      {"t_build_entry", &gpu.t_build_entry},
      {"t_map", &gpu.t_map},
      {"t_map_process", &gpu.t_map_process},
      {"t_map_queue", &gpu.t_map_queue},
      {"t_dequeue", &gpu.t_dequeue},
  };
  for (const auto& [key, out] : costs) {
    GPREEMPT_TRY(read(key, *out));
  }
  return {};
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

Result<Model> parse_model(const std::string& text, const std::string& display_name,
                          std::uint32_t num_kcq) {
  Result<TomlDocument> document = TomlDocument::parse(text, display_name);
  if (!document) {
    return tl::unexpected<Error>(std::move(document).error());
  }
  const TomlTable& root = document->root();
  Model model;
  model.text = text;
  GPREEMPT_TRY(document->expect_schema(1));
  GPREEMPT_TRY(store(model.name, root.string("name")));
  GPREEMPT_TRY(store(model.product, root.string("product")));
  GPREEMPT_TRY(store(model.gfx, root.string("gfx")));
  GPREEMPT_TRY(read_gpu(root, num_kcq, model));
  GPREEMPT_TRY(read_memory(root, model));
  GPREEMPT_TRY(read_costs(root, model));
  GPREEMPT_TRY(root.finish());
  return model;
}

Result<Model> find_model(const std::string& name, std::uint32_t num_kcq) {
  std::vector<std::string_view> names;
  for (const EmbeddedModel& each : embedded_models()) {
    if (each.name == name) {
      return parse_model(std::string(each.text), fmt::format("models/{}.toml", name), num_kcq);
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
  return parse_model(*text, name, num_kcq);
}

}  // namespace gpreempt::sim
