#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "soak/campaign.h"
#include "soak/plan.h"

namespace gpreempt::cli {

/// A campaign and what is to be said of it.
struct SoakReport {
  soak::CampaignResult campaign;
  /// Kinds of fault that struck in no run.
  std::vector<std::string> never_struck;
  /// The first failure's plan, as small as it was found to fail; empty without one.
  std::string smallest;
  double wall_s = 0;
};

[[nodiscard]] std::string soak_text(const SoakReport& report);
/// docs/soak.md has the schema.
[[nodiscard]] std::string soak_json(const SoakReport& report);

}  // namespace gpreempt::cli
