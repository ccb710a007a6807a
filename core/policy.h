#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/decision.h"
#include "core/error.h"
#include "core/ids.h"
#include "core/time.h"

/// A policy says which Offline members should run. It is a pure function of what it is shown.
namespace gpreempt {

enum class TenantClass { kOnline, kOffline };
[[nodiscard]] std::string_view to_string(TenantClass cls);

/// No promised latency.
inline constexpr Duration kNoPromise = Duration::max();

/// What was learnt of a duration: an exponentially weighted mean and mean deviation, as TCP keeps
/// them of round trips (RFC 6298: gains 1/8 and 1/4), in integers. The same samples give the same
/// estimate.
struct ServiceEstimate {
  std::uint32_t samples = 0;
  Duration mean{};
  Duration deviation{};

  void learn(Duration sample);
  [[nodiscard]] bool known() const { return samples > 0; }
  /// Few requests take longer: mean + 4 deviations.
  [[nodiscard]] Duration high() const { return mean + 4 * deviation; }
};

/// A tenant as a policy sees it.
struct TenantView {
  TenantId id;
  TenantClass cls = TenantClass::kOffline;
  std::uint32_t priority = 0;  ///< logical, 0..15
  bool busy = false;           ///< Online: any member has work
  Instant busy_since;          ///< of the current busy period, or of the last one
  Instant idle_since;
  std::span<const GpuId> gpus{};  ///< Online: where it has queues; empty = not known, so anywhere
  std::uint32_t weight = 1;       ///< its share beside others, at least 1
  Duration promise = kNoPromise;  ///< latency that its requests are promised
  /// Requests that came and have not ended, as far as hints told; none under polling.
  std::uint32_t outstanding = 0;
  Instant oldest_arrival = kForever;  ///< of those
  /// What a request took while all Offline members beside it were off, or all ran, the whole time.
  ServiceEstimate alone{};
  ServiceEstimate shared{};

  /// When the oldest outstanding request must be done; `kForever` without one or a promise.
  [[nodiscard]] Instant deadline() const;
};

/// A member of an Offline tenant as a policy sees it.
struct MemberView {
  TenantId tenant;
  std::uint32_t tenant_index = 0;  ///< into `StateView::tenants`
  GpuId gpu;
  Verdict current = Verdict::kRun;  ///< what was decided last
  bool is_explained = false;        ///< somebody asks for the terms of every wish
  Instant since;                    ///< when
  Duration ran_before{};            ///< decided running time before `since`
  /// What the last suspend and resume took, from request to outcome; `kUnknownCost` before.
  Duration suspend_cost = kUnknownCost;
  Duration resume_cost = kUnknownCost;

  /// How long it has been decided to run since its birth.
  [[nodiscard]] Duration ran(Instant now) const {
    return current == Verdict::kRun ? ran_before + (now - since) : ran_before;
  }
  [[nodiscard]] bool knows_cost() const {
    return suspend_cost != kUnknownCost && resume_cost != kUnknownCost;
  }
  /// Of a suspend and the resume that must follow; zero for what is not known.
  [[nodiscard]] Duration cycle_cost() const {
    return std::max(suspend_cost, Duration{}) + std::max(resume_cost, Duration{});
  }
};

struct StateView {
  std::span<const TenantView> tenants;
  std::span<const MemberView> members;
};

/// What a policy remembers of one member; zeroed when the member is born, gone with it.
struct MemberNotes {
  std::array<std::int64_t, 12> words{};  ///< the policy's
  std::array<std::int64_t, 2> guard{};   ///< of `min-run`, `hold-off` and `credit`
};

/// The only memory a policy has; starts zeroed and is passed back at every call.
struct PolicyState {
  std::array<std::int64_t, 8> words{};
  std::span<MemberNotes> members{};  ///< one per member of the view, same order
};

/// What a policy wants of one member.
struct Want {
  Verdict verdict = Verdict::kRun;
  Reason reason = Reason::kNoOnlineWork;
  TenantId cause;
  /// What was compared. There where the wish `has_terms`; elsewhere nobody reads them.
  Terms terms{};

  /// Makes it this wish, without terms.
  void set(Verdict new_verdict, Reason new_reason, TenantId new_cause) {
    verdict = new_verdict;
    reason = new_reason;
    cause = new_cause;
    terms.clear();
  }
  [[nodiscard]] bool changes(const MemberView& member) const { return verdict != member.current; }
  [[nodiscard]] bool has_terms(const MemberView& member) const {
    return changes(member) || member.is_explained;
  }
};

/// What a policy must be told to work; `run` refuses a policy whose needs the detection cannot
/// meet.
struct PolicyNeeds {
  bool activity = false;   ///< busy/idle edges of Online tenants
  bool requests = false;   ///< each request's arrival and end
  bool deadlines = false;  ///< each request's deadline
};

class Policy {
 public:
  Policy() = default;
  Policy(const Policy&) = delete;
  Policy& operator=(const Policy&) = delete;
  virtual ~Policy() = default;

  [[nodiscard]] virtual std::string_view name() const = 0;
  [[nodiscard]] virtual PolicyNeeds needs() const = 0;
  /// Fills `wants` (one per member of `view`, same order) from nothing but its arguments, and
  /// returns when it wants to be asked again if no event comes first (`kForever`: never). Does not
  /// allocate.
  virtual Instant decide(const StateView& view, Instant now, PolicyState& state,
                         std::span<Want> wants) const = 0;
};

class OptionReader;

/// An option as help and documentation print it.
struct PolicyOption {
  std::string_view key;
  std::string_view fallback;  ///< what holds without it, as written; empty: off
  std::string_view summary;
};

/// All there is to know of a policy: its row in the table. Help, documentation and `make_policy`
/// come from it.
struct PolicyEntry {
  std::string_view name;
  std::string_view summary;  ///< one line
  std::span<const PolicyOption> options{};
  PolicyNeeds needs{};
  /// Errors: kInvalidArgument (an option's value).
  Result<std::unique_ptr<Policy>> (*make)(OptionReader& options) = nullptr;
  unsigned place = kPlaceless;  ///< in the table: by this, then by name

  static constexpr unsigned kPlaceless = 1000;  ///< after those that have one
};

/// Every policy, in the order of `--policy all`.
[[nodiscard]] std::span<const PolicyEntry> policies();

/// Options that every policy takes: `min-run`, `hold-off`, `credit`.
[[nodiscard]] std::span<const PolicyOption> common_policy_options();

/// Makes a policy from `name` or `name:key=value,...`.
/// Errors: kInvalidArgument naming the unknown policy or option and the nearest valid one.
[[nodiscard]] Result<std::unique_ptr<Policy>> make_policy(std::string_view spec);

/// Names `make_policy` knows, in the order of `--policy all`.
[[nodiscard]] std::span<const std::string_view> policy_names();

}  // namespace gpreempt
