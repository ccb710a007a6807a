#pragma once

#include <cstdint>
#include <string_view>

#include "core/ids.h"
#include "core/time.h"

/// Why the scheduler did what it did: one record per change of mind about a member.
namespace gpreempt {

/// The terms policies decide on. One is the reason of each decision.
enum class Reason {
  kNoOnlineWork,     ///< no Online tenant of higher priority has work on that GPU
  kOnlineBusy,       ///< one has
  kHold,             ///< it fell idle just now, and its next request may come soon
  kSliceEnded,       ///< one has, but had the GPU for its slice
  kGap,              ///< one has, but the member was given back the GPU just now
  kPolicyNeverActs,  ///< the policy is `none`
  kLateQueue,        ///< a queue was born while its member is to be suspended
  kQuarantine,       ///< a queue failed in hardware: it is resumed and left alone
  kShutdown,         ///< the scheduler ends
  kStallLimit,       ///< one of its members was off so long that the others would give up
};
enum class Verdict { kRun, kSuspend };

[[nodiscard]] std::string_view to_string(Reason reason);
[[nodiscard]] std::string_view to_string(Verdict verdict);

inline constexpr Duration kUnknownCost{-1};

/// One decision about one member (a process on a GPU) of an Offline tenant.
struct Decision {
  std::uint64_t sequence = 0;
  Instant at;
  TenantId tenant;
  TargetId target;
  GpuId gpu;
  Verdict verdict = Verdict::kRun;
  Reason reason = Reason::kNoOnlineWork;
  TenantId cause;                        ///< the Online tenant of `kOnlineBusy`, otherwise `tenant`
  Verdict rejected = Verdict::kSuspend;  ///< the alternative
  /// What the same control of this member took last time; `kUnknownCost` before the first.
  Duration predicted_cost = kUnknownCost;
};

/// What a decision turned out to cost: `sequence` from its first request to the outcome of its
/// last.
struct Realisation {
  std::uint64_t sequence = 0;
  Instant at;
  Duration cost{};
  std::uint32_t queues_ok = 0;
  std::uint32_t queues_failed = 0;
};

}  // namespace gpreempt
