#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "calibration/sample.h"
#include "core/error.h"
#include "core/ids.h"
#include "core/testbed.h"
#include "core/time.h"
#include "experiments/session.h"

namespace gpreempt::experiments {

/// What is on the GPU beside the process that is suspended.
struct Company {
  std::optional<Pid> heartbeat;  ///< never without a wave, and stamps the time
  std::uint32_t heartbeat_waves = 0;
  std::vector<Followed> others;  ///< with the heartbeat, which is followed too
};

/// Suspends and resumes one process, and keeps all that a client can see of it.
class SuspendSampler {
 public:
  struct Place {
    std::string name;
    Followed process;
    std::uint32_t gpus = 1;   ///< on which it has queues
    std::uint32_t waves = 0;  ///< that it has there while it runs
    Company company;
    Duration longest_grace{};
  };
  /// `session` must outlive it.
  SuspendSampler(Session& session, Place place);

  /// A suspend, a pause, the resume, and another one: what goes on after a call has returned is
  /// over then. With `stamps` it reads the descriptors afterwards, where this world has them.
  /// Errors: those of `Session::suspend`, `resume` and `inspect`.
  [[nodiscard]] Result<calibration::CallSample> take(std::optional<std::uint32_t> grace_units,
                                                     std::uint32_t repetition, bool stamps);

 private:
  [[nodiscard]] Result<void> suspend(std::optional<std::uint32_t> grace_units,
                                     calibration::CallSample& sample);
  [[nodiscard]] Result<void> resume(calibration::CallSample& sample);
  [[nodiscard]] Result<void> look(calibration::CallSample& sample);
  /// How long the heartbeat has been off; nullopt: there is none.
  [[nodiscard]] std::optional<Duration> off_so_far();
  [[nodiscard]] std::optional<std::int64_t> gap_since(std::optional<Duration> before);

  Session& session_;
  Place place_;
  calibration::CallSample known_;  ///< what does not change from one to the next
  bool has_views_ = true;
};

/// How many active queues these processes have on the GPU, of any type.
[[nodiscard]] std::uint32_t queues_on(Session& session, const std::vector<Followed>& processes,
                                      GpuId gpu);

}  // namespace gpreempt::experiments
