#pragma once

#include <filesystem>
#include <vector>

#include "core/error.h"
#include "experiments/lifecycle_rule.h"
#include "experiments/queue_id_rule.h"
#include "experiments/saved_folder.h"
#include "experiments/verdict.h"

/// Experiments answered from dumps in a folder (saved_folder.h has its layout) instead of a running
/// driver. Ids are not in such dumps: they are inferred from doorbells, as a stock driver gives
/// both out. Errors of all: kInvalidArgument (no such folder, no runs, a run without its files or
/// without one process that is the model's), kParse (FILE:LINE:COLUMN), kIo.
namespace gpreempt::experiments {

/// What `queue-ids` is judged by.
[[nodiscard]] Result<QueueIdEvidence> read_saved_runs(const std::filesystem::path& folder);
/// What `lifecycle` is judged by: every dump of one run, in the order of their names. A name that
/// ends in "T+5s" or "T-10s" says when it was taken. Errors also: kInvalidArgument (no dump
/// "during" or "after", a stage with dumps of hqds for some looks only).
[[nodiscard]] Result<LifeEvidence> read_saved_life(const SavedRun& run);

/// The verdicts of `queue-ids`, but for what happens between the dumps.
[[nodiscard]] Result<std::vector<Verdict>> judge_saved_queue_ids(
    const std::filesystem::path& folder);
/// Those of `lifecycle` for each model_NAME_run_N; more than one are told apart by the run's name.
[[nodiscard]] Result<std::vector<Verdict>> judge_saved_lifecycle(
    const std::filesystem::path& folder);
/// "priority/in-the-mqd/N" and "in-the-hqd/N" of the last look "during" of each run whose
/// model_NAME_priority.txt says which priority its streams asked for. What follows from waits is
/// `unavailable`.
[[nodiscard]] Result<std::vector<Verdict>> judge_saved_priority(
    const std::filesystem::path& folder);

}  // namespace gpreempt::experiments
