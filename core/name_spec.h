#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"

/// The grammar of options that choose something by name: `name` or `name:key=value,...`.
namespace gpreempt {

struct NameSpec {
  std::string name;
  std::string bare;  ///< the word after ':' that has no '=', if any
  std::map<std::string, std::string> options;
};

/// `what` names the option in errors, as in "reading --backend 'x'".
/// Errors: kInvalidArgument (an empty name or key, a key twice, two bare words).
[[nodiscard]] Result<NameSpec> parse_name_spec(std::string_view what, std::string_view text);

/// Splits "a,b:key=value,key=value,c" at the commas that begin a new name: "a",
/// "b:key=value,key=value", "c". A piece with '=' and no ':' before it goes with the one before.
[[nodiscard]] std::vector<std::string> split_names(std::string_view text);

}  // namespace gpreempt
