#pragma once

#include <span>
#include <string_view>

namespace gpreempt::conformance {

/// A case file compiled into the library.
struct EmbeddedCases {
  std::string_view name;  ///< "two-debuggers"
  std::string_view text;
};
[[nodiscard]] std::span<const EmbeddedCases> embedded_cases();

}  // namespace gpreempt::conformance
