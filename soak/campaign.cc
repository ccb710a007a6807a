#include "soak/campaign.h"

#include <poll.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/fault.h"
#include "core/time.h"
#include "soak/linux_chunk.h"
#include "soak/plan.h"
#include "soak/run.h"

namespace gpreempt::soak {
namespace {

constexpr std::uint64_t kChunk = 20;  ///< seeds of one process

/// Keeps `jobs` processes busy until no plan is left.
class Crew {
 public:
  Crew(std::vector<SoakPlan> plans, const CampaignOptions& options)
      : waiting_(std::move(plans)), options_(options) {}

  Result<std::map<std::uint64_t, SoakResult>> operator()() {
    while (next_ < waiting_.size() || !running_.empty()) {
      while (running_.size() < options_.jobs && next_ < waiting_.size()) {
        GPREEMPT_TRY(start());
      }
      serve();
    }
    return std::move(results_);
  }

 private:
  Result<void> start() {
    const auto count = std::min<std::size_t>(kChunk, waiting_.size() - next_);
    const auto begin = waiting_.begin() + static_cast<std::ptrdiff_t>(next_);
    auto chunk = std::make_unique<Chunk>();
    GPREEMPT_TRY(chunk->start({begin, begin + static_cast<std::ptrdiff_t>(count)}));
    next_ += count;
    running_.push_back(std::move(chunk));
    return {};
  }

  void serve() {
    std::vector<pollfd> fds;
    fds.reserve(running_.size());
    for (const auto& chunk : running_) {
      fds.push_back({.fd = chunk->fd(), .events = POLLIN, .revents = 0});
    }
    const auto patience = std::chrono::duration_cast<std::chrono::milliseconds>(options_.patience);
    const int ready = ::poll(fds.data(), fds.size(), static_cast<int>(patience.count()));
    if (ready < 0) {
      return;
    }
    for (std::size_t i = fds.size(); i > 0; --i) {
      const bool is_late = ready == 0;
      const bool has_news = fds[i - 1].revents != 0;
      if (is_late || (has_news && !running_[i - 1]->take(results_))) {
        end(i - 1, is_late);
      }
    }
    if (options_.progress) {
      std::uint64_t suspends = 0;
      std::uint64_t failures = 0;
      for (const auto& [seed, result] : results_) {
        suspends += result.suspends;
        failures += result.violations.empty() ? 0U : 1U;
      }
      options_.progress(results_.size(), suspends, failures);
    }
  }

  void end(std::size_t index, bool is_late) {
    auto rest = running_[index]->reap(results_, is_late);
    running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(index));
    waiting_.insert(waiting_.end(), rest.begin(), rest.end());
  }

  std::vector<SoakPlan> waiting_;
  const CampaignOptions& options_;
  std::size_t next_ = 0;
  std::vector<std::unique_ptr<Chunk>> running_;
  std::map<std::uint64_t, SoakResult> results_;
};

}  // namespace

Result<SoakResult> run_apart(const SoakPlan& plan, Duration patience) {
  const CampaignOptions options{.jobs = 1, .patience = patience, .progress = {}};
  auto results = Crew({plan}, options)();
  GPREEMPT_TRY(results);
  return (*results)[plan.seed];
}

Result<CampaignResult> run_campaign(const CampaignOptions& options) {
  std::vector<SoakPlan> plans;
  plans.reserve(options.seeds);
  for (std::uint64_t i = 0; i < options.seeds; ++i) {
    plans.push_back(draw_plan(options.first_seed + i));
  }
  const auto results = Crew(std::move(plans), options)();
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
