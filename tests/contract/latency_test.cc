// Goal: a suspend takes as long as the model file's priors allow, however they fall out; a latency
// is a distribution, never one number.
// Method: costs are drawn from the priors; many suspends at instants that drift through the job's
// kernels; each must lie between the sum of all steps at their shortest and at their longest.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "core/backend.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/testbed.h"
#include "core/time.h"
#include "tests/contract/backend_test.h"
#include "tests/support/testbed_case.h"
#include "tests/support/wait.h"

namespace gpreempt::contract {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

class LatencyTest : public BackendTest {
 protected:
  static constexpr int kSuspensions = 40;

  /// Times of a job's suspends, the first one left out.
  std::vector<Duration> measure() {
    const Training training = start_training();
    suspend(training.target);
    resume(training.target);
    std::vector<Duration> times;
    for (int i = 0; i < kSuspensions; ++i) {
      wait(milliseconds(20) + i * microseconds(137));
      suspend(training.target);
      const DriverCall& call = testbed().driver_calls().back();
      EXPECT_FALSE(call.first_of_process);
      times.push_back(call.done - call.called);
      resume(training.target);
    }
    std::sort(times.begin(), times.end());
    return times;
  }
};
GPREEMPT_IN_DRAWN_WORLDS(LatencyTest);

TEST_P(LatencyTest, EverySuspendLiesInTheModelsBand) {
  if (!GetParam().suspend_band) {
    GTEST_SKIP() << "no model says what this hardware may take";
  }
  const Band band = *GetParam().suspend_band;
  ASSERT_LT(band.least, band.most);
  const std::vector<Duration> times = measure();
  EXPECT_GE(times.front(), band.least);
  EXPECT_LE(times.back(), band.most);
}

TEST_P(LatencyTest, OnlyTheFirstSuspendTouchesSaveAreas) {
  const Training training = start_training();
  suspend(training.target);
  EXPECT_TRUE(testbed().driver_calls().back().first_of_process);
  for (int i = 0; i < 3; ++i) {
    resume(training.target);
    EXPECT_FALSE(testbed().driver_calls().back().first_of_process);
    suspend(training.target);
    EXPECT_FALSE(testbed().driver_calls().back().first_of_process);
  }
}

}  // namespace
}  // namespace gpreempt::contract
