#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/document.h"
#include "core/error.h"

/// Private to workloads: strict reading of the JSON files of other projects.
namespace gpreempt {

/// One object of a JSON document; the counterpart of `TomlTable`. Every getter records its key as
/// known, and `finish` refuses the others. A value of another type is refused. Cheap to copy;
/// copies keep the document alive. Errors are kParse: "file:line:column: reason" where the text is
/// no JSON, otherwise "file: '/path/of/key': reason", since a parsed document has no lines.
class JsonObject {
 public:
  /// Of no document; may only be assigned to.
  JsonObject() = default;
  /// The root must be an object, and no object may name a key twice.
  [[nodiscard]] static Result<JsonObject> parse(std::string_view text, std::string display_name);

  [[nodiscard]] bool has(std::string_view key) const;
  /// In the order of the file. Records them all as known.
  [[nodiscard]] std::vector<std::string> keys() const;

  [[nodiscard]] Result<std::string> string(std::string_view key) const;
  [[nodiscard]] Result<std::string> string(std::string_view key, std::string_view fallback) const;
  [[nodiscard]] Result<bool> boolean(std::string_view key, bool fallback) const;
  /// A number within the bounds.
  [[nodiscard]] Result<double> number(std::string_view key, Bounds bounds) const;
  [[nodiscard]] Result<double> number(std::string_view key, Bounds bounds, double fallback) const;
  [[nodiscard]] Result<std::vector<double>> numbers(std::string_view key, Bounds bounds) const;
  [[nodiscard]] Result<JsonObject> object(std::string_view key) const;
  [[nodiscard]] Result<std::vector<JsonObject>> objects(std::string_view key) const;

  /// The error for what is wrong with the value of `key`.
  [[nodiscard]] Error error(std::string_view key, std::string_view reason) const;
  /// Refuses the keys of this object that nobody asked for.
  [[nodiscard]] Result<void> finish() const;

 private:
  struct Node;
  explicit JsonObject(std::shared_ptr<Node> node) : node_(std::move(node)) {}
  std::shared_ptr<Node> node_;
};

}  // namespace gpreempt
