#include "config/document.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <ios>
#include <memory>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>
#include <utility>
#include <vector>

#include "config/override.h"
#include "config/toml_entry.h"
#include "core/error.h"
#include "core/nearest.h"

namespace gpreempt {
namespace {

/// Where a key stands: at its name, unless an override brought it.
std::string at(const TomlEntry& entry, const toml::key& key, const toml::node& node) {
  TomlPlace place = toml_place(*entry.state, node);
  if (!entry.state->origins.contains(&node)) {
    place.position = key.source().begin;
  }
  return to_string(place);
}

std::string suggestion_for(std::string_view word, const TomlEntry& entry) {
  const std::vector<std::string_view> names(entry.asked.begin(), entry.asked.end());
  return suggestion(word, names);
}

Result<void> finish_entry(const TomlEntry& entry);

/// Checks the tables that were opened through `node`, a table or an array of tables.
Result<void> finish_node(TomlState& state, const toml::node& node) {
  if (const toml::table* table = node.as_table()) {
    const auto found = state.entries.find(table);
    return found == state.entries.end() ? Result<void>{} : finish_entry(*found->second);
  }
  if (const toml::array* array = node.as_array()) {
    for (const toml::node& element : *array) {
      if (Result<void> finished = finish_node(state, element); !finished) {
        return finished;
      }
    }
  }
  return {};
}

Result<void> finish_entry(const TomlEntry& entry) {
  if (entry.table == nullptr) {
    return {};
  }
  for (auto&& [key, node] : *entry.table) {
    if (!entry.asked.contains(key.str())) {
      return fail(Errc::kParse,
                  fmt::format("{}: key '{}': unknown{}", at(entry, key, node),
                              entry.path_of(key.str()), suggestion_for(key.str(), entry)));
    }
    GPREEMPT_TRY(finish_node(*entry.state, node));
  }
  return {};
}

}  // namespace

std::string to_string(const TomlPlace& place) {
  return place.position
             ? fmt::format("{}:{}:{}", place.document, place.position.line, place.position.column)
             : place.document;
}

TomlPlace toml_place(const TomlState& state, const toml::node& node) {
  const auto origin = state.origins.find(&node);
  return origin == state.origins.end()
             ? TomlPlace{.document = state.name, .position = node.source().begin}
             : origin->second;
}

Error toml_error(const TomlEntry& entry, std::string_view key, std::string_view why) {
  const toml::node* node = entry.table == nullptr ? nullptr : entry.table->get(key);
  const TomlPlace place = node == nullptr ? entry.place : toml_place(*entry.state, *node);
  return Error{.code = Errc::kParse,
               .sys_errno = 0,
               .what = fmt::format("{}: key '{}': {}", to_string(place), entry.path_of(key), why)};
}

Error toml_missing(const TomlEntry& entry, std::string_view key) {
  // A key that nobody knows and that is spelled almost like this one is the better thing to name.
  if (entry.table != nullptr) {
    const std::vector<std::string_view> wanted{key};
    for (auto&& [present, node] : *entry.table) {
      const std::string hint = suggestion(present.str(), wanted);
      if (!entry.asked.contains(present.str()) && hint.starts_with("; did you mean")) {
        return Error{.code = Errc::kParse,
                     .sys_errno = 0,
                     .what = fmt::format("{}: key '{}': unknown{}", at(entry, present, node),
                                         entry.path_of(present.str()), hint)};
      }
    }
  }
  return toml_error(entry, key, "missing; it has no default, so write it");
}

std::string_view toml_type(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::string: return "a string";
    case toml::node_type::integer: return "an integer";
    case toml::node_type::floating_point: return "a number";
    case toml::node_type::boolean: return "a boolean";
    case toml::node_type::array: return "an array";
    case toml::node_type::table: return "a table";
    case toml::node_type::date:
    case toml::node_type::time:
    case toml::node_type::date_time: return "a date or time";
    case toml::node_type::none: break;
  }
  return "nothing";
}

TomlEntry& toml_open(TomlState& state, const toml::table& table, std::string path) {
  std::unique_ptr<TomlEntry>& slot = state.entries[&table];
  if (slot == nullptr) {
    slot = std::make_unique<TomlEntry>(TomlEntry{.state = &state,
                                                 .table = &table,
                                                 .place = toml_place(state, table),
                                                 .path = std::move(path),
                                                 .asked = {}});
  }
  return *slot;
}

// ---- TomlTable ---------------------------------------------------------------------------------

TomlKind TomlTable::kind(std::string_view key) const {
  const toml::node* node = entry_->find(key);
  if (node == nullptr) {
    return TomlKind::kAbsent;
  }
  switch (node->type()) {
    case toml::node_type::string: return TomlKind::kString;
    case toml::node_type::integer: return TomlKind::kInteger;
    case toml::node_type::floating_point: return TomlKind::kFloat;
    case toml::node_type::boolean: return TomlKind::kBoolean;
    case toml::node_type::array: return TomlKind::kArray;
    case toml::node_type::table: return TomlKind::kTable;
    case toml::node_type::date:
    case toml::node_type::time:
    case toml::node_type::date_time:
    case toml::node_type::none: break;
  }
  return TomlKind::kOther;
}

std::vector<std::string> TomlTable::keys() const {
  std::vector<std::string> names;
  if (entry_->table != nullptr) {
    for (auto&& [key, node] : *entry_->table) {
      names.emplace_back(key.str());
      entry_->asked.emplace(key.str());
    }
  }
  return names;
}

std::vector<std::string> TomlTable::keys_as_written() const {
  std::vector<std::string> names = keys();
  const auto place = [this](const std::string& name) {
    const toml::key& key = entry_->table->find(name)->first;
    const toml::source_position at = key.source().begin;
    return at ? std::pair(at.line, at.column) : std::pair(UINT32_MAX, UINT32_MAX);
  };
  std::sort(names.begin(), names.end(), [&](const std::string& a, const std::string& b) {
    return std::tuple(place(a), a) < std::tuple(place(b), b);
  });
  return names;
}

const std::string& TomlTable::path() const { return entry_->path; }
const std::string& TomlTable::document() const { return entry_->state->name; }

Error TomlTable::error(std::string_view key, std::string_view reason) const {
  return toml_error(*entry_, key, reason);
}

Error TomlTable::error(std::string_view reason) const {
  const std::string subject = entry_->path.empty() ? "" : fmt::format("table '{}': ", entry_->path);
  return Error{.code = Errc::kParse,
               .sys_errno = 0,
               .what = fmt::format("{}: {}{}", to_string(entry_->place), subject, reason)};
}

Result<TomlValue> TomlTable::value(std::string_view key) const {
  const toml::node* node = entry_->find(key);
  if (node == nullptr) {
    return tl::unexpected<Error>(toml_missing(*entry_, key));
  }
  auto held = std::make_shared<TomlHeld>();
  held->place = toml_place(*entry_->state, *node);
  held->node = toml_copy(*node);
  return TomlValue(std::move(held));
}

Result<std::vector<TomlValue>> TomlTable::values(std::string_view key) const {
  std::vector<TomlValue> all;
  const toml::node* node = entry_->find(key);
  if (node == nullptr) {
    return all;
  }
  const toml::array* array = node->as_array();
  if (array == nullptr) {
    return tl::unexpected<Error>(
        error(key, fmt::format("{} found, but this is an array", toml_type(*node))));
  }
  for (const toml::node& element : *array) {
    auto held = std::make_shared<TomlHeld>();
    held->place = toml_place(*entry_->state, element);
    held->node = toml_copy(element);
    all.push_back(TomlValue(std::move(held)));
  }
  return all;
}

Result<TomlTable> TomlTable::table(std::string_view key) const {
  const toml::node* node = entry_->find(key);
  if (node == nullptr) {
    return tl::unexpected<Error>(toml_missing(*entry_, key));
  }
  const toml::table* found = node->as_table();
  if (found == nullptr) {
    return tl::unexpected<Error>(
        error(key, fmt::format("{} found, but this is a table", toml_type(*node))));
  }
  TomlEntry& opened = toml_open(*entry_->state, *found, entry_->path_of(key));
  return TomlTable(std::shared_ptr<TomlEntry>(entry_, &opened));
}

Result<TomlTable> TomlTable::table_or_empty(std::string_view key) const {
  if (entry_->find(key) != nullptr) {
    return table(key);
  }
  TomlState& state = *entry_->state;
  state.absent.push_back(std::make_unique<TomlEntry>(TomlEntry{.state = &state,
                                                               .table = nullptr,
                                                               .place = entry_->place,
                                                               .path = entry_->path_of(key),
                                                               .asked = {}}));
  return TomlTable(std::shared_ptr<TomlEntry>(entry_, state.absent.back().get()));
}

Result<std::vector<TomlTable>> TomlTable::tables(std::string_view key) const {
  std::vector<TomlTable> opened;
  const toml::node* node = entry_->find(key);
  if (node == nullptr) {
    return opened;
  }
  const toml::array* array = node->as_array();
  if (array == nullptr) {
    return tl::unexpected<Error>(
        error(key, fmt::format("{} found, but this is an array of tables", toml_type(*node))));
  }
  for (std::size_t i = 0; i < array->size(); ++i) {
    const toml::node& element = *array->get(i);
    const toml::table* found = element.as_table();
    if (found == nullptr) {
      return tl::unexpected<Error>(error(
          key, fmt::format("element {} is {}, but it must be a table", i, toml_type(element))));
    }
    TomlEntry& entry =
        toml_open(*entry_->state, *found, fmt::format("{}.{}", entry_->path_of(key), i));
    opened.push_back(TomlTable(std::shared_ptr<TomlEntry>(entry_, &entry)));
  }
  return opened;
}

Result<void> TomlTable::finish() const { return finish_entry(*entry_); }

// ---- TomlDocument ------------------------------------------------------------------------------

Result<std::string> read_text_file(const std::filesystem::path& file) {
  std::error_code status;
  if (std::filesystem::is_directory(file, status)) {
    return fail(Errc::kIo, fmt::format("read {}: it is a folder; name a file", file.string()));
  }
  const std::ifstream stream(file, std::ios::binary);
  if (!stream) {
    const int code = std::filesystem::exists(file, status) ? EACCES : ENOENT;
    return fail(Errc::kIo,
                fmt::format("read {}: {}; check the name", file.string(),
                            code == ENOENT ? "there is no such file" : "it cannot be opened"),
                code);
  }
  std::ostringstream text;
  text << stream.rdbuf();
  if (stream.bad()) {
    return fail(Errc::kIo, fmt::format("read {}: reading failed; check the disk", file.string()));
  }
  return std::move(text).str();
}

Result<TomlDocument> TomlDocument::load(const std::filesystem::path& file) {
  return read_text_file(file).and_then(
      [&](const std::string& text) { return parse(text, file.string()); });
}

Result<TomlDocument> TomlDocument::parse(std::string_view text, std::string display_name,
                                         std::span<const Override> overrides) {
  auto state = std::make_shared<TomlState>();
  state->name = std::move(display_name);
  try {
    state->root = toml::parse(text, state->name);
  } catch (const toml::parse_error& error) {
    const toml::source_position position = error.source().begin;
    return fail(Errc::kParse, fmt::format("{}:{}:{}: not valid TOML: {}", state->name,
                                          position.line, position.column, error.description()));
  }
  for (const Override& change : overrides) {
    GPREEMPT_TRY(toml_patch(*state, change));
  }
  TomlEntry& root = toml_open(*state, state->root, {});
  root.place.position = toml::source_position{.line = 1, .column = 1};
  return TomlDocument(TomlTable(std::shared_ptr<TomlEntry>(state, &root)));
}

Result<void> TomlDocument::expect_schema(std::uint64_t version) const {
  const Result<std::uint64_t> found = root_.uint64("schema", 0, UINT64_MAX);
  if (!found) {
    return tl::unexpected<Error>(found.error());
  }
  if (*found != version) {
    return tl::unexpected<Error>(root_.error(
        "schema", fmt::format("version {} is unknown; write schema = {}", *found, version)));
  }
  return {};
}

}  // namespace gpreempt
