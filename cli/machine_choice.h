#pragma once

#include "backends/sim/model_file.h"
#include "backends/sim/system.h"
#include "cli/run_options.h"
#include "core/error.h"

namespace gpreempt::cli {

/// The modelled machine that `--backend` asks for, the usual one where it says nothing; one GPU.
/// Nothing of it matters to hardware. What it does beyond its model is in the options `noise`,
/// `unmodelled`, `jitter`, `bend` (times), `drift` and `missing` (percent), see
/// `sim::Perturbation`. Errors: kInvalidArgument, kParse.
[[nodiscard]] Result<sim::SystemOptions> machine_of(const BackendChoice& backend);

/// The hardware model of that machine. Errors: the same.
[[nodiscard]] Result<sim::Model> model_of(const BackendChoice& backend);

}  // namespace gpreempt::cli
