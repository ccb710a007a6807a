#pragma once

#include <vector>

#include "cli/study_folder.h"
#include "cli/study_options.h"
#include "core/error.h"
#include "study/plan.h"
#include "study/schedule.h"

namespace gpreempt::cli {

/// A study as its folder has it: what was to be run, and what was.
struct StudyRecord {
  StudyIdentity identity;
  study::Plan plan;
};

/// The plan of a study from the first line of its journal.
/// Errors: kParse (the study in it is refused).
[[nodiscard]] Result<StudyRecord> record_of(StudyIdentity identity);

/// What runs are to be made.
[[nodiscard]] study::Schedule schedule_of(const StudyRecord& record);

/// Puts the runs of all shards together in `options.out`, as if they had been made in one go.
/// Errors: kInvalidArgument (a folder is no shard, or one is missing, is there twice, is not done
/// or is of another study), kIo, kBusy.
[[nodiscard]] Result<std::vector<study::Row>> merge_shards(const StudyOptions& options,
                                                           StudyRecord& record);

}  // namespace gpreempt::cli
