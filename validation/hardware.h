#pragma once

#include <compare>
#include <cstdint>
#include <string>

#include "backends/sim/gpu/parameters.h"
#include "core/error.h"

namespace gpreempt::validation {

/// One draw of many from the priors of every model: a Latin hypercube (`sim::draw_values`).
struct PriorDraw {
  std::uint32_t index = 0;  ///< of `count`
  std::uint32_t count = 0;  ///< 0: every parameter at its value

  [[nodiscard]] auto operator<=>(const PriorDraw&) const = default;
};

/// The hardware models that a target runs on, and whether it ran on any that is uncertain.
class Hardware {
 public:
  Hardware() = default;
  explicit Hardware(const PriorDraw& draw) : draw_(draw) {}

  /// Model `name`. Errors: those of `sim::find_model`.
  [[nodiscard]] Result<sim::GpuParameters> gpu(const std::string& name);
  /// Whether a model was asked for that has a prior.
  [[nodiscard]] bool uncertain() const { return uncertain_; }
  [[nodiscard]] const PriorDraw& draw() const { return draw_; }
  /// As if such a model had been asked for: of a run whose outcome is known already.
  void mark(bool uncertain) { uncertain_ |= uncertain; }

 private:
  PriorDraw draw_;
  bool uncertain_ = false;
};

}  // namespace gpreempt::validation
