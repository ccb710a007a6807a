#pragma once

#include <string>
#include <vector>

#include "cli/run_options.h"
#include "cli/safety_options.h"
#include "core/error.h"

namespace CLI {  // NOLINT(readability-identifier-naming): the library's
class App;
class Option;
}  // namespace CLI

namespace gpreempt::cli {

/// --kernel-log, --back-off and --watchdog-cgroup, the same for every verb that has them.
class SafetyLine {
 public:
  /// Adds them to the verb, which must not outlive this; `group`: their heading in --help.
  void add(CLI::App& verb, const std::string& group = "Options");

  /// What was written, of a verb that is about this machine only. Errors: kInvalidArgument (names
  /// the option).
  [[nodiscard]] Result<SafetyOptions> read() const;
  /// The same of a verb that has models, too. Errors: also kInvalidArgument (one was written, and
  /// the backend is a model: nothing would watch).
  [[nodiscard]] Result<SafetyOptions> read(BackendKind kind) const;

 private:
  SafetyOptions options_;
  std::string back_off_ = "10min";
  std::vector<CLI::Option*> all_;
};

}  // namespace gpreempt::cli
