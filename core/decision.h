#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "core/error.h"
#include "core/ids.h"
#include "core/time.h"

/// Why the scheduler did what it did: one record per change of mind about a member.
namespace gpreempt {

/// Why a policy wants what it wants. One is the reason of each decision.
enum class Reason : std::uint8_t {
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
  kOutranked,        ///< an Offline tenant of higher priority uses that GPU
  kWouldMiss,        ///< an Online request would miss its deadline
  kSlack,            ///< Online has work, and its deadlines leave time
  kBudgetSpent,      ///< Online has work, and Offline has lost what it may lose
  kWaiting,          ///< Online has work, and a preemption is not worth its cost yet
  kOthersTurn,       ///< it is another tenant's turn
  kOwnTurn,          ///< Online has work, and it is the member's turn
  kMinRun,           ///< the member was given the GPU less than `min-run` ago
  kHoldOff,          ///< the wish to suspend is younger than `hold-off`
  kNoCredit,         ///< the member was preempted as often as `credit` allows
};
enum class Verdict : std::uint8_t { kRun, kSuspend };

[[nodiscard]] std::string_view to_string(Reason reason);
[[nodiscard]] std::string_view to_string(Verdict verdict);

inline constexpr Duration kUnknownCost{-1};

/// A quantity that a policy compared. Names end in their unit; see docs/policies.md.
enum class TermName : std::uint8_t {
  kBusyNs,         ///< how long Online has had work
  kIdleNs,         ///< how long it has had none
  kHeldNs,         ///< how long the member's last verdict has stood
  kLimitNs,        ///< the knob, or the prediction, that a time was compared with
  kSlackNs,        ///< time until Offline must be off for a request to meet its deadline
  kServiceNs,      ///< predicted GPU time of what is outstanding
  kCostNs,         ///< predicted cost of a suspend and a resume
  kBenefitNs,      ///< predicted time that a request saves if Offline is off
  kLossPpm,        ///< Offline's loss in the window, in millionths
  kBudgetPpm,      ///< the most it may be
  kLagNs,          ///< how far a share is behind (positive: too little of it given)
  kRequestsCount,  ///< outstanding requests
  kPriorityLevel,  ///< of the tenant that goes first
  kLevelCount,     ///< queue of a multi-level feedback queue, 0 first
};

struct Term {
  TermName name = TermName::kBusyNs;
  std::int64_t value = 0;
  friend bool operator==(const Term&, const Term&) = default;
};

/// The terms of one wish: at most four, in the order added.
class Terms {
 public:
  static constexpr std::size_t kMost = 4;

  constexpr Terms() = default;
  /// More than `kMost` is a defect of the policy.
  void add(TermName name, std::int64_t value) {
    GPREEMPT_CHECK(size_ < kMost);
    items_[size_] = {.name = name, .value = value};
    ++size_;
  }
  void add(TermName name, Duration value) { add(name, to_ns(value)); }
  void clear() { size_ = 0; }
  [[nodiscard]] std::span<const Term> items() const { return std::span(items_).first(size_); }
  [[nodiscard]] bool empty() const { return size_ == 0; }

 private:
  std::uint8_t size_ = 0;  // first, beside what else a wish is read for
  std::array<Term, kMost> items_{};
};

[[nodiscard]] std::string_view to_string(TermName name);

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
  Terms terms{};  ///< what the policy compared; none if it was not the policy's decision
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
