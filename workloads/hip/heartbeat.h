#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/stats.h"
#include "core/testbed.h"
#include "core/time.h"
#include "workloads/hip/clock_fit.h"
#include "workloads/hip/heartbeat_log.h"

/// What a heartbeat says: when the process was off the GPU, and what the heartbeat itself costs.
namespace gpreempt::hip {

/// A time that the process' queues were off the GPU.
struct Absence {
  Instant from;  ///< last beat before it
  Instant to;    ///< first beat after it
};

struct HeartbeatSummary {
  Instant first;
  Instant last;
  std::uint64_t beats = 0;
  Duration period{};     ///< mean time between beats where there is no gap
  Duration bystander{};  ///< sum of the gaps, each less one period
  Duration longest{};    ///< gap, less one period
  std::vector<Absence> absences;
  std::uint64_t not_kept = 0;  ///< gaps that `bystander` lacks: it is a lower bound then
};

/// Errors: none; of a heartbeat that never beat everything is 0.
[[nodiscard]] HeartbeatSummary summarise(const HeartbeatLog& log, const ClockFit& clock);

/// The same sum while the heartbeat runs.
class BystanderTime {
 public:
  /// `fresh`: what the heartbeat has seen so far; of its gaps those that were not added before.
  void add(const HeartbeatLog& fresh, const ClockFit& clock);
  /// Gaps that were added.
  [[nodiscard]] std::size_t gaps() const { return gaps_; }
  [[nodiscard]] Duration total() const { return total_; }

 private:
  std::size_t gaps_ = 0;
  Duration off_{};
  Duration total_{};
};

/// A stretch of the run during which the heartbeat kernel ran.
struct HeartbeatWindow {
  Instant from;
  Instant to;
};

/// Quantiles of requests; nullopt where there is no sample.
struct RequestTimes {
  std::uint64_t requests = 0;
  std::optional<Quantile> dispatch_delay_p50;  ///< arrival to first wave, ns
  std::optional<Quantile> dispatch_delay_p99;
  std::optional<Quantile> latency_p50;  ///< arrival to end, ns
  std::optional<Quantile> latency_p99;
};

/// The heartbeat occupies a wave slot and a queue, so that its own effect must be seen: complete
/// requests that it was beside from arrival to end, and complete ones that it was never beside.
struct HeartbeatEffect {
  RequestTimes with;
  RequestTimes without;
};
[[nodiscard]] HeartbeatEffect effect_of(std::span<const RequestRecord> requests,
                                        std::span<const HeartbeatWindow> windows);

}  // namespace gpreempt::hip
