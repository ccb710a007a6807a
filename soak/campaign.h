#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/fault.h"
#include "core/time.h"
#include "soak/plan.h"
#include "soak/run.h"

namespace gpreempt::soak {

/// Runs a plan in a process of its own, so that a crash, too, is only a result: a violation that
/// names the signal. Blocks: until it has ended, at most ten times `patience` (then it is
/// killed, which is a violation). Errors: kIo (no process can be made).
[[nodiscard]] Result<SoakResult> run_apart(const SoakPlan& plan, Duration patience);

struct CampaignOptions {
  std::uint64_t first_seed = 1;
  std::uint64_t seeds = 100;
  std::uint32_t jobs = 2;                       ///< processes at a time
  Duration patience = std::chrono::minutes(2);  ///< for one seed
  /// Told after each seed: seeds done, suspends and failures so far. May be empty.
  std::function<void(std::uint64_t done, std::uint64_t suspends, std::uint64_t failures)> progress;
};

struct CampaignResult {
  std::uint64_t seeds = 0;
  std::uint64_t suspends = 0;
  std::uint64_t resumes = 0;
  std::array<std::uint64_t, kFaultKinds> struck{};
  struct Failure {
    std::uint64_t seed = 0;
    std::vector<std::string> violations;
  };
  std::vector<Failure> failures;  ///< by seed
};

/// Runs the plans of consecutive seeds. The result depends on nothing but the seeds. Blocks: until
/// all have ended. Errors: kIo.
[[nodiscard]] Result<CampaignResult> run_campaign(const CampaignOptions& options);

/// The smallest plan that was found that still fails, by leaving out faults, tenants and queues and
/// by halving the length; `fails` says whether one does. Blocks: for some hundred runs at most.
[[nodiscard]] SoakPlan shrink(SoakPlan plan, const std::function<bool(const SoakPlan&)>& fails);

}  // namespace gpreempt::soak
