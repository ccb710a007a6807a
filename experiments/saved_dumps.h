#pragma once

#include <filesystem>
#include <vector>

#include "core/error.h"
#include "experiments/queue_id_rule.h"
#include "experiments/verdict.h"

namespace gpreempt::experiments {

/// Reads dumps of mqds that were saved while models ran, a folder for each run:
///   model_NAME_run_N/   a file whose name has "mqd" and "during" in it
///   concurrent_run_N/   one with "mqd" and "model_a_only", and one with "mqd" and "both"
/// The model's process is the one in model_NAME_pid.txt, or else the only one that the dump with
/// "before" in its name does not have. Ids are not in such dumps: they are inferred from doorbells,
/// as a stock driver gives them out.
/// Errors: kInvalidArgument (no such folder, no runs, a run without its files or without one
/// process that is the model's), kParse (FILE:LINE:COLUMN), kIo.
[[nodiscard]] Result<QueueIdEvidence> read_saved_runs(const std::filesystem::path& folder);

/// The verdicts of `queue-ids` from them, with the backend "files". Errors: the same.
[[nodiscard]] Result<std::vector<Verdict>> judge_saved_runs(const std::filesystem::path& folder);

}  // namespace gpreempt::experiments
