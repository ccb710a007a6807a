#pragma once

#include <deque>
#include <optional>
#include <vector>

#include "backends/sim/system.h"
#include "cli/bundle.h"
#include "cli/metrics.h"
#include "cli/progress.h"
#include "cli/run_setup.h"
#include "cli/simulate.h"
#include "cli/worlds.h"
#include "core/error.h"
#include "core/time.h"
#include "workloads/compile.h"
#include "workloads/scenario.h"

namespace gpreempt::cli {

/// Runs with one class of tenants alone that were made before in this process, kept for setups that
/// would repeat them. The oldest are forgotten.
class BaselineStore {
 public:
  /// All that such a run depends on: two of equal ones are the same run.
  struct Key {
    Workload part;
    sim::SystemOptions system;
    std::optional<Duration> grace;
    Duration lease{};
    Detection detection;
    bool operator==(const Key&) const = default;
  };
  /// nullptr if there is none.
  [[nodiscard]] const RunRecord* find(const Key& key) const;
  void add(Key key, RunRecord record);

 private:
  struct Kept {
    Key key;
    RunRecord record;
  };
  std::deque<Kept> kept_;
};

/// What is known of the hardware and wanted of its runs.
struct PolicyRunsOptions {
  Progress* progress = nullptr;
  Bundle* bundle = nullptr;
  BaselineStore* baselines = nullptr;
  bool online_alone = true;   ///< without it nothing is known about what is added
  bool offline_alone = true;  ///< without it nothing is known about losses
};

/// Runs Online alone, Offline alone and then the setup under each of its policies, one after
/// another, each on a testbed of its own.
/// Errors: kUnsupported (the backend lacks the mechanism, or the detection), those of `simulate`.
[[nodiscard]] Result<std::vector<PolicyMetrics>> run_policies(const RunSetup& setup,
                                                              const OpenTestbed& open,
                                                              const PolicyRunsOptions& options);

}  // namespace gpreempt::cli
