#pragma once

#include "experiments/poc_evidence.h"
#include "experiments/poc_report.h"

/// The test report: what the results say, each as what it is. No I/O.
namespace gpreempt::experiments {

/// World, machine, versions, seed and limits of each file with verdicts.
[[nodiscard]] PocSection provenance_section(const PocEvidence& evidence);

/// How many results met, missed, ..., and each of them.
[[nodiscard]] PocSection functions_section(const PocEvidence& evidence);

/// Histograms and quantiles. Those of the test plan come first, T-4 before the others, and are all
/// there; of the rest as many as a reader can look through.
[[nodiscard]] PocSection latencies_section(const PocEvidence& evidence);

/// What each policy left of Online's latencies and Offline's work, in runs and in the tests.
[[nodiscard]] PocSection throughput_section(const PocEvidence& evidence);

/// What is missed, not resolvable or unavailable.
[[nodiscard]] PocSection issues_section(const PocEvidence& evidence);

}  // namespace gpreempt::experiments
