#pragma once

#include <vector>

#include "cli/hardware_check.h"
#include "core/error.h"
#include "experiments/verdict.h"

/// What the checks of the plan run, each by its sentence in the table of hardware_check.cc.
namespace gpreempt::cli::hardware {

using Verdicts = Result<std::vector<experiments::Verdict>>;

// Calls of the driver (hardware_function.cc, hardware_cost.cc, hardware_creation.cc).
[[nodiscard]] Verdicts basic(Campaign& campaign);           // T-1
[[nodiscard]] Verdicts edges(Campaign& campaign);           // T-3
[[nodiscard]] Verdicts twelve_steps(Campaign& campaign);    // T-8
[[nodiscard]] Verdicts integrity(Campaign& campaign);       // T-18
[[nodiscard]] Verdicts latency(Campaign& campaign);         // T-4
[[nodiscard]] Verdicts batches(Campaign& campaign);         // T-9
[[nodiscard]] Verdicts iterations(Campaign& campaign);      // T-10
[[nodiscard]] Verdicts days(Campaign& campaign);            // T-16
[[nodiscard]] Verdicts queue_creation(Campaign& campaign);  // T-17

// Scenarios under a scheduler (hardware_load.cc, hardware_mix.cc).
[[nodiscard]] Verdicts frequent(Campaign& campaign);       // T-2
[[nodiscard]] Verdicts throughput(Campaign& campaign);     // T-5
[[nodiscard]] Verdicts stability(Campaign& campaign);      // T-6
[[nodiscard]] Verdicts stress(Campaign& campaign);         // T-7
[[nodiscard]] Verdicts eight_gpus(Campaign& campaign);     // T-13
[[nodiscard]] Verdicts priorities(Campaign& campaign);     // T-11
[[nodiscard]] Verdicts two_cases(Campaign& campaign);      // T-12
[[nodiscard]] Verdicts service_kept(Campaign& campaign);   // T-14
[[nodiscard]] Verdicts ordering(Campaign& campaign);       // T-15
[[nodiscard]] Verdicts three_tenants(Campaign& campaign);  // SCN-9
[[nodiscard]] Verdicts video(Campaign& campaign);          // SCN-9

}  // namespace gpreempt::cli::hardware
