#pragma once

#include <string>
#include <vector>

#include "backends/sim/model_file.h"
#include "cli/tornado.h"
#include "config/parameter.h"

/// What `gpreempt models` prints.
namespace gpreempt::cli {

[[nodiscard]] std::string list_text(const std::vector<sim::Model>& models);
[[nodiscard]] std::string list_json(const std::vector<sim::Model>& models);
[[nodiscard]] std::string model_text(const sim::Model& model, const Sensitivity& sensitivity);
[[nodiscard]] std::string model_json(const sim::Model& model, const Sensitivity& sensitivity);

/// A value of a parameter with its unit, as a model file writes it: "20us", "1.8TB/s", "64".
[[nodiscard]] std::string quantity_text(Quantity quantity, double value);

}  // namespace gpreempt::cli
