#include "tests/layering/rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <filesystem>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/layering/source_text.h"

namespace gpreempt::tidy {
namespace {

constexpr std::size_t kMaxLines = 450;
constexpr std::size_t kMaxColumns = 100;

using Names = std::vector<std::string_view>;

bool contains(const Names& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

/// What the files of a folder may include.
struct Layer {
  std::string_view folder;
  Names folders;    ///< of ours, besides itself
  Names libraries;  ///< besides the standard library
  std::string_view instead;
};

const std::vector<Layer>& layers() {
  static const Names everything = {
      "core",         "config",       "workloads",     "workloads/agent", "workloads/hip",
      "backends/sim", "backends/kfd", "backends/vkfd", "validation",      "conformance",
      "crew",         "soak",         "study",         "experiments",     "calibration",
      "cli",          "tests"};
  static const Names test_libraries = {"fmt",    "tl",         "toml++",   "system",
                                       "spdlog", "nlohmann",   "gtest",    "gmock",
                                       "boost",  "rapidcheck", "benchmark"};
  static const std::vector<Layer> all = {
      {.folder = "core",
       .folders = {},
       .libraries = {"fmt", "tl", "boost"},
       .instead = "core knows no backend, engine or system; take what is needed as an argument or "
                  "through core/backend.h"},
      {.folder = "config",
       .folders = {"core"},
       .libraries = {"fmt", "tl", "toml++"},
       .instead = "config knows core and toml++ only"},
      {.folder = "workloads/agent",
       .folders = {},
       .libraries = {"system"},
       .instead = "it is copied into other people's programs: C and the C library only"},
      {.folder = "workloads/hip",
       .folders = {"core", "config", "workloads", "workloads/agent"},
       .libraries = {"fmt", "tl", "nlohmann", "CLI", "system"},
       .instead = "a workload process knows no backend; what needs the GPU's runtime is gpu.hip"},
      {.folder = "workloads",
       .folders = {"core", "config"},
       .libraries = {"fmt", "tl", "toml++", "nlohmann"},
       .instead = "workloads makes programs for a testbed and knows no backend"},
      {.folder = "backends/sim",
       .folders = {"core", "config"},
       .libraries = {"fmt", "tl", "toml++", "simgrid", "spdlog"},
       .instead = "the simulator knows no other backend and no driver interface"},
      {.folder = "backends/kfd",
       .folders = {"core"},
       .libraries = {"fmt", "tl", "system", "spdlog", "nlohmann"},
       .instead = "the KFD backend knows core and Linux; what differs between worlds goes behind "
                  "backends/kfd/os.h"},
      {.folder = "backends/vkfd",
       .folders = {"core", "config", "backends/sim", "backends/kfd"},
       .libraries = {"fmt", "tl", "toml++", "system", "simgrid", "spdlog"},
       .instead = "vkfd joins backends/sim and backends/kfd and knows nothing above them"},
      {.folder = "validation",
       .folders = {"core", "config", "workloads", "backends/sim"},
       .libraries = {"fmt", "tl"},
       .instead = "targets run the simulator's models; they know no engine and no driver"},
      {.folder = "conformance/model",
       .folders = {"core", "config", "conformance", "backends/sim", "backends/kfd",
                   "backends/vkfd"},
       .libraries = {"fmt", "tl"},
       .instead = "it gives actors to the cases, on the modelled machine"},
      {.folder = "conformance",
       .folders = {"core", "config", "backends/kfd"},
       .libraries = {"fmt", "tl", "system"},
       .instead =
           "cases and their Linux actors must link without a model: that is conformance/model"},
      {.folder = "crew",
       .folders = {"core"},
       .libraries = {"fmt", "tl", "system"},
       .instead = "a crew carries out whatever it is handed; it knows no work"},
      {.folder = "soak",
       .folders = {"core", "config", "backends/sim", "backends/kfd", "backends/vkfd", "crew"},
       .libraries = {"fmt", "tl", "nlohmann", "spdlog"},
       .instead = "a campaign runs testbeds and judges them; it knows no command"},
      {.folder = "study",
       .folders = {"core", "config", "crew"},
       .libraries = {"fmt", "tl", "nlohmann", "boost", "sqlite", "system"},
       .instead = "a study runs and analyses whatever cli hands it; it knows no world"},
      {.folder = "calibration",
       .folders = {"core"},
       .libraries = {"fmt", "tl", "boost"},
       .instead = "calibration is pure functions of samples; it knows no world and reads no file"},
      {.folder = "experiments",
       .folders = {"core", "config", "workloads", "backends/kfd", "calibration"},
       .libraries = {"fmt", "tl", "nlohmann"},
       .instead = "an experiment sees core/testbed.h, and of backends/kfd what takes texts apart"},
      {.folder = "cli",
       .folders = {"core", "config", "workloads", "backends/sim", "backends/kfd", "backends/vkfd",
                   "validation", "conformance", "crew", "soak", "study", "experiments",
                   "calibration"},
       .libraries = {"fmt", "tl", "toml++", "system", "spdlog", "nlohmann", "CLI", "boost", "csv"},
       .instead = "the command line reaches the engine through core/testbed.h"},
      {.folder = "tests/contract",
       .folders = {"core", "workloads", "config", "tests"},
       .libraries = test_libraries,
       .instead = "a contract test sees core/testbed.h; only its main_*.cc opens a backend"},
      {.folder = "tests",
       .folders = everything,
       .libraries = test_libraries,
       .instead = "SimGrid belongs to backends/sim, backends/vkfd and their tests"},
  };
  return all;
}

/// Test files that may open a backend's world themselves.
bool is_world_main(const SourceFile& file) {
  return file.path.starts_with("tests/contract/main_") && file.path.ends_with(".cc");
}

bool may_use_simgrid_in_tests(const SourceFile& file) {
  return is_world_main(file) || file.is_under("tests/sim") || file.is_under("tests/vkfd") ||
         file.is_under("tests/os") || file.is_under("tests/bench");
}

const Layer* layer_of(const SourceFile& file) {
  for (const Layer& layer : layers()) {
    if (file.is_under(layer.folder) && !(layer.folder == "tests/contract" && is_world_main(file))) {
      return &layer;
    }
  }
  return nullptr;
}

/// The folder of ours that a quoted include names, "" if none.
std::string_view folder_of(std::string_view target) {
  static constexpr std::array<std::string_view, 17> kFolders = {
      "core",         "config",       "workloads/agent", "workloads/hip", "workloads",
      "backends/sim", "backends/kfd", "backends/vkfd",   "validation",    "conformance",
      "crew",         "soak",         "study",           "experiments",   "calibration",
      "cli",          "tests"};
  for (const std::string_view folder : kFolders) {
    if (target.starts_with(folder) && target.substr(folder.size()).starts_with("/")) {
      return folder;
    }
  }
  return "";
}

/// The library of an angled include: "std", a name of `Layer::libraries`, or "system" for the rest.
std::string_view library_of(std::string_view target) {
  static const std::vector<std::pair<std::string_view, std::string_view>> prefixes = {
      {"fmt/", "fmt"},
      {"tl/", "tl"},
      {"boost/", "boost"},
      {"toml++/", "toml++"},
      {"simgrid/", "simgrid"},
      {"xbt/", "simgrid"},
      {"simgrid.h", "simgrid"},
      {"CLI/", "CLI"},
      {"spdlog/", "spdlog"},
      {"nlohmann/", "nlohmann"},
      {"sqlite3.h", "sqlite"},
      {"csv.h", "csv"},
      {"gtest/", "gtest"},
      {"gmock/", "gmock"},
      {"rapidcheck", "rapidcheck"},
      {"benchmark/", "benchmark"}};
  for (const auto& [prefix, library] : prefixes) {
    if (target.starts_with(prefix)) {
      return library;
    }
  }
  const bool plain = target.find_first_of("./") == std::string_view::npos;
  return plain ? "std" : "system";
}

std::string refuse_own(const SourceFile& file, const Layer& layer, const Include& include) {
  const std::string_view folder = folder_of(include.target);
  if (folder.empty()) {
    return fmt::format(
        R"("{}" is not a path from the top of the tree; write it whole, as in "core/time.h")",
        include.target);
  }
  const bool own = file.is_under(folder) || contains(layer.folders, folder);
  return own ? ""
             : fmt::format("{} must not include {}: {}", layer.folder, include.target,
                           layer.instead);
}

std::string refuse_library(const SourceFile& file, const Layer& layer, const Include& include) {
  const std::string_view library = library_of(include.target);
  if (library == "std") {
    return "";
  }
  if (library == "simgrid" && may_use_simgrid_in_tests(file)) {
    return "";
  }
  if (library == "spdlog" && file.is_header()) {
    return "spdlog in a header reaches everyone who includes it; log in the .cc file";
  }
  if (library == "CLI" && file.is_header()) {
    return "CLI11 in a header reaches everyone who includes it; include it in a .cc file of cli/";
  }
  return contains(layer.libraries, library)
             ? ""
             : fmt::format("{} must not include <{}>: {}", layer.folder, include.target,
                           layer.instead);
}

bool is_model(const SourceFile& file) {
  return file.is_under("backends/sim/gpu") || file.is_under("backends/sim/kfd_model");
}

/// How `path` reaches SimGrid through headers of ours: the header that includes it, or "".
std::string reaches_simgrid(const std::string& path,
                            const std::map<std::string, const SourceFile*>& tree,
                            std::set<std::string>& seen) {
  const auto file = tree.find(path);
  if (file == tree.end() || !seen.insert(path).second) {
    return "";
  }
  for (const Include& include : includes_of(file->second->text)) {
    if (include.angled && library_of(include.target) == "simgrid") {
      return path;
    }
    if (std::string found = include.angled ? "" : reaches_simgrid(include.target, tree, seen);
        !found.empty()) {
      return found;
    }
  }
  return "";
}

std::size_t columns_of(std::string_view line) {
  // UTF-8: continuation bytes take no column.
  return static_cast<std::size_t>(std::ranges::count_if(
      line, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

bool names_file(const std::string& list, const std::string& name) {
  const auto ends_word = [](char c) {
    return c == ' ' || c == '\n' || c == '\t' || c == '(' || c == ')' || c == '"' || c == '/';
  };
  for (std::size_t at = list.find(name); at != std::string::npos; at = list.find(name, at + 1)) {
    const std::size_t end = at + name.size();
    if ((at == 0 || ends_word(list[at - 1])) && (end == list.size() || ends_word(list[end]))) {
      return true;
    }
  }
  return false;
}

/// Whether a `file(GLOB` line takes all of the file's folder, which is one below the list's.
bool globs_folder_of(const std::string& list, const std::string& name) {
  const std::size_t slash = name.rfind('/');
  if (slash == std::string::npos || name.starts_with("..")) {
    return false;
  }
  std::istringstream lines(list);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("file(GLOB ") && names_file(line, name.substr(0, slash) + "/*.cc")) {
      return true;
    }
  }
  return false;
}

}  // namespace

Findings check_includes(const SourceFile& file) {
  Findings findings;
  const Layer* layer = layer_of(file);
  if (layer == nullptr) {
    return findings;
  }
  for (const Include& include : includes_of(file.text)) {
    std::string message =
        include.angled ? refuse_library(file, *layer, include) : refuse_own(file, *layer, include);
    if (message.empty() && is_model(file) && library_of(include.target) == "simgrid") {
      message = "a model knows no engine; use backends/sim/timeline.h";
    }
    if (!message.empty()) {
      findings.push_back({.path = file.path, .line = include.line, .message = std::move(message)});
    }
  }
  return findings;
}

Findings check_models(std::span<const SourceFile> tree) {
  std::map<std::string, const SourceFile*> by_path;
  for (const SourceFile& file : tree) {
    by_path.emplace(file.path, &file);
  }
  Findings findings;
  for (const SourceFile& file : tree) {
    std::set<std::string> seen;
    if (!is_model(file) || !file.is_cpp()) {
      continue;
    }
    if (const std::string by = reaches_simgrid(file.path, by_path, seen); !by.empty()) {
      findings.push_back(
          {.path = file.path,
           .line = 0,
           .message = fmt::format(
               "reaches SimGrid through {}; a model knows no engine: use backends/sim/timeline.h",
               by)});
    }
  }
  return findings;
}

Findings check_shape(const SourceFile& file) {
  Findings findings;
  const std::vector<std::string_view> lines = lines_of(file.text);
  if (lines.size() > kMaxLines) {
    findings.push_back(
        {.path = file.path,
         .line = kMaxLines + 1,
         .message = fmt::format(
             "{} lines, and {} are the limit; split it where it has a second reason to change",
             lines.size(), kMaxLines)});
  }
  const std::string whole = without_comments(file.text, true);
  const std::string bare = without_comments(file.text, false);
  const std::vector<std::string_view> code = lines_of(whole);
  const std::vector<std::string_view> without_literals = lines_of(bare);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const bool has_literal = code[i] != without_literals[i];
    if (columns_of(lines[i]) > kMaxColumns && !has_literal) {
      findings.push_back({.path = file.path,
                          .line = i + 1,
                          .message = "over 100 columns; break the line as ci/format --fix does"});
    }
  }
  if (file.is_header() && file.text.find("#pragma once") == std::string::npos) {
    findings.push_back({.path = file.path, .line = 1, .message = "a header needs #pragma once"});
  }
  return findings;
}

Findings check_paths(const SourceFile& file) {
  static const std::regex pattern(
      R"((^|[^A-Za-z0-9_.~}/-])/(home|root|Users|work|workspace|workspaces)/[A-Za-z0-9_.])");
  Findings findings;
  std::size_t number = 0;
  for (const std::string_view line : lines_of(file.text)) {
    ++number;
    if (std::regex_search(line.begin(), line.end(), pattern)) {
      findings.push_back(
          {.path = file.path,
           .line = number,
           .message = "a folder of one machine; use a path from the top of the tree, or $HOME"});
    }
  }
  return findings;
}

Findings check_listed(std::span<const SourceFile> tree) {
  static constexpr std::string_view kListName = "CMakeLists.txt";
  const auto is_listed = [&](const SourceFile& source) {
    return std::ranges::any_of(tree, [&](const SourceFile& list) {
      if (!list.path.ends_with(kListName)) {
        return false;
      }
      const std::filesystem::path folder = std::filesystem::path(list.path).parent_path();
      const std::filesystem::path source_path = source.path;
      const std::string name =
          folder.empty() ? source.path : source_path.lexically_relative(folder).generic_string();
      return names_file(list.text, name) || globs_folder_of(list.text, name);
    });
  };
  Findings findings;
  for (const SourceFile& file : tree) {
    if (file.path.ends_with(".cc") && !is_listed(file)) {
      findings.push_back({.path = file.path,
                          .line = 0,
                          .message = "nothing builds this file; name it in its CMakeLists.txt, or "
                                     "remove it"});
    }
  }
  return findings;
}

}  // namespace gpreempt::tidy
