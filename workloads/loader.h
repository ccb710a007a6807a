#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "config/override.h"
#include "core/error.h"
#include "workloads/scenario.h"

namespace gpreempt {

/// Reads a scenario file. Relative names of traces and profiles are taken from the file's folder;
/// profiles that are not there are looked up among the embedded ones.
/// Errors: kIo (a file is missing), kParse (refused input, "file:line:column: key 'x': reason").
[[nodiscard]] Result<Scenario> load_scenario(const std::filesystem::path& file);

/// Reads a scenario from text. Relative names are taken from `folder`; an empty folder means the
/// embedded files only. Errors: as `load_scenario`.
[[nodiscard]] Result<Scenario> parse_scenario(std::string_view text, std::string display_name,
                                              const std::filesystem::path& folder = {});

/// A scenario before it is read.
struct ScenarioText {
  std::string text;
  std::string display_name;      ///< in errors
  std::filesystem::path folder;  ///< relative names are taken from it
  bool embedded = false;         ///< they are those of embedded files only
};

/// `name` as a file if there is one, otherwise as an embedded scenario ("default").
/// Errors: kIo names the nearest embedded scenario when there is neither, and says so when it is a
/// folder.
[[nodiscard]] Result<ScenarioText> find_scenario_text(const std::string& name);

/// Errors: as `load_scenario`; what the overrides brought is blamed where they were written.
[[nodiscard]] Result<Scenario> read_scenario(const ScenarioText& source,
                                             std::span<const Override> overrides);

/// Both. Errors: theirs.
[[nodiscard]] Result<Scenario> find_scenario(const std::string& name);

/// Checks "hint", "hint:<delay>", "poll", "poll:<period>", "oracle". `poll_period` is used for a
/// bare "poll". Errors: kInvalidArgument.
[[nodiscard]] Result<Detection> parse_detection(std::string_view text, Duration poll_period);

/// A file compiled into the library.
struct EmbeddedFile {
  std::string_view name;  ///< without folder: "default.toml", "resnet50-train.csv"
  std::string_view text;
};
[[nodiscard]] std::span<const EmbeddedFile> embedded_scenarios();
[[nodiscard]] std::span<const EmbeddedFile> embedded_profiles();
/// By file name, with or without its ".toml" or ".csv"; nullptr if there is none.
[[nodiscard]] const EmbeddedFile* find_embedded(std::string_view name);

}  // namespace gpreempt
