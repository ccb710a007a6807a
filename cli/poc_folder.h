#pragma once

#include <filesystem>

#include "core/error.h"
#include "experiments/poc_evidence.h"

namespace gpreempt::cli {

/// What a report of the proof of concept finds in a folder and in the folders in it: each
/// verdicts.json, and each summary.json of a run with its requests.csv. In the order of their
/// paths, which name the sources. Errors: kInvalidArgument (no such folder, or nothing of that in
/// it), kParse (a file that is not such a one), kIo.
[[nodiscard]] Result<experiments::PocEvidence> read_poc_folder(const std::filesystem::path& folder);

}  // namespace gpreempt::cli
