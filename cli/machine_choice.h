#pragma once

#include "backends/sim/system.h"
#include "cli/run_options.h"
#include "core/error.h"

namespace gpreempt::cli {

/// The modelled machine that `--backend` asks for, the usual one where it says nothing; one GPU.
/// Nothing of it matters to hardware. Errors: kInvalidArgument, kParse.
[[nodiscard]] Result<sim::SystemOptions> machine_of(const BackendChoice& backend);

}  // namespace gpreempt::cli
