#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/error.h"
#include "core/time.h"

namespace gpreempt::cli {

enum class BackendKind { kSim, kVkfd, kKfd };
[[nodiscard]] const char* to_string(BackendKind kind);

struct BackendChoice {
  BackendKind kind = BackendKind::kSim;
  std::string model;        ///< empty: the scenario's
  std::string personality;  ///< empty: the scenario's
};

enum class OutputFormat { kText, kJson };

/// `gpreempt run` as written, read but not yet checked against the scenario.
struct RunOptions {
  std::string scenario = "default";
  BackendChoice backend;
  std::vector<std::string> policies;  ///< without duplicates; empty: the scenario's
  bool all_policies = false;          ///< "all" was among them
  std::optional<std::string> mechanism;
  std::map<std::string, std::filesystem::path> traces;  ///< "" = the only tenant with a trace
  std::optional<std::uint64_t> seed;
  std::optional<Duration> duration;
  OutputFormat format = OutputFormat::kText;
  std::filesystem::path out;  ///< empty: no bundle
  bool gate = false;
  bool quiet = false;
  std::vector<std::string> command;  ///< the command line, for the bundle
};

/// Something to print on stdout and nothing else: help, version.
struct Printout {
  std::string text;
};

using Command = std::variant<RunOptions, Printout>;

/// Reads a command line (without the program's name).
/// Errors: kInvalidArgument (unknown command, option, name or value; with the nearest valid one).
[[nodiscard]] Result<Command> parse_command_line(const std::vector<std::string>& arguments);

}  // namespace gpreempt::cli
