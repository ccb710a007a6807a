#pragma once

#include <cstdint>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/run_trace.h"
#include "cli/simulate.h"
#include "cli/timeline.h"
#include "cli/trace_file.h"
#include "core/ids.h"
#include "core/time.h"

namespace gpreempt::cli {

/// Where the first queue of a process on a GPU is drawn.
using QueueRows = std::map<std::pair<Pid, std::uint32_t>, Track>;

struct CallsOfRun {
  const RunRecord& run;
  std::string_view label;
  Instant until;  ///< what begins at or after it is left out
  const QueueRows& rows;
  const std::vector<TenantLine>& lines;
};

/// Writes a process with a row of decisions and, for each process that calls were about, rows of
/// them: a decision's slice holds its call's, and that holds the call's phases. Arrows lead from a
/// decision to suspend over the call and the first Online work that it let run to the resume, and
/// from a decision to resume over its call to where its queue runs again.
void write_calls(const CallsOfRun& calls, TracePlace& place, TraceFile& file);

}  // namespace gpreempt::cli
