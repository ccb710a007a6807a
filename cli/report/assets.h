#pragma once

#include <span>
#include <string_view>

namespace gpreempt::report {

/// A file of the page, built in.
struct Asset {
  std::string_view name;
  std::string_view text;
};
[[nodiscard]] std::span<const Asset> embedded_assets();

}  // namespace gpreempt::report
