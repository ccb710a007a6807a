#pragma once

#include <cstdint>

#include "core/time.h"

namespace gpreempt::hip {

/// What a workload process needs of the system it runs on, besides the GPU. The seam that lets its
/// loop run in virtual time under test. One thread.
class Host {
 public:
  Host() = default;
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;
  virtual ~Host() = default;

  /// The clock that the KFD backend goes by, too: CLOCK_MONOTONIC.
  [[nodiscard]] virtual Instant now() = 0;
  /// Blocks: until `at`, or until the process is asked to stop. Late by microseconds.
  virtual void wait_until(Instant at) = 0;
  /// Whether somebody asked this process to end (SIGTERM, SIGINT, SIGHUP). Never blocks.
  [[nodiscard]] virtual bool stop_requested() = 0;

  // What a scheduler that listens is told. Never blocks, and never fails: who does not listen
  // misses it.
  virtual void hint_arrived(std::uint64_t request, Instant at) = 0;
  virtual void hint_finished(std::uint64_t request, Instant at, Instant first_wave) = 0;
  /// What this process has done since its start: kernel time as on an idle GPU, and kernels.
  virtual void hint_work(Duration work, std::uint64_t kernels) = 0;
  /// How long its queues have been off the GPU in all, as its heartbeat sees it.
  virtual void hint_bystander(Duration off) = 0;
};

}  // namespace gpreempt::hip
