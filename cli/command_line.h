#pragma once

#include <string>
#include <variant>
#include <vector>

#include "cli/calibrate_options.h"
#include "cli/compare_options.h"
#include "cli/conformance_options.h"
#include "cli/decode_options.h"
#include "cli/doctor_options.h"
#include "cli/experiment_options.h"
#include "cli/explain_options.h"
#include "cli/hardware_options.h"
#include "cli/models_options.h"
#include "cli/queues_options.h"
#include "cli/replay_options.h"
#include "cli/report_options.h"
#include "cli/rescue_options.h"
#include "cli/run_options.h"
#include "cli/soak_options.h"
#include "cli/study_options.h"
#include "cli/suspend_options.h"
#include "cli/validate_options.h"
#include "cli/watchdog_options.h"
#include "core/error.h"

namespace gpreempt::cli {

/// Something to print on stdout and nothing else: help, version.
struct Printout {
  std::string text;
};

using Command =
    std::variant<Printout, RunOptions, CompareOptions, ReplayOptions, ExplainOptions, ModelsOptions,
                 ValidateOptions, ConformanceOptions, DecodeOptions, DoctorCommandOptions,
                 QueuesOptions, SoakOptions, StudyOptions, SuspendCommandOptions,
                 ResumeCommandOptions, RescueCommandOptions, WatchdogCommandOptions,
                 ExperimentOptions, HardwareOptions, ReportOptions, CalibrateOptions>;

/// Reads a command line (without the program's name).
/// Errors: kInvalidArgument (unknown command, option, name or value; with the nearest valid one).
[[nodiscard]] Result<Command> parse_command_line(const std::vector<std::string>& arguments);

}  // namespace gpreempt::cli
