#pragma once

#include <vector>

#include "core/error.h"
#include "experiments/experiment.h"
#include "experiments/verdict.h"

/// The experiments, each in the file of its name. docs/experiments.md says how each is made.
namespace gpreempt::experiments {

[[nodiscard]] Result<std::vector<Verdict>> run_queue_ids(const Setting& setting);
[[nodiscard]] Result<std::vector<Verdict>> run_suspend_latency(const Setting& setting);
[[nodiscard]] Result<std::vector<Verdict>> run_suspend_costs(const Setting& setting);
[[nodiscard]] Result<std::vector<Verdict>> run_priority(const Setting& setting);
[[nodiscard]] Result<std::vector<Verdict>> run_bystander(const Setting& setting);
[[nodiscard]] Result<std::vector<Verdict>> run_lifecycle(const Setting& setting);
[[nodiscard]] Result<std::vector<Verdict>> run_doorbell(const Setting& setting);
[[nodiscard]] Result<std::vector<Verdict>> run_activity(const Setting& setting);
[[nodiscard]] Result<std::vector<Verdict>> run_attach_tax(const Setting& setting);
[[nodiscard]] Result<std::vector<Verdict>> run_mechanisms(const Setting& setting);
[[nodiscard]] Result<std::vector<Verdict>> run_oversubscription(const Setting& setting);
[[nodiscard]] Result<std::vector<Verdict>> run_identification(const Setting& setting);

}  // namespace gpreempt::experiments
