#pragma once

#include "backends/kfd/os.h"
#include "cli/run_options.h"
#include "core/error.h"
#include "experiments/provenance.h"

namespace gpreempt::cli {

/// Of results of this build on that backend: the hardware model and its personality, or on kfd what
/// sysfs tells of the machine that `os` is; what it does not tell stays empty. Seed, profile and
/// gates are the caller's. Blocks: as reading a few small files does. Errors: those of
/// `machine_of`.
[[nodiscard]] Result<experiments::Provenance> provenance_of(const BackendChoice& backend,
                                                            kfd::Os& os);

/// Of verdicts about saved files, which do not say where they are from.
[[nodiscard]] experiments::Provenance provenance_of_files();

}  // namespace gpreempt::cli
