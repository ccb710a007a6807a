#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/command_line.h"
#include "core/error.h"

namespace CLI {
class App;
}  // namespace CLI

namespace gpreempt::cli {

/// How one verb is written on the command line: its options, and what they mean. Holds the values
/// while a line is read.
class VerbLine {
 public:
  VerbLine() = default;
  VerbLine(const VerbLine&) = delete;
  VerbLine& operator=(const VerbLine&) = delete;
  virtual ~VerbLine() = default;

  /// Adds the verb to `app`, which must not outlive this object.
  virtual void add(CLI::App& app) = 0;
  /// What was written, after the app has parsed this verb. `arguments` are the whole line.
  /// Errors: kInvalidArgument.
  [[nodiscard]] virtual Result<Command> read(const std::vector<std::string>& arguments) = 0;
};

// Each is defined in the file of its verb.
[[nodiscard]] std::unique_ptr<VerbLine> run_line();
[[nodiscard]] std::unique_ptr<VerbLine> compare_line();
[[nodiscard]] std::unique_ptr<VerbLine> replay_line();
[[nodiscard]] std::unique_ptr<VerbLine> explain_line();
[[nodiscard]] std::unique_ptr<VerbLine> report_line();
[[nodiscard]] std::unique_ptr<VerbLine> models_line();
[[nodiscard]] std::unique_ptr<VerbLine> experiment_line();
[[nodiscard]] std::unique_ptr<VerbLine> calibrate_line();
[[nodiscard]] std::unique_ptr<VerbLine> validate_line();
[[nodiscard]] std::unique_ptr<VerbLine> hardware_line();
[[nodiscard]] std::unique_ptr<VerbLine> conformance_line();
[[nodiscard]] std::unique_ptr<VerbLine> decode_line();
[[nodiscard]] std::unique_ptr<VerbLine> doctor_line();
[[nodiscard]] std::unique_ptr<VerbLine> queues_line();
[[nodiscard]] std::unique_ptr<VerbLine> soak_line();
[[nodiscard]] std::unique_ptr<VerbLine> study_line();
[[nodiscard]] std::unique_ptr<VerbLine> suspend_line();
[[nodiscard]] std::unique_ptr<VerbLine> resume_line();
[[nodiscard]] std::unique_ptr<VerbLine> rescue_line();
[[nodiscard]] std::unique_ptr<VerbLine> watchdog_line();

}  // namespace gpreempt::cli
