#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/time.h"

/// Processes forked from this one, as it is then, that carry out numbered jobs: what a job breaks,
/// and all memory that it takes, is gone with its process.
namespace gpreempt::crew {

using Job = std::uint64_t;

/// In a worker: tells of its jobs, in their order. The first one untold is the one it is at.
class Teller {
 public:
  explicit Teller(int fd) : fd_(fd) {}
  /// `result` has no line break.
  void done(Job job, std::string_view result) const;

 private:
  int fd_;
};

/// What became of a job.
struct Outcome {
  Job job = 0;
  std::string result;  ///< as told
  std::string died;    ///< how its process ended instead: "Segmentation fault"; empty if it did not
};

/// Carries jobs out in their order, in a worker. An exception ends the worker; jobs that are left
/// untold at an orderly end are given to another one.
using Work = std::function<void(const std::vector<Job>& jobs, const Teller& teller)>;

struct CrewOptions {
  std::uint32_t workers = 2;  ///< at a time
  /// A job that computes for so long, or takes ten times as long, is ended with its worker. At
  /// most 24 days.
  Duration patience = std::chrono::hours(24);
  int stop_fd = -1;  ///< readable: stop; -1: nothing stops it
};

/// SIGINT and SIGTERM as something to read instead of this process' end, while it lives.
class StopSignals {
 public:
  StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;
  ~StopSignals();
  /// For `CrewOptions::stop_fd`; -1 if the system gave none, and then nothing stops a crew.
  [[nodiscard]] int fd() const { return fd_; }

 private:
  int fd_ = -1;
};

/// Keeps `workers` processes busy. `next` gives the jobs of the next one, none if there are none
/// now; it is asked again after each outcome. `settle` takes each outcome, in the order in which
/// they come. A job that its process did not survive is not repeated; those after it are. A worker
/// ends with this process, whatever ends it. Blocks: until no worker runs and `next` has nothing.
/// Errors: kIo (no process can be made), kInterrupted (`stop_fd`; no worker runs any more), those
/// of `settle`, which stop it, too.
[[nodiscard]] Result<void> run_crew(const CrewOptions& options, const Work& work,
                                    const std::function<std::vector<Job>()>& next,
                                    const std::function<Result<void>(const Outcome&)>& settle);

}  // namespace gpreempt::crew
