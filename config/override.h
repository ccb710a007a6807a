#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"

/// Values that take the place of what a document says, before anybody reads it.
namespace gpreempt {

struct TomlHeld;  // private to config

/// A value as written somewhere, and where. Cheap to copy.
class TomlValue {
 public:
  /// Reads the right side of "key = ...". What is no TOML value is a string as it stands, so that
  /// 2ms and suspend need no quotes on a command line. `where` stands for its place in errors.
  [[nodiscard]] static TomlValue from_text(std::string_view text, std::string where);
  /// Exactly this string.
  [[nodiscard]] static TomlValue of_string(std::string_view text, std::string where);

  /// On one line, as TOML.
  [[nodiscard]] std::string text() const;
  /// The same, a string without its quotes.
  [[nodiscard]] std::string label() const;
  /// The shortest that `from_text` reads back as this value.
  [[nodiscard]] std::string argument() const;
  /// "file:line:column", or what `from_text` was given.
  [[nodiscard]] std::string where() const;

 private:
  friend class TomlTable;
  friend class TomlPatch;
  explicit TomlValue(std::shared_ptr<const TomlHeld> held) : held_(std::move(held)) {}
  std::shared_ptr<const TomlHeld> held_;
};

/// Puts `value` at `path`: keys from the root on. In an array of tables an element goes by its
/// `name`, or by its index from 0 as in any array. Tables that are missing on the way are made, so
/// that whoever reads them refuses a slip; elements are not. No value: the key is taken out.
struct Override {
  std::vector<std::string> path;
  std::optional<TomlValue> value;
};

/// "a.b.2" as its parts.
[[nodiscard]] std::vector<std::string> split_path(std::string_view dotted);
[[nodiscard]] std::string join_path(const std::vector<std::string>& path);

}  // namespace gpreempt
