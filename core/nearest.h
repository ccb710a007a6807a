#pragma once

#include <span>
#include <string>
#include <string_view>

namespace gpreempt {

/// The name of `names` that needs the fewest edits to become `word`; empty if `names` is empty.
[[nodiscard]] std::string_view nearest_name(std::string_view word,
                                            std::span<const std::string_view> names);

/// `"; did you mean 'X'?"` when a name is near enough to be a slip, otherwise `"; valid: a, b, c"`.
[[nodiscard]] std::string suggestion(std::string_view word,
                                     std::span<const std::string_view> names);

}  // namespace gpreempt
