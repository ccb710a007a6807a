#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "conformance/record.h"

namespace gpreempt::cli {

/// What `gpreempt conformance` found.
struct ConformanceOutcome {
  std::string driver;  ///< whose answers: "vkfd" or "Linux 6.12.107"
  std::string personality;
  conformance::Findings findings;
  std::size_t sequences = 0;
  std::string compared_with;  ///< empty: nothing
  std::vector<conformance::Difference> differences;
};

[[nodiscard]] std::string conformance_text(const ConformanceOutcome& outcome);
[[nodiscard]] std::string conformance_json(const ConformanceOutcome& outcome);

}  // namespace gpreempt::cli
