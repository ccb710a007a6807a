#pragma once

#include <filesystem>
#include <vector>

#include "core/error.h"
#include "study/outputs.h"
#include "study/plan.h"
#include "study/schedule.h"

namespace gpreempt::study {

/// Writes the study's tables as an SQLite database, in place of a file that is there: `runs` with
/// the columns of runs.csv (NULL: no sample), `factors`, `levels`, `metrics` and `study`. The same
/// study gives the same bytes. Errors: kIo.
[[nodiscard]] Result<void> write_sqlite(const std::filesystem::path& file, const Plan& plan,
                                        const std::vector<Row>& rows, const Redo& redo);

}  // namespace gpreempt::study
