#pragma once

#include <filesystem>

#include "cli/exit_code.h"
#include "cli/report_options.h"
#include "core/error.h"

namespace gpreempt::cli {

/// Errors: kInvalidArgument (the folder lacks a file, or is of no kind), kParse (a file in it is
/// refused), kIo.
[[nodiscard]] Result<ExitCode> report_command(const ReportOptions& options);

/// Writes `report.html` into the folder, from the other files in it: the same bytes as
/// `gpreempt report` makes later. Errors: those of `report_command`.
[[nodiscard]] Result<void> write_page(const std::filesystem::path& folder, ReportKind kind);

}  // namespace gpreempt::cli
