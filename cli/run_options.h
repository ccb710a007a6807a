#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cli/option_values.h"
#include "cli/process_options.h"
#include "config/override.h"
#include "core/error.h"
#include "core/time.h"

namespace gpreempt::cli {

enum class BackendKind { kSim, kVkfd, kKfd };
[[nodiscard]] const char* to_string(BackendKind kind);

struct BackendChoice {
  BackendKind kind = BackendKind::kSim;
  std::string model;        ///< empty: the scenario's
  std::string personality;  ///< empty: the scenario's
  /// What the machine does beyond its model, as written: see `machine_of`.
  std::map<std::string, std::string> perturbation{};
};

/// `gpreempt run` as written, read but not yet checked against the scenario.
struct RunOptions {
  std::string scenario = "default";
  BackendChoice backend;
  std::vector<std::string> policies;  ///< without duplicates; empty: the scenario's
  bool all_policies = false;          ///< "all" was among them
  std::vector<Override> set;          ///< in the scenario; below "model", in its hardware model
  std::optional<std::string> mechanism;
  std::map<std::string, std::filesystem::path> traces;  ///< "" = the only tenant with a trace
  std::optional<std::uint64_t> seed;
  std::optional<Duration> duration;
  OutputFormat format = OutputFormat::kText;
  std::filesystem::path out;  ///< empty: no bundle
  std::uint32_t band = 0;     ///< draws from the priors; 0: none
  bool gate = false;
  bool quiet = false;
  ProcessOptions processes;          ///< of --backend kfd
  std::vector<std::string> command;  ///< the command line, for the bundle
};

/// Reads --backend. Errors: kInvalidArgument (no such backend or option; names the nearest).
[[nodiscard]] Result<BackendChoice> read_backend(const std::string& text);
/// For commands whose machines do as their model says. Errors: kInvalidArgument.
[[nodiscard]] Result<void> check_unperturbed(const BackendChoice& choice, const std::string& text);

}  // namespace gpreempt::cli
