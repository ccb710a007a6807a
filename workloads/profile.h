#pragma once

#include <cstdint>
#include <string_view>

#include "core/error.h"
#include "core/program.h"

/// Recorded kernels.
namespace gpreempt {

/// Workgroups per unit of the profile's `SM_usage`. The profiles were taken on a V100 (80 SMs, 2048
/// threads each); `SM_usage` is the number of SMs a kernel's blocks would fill if nothing else ran,
/// and may exceed 80. Our workgroups are 256 threads where a profile does not say, and two of them
/// a SM keep a kernel that used the whole V100 at the 2 x 80 workgroups that 80 CUs need to be
/// busy. Evidence: derived.
inline constexpr std::uint32_t kWorkgroupsPerSm = 2;
/// Kernels of more workgroups than this run in equal rounds anyway, so they are cut here.
inline constexpr std::uint32_t kMaxProfileWorkgroups = 1280;

/// Adds a kernel to a train; equal neighbours become one run.
void append_kernel(KernelTrain& train, const KernelRun& kernel);

/// Reads "orion": a CSV file with the header `Name,Profile,Memory_footprint,SM_usage,Duration`
/// (nanoseconds). Names may be quoted, and may hold commas without being quoted, as those of C++
/// kernels do: the last four fields are taken from the right. Every duration is multiplied by
/// `time_scale` and rounded to a nanosecond, at least one. `shape` gives what a profile does not
/// say; its workgroups are replaced.
/// Errors: kParse "file:line: reason".
/// Source: eth-easl/orion, profiling/postprocessing.
[[nodiscard]] Result<KernelTrain> parse_orion_profile(std::string_view text,
                                                      std::string_view display_name,
                                                      double time_scale, const KernelShape& shape);

}  // namespace gpreempt
