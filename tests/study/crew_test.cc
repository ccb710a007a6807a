// Goal: jobs in forked workers are settled once each, whatever becomes of the worker.
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/error.h"
#include "crew/linux_crew.h"

namespace gpreempt::crew {
namespace {

/// Jobs 0 .. count - 1, three to a worker.
class CrewTest : public ::testing::Test {
 protected:
  Result<void> run(Job count, CrewOptions options, const Work& work) {
    Job next = 0;
    return run_crew(
        options, work,
        [&] {
          std::vector<Job> jobs;
          while (jobs.size() < 3 && next < count) {
            jobs.push_back(next++);
          }
          return jobs;
        },
        [&](const Outcome& outcome) -> Result<void> {
          ++times_[outcome.job];
          outcomes_[outcome.job] = outcome;
          return {};
        });
  }

  std::map<Job, int> times_;
  std::map<Job, Outcome> outcomes_;
};

void echo(const std::vector<Job>& jobs, const Teller& teller) {
  for (const Job job : jobs) {
    teller.done(job, "job " + std::to_string(job));
  }
}

TEST_F(CrewTest, EveryJobIsSettledOnce) {
  ASSERT_TRUE(run(10, {.workers = 4}, echo));
  ASSERT_EQ(outcomes_.size(), 10U);
  for (const auto& [job, outcome] : outcomes_) {
    EXPECT_EQ(times_[job], 1);
    EXPECT_EQ(outcome.result, "job " + std::to_string(job));
    EXPECT_EQ(outcome.died, "");
  }
}

TEST_F(CrewTest, ACrashIsThatJobsOutcomeAndTheOthersGoOn) {
  ASSERT_TRUE(run(7, {.workers = 2}, [](const std::vector<Job>& jobs, const Teller& teller) {
    for (const Job job : jobs) {
      if (job == 1) {
        (void)::raise(SIGKILL);
      }
      teller.done(job, "ok");
    }
  }));
  ASSERT_EQ(outcomes_.size(), 7U);
  EXPECT_EQ(outcomes_[1].died, "it died of Killed");
  EXPECT_EQ(outcomes_[2].result, "ok");  // after it, in the same worker
  EXPECT_EQ(times_[2], 1);
}

TEST_F(CrewTest, AWorkerThatNeverBeginsIsNotReplacedForEver) {
  ASSERT_TRUE(
      run(3, {.workers = 1}, [](const std::vector<Job>& /*jobs*/, const Teller& /*teller*/) {}));
  ASSERT_EQ(outcomes_.size(), 3U);
  EXPECT_EQ(outcomes_[0].died, "it died of an error");
}

TEST_F(CrewTest, AJobThatDoesNotEndIsEndedAfterTheCrewsPatience) {
  const CrewOptions options{.workers = 1, .patience = std::chrono::milliseconds(50)};
  ASSERT_TRUE(run(1, options, [](const std::vector<Job>& /*jobs*/, const Teller& /*teller*/) {
    (void)::pause();
  }));
  EXPECT_EQ(outcomes_[0].died, "it does not end");
}

TEST_F(CrewTest, AJobThatComputesWithoutEndIsEndedWhileOthersBringNews) {
  const CrewOptions options{.workers = 2, .patience = std::chrono::milliseconds(20)};
  ASSERT_TRUE(run(4, options, [](const std::vector<Job>& jobs, const Teller& teller) {
    for (const Job job : jobs) {
      for (volatile bool is_endless = job == 0; is_endless;) {
      }
      teller.done(job, "ok");
    }
  }));
  EXPECT_EQ(outcomes_[0].died, "it does not end");
  EXPECT_EQ(outcomes_[1].result, "ok");
  EXPECT_EQ(outcomes_[3].result, "ok");
}

TEST_F(CrewTest, AJobWaitsLongerThanTheCrewsPatienceIfItDoesNotCompute) {
  constexpr int kPatienceMs = 100;
  const CrewOptions options{.workers = 1, .patience = std::chrono::milliseconds(kPatienceMs)};
  ASSERT_TRUE(run(1, options, [](const std::vector<Job>& jobs, const Teller& teller) {
    (void)::poll(nullptr, 0, 2 * kPatienceMs);
    teller.done(jobs.front(), "ok");
  }));
  EXPECT_EQ(outcomes_[0].result, "ok");
}

TEST_F(CrewTest, SomethingToReadOnItsStopDescriptorStopsIt) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  ASSERT_EQ(::write(ends[1], "x", 1), 1);
  const Result<void> ran =
      run(1, {.workers = 1, .stop_fd = ends[0]},
          [](const std::vector<Job>& /*jobs*/, const Teller& /*teller*/) { (void)::pause(); });
  ::close(ends[0]);
  ::close(ends[1]);
  ASSERT_FALSE(ran);
  EXPECT_EQ(ran.error().code, Errc::kInterrupted);
}

}  // namespace
}  // namespace gpreempt::crew
