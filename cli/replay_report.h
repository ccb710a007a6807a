#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/replay.h"
#include "cli/request_verdict.h"
#include "cli/what_if.h"
#include "core/time.h"

namespace gpreempt::cli {

/// A recorded policy on its own run.
struct ReplayedRun {
  std::string policy;
  Replay replay;
};

/// A request that had the GPU without Offline under one of two policies only.
struct FlippedRequest {
  std::string tenant;
  std::uint64_t request = 0;
  Instant arrival;
  RequestVerdict recorded = RequestVerdict::kNotPreempted;
  RequestVerdict replayed = RequestVerdict::kNotPreempted;
  bool conditional = false;  ///< it arrived after the first divergence
};

/// Requests of an Online tenant, and how many had the GPU without Offline.
struct VerdictCounts {
  std::string tenant;
  std::uint64_t requests = 0;
  std::uint64_t recorded = 0;
  std::uint64_t replayed = 0;
  std::uint64_t lost = 0;    ///< had it and would not
  std::uint64_t gained = 0;  ///< had it not and would
};

/// Another policy on a recorded run.
struct OtherPolicy {
  std::string recorded_policy;
  std::string policy;
  WhatIf what_if;
  AssumedCalls assumed;
  std::uint64_t recorded_decisions = 0;
  std::uint64_t suspends = 0;  ///< recorded ones, of which the median is assumed
  std::uint64_t resumes = 0;
  std::vector<VerdictCounts> counts;
  std::vector<FlippedRequest> flips;  ///< in order of arrival within a tenant
};

struct ReplayReport {
  std::string bundle;
  std::string scenario;
  std::uint64_t seed = 0;
  std::vector<ReplayedRun> runs;
  std::optional<OtherPolicy> other;

  /// Whether each recorded policy decided as it had.
  [[nodiscard]] bool reproduced() const;
};

/// For people; flips are cut off after twenty.
[[nodiscard]] std::string replay_text(const ReplayReport& report);
[[nodiscard]] std::string replay_json(const ReplayReport& report);

}  // namespace gpreempt::cli
