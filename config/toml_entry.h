#pragma once

#include <toml++/toml.h>

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/document.h"
#include "config/override.h"
#include "core/error.h"

/// Private to config: what stands behind a `TomlTable`.
namespace gpreempt {

/// Where something stands.
struct TomlPlace {
  std::string document;
  toml::source_position position;  ///< line 0: `document` says it all
};
[[nodiscard]] std::string to_string(const TomlPlace& place);

/// What stands behind a `TomlValue`.
struct TomlHeld {
  TomlPlace place;
  std::unique_ptr<const toml::node> node;
};

/// A document and the record of what was asked of it.
struct TomlState {
  std::string name;
  toml::table root;
  std::map<const toml::table*, std::unique_ptr<TomlEntry>> entries;
  std::vector<std::unique_ptr<TomlEntry>> absent;  ///< tables read as empty ones
  std::map<const toml::node*, TomlPlace> origins;  ///< of what overrides put there
};

struct TomlEntry {
  TomlState* state = nullptr;
  const toml::table* table = nullptr;  ///< nullptr: an absent table, read as an empty one
  TomlPlace place;
  std::string path;
  std::set<std::string, std::less<>> asked;

  /// The value of `key`, recorded as asked for; nullptr if absent.
  const toml::node* find(std::string_view key) {
    asked.emplace(key);
    return table == nullptr ? nullptr : table->get(key);
  }
  [[nodiscard]] std::string path_of(std::string_view key) const {
    return path.empty() ? std::string(key) : path + "." + std::string(key);
  }
};

[[nodiscard]] Error toml_error(const TomlEntry& entry, std::string_view key, std::string_view why);
[[nodiscard]] Error toml_missing(const TomlEntry& entry, std::string_view key);
[[nodiscard]] std::string_view toml_type(const toml::node& node);
/// Where a node stands: here, or where the override that put it here was written.
[[nodiscard]] TomlPlace toml_place(const TomlState& state, const toml::node& node);
/// The same, with everything below it. It loses its positions.
[[nodiscard]] std::unique_ptr<toml::node> toml_copy(const toml::node& node);
[[nodiscard]] Result<void> toml_patch(TomlState& state, const Override& change);
/// Entry of a table inside the document; the same table has the same entry.
[[nodiscard]] TomlEntry& toml_open(TomlState& state, const toml::table& table, std::string path);

/// What a conversion makes of a node: the value, or why not.
template <class T>
using Converted = tl::expected<T, std::string>;

/// Reads `key` with `convert(node) -> Converted<T>`; `fallback` is for an absent key.
template <class T, class Convert>
Result<T> toml_read(TomlEntry& entry, std::string_view key, std::optional<T> fallback,
                    Convert convert) {
  const toml::node* node = entry.find(key);
  if (node == nullptr) {
    if (fallback) {
      return *std::move(fallback);
    }
    return tl::unexpected<Error>(toml_missing(entry, key));
  }
  Converted<T> value = convert(*node);
  if (!value) {
    return tl::unexpected<Error>(toml_error(entry, key, value.error()));
  }
  return *std::move(value);
}

[[nodiscard]] Converted<std::string> toml_string(const toml::node& node);
[[nodiscard]] Converted<double> toml_number(const toml::node& node);
[[nodiscard]] Converted<std::uint64_t> toml_integer(const toml::node& node);

/// A string read by one of the parsers of core/units.h.
template <class T>
Converted<T> toml_measure(const toml::node& node, Result<T> (*parse)(std::string_view)) {
  const auto text = node.value_exact<std::string>();
  if (!text) {
    return tl::unexpected<std::string>(std::string(toml_type(node)) +
                                       " found, but this is a string with a unit");
  }
  Result<T> value = parse(*text);
  if (!value) {
    return tl::unexpected<std::string>(std::move(value).error().what);
  }
  return *std::move(value);
}

}  // namespace gpreempt
