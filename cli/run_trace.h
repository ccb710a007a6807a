#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "cli/simulate.h"
#include "cli/timeline.h"
#include "cli/trace_file.h"
#include "core/time.h"

/// A run's records as `trace.json` shows them. docs/bundle.md says what is where.
namespace gpreempt::cli {

/// What a trace holds of a run.
struct TraceExtent {
  Instant until = kForever;    ///< what begins later is left out; `kForever`: nothing is
  std::uint64_t left_out = 0;  ///< slices, requests, calls and decisions
};

/// How much of the run fits into `most` slices, requests, calls and decisions together.
[[nodiscard]] TraceExtent extent_of(const RunRecord& run, const Timeline& timeline,
                                    std::size_t most);

/// Where the next run goes in a file of several.
struct TracePlace {
  std::uint32_t process = 1;  ///< first one that is free
  std::uint64_t flow = 1;
};

/// A run to be written; what it refers to must outlive it.
struct TracedRun {
  std::string_view label;  ///< stands in front of the name of each of its processes
  const RunRecord& run;
  const Timeline& timeline;
  Instant until = kForever;  ///< as `TraceExtent::until`
};

void write_trace(const TracedRun& traced, TracePlace& place, TraceFile& file);

}  // namespace gpreempt::cli
