#include "config/override.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include "config/document.h"
#include "config/toml_entry.h"
#include "core/error.h"
#include "core/nearest.h"

namespace gpreempt {
namespace {

/// The fewest digits that read back the same, where toml++ writes all 17.
std::string shortest_text(double value) {
  std::string text = fmt::format("{}", value);
  if (text.find_first_not_of("-0123456789") == std::string::npos) {
    text += ".0";  // or it would be an integer
  }
  return text;
}

std::string scalar_text(const toml::node& node) {
  if (const toml::value<double>* number = node.as_floating_point()) {
    return shortest_text(number->get());
  }
  std::ostringstream text;
  node.visit([&](const auto& value) { text << value; });
  return std::move(text).str();
}

bool is_bare_key(std::string_view key) {
  return !key.empty() && std::ranges::all_of(key, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
  });
}

std::string inline_text(const toml::node& node) {
  std::vector<std::string> parts;
  if (const toml::array* array = node.as_array()) {
    for (const toml::node& element : *array) {
      parts.push_back(inline_text(element));
    }
    return fmt::format("[{}]", fmt::join(parts, ", "));
  }
  if (const toml::table* table = node.as_table()) {
    for (auto&& [key, value] : *table) {
      const std::string name = is_bare_key(key.str())
                                   ? std::string(key.str())
                                   : scalar_text(toml::value<std::string>(std::string(key.str())));
      parts.push_back(fmt::format("{} = {}", name, inline_text(value)));
    }
    return parts.empty() ? "{}" : fmt::format("{{ {} }}", fmt::join(parts, ", "));
  }
  return scalar_text(node);
}

/// The value in "v = TEXT", if that is what it is.
std::unique_ptr<toml::node> parse_value(std::string_view text) {
  toml::table table;
  try {
    table = toml::parse(fmt::format("v = {}", text));
  } catch (const toml::parse_error&) {
    return nullptr;
  }
  const toml::node* node = table.get("v");
  const bool is_date =
      node != nullptr && (node->is_date() || node->is_time() || node->is_date_time());
  return table.size() != 1 || node == nullptr || is_date ? nullptr : toml_copy(*node);
}

std::shared_ptr<const TomlHeld> hold(std::unique_ptr<toml::node> node, std::string where) {
  auto held = std::make_shared<TomlHeld>();
  held->place = {.document = std::move(where), .position = {}};
  held->node = std::move(node);
  return held;
}

/// Remembers for all of `copy` that it came from where `original` stands.
void remember(TomlState& state, const toml::node& copy, const toml::node& original,
              const TomlPlace& place) {
  TomlPlace& at = state.origins[&copy];
  at.document = place.document;
  // A copy of a copy has no position of its own.
  at.position = original.source().begin ? original.source().begin : place.position;
  if (const toml::table* table = copy.as_table()) {
    for (auto&& [key, node] : *table) {
      remember(state, node, *original.as_table()->get(key.str()), at);
    }
  } else if (const toml::array* array = copy.as_array()) {
    for (std::size_t i = 0; i < array->size(); ++i) {
      remember(state, *array->get(i), *original.as_array()->get(i), at);
    }
  }
}

std::optional<std::size_t> index_of(std::string_view segment) {
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(segment.data(), segment.data() + segment.size(), index);
  return error == std::errc{} && end == segment.data() + segment.size() ? std::optional(index)
                                                                        : std::nullopt;
}

std::vector<std::string> names_in(const toml::array& array) {
  std::vector<std::string> names;
  for (const toml::node& element : array) {
    const toml::table* table = element.as_table();
    const auto name = table == nullptr ? std::nullopt : (*table)["name"].value<std::string>();
    names.push_back(name.value_or(""));
  }
  return names;
}

std::optional<std::size_t> element_of(const toml::array& array, const std::string& segment) {
  const std::vector<std::string> names = names_in(array);
  if (const auto named = std::ranges::find(names, segment); named != names.end()) {
    return static_cast<std::size_t>(named - names.begin());
  }
  const std::optional<std::size_t> index = index_of(segment);
  return index && *index < array.size() ? index : std::nullopt;
}

std::string no_element(const toml::array& array, const std::string& segment) {
  std::vector<std::string> names = names_in(array);
  std::erase(names, "");
  if (!names.empty()) {
    const std::vector<std::string_view> views(names.begin(), names.end());
    return fmt::format("none is named '{}'{}", segment, suggestion(segment, views));
  }
  return fmt::format("'{}' is no index of it; it has {} elements, from 0 on", segment,
                     array.size());
}

}  // namespace

std::unique_ptr<toml::node> toml_copy(const toml::node& node) {
  return node.visit([](const auto& value) -> std::unique_ptr<toml::node> {
    return std::make_unique<std::remove_cvref_t<decltype(value)>>(value);
  });
}

// ---- TomlValue ---------------------------------------------------------------------------------

TomlValue TomlValue::from_text(std::string_view text, std::string where) {
  if (std::unique_ptr<toml::node> node = parse_value(text)) {
    return TomlValue(hold(std::move(node), std::move(where)));
  }
  return of_string(text, std::move(where));
}

TomlValue TomlValue::of_string(std::string_view text, std::string where) {
  return TomlValue(
      hold(std::make_unique<toml::value<std::string>>(std::string(text)), std::move(where)));
}

std::string TomlValue::text() const { return inline_text(*held_->node); }

std::string TomlValue::label() const {
  const toml::value<std::string>* string = held_->node->as_string();
  return string == nullptr ? text() : string->get();
}

std::string TomlValue::argument() const {
  const std::string bare = label();
  return from_text(bare, "").text() == text() ? bare : text();
}

std::string TomlValue::where() const { return to_string(held_->place); }

// ---- TomlPatch ---------------------------------------------------------------------------------

/// Puts one override into a document.
class TomlPatch {
 public:
  TomlPatch(TomlState& state, const Override& change) : state_(state), change_(change) {}

  Result<void> operator()() {
    toml::node* node = &state_.root;
    for (; depth_ + 1 < change_.path.size(); ++depth_) {
      GPREEMPT_TRY(store(node, step(*node)));
      if (node == nullptr) {
        return {};
      }
    }
    return put(*node);
  }

 private:
  [[nodiscard]] const std::string& segment() const { return change_.path.at(depth_); }

  [[nodiscard]] tl::unexpected<Error> refuse(const std::string& why) const {
    const std::vector<std::string> before(
        change_.path.begin(), change_.path.begin() + static_cast<std::ptrdiff_t>(depth_));
    const std::string subject =
        before.empty() ? state_.name : fmt::format("'{}' of {}", join_path(before), state_.name);
    const std::string place = change_.value ? change_.value->where() + ": " : "";
    return fail(Errc::kParse,
                fmt::format("{}set '{}': {}: {}", place, join_path(change_.path), subject, why));
  }

  /// The node that the segment names; null: there is nothing to take out.
  Result<toml::node*> step(toml::node& node) {
    if (toml::array* array = node.as_array()) {
      const std::optional<std::size_t> index = element_of(*array, segment());
      if (!index) {
        return refuse(no_element(*array, segment()));
      }
      return array->get(*index);
    }
    toml::table* table = node.as_table();
    if (table == nullptr) {
      return refuse(fmt::format("it is {}, so it has no '{}'", toml_type(node), segment()));
    }
    if (toml::node* found = table->get(segment())) {
      return found;
    }
    if (!change_.value) {
      return nullptr;
    }
    table->insert_or_assign(segment(), toml::table{});
    toml::node* made = table->get(segment());
    state_.origins[made] = change_.value->held_->place;
    return made;
  }

  Result<void> put(toml::node& node) {
    toml::table* table = node.as_table();
    toml::array* array = node.as_array();
    if (table != nullptr && !change_.value) {
      table->erase(segment());
      return {};
    }
    if (array != nullptr && change_.value) {
      const std::optional<std::size_t> index = element_of(*array, segment());
      if (!index) {
        return refuse(no_element(*array, segment()));
      }
      array->replace(array->cbegin() + static_cast<std::ptrdiff_t>(*index),
                     *change_.value->held_->node);
      adopt(*array->get(*index));
      return {};
    }
    if (table == nullptr || !change_.value) {
      return refuse(fmt::format("it is {}, so it has no '{}'", toml_type(node), segment()));
    }
    table->insert_or_assign(segment(), *change_.value->held_->node);
    adopt(*table->get(segment()));
    return {};
  }

  void adopt(const toml::node& copy) {
    GPREEMPT_CHECK(change_.value.has_value());
    const TomlHeld& held = *change_.value->held_;
    remember(state_, copy, *held.node, held.place);
  }

  TomlState& state_;
  const Override& change_;
  std::size_t depth_ = 0;
};

Result<void> toml_patch(TomlState& state, const Override& change) {
  return TomlPatch(state, change)();
}

// ---- paths -------------------------------------------------------------------------------------

std::vector<std::string> split_path(std::string_view dotted) {
  std::vector<std::string> parts;
  while (true) {
    const std::size_t dot = dotted.find('.');
    parts.emplace_back(dotted.substr(0, dot));
    if (dot == std::string_view::npos) {
      return parts;
    }
    dotted.remove_prefix(dot + 1);
  }
}

std::string join_path(const std::vector<std::string>& path) {
  return fmt::format("{}", fmt::join(path, "."));
}

}  // namespace gpreempt
