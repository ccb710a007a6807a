#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>

#include "backends/kfd/os.h"
#include "backends/sim/timeline.h"
#include "backends/vkfd/process_table.h"
#include "core/ids.h"
#include "core/time.h"

/// State of `ProcessTable`, shared by its sources only.
namespace gpreempt::vkfd {

struct ProcessTable::Process {
  Pid pid;
  std::optional<Pid> parent;  ///< of ours; none if it was launched by the simulated system

  // what it runs
  bool of_system = false;
  std::optional<BuiltIn> program;  ///< empty: it cannot be executed
  Stage stage = Stage::kRun;
  Instant ends_at = kForever;
  std::map<std::uint64_t, std::string> memory;

  // signals and job control
  std::deque<int> signals;
  int injected = 0;  ///< given by its tracer, not reported again
  bool group_stopped = false;

  // tracing
  std::optional<Caller> tracer;
  std::uint64_t options = 0;
  bool interrupt_due = false;
  bool exec_due = false;                 ///< it has executed a program, which its tracer is to see
  std::optional<kfd::ChildStatus> stop;  ///< it is in this stop
  std::optional<kfd::ChildStatus> report;  ///< of that stop, until it is polled
  bool listening = false;
  bool exit_stop_made = false;

  // the end
  std::optional<kfd::ChildStatus> death;  ///< how it will end, or ended
  bool exited = false;
  bool reaped = false;

  sim::Timeline::EventId next_step = 0;
  sim::Timeline::EventId alarm = 0;

  [[nodiscard]] bool traces(std::uint64_t option) const {
    return tracer.has_value() && (options & option) != 0;
  }
};

}  // namespace gpreempt::vkfd
