#include "core/name_spec.h"

#include <fmt/format.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/error.h"

namespace gpreempt {
namespace {

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> pieces;
  while (true) {
    const std::size_t end = text.find(separator);
    pieces.push_back(text.substr(0, end));
    if (end == std::string_view::npos) {
      return pieces;
    }
    text.remove_prefix(end + 1);
  }
}

}  // namespace

Result<NameSpec> parse_name_spec(std::string_view what, std::string_view text) {
  const auto refuse = [&](std::string_view reason) {
    return fail(Errc::kInvalidArgument, fmt::format("reading {} '{}': {}", what, text, reason));
  };
  NameSpec spec;
  const std::size_t colon = text.find(':');
  spec.name = text.substr(0, colon);
  if (spec.name.empty()) {
    return refuse("no name; write name or name:key=value,...");
  }
  if (colon == std::string_view::npos) {
    return spec;
  }
  for (const std::string_view piece : split(text.substr(colon + 1), ',')) {
    const std::size_t equals = piece.find('=');
    if (piece.empty() || equals == 0) {
      return refuse(fmt::format("'{}' is not an option; write {}:key=value,...", piece, spec.name));
    }
    if (equals != std::string_view::npos) {
      const bool is_new =
          spec.options.emplace(piece.substr(0, equals), piece.substr(equals + 1)).second;
      if (!is_new) {
        return refuse(fmt::format("'{}' is given twice", piece.substr(0, equals)));
      }
    } else if (spec.bare.empty()) {
      spec.bare = piece;
    } else {
      return refuse(fmt::format("'{}' has no '='; write key=value", piece));
    }
  }
  return spec;
}

std::vector<std::string> split_names(std::string_view text) {
  std::vector<std::string> names;
  for (const std::string_view piece : split(text, ',')) {
    const std::size_t equals = piece.find('=');
    const bool continues = equals != std::string_view::npos && piece.find(':') > equals;
    if (continues && !names.empty()) {
      names.back() += fmt::format(",{}", piece);
    } else {
      names.emplace_back(piece);
    }
  }
  return names;
}

}  // namespace gpreempt
