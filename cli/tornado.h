#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "backends/sim/model_file.h"
#include "cli/progress.h"
#include "core/error.h"

/// Which parameters of a model matter: how far the headline moves with each of them alone.
namespace gpreempt::cli {

/// What a scheduler's user asks first, in nanoseconds, from the built-in scenario `headline` under
/// policy `suspend`. nullopt: no sample.
struct Headline {
  std::optional<std::int64_t> added_p99;  ///< Online, over Online alone
  std::optional<std::int64_t> suspend;    ///< steady suspend of a full GPU, call to return, median
};

/// The headline with one parameter at an end of its prior and all others at their values.
struct Swing {
  std::size_t parameter = 0;  ///< in `Model::parameters`
  double low_value = 0;       ///< at 5 % of the prior
  double high_value = 0;      ///< at 95 %
  Headline low;
  Headline high;
  /// The larger of the two distances between low and high.
  [[nodiscard]] std::int64_t size() const;
};

struct Tornado {
  Headline point;             ///< all parameters at their values
  std::vector<Swing> swings;  ///< of every parameter with a prior, the largest first
};

/// What matters depends on where the save areas are: over the bus everything else is small, and
/// what paces a save in the GPU's memory does not enter at all.
struct Sensitivity {
  Tornado at_values;
  Tornado in_vram;  ///< the same with `area_moves` at 0, which has no swing there
};

/// Errors: those of `run_policies`; kInvalidArgument (the hardware cannot run the scenario).
[[nodiscard]] Result<Sensitivity> sensitivity_of(const sim::Model& model, Progress& progress);

}  // namespace gpreempt::cli
