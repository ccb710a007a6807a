#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <new>
#include <string>
#include <variant>
#include <vector>

#include "cli/calibrate_command.h"
#include "cli/calibrate_options.h"
#include "cli/command_line.h"
#include "cli/compare_command.h"
#include "cli/compare_options.h"
#include "cli/conformance_command.h"
#include "cli/conformance_options.h"
#include "cli/decode_command.h"
#include "cli/decode_options.h"
#include "cli/doctor_command.h"
#include "cli/doctor_options.h"
#include "cli/exit_code.h"
#include "cli/experiment_command.h"
#include "cli/experiment_options.h"
#include "cli/explain_command.h"
#include "cli/explain_options.h"
#include "cli/hardware_command.h"
#include "cli/hardware_options.h"
#include "cli/models_command.h"
#include "cli/models_options.h"
#include "cli/output.h"
#include "cli/queues_command.h"
#include "cli/queues_options.h"
#include "cli/replay_command.h"
#include "cli/replay_options.h"
#include "cli/report_command.h"
#include "cli/report_options.h"
#include "cli/rescue_command.h"
#include "cli/rescue_options.h"
#include "cli/run_command.h"
#include "cli/run_options.h"
#include "cli/soak_command.h"
#include "cli/soak_options.h"
#include "cli/study_command.h"
#include "cli/study_options.h"
#include "cli/suspend_command.h"
#include "cli/suspend_options.h"
#include "cli/validate_command.h"
#include "cli/validate_options.h"
#include "cli/watchdog_command.h"
#include "cli/watchdog_options.h"
#include "core/error.h"
#ifdef GPREEMPT_CLI_HAS_KFD
#include "conformance/linux_worker.h"
#endif

namespace {

using gpreempt::Error;
using gpreempt::Result;
using gpreempt::cli::Command;
using gpreempt::cli::ExitCode;

int report(const Error& error) {
  fmt::print(stderr, "gpreempt: {}\n", error.what);
  return static_cast<int>(gpreempt::cli::exit_code_for(error.code));
}

using gpreempt::cli::CalibrateOptions;
using gpreempt::cli::CompareOptions;
using gpreempt::cli::ConformanceOptions;
using gpreempt::cli::DecodeOptions;
using gpreempt::cli::DoctorCommandOptions;
using gpreempt::cli::ExperimentOptions;
using gpreempt::cli::ExplainOptions;
using gpreempt::cli::HardwareOptions;
using gpreempt::cli::ModelsOptions;
using gpreempt::cli::Printout;
using gpreempt::cli::QueuesOptions;
using gpreempt::cli::ReplayOptions;
using gpreempt::cli::ReportOptions;
using gpreempt::cli::RescueCommandOptions;
using gpreempt::cli::ResumeCommandOptions;
using gpreempt::cli::RunOptions;
using gpreempt::cli::SoakOptions;
using gpreempt::cli::StudyOptions;
using gpreempt::cli::SuspendCommandOptions;
using gpreempt::cli::ValidateOptions;
using gpreempt::cli::WatchdogCommandOptions;

struct Execute {
  Result<ExitCode> operator()(const Printout& printout) const {
    GPREEMPT_TRY(gpreempt::cli::print(printout.text));
    return ExitCode::kOk;
  }
  Result<ExitCode> operator()(const RunOptions& options) const {
    return gpreempt::cli::run_command(options);
  }
  Result<ExitCode> operator()(const CalibrateOptions& options) const {
    return gpreempt::cli::calibrate_command(options);
  }
  Result<ExitCode> operator()(const CompareOptions& options) const {
    return gpreempt::cli::compare_command(options);
  }
  Result<ExitCode> operator()(const ReplayOptions& options) const {
    return gpreempt::cli::replay_command(options);
  }
  Result<ExitCode> operator()(const ExplainOptions& options) const {
    return gpreempt::cli::explain_command(options);
  }
  Result<ExitCode> operator()(const ModelsOptions& options) const {
    return gpreempt::cli::models_command(options);
  }
  Result<ExitCode> operator()(const ValidateOptions& options) const {
    return gpreempt::cli::validate_command(options);
  }
  Result<ExitCode> operator()(const ConformanceOptions& options) const {
    return gpreempt::cli::conformance_command(options);
  }
  Result<ExitCode> operator()(const DecodeOptions& options) const {
    return gpreempt::cli::decode_command(options);
  }
  Result<ExitCode> operator()(const DoctorCommandOptions& options) const {
    return gpreempt::cli::doctor_command(options);
  }
  Result<ExitCode> operator()(const ExperimentOptions& options) const {
    return gpreempt::cli::experiment_command(options);
  }
  Result<ExitCode> operator()(const HardwareOptions& options) const {
    return gpreempt::cli::hardware_command(options);
  }
  Result<ExitCode> operator()(const QueuesOptions& options) const {
    return gpreempt::cli::queues_command(options);
  }
  Result<ExitCode> operator()(const ReportOptions& options) const {
    return gpreempt::cli::report_command(options);
  }
  Result<ExitCode> operator()(const RescueCommandOptions& options) const {
    return gpreempt::cli::rescue_command(options);
  }
  Result<ExitCode> operator()(const SoakOptions& options) const {
    return gpreempt::cli::soak_command(options);
  }
  Result<ExitCode> operator()(const StudyOptions& options) const {
    return gpreempt::cli::study_command(options);
  }
  Result<ExitCode> operator()(const SuspendCommandOptions& options) const {
    return gpreempt::cli::suspend_command(options);
  }
  Result<ExitCode> operator()(const ResumeCommandOptions& options) const {
    return gpreempt::cli::resume_command(options);
  }
  Result<ExitCode> operator()(const WatchdogCommandOptions& options) const {
    return gpreempt::cli::watchdog_command(options);
  }
};

int run(const std::vector<std::string>& arguments) {
  const Result<Command> command = gpreempt::cli::parse_command_line(arguments);
  if (!command) {
    return report(command.error());
  }
  const Result<ExitCode> code = std::visit(Execute{}, *command);
  return code ? static_cast<int>(*code) : report(code.error());
}

}  // namespace

int main(int argc, char** argv) {
  try {
#ifdef GPREEMPT_CLI_HAS_KFD
    gpreempt::conformance::serve_if_actor(argc, argv);
#endif
    return run(std::vector<std::string>(argv + 1, argv + argc));
  } catch (const std::bad_alloc&) {
    (void)std::fputs("gpreempt: out of memory; shorten the run or free some\n", stderr);
    return static_cast<int>(ExitCode::kEnvironment);
  } catch (const std::exception& error) {
    (void)std::fprintf(stderr, "gpreempt: internal error: %s; please report it\n", error.what());
    return static_cast<int>(ExitCode::kInternal);
  }
}
