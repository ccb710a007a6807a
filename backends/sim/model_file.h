#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "backends/sim/gpu/parameters.h"
#include "config/override.h"
#include "config/parameter.h"
#include "core/error.h"

namespace gpreempt::sim {

/// A hardware profile: `models/<name>.toml`.
struct Model {
  std::string name;
  std::string product;
  std::string gfx;
  /// Every one of the file, table by table, and the save area where it is derived.
  std::vector<Parameter> parameters;
  std::uint32_t num_kcq = 0;    ///< kernel compute queues, taken off the HQDs
  GpuParameters point;          ///< all at their values, KFD's share of the HQDs
  double nominal_clock_hz = 0;  ///< of the file: what its times in clocks were stated at
  std::string text;             ///< the file, for the evidence bundle

  /// The weakest evidence among parameters of the `cost` and `memory` tables: what every simulated
  /// latency rests on.
  [[nodiscard]] Evidence weakest_cost_evidence() const;

  /// The GPU with other values. Shape: one for each of `parameters`, in its unit and order.
  /// `t_grace`, `t_dequeue` and `flops_fp16` are those at the file's own clock: on a slower one
  /// the times, which the hardware counts in clocks, stretch, and the operations shrink.
  [[nodiscard]] GpuParameters with(std::span<const double> values) const;
};

/// Loads the embedded model `name`, or the file of that name if there is none.
/// `num_kcq` kernel compute queues are taken off the HQDs. An override goes to a parameter
/// ("cost.t_hiq"), takes its value's place and drops its prior.
/// Errors: kIo (neither exists; names the embedded ones), kParse (file:line:column).
[[nodiscard]] Result<Model> find_model(const std::string& name, std::uint32_t num_kcq,
                                       std::span<const Override> overrides = {});

/// The same from text. Errors: kParse.
[[nodiscard]] Result<Model> parse_model(const std::string& text, const std::string& display_name,
                                        std::uint32_t num_kcq,
                                        std::span<const Override> overrides = {});

}  // namespace gpreempt::sim
