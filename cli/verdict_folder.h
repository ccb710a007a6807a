#pragma once

#include <filesystem>
#include <string>

#include "core/error.h"

namespace gpreempt::cli {

/// Writes verdicts.json into this folder, which is made if it is not there. Errors:
/// kInvalidArgument (a file, a folder with something else in it), kIo.
[[nodiscard]] Result<void> write_verdicts(const std::filesystem::path& folder,
                                          const std::string& document);

}  // namespace gpreempt::cli
