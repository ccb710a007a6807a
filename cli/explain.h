#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/recorded_run.h"
#include "cli/request_parts.h"
#include "cli/request_verdict.h"
#include "cli/saved_bundle.h"
#include "core/decision.h"
#include "core/error.h"
#include "core/event_log.h"
#include "core/ids.h"
#include "core/policy.h"
#include "core/testbed.h"
#include "core/time.h"

/// Why one request was, or was not, preempted for, and what that cost. From a bundle alone.
namespace gpreempt::cli {

/// How the scheduler learnt of a request.
enum class Told {
  kHint,     ///< the application said so
  kEdge,     ///< its tenant was seen to turn busy
  kAlready,  ///< its tenant was known to be busy
  kNever,    ///< it was not before its end
};
[[nodiscard]] std::string_view to_string(Told told);

/// What the policy wanted of one member of Offline, when it was asked while the request was there.
struct Opinion {
  Instant at;
  std::size_t member = 0;  ///< tells members of a run apart
  TenantId tenant;
  GpuId gpu;
  Want want;
  bool decided = false;     ///< it was another verdict than before
  std::uint64_t asked = 1;  ///< so often in a row it wanted this for this reason
};

/// A time that a member was decided off.
struct TimeOff {
  Decision off;
  std::optional<Realisation> off_cost;  ///< nullopt: no call about it ended
  std::optional<Decision> back;         ///< nullopt: it was off at the end of the log
  std::optional<Realisation> back_cost;
};

struct Explanation {
  EventLogHeader run;
  std::string tenant;
  std::uint64_t requests = 0;  ///< of the tenant
  RequestRecord request;
  std::vector<GpuId> gpus;           ///< of the tenant
  std::vector<std::string> tenants;  ///< names by id
  std::optional<Duration> alone;     ///< the same request's latency without Offline
  Told told = Told::kNever;
  std::optional<Instant> told_at;  ///< of `kHint` and `kEdge`
  RequestVerdict verdict = RequestVerdict::kNotPreempted;
  std::vector<Opinion> opinions;      ///< in their order, equal ones in a row once
  std::vector<Decision> overruled;    ///< decisions meanwhile that were not the policy's
  std::vector<TimeOff> off;           ///< those that the request saw
  std::optional<RequestParts> parts;  ///< nullopt: it did not end
  std::optional<Duration> bystander;  ///< of it: its own queues were off for calls about Offline
};

/// What to explain.
struct Question {
  std::string policy;  ///< of the run; empty: the only one
  std::string tenant;  ///< empty: the only Online one
  std::uint64_t request = 0;
};

/// Takes the scheduler through its events again and asks the policy what it thinks.
/// Errors: kInvalidArgument (no such run, tenant or request; names those there are); kParse (the
/// log does not replay).
[[nodiscard]] Result<Explanation> explain(const SavedBundle& bundle, const Question& question);

}  // namespace gpreempt::cli
