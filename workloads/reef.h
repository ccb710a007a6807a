#pragma once

#include <cstdint>
#include <string_view>

#include "core/error.h"
#include "core/program.h"

/// Recorded models of REEF.
namespace gpreempt {

/// Workgroups of a kernel when there is no schedule to say: the median grid of ResNet-152's kernels
/// in REEF. Evidence: raw.
inline constexpr std::uint32_t kReefWorkgroups = 32;

struct ReefFiles {
  std::string_view profile;
  std::string_view profile_name;   ///< in errors
  std::string_view schedule;       ///< empty: there is none
  std::string_view schedule_name;  ///< in errors
};

/// Reads a model's `*.profile.json`: `{"model_latency": us, "kernel_latency": {name:
/// {"total_latency": us, "latency": [us, ...]}}}`. It holds each *distinct* kernel once, timed in
/// an isolated launch (`total_latency`, some 10 us of it launch and synchronisation). `latency[i]`
/// is the time of i + 1 workgroups together on each CU, up to its occupancy; it says nothing of the
/// grid and is only checked.
///
/// Which kernels run, how often and in which order is in the model's schedule (`resnet152.json`:
/// `kernels[].{name, launch_params: grid x, y, z, block x, y, z}`, `shared_memory{name: bytes}`).
/// With it, a launch is a kernel with that grid, its waves and its LDS. Without it, the kernels run
/// in the order of the profile, `kReefWorkgroups` workgroups each; with `normalise`, as many times
/// over as brings their sum nearest to the model's latency.
///
/// `normalise` scales durations so that their sum is `model_latency`, since isolated launches take
/// longer than pipelined ones. `time_scale` multiplies what results; each is rounded to a
/// nanosecond, at least one.
/// Errors: kParse.
/// Source: SJTU-IPADS/reef, src/reef/executor/model.cpp, resource/.
[[nodiscard]] Result<KernelTrain> parse_reef_profile(const ReefFiles& files, bool normalise,
                                                     double time_scale, const KernelShape& shape);

}  // namespace gpreempt
