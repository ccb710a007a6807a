// Goal: what this project rests on: a queue's priority decides whose new workgroups come first and
// takes no running one off; a suspension does.
// Method: an Offline kernel fills the GPU; an Online request with the highest priority comes.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>

#include "core/backend.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/program.h"
#include "core/testbed.h"
#include "core/time.h"
#include "tests/contract/backend_test.h"
#include "tests/support/testbed_case.h"
#include "tests/support/wait.h"

namespace gpreempt::contract {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class PriorityTest : public BackendTest {
 protected:
  static constexpr std::uint32_t kHighest = 15;

  /// One kernel of 100 ms after another on the whole GPU, with the lowest priority.
  Program filler() {
    constexpr std::uint32_t kPerCu = 4;  // 512 KiB of registers at 128 a lane, 4 waves each
    return {.name = "filler",
            .offline = true,
            .hardware_priority = 0,
            .endless = true,
            .trains = {{KernelRun{.count = 1,
                                  .duration = milliseconds(100),
                                  .shape = {.workgroups = kPerCu * backend().info().gpus.at(0).cus,
                                            .waves = 4,
                                            .vgprs = 128}}}},
            .arrivals = {}};
  }
  static Program urgent() {
    Program program = online_service(1, milliseconds(1));
    program.hardware_priority = kHighest;
    return program;
  }
  /// The request's wait for its first wave.
  Duration wait_of(Pid online) {
    const Result<void> begun = wait_until(testbed(), [&] {
      const auto& requests = testbed().requests(online);
      return !requests.empty() && requests.front().first_wave != kForever;
    });
    EXPECT_TRUE(begun) << sentence(begun);
    const RequestRecord& request = testbed().requests(online).front();
    return request.first_wave - request.arrival;
  }
};
GPREEMPT_IN_EVERY_WORLD(PriorityTest);

TEST_P(PriorityTest, HighestPriorityAloneWaitsForTheKernelThatFillsTheGpu) {
  const Pid offline = launch(filler());
  start_and_wait_for_work(offline);
  const Pid online = launch(urgent());
  wait(milliseconds(20));
  const std::uint64_t kernels = progress(offline).kernels;
  testbed().start();
  EXPECT_GT(wait_of(online), milliseconds(20));
  EXPECT_EQ(progress(offline).kernels, kernels + 1);
}

TEST_P(PriorityTest, SuspensionMakesRoomWithinTheKernelThatFillsTheGpu) {
  const Pid offline = launch(filler());
  start_and_wait_for_work(offline);
  const Attached target = attach(offline);
  const Pid online = launch(urgent());
  wait(milliseconds(20));
  const std::uint64_t kernels = progress(offline).kernels;
  suspend(target);
  testbed().start();
  EXPECT_LT(wait_of(online), milliseconds(5));
  EXPECT_EQ(progress(offline).kernels, kernels);
  wait_for_end_of(online, urgent());
  resume(target);
  EXPECT_TRUE(makes_progress(offline));
}

}  // namespace
}  // namespace gpreempt::contract
