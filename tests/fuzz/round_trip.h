#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/error.h"

/// What holds for every text, whatever is in it.
namespace gpreempt::fuzz {

/// The bytes that libFuzzer made, as a text.
inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// A text is refused at a place in it, or what was read is written so that it is read the same.
template <class Parse, class Write>
void check_round_trip(std::string_view text, Parse parse, Write write) {
  constexpr std::string_view kPath = "fuzz";
  const auto first = parse(text, kPath);
  if (!first) {
    GPREEMPT_CHECK(first.error().code == Errc::kParse && first.error().what.starts_with("fuzz:"));
    return;
  }
  const auto second = parse(write(*first), kPath);
  GPREEMPT_CHECK(second.has_value() && *second == *first);
}

}  // namespace gpreempt::fuzz
