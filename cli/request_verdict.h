#pragma once

#include <map>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/recorded_run.h"
#include "core/decision.h"
#include "core/ids.h"
#include "core/scheduler.h"
#include "core/testbed.h"
#include "core/time.h"

/// Whether Offline was taken off the GPU for a request. Pure functions of decisions.
namespace gpreempt::cli {

enum class RequestVerdict {
  kNotPreempted,  ///< Offline was never decided off while the request was there
  kPreempted,     ///< a decision took it off between arrival and end
  kFoundOff,      ///< it was off at arrival, from an earlier decision, and no other was made
};
/// "not-preempted", "preempted", "found-off".
[[nodiscard]] std::string_view to_string(RequestVerdict verdict);
/// Whether the request had the GPU without Offline at any time.
[[nodiscard]] constexpr bool had_gpu(RequestVerdict verdict) {
  return verdict != RequestVerdict::kNotPreempted;
}

/// When members of Offline were off for Online, by decision. A suspension for another Offline
/// tenant (`kOutranked`) is for no request and left out.
class OffTimes {
 public:
  /// Decisions in their order.
  explicit OffTimes(std::span<const Decision> decisions);

  /// Of a request of a tenant with queues on `gpus`; one without an end is there for ever.
  [[nodiscard]] RequestVerdict verdict(const RequestRecord& request,
                                       std::span<const GpuId> gpus) const;

 private:
  struct Interval {
    Instant from;
    Instant to = kForever;
  };
  std::map<std::pair<GpuId, TargetId>, std::vector<Interval>> members_;
};

/// The GPUs on which a tenant of a run ever had queues, in rising order.
[[nodiscard]] std::vector<GpuId> gpus_of(const RecordedRun& run, const TenantSpec& tenant);

}  // namespace gpreempt::cli
