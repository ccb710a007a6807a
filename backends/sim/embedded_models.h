#pragma once

#include <span>
#include <string_view>

namespace gpreempt::sim {

/// A hardware model compiled into the library.
struct EmbeddedModel {
  std::string_view name;  ///< "mi308x"
  std::string_view text;
};
[[nodiscard]] std::span<const EmbeddedModel> embedded_models();

}  // namespace gpreempt::sim
