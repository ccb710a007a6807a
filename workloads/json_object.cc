#include "workloads/json_object.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/document.h"
#include "core/error.h"
#include "core/nearest.h"

namespace gpreempt {
namespace {

using Json = nlohmann::ordered_json;  // keeps the order of the file

/// "3:14" of a byte, counted from 1.
std::string place(std::string_view text, std::size_t byte) {
  const std::string_view before = text.substr(0, byte == 0 ? 0 : byte - 1);
  const auto line = std::ranges::count(before, '\n') + 1;
  const std::size_t start = before.rfind('\n');
  const std::size_t column =
      start == std::string_view::npos ? before.size() + 1 : before.size() - start;
  return fmt::format("{}:{}", line, column);
}

/// The parser's reason without its own word for the place.
std::string_view reason_of(std::string_view what) {
  const std::size_t colon = what.find(": ");
  return colon == std::string_view::npos ? what : what.substr(colon + 2);
}

/// Finds keys that an object names twice; the parser would keep one of them in silence.
class DuplicateKeys {
 public:
  bool operator()(int depth, Json::parse_event_t event, const Json& parsed) {
    const auto level = static_cast<std::size_t>(depth);
    if (event == Json::parse_event_t::object_start) {
      if (keys_.size() <= level + 1) {
        keys_.resize(level + 2);
      }
      keys_[level + 1].clear();
    }
    if (event == Json::parse_event_t::key && first_.empty() &&
        !keys_.at(level).insert(parsed.get<std::string>()).second) {
      first_ = parsed.get<std::string>();
    }
    return true;
  }
  [[nodiscard]] const std::string& first() const { return first_; }

 private:
  std::vector<std::set<std::string>> keys_;
  std::string first_;
};

bool within(double value, const Bounds& bounds) {
  return std::isfinite(value) && (!bounds.min || value >= *bounds.min) &&
         (!bounds.max || value <= *bounds.max);
}

std::string range_text(const Bounds& bounds) {
  if (bounds.min && bounds.max) {
    return fmt::format("within {}..{}", *bounds.min, *bounds.max);
  }
  return bounds.min ? fmt::format("at least {}", *bounds.min) : std::string("finite");
}

}  // namespace

struct JsonObject::Node {
  std::shared_ptr<const Json> document;
  const Json* value = nullptr;  ///< an object inside the document
  std::string name;             ///< of the document
  std::string path;             ///< "" at the root, else "/tasks/0"
  std::set<std::string, std::less<>> asked;

  const Json* find(std::string_view key) {
    asked.emplace(key);
    const auto found = value->find(std::string(key));
    return found == value->end() ? nullptr : &*found;
  }
  [[nodiscard]] JsonObject child(const Json& object, std::string child_path) const {
    return JsonObject(std::make_shared<Node>(
        Node{.document = document, .value = &object, .name = name, .path = std::move(child_path)}));
  }
};

Result<JsonObject> JsonObject::parse(std::string_view text, std::string display_name) {
  DuplicateKeys duplicates;
  auto document = std::make_shared<Json>();
  try {
    *document = Json::parse(text.begin(), text.end(), std::ref(duplicates));
  } catch (const Json::parse_error& problem) {
    return fail(Errc::kParse, fmt::format("{}:{}: this is no JSON; {}", display_name,
                                          place(text, problem.byte), reason_of(problem.what())));
  }
  if (!document->is_object()) {
    return fail(Errc::kParse, fmt::format("{}:1:1: an object {{...}} is needed", display_name));
  }
  if (!duplicates.first().empty()) {
    return fail(Errc::kParse, fmt::format("{}: key '{}' is named twice in one object", display_name,
                                          duplicates.first()));
  }
  const Json* root = document.get();
  return JsonObject(std::make_shared<Node>(Node{.document = std::move(document),
                                                .value = root,
                                                .name = std::move(display_name),
                                                .path = {}}));
}

bool JsonObject::has(std::string_view key) const { return node_->find(key) != nullptr; }

std::vector<std::string> JsonObject::keys() const {
  std::vector<std::string> keys;
  for (const auto& item : node_->value->items()) {
    keys.push_back(item.key());
    node_->asked.insert(item.key());
  }
  return keys;
}

Result<std::string> JsonObject::string(std::string_view key) const {
  const Json* value = node_->find(key);
  if (value == nullptr || !value->is_string()) {
    return tl::unexpected<Error>(error(key, value == nullptr ? "missing" : "a string is needed"));
  }
  return value->get<std::string>();
}
Result<std::string> JsonObject::string(std::string_view key, std::string_view fallback) const {
  return has(key) ? string(key) : Result<std::string>(std::string(fallback));
}

Result<bool> JsonObject::boolean(std::string_view key, bool fallback) const {
  const Json* value = node_->find(key);
  if (value != nullptr && !value->is_boolean()) {
    return tl::unexpected<Error>(error(key, "true or false is needed"));
  }
  return value == nullptr ? fallback : value->get<bool>();
}

Result<double> JsonObject::number(std::string_view key, Bounds bounds) const {
  const Json* value = node_->find(key);
  if (value == nullptr || !value->is_number()) {
    return tl::unexpected<Error>(error(key, value == nullptr ? "missing" : "a number is needed"));
  }
  const auto number = value->get<double>();
  if (!within(number, bounds)) {
    return tl::unexpected<Error>(
        error(key, fmt::format("{} is out of range; it must be {}", number, range_text(bounds))));
  }
  return number;
}
Result<double> JsonObject::number(std::string_view key, Bounds bounds, double fallback) const {
  return has(key) ? number(key, bounds) : Result<double>(fallback);
}

Result<std::vector<double>> JsonObject::numbers(std::string_view key, Bounds bounds) const {
  const Json* value = node_->find(key);
  if (value == nullptr || !value->is_array()) {
    return tl::unexpected<Error>(error(key, value == nullptr ? "missing" : "an array is needed"));
  }
  std::vector<double> numbers;
  for (std::size_t i = 0; i < value->size(); ++i) {
    const Json& element = (*value)[i];
    if (!element.is_number() || !within(element.get<double>(), bounds)) {
      return tl::unexpected<Error>(
          error(key, fmt::format("element {} must be a number {}", i, range_text(bounds))));
    }
    numbers.push_back(element.get<double>());
  }
  return numbers;
}

Result<JsonObject> JsonObject::object(std::string_view key) const {
  const Json* value = node_->find(key);
  if (value == nullptr || !value->is_object()) {
    return tl::unexpected<Error>(error(key, value == nullptr ? "missing" : "an object is needed"));
  }
  return node_->child(*value, fmt::format("{}/{}", node_->path, key));
}

Result<std::vector<JsonObject>> JsonObject::objects(std::string_view key) const {
  const Json* value = node_->find(key);
  if (value == nullptr || !value->is_array()) {
    return tl::unexpected<Error>(error(key, value == nullptr ? "missing" : "an array is needed"));
  }
  std::vector<JsonObject> objects;
  for (std::size_t i = 0; i < value->size(); ++i) {
    if (!(*value)[i].is_object()) {
      return tl::unexpected<Error>(error(key, fmt::format("element {} must be an object", i)));
    }
    objects.push_back(node_->child((*value)[i], fmt::format("{}/{}/{}", node_->path, key, i)));
  }
  return objects;
}

Error JsonObject::error(std::string_view key, std::string_view reason) const {
  return {.code = Errc::kParse,
          .sys_errno = 0,
          .what = fmt::format("{}: '{}/{}': {}", node_->name, node_->path, key, reason)};
}

Result<void> JsonObject::finish() const {
  const std::vector<std::string_view> known(node_->asked.begin(), node_->asked.end());
  for (const auto& item : node_->value->items()) {
    if (!node_->asked.contains(item.key())) {
      return tl::unexpected<Error>(
          error(item.key(), fmt::format("unknown key{}", suggestion(item.key(), known))));
    }
  }
  return {};
}

}  // namespace gpreempt
