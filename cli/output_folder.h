#pragma once

#include <filesystem>
#include <string_view>

#include "core/error.h"

/// Where commands keep what they made.
namespace gpreempt::cli {

/// Makes the folder that `what` ("a bundle") is written to, unless it is there. Nothing of others
/// is written over: one that holds something must be `ours`, which the file `mark` in it says.
/// Errors: kInvalidArgument (a file, somebody else's folder), kIo; nothing was made then.
[[nodiscard]] Result<void> make_output_folder(const std::filesystem::path& folder,
                                              std::string_view what, std::string_view mark,
                                              bool ours);

/// Errors: kIo.
[[nodiscard]] Result<void> write_text(const std::filesystem::path& file, std::string_view text);

/// The error of a file that cannot be written: kIo.
[[nodiscard]] Error write_error(const std::filesystem::path& file, std::string_view reason);

}  // namespace gpreempt::cli
