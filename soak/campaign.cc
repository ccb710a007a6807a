#include "soak/campaign.h"

#include <spdlog/spdlog.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "backends/sim/world.h"
#include "core/error.h"
#include "core/fault.h"
#include "core/time.h"
#include "crew/linux_crew.h"
#include "soak/plan.h"
#include "soak/run.h"

namespace gpreempt::soak {
namespace {

using nlohmann::json;

std::string to_line(const SoakResult& result) {
  return json{{"suspends", result.suspends},
              {"resumes", result.resumes},
              {"struck", result.struck},
              {"violations", result.violations}}
      .dump();
}

SoakResult from_line(const std::string& line) {
  const json told = json::parse(line);
  return {.suspends = told.at("suspends"),
          .resumes = told.at("resumes"),
          .struck = told.at("struck"),
          .violations = told.at("violations")};
}

/// Runs plans in processes apart, and keeps their results by seed. A job is a plan's index.
class Runs {
 public:
  Runs(std::vector<SoakPlan> plans, const CampaignOptions& options)
      : plans_(std::move(plans)), options_(options) {}

  Result<std::map<std::uint64_t, SoakResult>> operator()() {
    GPREEMPT_TRY(crew::run_crew(
        {.workers = options_.jobs, .patience = options_.patience},
        [this](const auto& jobs, const auto& teller) { run_all(jobs, teller); },
        [this] { return next(); },
        [this](const crew::Outcome& outcome) { return settle(outcome); }));
    return std::move(results_);
  }

 private:
  std::vector<crew::Job> next() {
    constexpr std::size_t kChunk = 20;  // seeds of one process
    std::vector<crew::Job> jobs;
    while (jobs.size() < kChunk && next_ < plans_.size()) {
      jobs.push_back(next_++);
    }
    return jobs;
  }

  /// In a process of their own. A deadlock of the world ends all of it.
  void run_all(const std::vector<crew::Job>& jobs, const crew::Teller& teller) const {
    // What is broken on purpose is no news.
    spdlog::set_level(spdlog::level::off);
    sim::World world;
    crew::Job current = jobs.front();
    const auto ran = world.run([&] {
      for (const crew::Job job : jobs) {
        current = job;
        teller.done(job, to_line(run_plan(plans_.at(job), world)));
      }
    });
    if (!ran) {
      teller.done(current, to_line({.violations = {ran.error().what}}));
    }
  }

  Result<void> settle(const crew::Outcome& outcome) {
    SoakResult& result = results_[plans_.at(outcome.job).seed];
    if (outcome.died.empty()) {
      result = from_line(outcome.result);
    } else {
      result.violations.push_back(outcome.died);
    }
    if (options_.progress) {
      suspends_ += result.suspends;
      failures_ += result.violations.empty() ? 0U : 1U;
      options_.progress(results_.size(), suspends_, failures_);
    }
    return {};
  }

  std::vector<SoakPlan> plans_;
  const CampaignOptions& options_;
  std::size_t next_ = 0;
  std::uint64_t suspends_ = 0;
  std::uint64_t failures_ = 0;
  std::map<std::uint64_t, SoakResult> results_;
};

}  // namespace

Result<SoakResult> run_apart(const SoakPlan& plan, Duration patience) {
  const CampaignOptions options{.jobs = 1, .patience = patience, .progress = {}};
  auto results = Runs({plan}, options)();
  GPREEMPT_TRY(results);
  return (*results)[plan.seed];
}

Result<CampaignResult> run_campaign(const CampaignOptions& options) {
  std::vector<SoakPlan> plans;
  plans.reserve(options.seeds);
  for (std::uint64_t i = 0; i < options.seeds; ++i) {
    plans.push_back(draw_plan(options.first_seed + i));
  }
  const auto results = Runs(std::move(plans), options)();
  GPREEMPT_TRY(results);
  CampaignResult campaign;
  for (const auto& [seed, result] : *results) {
    ++campaign.seeds;
    campaign.suspends += result.suspends;
    campaign.resumes += result.resumes;
    for (std::size_t i = 0; i < kFaultKinds; ++i) {
      campaign.struck.at(i) += result.struck.at(i);
    }
    if (!result.violations.empty()) {
      campaign.failures.push_back({.seed = seed, .violations = result.violations});
    }
  }
  return campaign;
}

}  // namespace gpreempt::soak
