#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/poc_evidence.h"
#include "experiments/verdict.h"

/// Which stage is worth building, by the thresholds of the proof of concept. No I/O.
namespace gpreempt::experiments {

enum class Step {
  kKeep,      ///< stage 1, suspending queues through the debugger's interface, is enough
  kConsider,  ///< between the limits
  kUpgrade,   ///< stage 2, a shorter way in the driver, is called for
  kMissing,   ///< nobody found it out
};
/// "keep stage 1", "consider stage 2", "go to stage 2", "missing".
[[nodiscard]] std::string_view to_string(Step step);

/// One of the three quantities that decide.
struct Decision {
  std::string quantity;
  std::string limits;           ///< in words
  std::string text;             ///< the value; empty: missing
  std::optional<double> value;  ///< nanoseconds, or a share
  Step step = Step::kMissing;
  Basis basis = Basis::kAssumed;  ///< meaningless if it is missing
  std::string source;             ///< the result and its file; of a missing one what would find it
};

/// The mean of a steady suspend (below 3 ms keep, above 10 ms upgrade), Online's p99 end to end (30
/// and 50 ms) and Offline's loss (10 and 20 %). Of several results the best founded count (measured
/// before simulated before assumed), and of these the worst.
[[nodiscard]] std::vector<Decision> decide(const PocEvidence& evidence);

/// The strictest step of those that are there; kMissing: none is.
[[nodiscard]] Step recommend(const std::vector<Decision>& decisions);

}  // namespace gpreempt::experiments
