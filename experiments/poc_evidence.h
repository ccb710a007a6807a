#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "experiments/provenance.h"
#include "experiments/verdict.h"

/// What a report of the proof of concept is made of: results of others, as they were written down.
namespace gpreempt::experiments {

/// A verdict and the file that it was read from.
struct SourcedVerdict {
  Verdict verdict;
  std::string source;
};

/// What a run's summary.json says of one policy. Times are nanoseconds.
struct RunResult {
  std::string source;
  std::string scenario;
  std::string policy;
  std::string backend;
  Basis basis = Basis::kSimulated;
  std::uint64_t requests = 0;
  std::optional<double> online_p50;
  std::optional<double> online_p99;
  std::optional<double> online_max;
  std::optional<double> suspend_p50;  ///< after a process's first one
  std::optional<double> suspend_p99;
  std::optional<double> offline_loss;      ///< 0 to 1, against alone
  std::optional<double> offline_overhead;  ///< of that, what preemption costs
  std::uint64_t suspends = 0;
};

/// Latencies of single requests or calls, for a histogram.
struct LatencySample {
  std::string source;
  std::string what;  ///< e.g. "policy suspend, Online requests"
  Basis basis = Basis::kSimulated;
  std::vector<std::int64_t> ns;
};

/// Where the verdicts of a file come from; nullopt: it does not say.
struct SourcedProvenance {
  std::string source;
  std::optional<Provenance> provenance;
};

struct PocEvidence {
  std::vector<SourcedVerdict> verdicts;
  std::vector<SourcedProvenance> provenance;  ///< of each file with verdicts
  std::vector<RunResult> runs;
  std::vector<LatencySample> latencies;
};

/// A verdicts.json. `source` names the file in errors and in the report. Errors: kParse (it is not
/// JSON, not of schema 1, or a result lacks a key or has an unknown word).
[[nodiscard]] Result<std::vector<SourcedVerdict>> read_verdicts(std::string_view text,
                                                                const std::string& source);

/// A run's summary.json: a result for each policy. Errors: kParse, as above.
[[nodiscard]] Result<std::vector<RunResult>> read_run_results(std::string_view text,
                                                              const std::string& source);

}  // namespace gpreempt::experiments
