#pragma once

#include "cli/report/document.h"
#include "cli/report/study_files.h"
#include "core/error.h"

namespace gpreempt::report {

/// The report of a study, its question first. The same files give the same document.
/// Errors: kParse (a file is none of a study).
[[nodiscard]] Result<Document> study_document(const StudyFiles& files);

}  // namespace gpreempt::report
