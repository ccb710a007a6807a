#pragma once

#include <string>
#include <vector>

#include "backends/kfd/doctor/doctor.h"

/// What `gpreempt doctor` prints. docs/doctor.md describes both forms.
namespace gpreempt::cli {

/// The worst first, what is to be done below each.
[[nodiscard]] std::string doctor_text(const std::vector<kfd::doctor::Finding>& findings);
/// In the order of the checks.
[[nodiscard]] std::string doctor_json(const std::vector<kfd::doctor::Finding>& findings);

}  // namespace gpreempt::cli
