// Goal: driver work in virtual time waits as long as it says, locks are first come first served,
// and ending a scope takes back what is under way.
#include "backends/sim/task.h"

#include <gtest/gtest.h>

#include <string>

#include "backends/sim/reply.h"
#include "backends/sim/timeline.h"
#include "core/time.h"

namespace gpreempt::sim {
namespace {

Task hold(Timeline& timeline, FifoLock& lock, Duration time, std::string& log, char name) {
  co_await lock.acquire();
  log += name;
  co_await Delay(timeline, time);
  lock.release();
}

Task twice(Timeline& timeline, FifoLock& lock, std::string& log) {
  co_await hold(timeline, lock, Duration(3), log, 'x');
  co_await hold(timeline, lock, Duration(4), log, 'y');
  log += 'z';
}

TEST(TaskTest, LockIsGivenInOrderOfAsking) {
  PlainTimeline timeline;
  FifoLock lock;
  std::string log;
  TaskScope scope;
  scope.start(hold(timeline, lock, Duration(10), log, 'a'));
  scope.start(hold(timeline, lock, Duration(10), log, 'b'));
  scope.start(hold(timeline, lock, Duration(10), log, 'c'));
  EXPECT_EQ(log, "a");
  timeline.run_until(instant_from_ns(15));
  EXPECT_EQ(log, "ab");
  timeline.run_until(instant_from_ns(40));
  EXPECT_EQ(log, "abc");
}

TEST(TaskTest, AwaitedTasksRunOneAfterAnother) {
  PlainTimeline timeline;
  FifoLock lock;
  std::string log;
  TaskScope scope;
  scope.start(twice(timeline, lock, log));
  timeline.run_until(instant_from_ns(6));
  EXPECT_EQ(log, "xy");
  timeline.run_until(instant_from_ns(7));
  EXPECT_EQ(log, "xyz");
}

TEST(TaskTest, EndedScopeFiresNothingLater) {
  PlainTimeline timeline;
  FifoLock lock;
  std::string log;
  TaskScope scope;
  scope.start(hold(timeline, lock, Duration(10), log, 'a'));
  scope.start(hold(timeline, lock, Duration(10), log, 'b'));
  scope.clear();
  EXPECT_TRUE(timeline.empty());
  timeline.run_until(instant_from_ns(50));
  EXPECT_EQ(log, "a");
}

Task count_down(Semaphore& semaphore, std::string& log) {
  const bool counted = co_await semaphore.down();
  log += counted ? 'c' : 'i';
}

TEST(SemaphoreTest, EarlyUpLetsTheNextOnePass) {
  TaskScope scope;
  Semaphore semaphore;
  std::string log;
  semaphore.up();
  scope.start(count_down(semaphore, log));
  EXPECT_EQ(log, "c");
  scope.start(count_down(semaphore, log));
  EXPECT_EQ(log, "c");
  semaphore.up();
  EXPECT_EQ(log, "cc");
}

TEST(SemaphoreTest, InterruptedWaitersTakeNothing) {
  TaskScope scope;
  Semaphore semaphore;
  std::string log;
  scope.start(count_down(semaphore, log));
  scope.start(count_down(semaphore, log));
  semaphore.interrupt();
  EXPECT_EQ(log, "ii");
  semaphore.up();
  scope.start(count_down(semaphore, log));
  EXPECT_EQ(log, "iic");
}

Task wait_for(Reply<int>& reply, int& out) { out = co_await reply; }

TEST(ReplyTest, AnswerBeforeAndAfterTheWaitArrive) {
  TaskScope scope;
  int early = 0;
  Reply<int> first;
  first.sink()(4);
  scope.start(wait_for(first, early));
  EXPECT_EQ(early, 4);
  int late = 0;
  Reply<int> second;
  scope.start(wait_for(second, late));
  EXPECT_EQ(late, 0);
  second.sink()(5);
  EXPECT_EQ(late, 5);
}

Task ask(std::function<void(int)>& sink, int& out) {
  Reply<int> reply;
  sink = reply.sink();
  out = co_await reply;
}

TEST(ReplyTest, AnswerToOneWhoIsGoneIsDropped) {
  std::function<void(int)> sink;
  int out = 0;
  {
    TaskScope scope;
    scope.start(ask(sink, out));
  }
  sink(7);
  EXPECT_EQ(out, 0);
}

}  // namespace
}  // namespace gpreempt::sim
