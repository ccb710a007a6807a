// Goal: the runtime's handshake with its debugger, and who counts as a process and a debugger, with
// queues in play. What needs none is compared with real drivers by tests/conformance.
#include <gtest/gtest.h>

#include <cerrno>
#include <cstdint>
#include <utility>

#include "backends/sim/kfd_model/kfd_model.h"
#include "core/ids.h"
#include "tests/sim/kfd_fixture.h"

namespace gpreempt::sim {
namespace {

class RuntimeTest : public KfdModelTest {
 protected:
  long set_runtime(Pid pid, bool enabled) {
    return answer([&](KfdModel::Reply reply) {
      kfd().set_runtime(pid, {.enabled = enabled}, std::move(reply));
    });
  }
  long send(Pid target) { return kfd().send_runtime_event(me, target, KfdModel::kProcessRuntime); }
  /// A process that has the driver open, and no runtime yet.
  Pid opened(std::int32_t number) {
    kfd().add_task(Pid(number));
    kfd().open_device(Pid(number));
    return Pid(number);
  }
};

TEST_F(RuntimeTest, MustBeOnBeforeTheFirstQueue) {
  const Pid target = opened(1);
  EXPECT_EQ(set_runtime(target, true), 0);
  EXPECT_EQ(set_runtime(target, true), -EBUSY);
  EXPECT_EQ(set_runtime(target, false), 0);
  EXPECT_EQ(create(target, 0), 0);
  EXPECT_EQ(set_runtime(target, true), -EEXIST);
}

TEST_F(RuntimeTest, EarlyAnswerLetsTheNextHandshakePass) {
  const Pid target = opened(1);
  ASSERT_EQ(enable(target), 0);
  EXPECT_EQ(send(target), 0);
  EXPECT_EQ(set_runtime(target, true), 0);
  EXPECT_EQ(set_runtime(target, false), kNoAnswer);
}

TEST_F(RuntimeTest, EndUnderADebuggerResumesEverythingAndThenResumeIsRefused) {
  const Pid target = bare(1);
  ASSERT_EQ(create(target, 0), 0);
  attach(target);
  ASSERT_EQ(control(true, target, {0}).first, 1);
  ASSERT_EQ(kfd().active_queues(0), 0U);
  long result = kNoAnswer;
  kfd().set_runtime(target, {.enabled = false}, [&](long value) { result = value; });
  settle();
  EXPECT_EQ(kfd().active_queues(0), 1U);
  EXPECT_EQ(control(false, target, {0}).first, -EPERM);
  EXPECT_EQ(result, kNoAnswer);
  EXPECT_EQ(send(target), 0);
  settle();
  EXPECT_EQ(result, 0);
}

TEST_F(RuntimeTest, SignalEndsTheWaitAndTheNextCallWaitsOn) {
  const Pid target = opened(1);
  ASSERT_EQ(enable(target), 0);
  long result = kNoAnswer;
  kfd().set_runtime(target, {.enabled = true}, [&](long value) { result = value; });
  settle();
  kfd().interrupt(target);
  settle();
  EXPECT_EQ(result, -EINTR);
  kfd().set_runtime(target, {.enabled = true}, [&](long value) { result = value; });
  settle();
  EXPECT_EQ(send(target), 0);
  settle();
  EXPECT_EQ(result, 0);
}

TEST_F(RuntimeTest, TracerMakesAProcessKnownToTheDriver) {
  kfd().add_task(Pid(1));
  EXPECT_EQ(kfd().check(me, Pid(1), KfdModel::Gate::kEnable), -ESRCH);
  EXPECT_EQ(enable(Pid(1)), 0);
  EXPECT_EQ(kfd().check(me, Pid(1), KfdModel::Gate::kSession), 0);
  EXPECT_EQ(kfd().check(me, Pid(1), KfdModel::Gate::kRuntime), -EPERM);
}

}  // namespace
}  // namespace gpreempt::sim
