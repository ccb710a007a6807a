#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cli/exit_code.h"
#include "core/error.h"
#include "experiments/verdict.h"

namespace gpreempt::cli {

/// Writes verdicts.json into this folder, which is made if it is not there. Errors:
/// kInvalidArgument (a file, a folder with something else in it), kIo.
[[nodiscard]] Result<void> write_verdicts(const std::filesystem::path& folder,
                                          const std::string& document);

/// What a command that ends in these verdicts ends with: kEnvironment if a GPU or its firmware
/// failed, so that nothing more must be asked of it, or if nothing could be found out; kGateFailed
/// if a limit or an expectation was missed.
[[nodiscard]] ExitCode exit_code_of(const std::vector<experiments::Verdict>& verdicts);

}  // namespace gpreempt::cli
