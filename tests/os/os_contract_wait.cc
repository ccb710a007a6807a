// Time, workers and the wait. Goal: a client of the port may rely on no lost wake-up, on deadlines
// and on order. Method: small programs of one or two workers in each world.
#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <optional>
#include <vector>

#include "backends/kfd/mailbox.h"
#include "backends/kfd/os.h"
#include "core/time.h"
#include "tests/os/os_case.h"
#include "tests/os/os_contract.h"

namespace gpreempt::os_contract {
namespace {

using kfd::Fd;
using kfd::Mailbox;
using kfd::WaitFd;

class WaitTest : public OsTest {};
class WorkerTest : public OsTest {};
class MailboxTest : public OsTest {};

TEST_P(WaitTest, WakeBeforeTheWaitIsNotLost) {
  world().run([&] {
    const Fd waker = os().make_waker().value();
    os().wake(waker);
    EXPECT_TRUE(await(waker));
    os().close(waker);
  });
}

TEST_P(WaitTest, SeveralWakesCountAsOne) {
  world().run([&] {
    const Fd waker = os().make_waker().value();
    os().wake(waker);
    os().wake(waker);
    os().drain(waker);
    std::array<WaitFd, 1> fds{WaitFd{.fd = waker}};
    EXPECT_EQ(os().wait(fds, os().now()).value(), 0U);
    EXPECT_FALSE(fds[0].ready);
    os().close(waker);
  });
}

TEST_P(WaitTest, WakerStaysReadableUntilItIsDrained) {
  world().run([&] {
    const Fd waker = os().make_waker().value();
    os().wake(waker);
    EXPECT_TRUE(await(waker));
    EXPECT_TRUE(await(waker));
    os().close(waker);
  });
}

TEST_P(WaitTest, WaitWithoutDescriptorsEndsAtItsDeadline) {
  world().run([&] {
    const Instant start = os().now();
    const Instant first = start + std::chrono::milliseconds(1);
    const Instant second = start + std::chrono::milliseconds(2);
    EXPECT_EQ(os().wait({}, first).value(), 0U);
    EXPECT_GE(os().now(), first);
    EXPECT_EQ(os().wait({}, second).value(), 0U);
    EXPECT_GE(os().now(), second);
  });
}

TEST_P(WaitTest, DeadlineThatHasPassedDoesNotBlock) {
  world().run([&] { EXPECT_EQ(os().wait({}, Instant{}).value(), 0U); });
}

TEST_P(WaitTest, OnlyTheReadyDescriptorIsMarked) {
  world().run([&] {
    const Fd quiet = os().make_waker().value();
    const Fd woken = os().make_waker().value();
    os().wake(woken);
    std::array<WaitFd, 2> fds{WaitFd{.fd = quiet}, WaitFd{.fd = woken}};
    EXPECT_EQ(os().wait(fds, kForever).value(), 1U);
    EXPECT_FALSE(fds[0].ready);
    EXPECT_TRUE(fds[1].ready);
    os().close(quiet);
    os().close(woken);
  });
}

TEST_P(WorkerTest, JoinWaitsForTheBody) {
  world().run([&] {
    bool has_run = false;
    const auto worker = os().spawn("child", [&] {
      (void)os().wait({}, os().now() + std::chrono::milliseconds(1));
      has_run = true;
    });
    ASSERT_TRUE(worker);
    EXPECT_TRUE(os().join(*worker));
    EXPECT_TRUE(has_run);
  });
}

TEST_P(WorkerTest, JoiningTwiceIsRefused) {
  world().run([&] {
    const auto worker = os().spawn("child", [] {});
    ASSERT_TRUE(worker);
    EXPECT_TRUE(os().join(*worker));
    EXPECT_EQ(os().join(*worker).error().number, ESRCH);
  });
}

TEST_P(WorkerTest, WorkersHaveDifferentThreadIds) {
  world().run([&] {
    kfd::Tid other = 0;
    const auto worker = os().spawn("child", [&] { other = os().self(); });
    ASSERT_TRUE(worker);
    EXPECT_TRUE(os().join(*worker));
    EXPECT_NE(other, os().self());
  });
}

TEST_P(WorkerTest, WakeFromAnotherWorkerEndsTheWait) {
  world().run([&] {
    const Fd waker = os().make_waker().value();
    const auto worker = os().spawn("waker", [&] { os().wake(waker); });
    ASSERT_TRUE(worker);
    EXPECT_TRUE(await(waker));
    EXPECT_TRUE(os().join(*worker));
    os().close(waker);
  });
}

TEST_P(MailboxTest, MessagesArriveInTheOrderPosted) {
  world().run([&] {
    const auto mailbox = Mailbox<int>::open(os()).value();
    const std::vector<int> sent{1, 2, 3, 4, 5};
    const auto worker = os().spawn("poster", [&] {
      for (const int message : sent) {
        mailbox->post(message);
      }
    });
    ASSERT_TRUE(worker);
    std::vector<int> received;
    while (received.size() < sent.size() && await(mailbox->fd())) {
      mailbox->drain();
      while (const auto message = mailbox->take()) {
        received.push_back(*message);
      }
    }
    EXPECT_EQ(received, sent);
    EXPECT_TRUE(os().join(*worker));
  });
}

TEST_P(MailboxTest, EmptyMailboxHasNothingToTake) {
  world().run([&] {
    const auto mailbox = Mailbox<int>::open(os()).value();
    EXPECT_EQ(mailbox->take(), std::nullopt);
    mailbox->post(7);
    EXPECT_EQ(mailbox->take(), 7);
    EXPECT_EQ(mailbox->take(), std::nullopt);
  });
}

OS_SUITE(WaitTest);
OS_SUITE(WorkerTest);
OS_SUITE(MailboxTest);

}  // namespace
}  // namespace gpreempt::os_contract
