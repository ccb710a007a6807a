#pragma once

#include "cli/decode_options.h"
#include "cli/exit_code.h"
#include "core/error.h"

namespace gpreempt::cli {

/// `gpreempt decode`: what is in a file of amdkfd's debugfs folder, or in a log of the HIP
/// runtime.
/// Errors: kUnsupported (a build without the KFD backend), kParse (not such a file), kIo (it cannot
/// be read, or stdout not be written).
[[nodiscard]] Result<ExitCode> decode_command(const DecodeOptions& options);

}  // namespace gpreempt::cli
