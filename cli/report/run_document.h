#pragma once

#include "cli/report/document.h"
#include "cli/report/run_files.h"
#include "core/error.h"

namespace gpreempt::report {

/// The report of a run, verdict first. Everything that a chart shows is computed here; the same
/// files give the same document. Errors: kParse (`summary.json` or `run.json` is none).
[[nodiscard]] Result<Document> run_document(const RunFiles& files);

}  // namespace gpreempt::report
