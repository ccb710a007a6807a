#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/simulate.h"
#include "core/stats.h"
#include "core/time.h"
#include "workloads/scenario.h"

/// From records to what is reported. No I/O, and no rounding but where said. The words are those of
/// docs/glossary.md.
namespace gpreempt::cli {

/// A latency in nanoseconds: p50/p95/p99 with 95 % rank bands, the largest and the moments. Empty
/// without samples.
struct Spread {
  std::uint64_t count = 0;
  std::optional<Quantile> p50;
  std::optional<Quantile> p95;
  std::optional<Quantile> p99;
  std::optional<std::int64_t> max;
  std::optional<double> mean;
  std::optional<double> sd;  ///< of two samples and more
};
[[nodiscard]] Spread spread_of(std::vector<std::int64_t> samples);

/// Where the time of a request goes. `kDetect` is arrival to the decision that the request caused,
/// as far as no driver call was under way; `kRun` is what no other part explains.
enum class Part { kDetect, kIssue, kLock, kUnmap, kSave, kMap, kRestore, kCopy, kRun };
inline constexpr std::size_t kParts = 9;
[[nodiscard]] std::string_view to_string(Part part);

/// Mean latency of the completed requests, and its parts. The parts sum to it exactly: each is
/// rounded to a nanosecond so that running sums are right.
struct Decomposition {
  std::uint64_t requests = 0;  ///< 0: no sample
  std::int64_t mean_ns = 0;
  std::array<std::int64_t, kParts> parts_ns{};
};

struct LatencyVerdict {
  Duration limit{};
  std::optional<bool> met;  ///< nullopt: no request was counted
};

/// Online requests that arrived at or after the warm-up.
struct OnlineMetrics {
  std::uint64_t requests = 0;
  std::uint64_t completed = 0;
  std::uint64_t unfinished = 0;
  Spread latency;  ///< of completed ones
  Spread ttft;     ///< serving: arrival to first token, of those that have it
  Spread tpot;     ///< serving: time of a token after the first, of completed ones with any
  std::optional<std::int64_t> at_slo_quantile;  ///< of `SloScenario::metric`
  Spread added;           ///< over the same request of the baseline, where both completed
  Spread dispatch_delay;  ///< arrival to first wave
  /// In the order of `SloScenario::online_latency`. Over several tenants: each of them meets it.
  std::vector<LatencyVerdict> slo;
  Decomposition decomposition;
};

struct LossVerdict {
  double limit = 0;
  std::optional<bool> met;  ///< nullopt: Offline lost clearly less than the floor
};

/// Offline between warm-up and duration.
struct OfflineMetrics {
  Duration work{};
  Duration baseline_work{};
  std::uint64_t kernels = 0;
  std::uint64_t baseline_kernels = 0;
  /// Steps completed by tenants with arrivals of their own; nullopt: there is none.
  std::optional<std::uint64_t> requests_completed;
  std::optional<std::uint64_t> baseline_requests_completed;
  /// All nullopt when the baseline did no work.
  std::optional<double> loss;
  std::optional<double> loss_floor;
  std::optional<double> overhead;
  std::vector<LossVerdict> verdicts;  ///< on the overhead
};

/// SUSPENDs and RESUMEs of the whole run.
struct PreemptionMetrics {
  /// The world does not tell of bystander time, and not how much was saved.
  bool is_blind = false;
  std::uint64_t suspends = 0;
  std::uint64_t resumes = 0;
  Spread first;   ///< suspends that moved save areas to system memory, call to return
  Spread steady;  ///< all others
  Duration bystander{};
  std::optional<Duration> bystander_per_call;
  std::optional<std::uint64_t> saved_bytes_mean;  ///< per suspend
};

/// A tenant of several ranks.
struct GangMetrics {
  std::string name;
  std::uint32_t ranks = 0;
  Spread off;                    ///< decision to its last rank off, where all went off that were to
  Spread apart;                  ///< of them, first rank off to last rank off
  std::uint64_t incomplete = 0;  ///< decisions after which not all went off
  Duration wait{};               ///< of its ranks in collectives, summed
  bool aborted = false;          ///< one of its collectives timed out
};

struct TenantMetrics {
  std::string name;
  OnlineMetrics online;
};

struct PolicyMetrics {
  std::string policy;
  Instant start;  ///< zero of the arrivals
  bool has_online = false;
  OnlineMetrics online;                   ///< over all Online tenants
  std::vector<TenantMetrics> tenants;     ///< the Online tenants one by one
  std::optional<OfflineMetrics> offline;  ///< nullopt: there is no Offline tenant
  PreemptionMetrics preemptions;
  std::vector<GangMetrics> gangs;  ///< filled in by `measure_gangs`
  std::uint64_t decisions = 0;
  std::uint64_t refusals = 0;
  std::uint64_t leases_expired = 0;
  double simulated_s = 0;
  double wall_s = 0;
  std::uint64_t engine_events = 0;
};

/// The runs to compare with: the same requests, one class of tenants alone, policy none.
struct Baselines {
  RunRecord online;   ///< no tenants if the workload has none
  RunRecord offline;  ///< the same
};

[[nodiscard]] PolicyMetrics measure(const RunRecord& run, const Baselines& baselines,
                                    const SloScenario& slo);

/// What the policy missed of the first limits, a sentence each; empty if it missed nothing.
/// A limit without a sample counts as missed, and so does any refusal of the backend: such a run
/// was not one of the policy.
[[nodiscard]] std::vector<std::string> missed_limits(const PolicyMetrics& metrics,
                                                     const SloScenario& slo);

}  // namespace gpreempt::cli
