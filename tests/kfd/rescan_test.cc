// The snapshots of a session between the driver's reports: they find what it did not tell, and a
// session that somebody else has ended.
#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <vector>

#include "backends/kfd/abi.h"
#include "core/backend.h"
#include "core/event.h"
#include "core/time.h"
#include "tests/kfd/backend_test.h"

namespace gpreempt::kfd {
namespace {

using abi::TrapOp;

class RescanTest : public BackendTest {
 protected:
  void SetUp() override { open(std::chrono::milliseconds(1)); }
};

TEST_F(RescanTest, QueueThatTheDriverDidNotReportIsFound) {
  (void)attach({0});
  driver_.create_queue(1, false);
  EXPECT_EQ(take<QueueBorn>().queue.kernel_id, 1U);
}

TEST_F(RescanTest, QueueThatIsGoneIsFound) {
  const auto queues = attach({0});
  driver_.destroy_queue(0);
  EXPECT_EQ(take<QueueGone>().queue, queues[0]);
}

TEST_F(RescanTest, ExecOfAnotherThreadOfAChildIsTracedAgain) {
  const auto queues = attach({0});
  driver_.fail_next(TrapOp::kEnable, {ESRCH});
  driver_.fail_next(TrapOp::kGetQueueSnapshot, {ESRCH});
  EXPECT_EQ(take<QueueGone>().queue, queues[0]);
  EXPECT_TRUE(driver_.await_call("seize 0x50"));
}

TEST_F(RescanTest, LeaseOfASessionThatSomebodyEndedIsOverAndTheSessionEnabledAgain) {
  const auto queues = attach({0});
  driver_.fail_next(TrapOp::kResumeQueues, std::vector<int>(100, EINVAL));
  ASSERT_TRUE(backend_->control(target_, queues, Suspend{.grace = {}, .lease = Duration(1)}));
  (void)take<ControlDone>();
  EXPECT_EQ(take<LeaseExpired>().queues, queues);
  EXPECT_TRUE(driver_.await_call("enable 0x800040000000"));
  EXPECT_TRUE(backend_->close());
}

TEST_F(RescanTest, SessionThatSomebodyEndedIsEnabledAgain) {
  (void)attach({0});
  driver_.fail_next(TrapOp::kGetQueueSnapshot, {EINVAL});
  EXPECT_TRUE(driver_.await_call("enable 0x800040000000"));
}

}  // namespace
}  // namespace gpreempt::kfd
