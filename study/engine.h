#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/error.h"
#include "study/linux_journal.h"
#include "study/schedule.h"

/// Makes a study's runs in worker processes.
namespace gpreempt::study {

/// Makes one run, in a worker: one value for each metric; NaN: no sample. An error is the run's.
using MakeRun = std::function<Result<std::vector<double>>(std::size_t point, std::uint64_t seed)>;

struct EngineOptions {
  std::uint32_t workers = 2;
  int stop_fd = -1;                ///< readable: stop
  Journal* journal = nullptr;      ///< takes each run as it is finished; nullptr: nobody does
  std::function<void()> progress;  ///< told after each run; may be empty
};

/// Makes the runs that `schedule` wants until it is done. Workers are forked from this process, so
/// whatever `make_run` looks up is there already and costs them nothing.
/// Blocks: until then. Errors: kIo (no process; the journal), kInterrupted (`stop_fd`); what is
/// settled then stays in `schedule` and in the journal.
[[nodiscard]] Result<void> run_study(Schedule& schedule, const MakeRun& make_run,
                                     const EngineOptions& options);

/// A run as a line of the journal, and back. Errors: kParse.
[[nodiscard]] std::string row_line(const Row& row);
[[nodiscard]] Result<Row> parse_row(const std::string& line, std::size_t metrics);

}  // namespace gpreempt::study
