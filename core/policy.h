#pragma once

#include <array>
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

/// A tenant as a policy sees it.
struct TenantView {
  TenantId id;
  TenantClass cls = TenantClass::kOffline;
  std::uint32_t priority = 0;  ///< logical, 0..15
  bool busy = false;           ///< Online: any member has work
  Instant busy_since;          ///< of the current busy period, or of the last one
  Instant idle_since;
  std::span<const GpuId> gpus;  ///< Online: where it has queues; empty = not known, so anywhere
};

/// A member of an Offline tenant as a policy sees it.
struct MemberView {
  TenantId tenant;
  std::uint32_t tenant_index = 0;  ///< into `StateView::tenants`
  GpuId gpu;
  Verdict current = Verdict::kRun;  ///< what was decided last
  Instant since;                    ///< when
};

struct StateView {
  std::span<const TenantView> tenants;
  std::span<const MemberView> members;
};

/// The only memory a policy has; starts zeroed and is passed back at every call.
struct PolicyState {
  std::array<std::int64_t, 8> words{};
};

/// What a policy wants of one member.
struct Want {
  Verdict verdict = Verdict::kRun;
  Reason reason = Reason::kNoOnlineWork;
  TenantId cause;
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

/// Makes a policy from `name` or `name:key=value,...`.
/// Errors: kInvalidArgument naming the unknown policy or option and the nearest valid one.
[[nodiscard]] Result<std::unique_ptr<Policy>> make_policy(std::string_view spec);

/// Names `make_policy` knows, in the order of `--policy all`.
[[nodiscard]] std::span<const std::string_view> policy_names();

}  // namespace gpreempt
