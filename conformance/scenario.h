#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "conformance/operation.h"
#include "core/error.h"
#include "core/time.h"

/// Cases as they are written in tests/conformance/cases; docs/conformance.md describes the format.
namespace gpreempt::conformance {

/// What an operation should give. What is empty is not looked at.
struct Expectation {
  std::string result;  ///< an errno's name, a number, or `kNoAnswer`
  std::vector<std::uint32_t> ids;
  std::map<std::string, std::uint64_t> out;  ///< by the names of the vocabulary
};

/// One operation by one actor.
struct Step {
  std::string process;             ///< whose thread does it
  bool second_thread = false;      ///< the process' other thread
  std::string pid;                 ///< whom it names; empty: nobody
  bool pid_second_thread = false;  ///< by the number of that process' other thread
  Operation operation;
  Duration within = std::chrono::seconds(5);  ///< how long it may take to answer
};

/// A step and what is known of its result.
struct Case {
  std::string name;
  Step step;
  /// Part of the way to the next case: it must succeed, and is no case of its own.
  bool setup = false;
  Expectation expect;
  std::map<std::string, Expectation, std::less<>> differs;  ///< by personality

  [[nodiscard]] const Expectation& expected(std::string_view personality) const {
    const auto found = differs.find(personality);
    return found == differs.end() ? expect : found->second;
  }
};

/// Cases in a row, each in the state that those before it left.
struct Scenario {
  std::string name;
  std::string summary;
  std::map<std::string, std::string, std::less<>> evidence;  ///< by personality
  std::vector<Case> cases;
};

/// Reads a file's text; `display_name` stands for it in errors.
/// Errors: kParse, at "file:line:column".
[[nodiscard]] Result<Scenario> parse_scenario(std::string_view text,
                                              const std::string& display_name);

/// Every *.toml of `folder`, by name; without one, the cases that are compiled in.
/// Errors: kIo (no such folder, or no case in it), kParse.
[[nodiscard]] Result<std::vector<Scenario>> load_scenarios(
    const std::optional<std::filesystem::path>& folder);

}  // namespace gpreempt::conformance
