#pragma once

#include <vector>

#include "core/error.h"
#include "experiments/experiment.h"
#include "experiments/verdict.h"

/// The experiments, each in the file of its name. docs/experiments.md says how each is made.
namespace gpreempt::experiments {

[[nodiscard]] Result<std::vector<Verdict>> run_queue_ids(const Setting& setting);

}  // namespace gpreempt::experiments
