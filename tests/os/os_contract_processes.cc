// Children, tracing and memory. Goal: a tracer built on the port sees every change of its tracee
// exactly once and can pass signals on unchanged.
#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "backends/kfd/os.h"
#include "core/ids.h"
#include "tests/os/os_case.h"
#include "tests/os/os_contract.h"

namespace gpreempt::os_contract {
namespace {

using kfd::ChildStatus;
using kfd::Fd;
using kfd::MemoryRange;
using kfd::PtraceOp;
using Kind = ChildStatus::Kind;

constexpr std::uint64_t kOptions = kfd::kTraceExec | kfd::kTraceExit;

class ProcessTest : public OsTest {};
class TracingTest : public OsTest {
 protected:
  void expect_stop(Pid child, Kind kind) {
    const auto status = await_child(child);
    ASSERT_TRUE(status);
    EXPECT_EQ(status->kind, kind);
    EXPECT_EQ(status->tid, child.value());
  }
  void cont(Pid child, std::uint64_t signal) {
    EXPECT_TRUE(os().ptrace(PtraceOp::kCont, child.value(), signal));
  }
};
class MemoryTest : public OsTest {};

TEST_P(ProcessTest, ExitIsSeenThroughPidfdAndPoll) {
  OS_NEEDS(kProcesses);
  world().run([&] {
    constexpr int kCode = 7;
    const Pid child = os().start(world().exiting_program(kCode), {}, false).value();
    const Fd pidfd = os().open_pidfd(child).value();
    EXPECT_TRUE(await(pidfd));
    os().close(pidfd);
    const auto status = await_child(child);
    ASSERT_TRUE(status);
    EXPECT_EQ(status->kind, Kind::kExited);
    EXPECT_EQ(status->value, kCode);
  });
}

TEST_P(ProcessTest, ExitIsReportedOnce) {
  OS_NEEDS(kProcesses);
  world().run([&] {
    const Pid child = os().start(world().exiting_program(0), {}, false).value();
    EXPECT_TRUE(await_child(child));
    EXPECT_EQ(os().poll_child(child.value()).error().number, ECHILD);
    EXPECT_EQ(os().open_pidfd(child).error().number, ESRCH);
  });
}

TEST_P(ProcessTest, ChildEventsAreReadableOnExit) {
  OS_NEEDS(kProcesses);
  world().run([&] {
    const Fd events = os().child_events().value();
    os().drain(events);
    const Pid child = os().start(world().exiting_program(0), {}, false).value();
    EXPECT_TRUE(await(events));
    EXPECT_TRUE(await_child(child));
  });
}

TEST_P(ProcessTest, RunningChildHasNothingToReport) {
  OS_NEEDS(kProcesses);
  world().run([&] {
    const Pid child = os().start(world().waiting_program(), {}, false).value();
    EXPECT_EQ(os().poll_child(child.value()).value(), std::nullopt);
    kill(child);
  });
}

TEST_P(ProcessTest, SignalEndsAChild) {
  OS_NEEDS(kProcesses);
  world().run([&] {
    const Pid child = os().start(world().waiting_program(), {}, false).value();
    const Fd pidfd = os().open_pidfd(child).value();
    EXPECT_TRUE(os().signal(pidfd, SIGTERM));
    const auto status = await_child(child);
    ASSERT_TRUE(status);
    EXPECT_EQ(status->kind, Kind::kKilled);
    EXPECT_EQ(status->value, SIGTERM);
    EXPECT_EQ(os().signal(pidfd, SIGTERM).error().number, ESRCH);
    os().close(pidfd);
  });
}

TEST_P(ProcessTest, ProgramThatDoesNotExistIsNotStarted) {
  OS_NEEDS(kProcesses);
  world().run([&] {
    const std::vector<std::string> argv{"/nowhere/at-all"};
    EXPECT_EQ(os().start(argv, {}, false).error().number, ENOENT);
  });
}

TEST_P(TracingTest, StoppedChildIsSeizedAndGoesOn) {
  OS_NEEDS(kTracing);
  world().run([&] {
    constexpr int kCode = 3;
    const Pid child = os().start(world().exiting_program(kCode), {}, true).value();
    ASSERT_TRUE(os().ptrace(PtraceOp::kSeize, child.value(), kOptions));
    expect_stop(child, Kind::kGroupStop);
    EXPECT_TRUE(os().ptrace(PtraceOp::kListen, child.value(), 0));
    const Fd pidfd = os().open_pidfd(child).value();
    EXPECT_TRUE(os().signal(pidfd, SIGCONT));
    os().close(pidfd);
    std::vector<Kind> kinds;
    for (;;) {
      const auto status = await_child(child);
      ASSERT_TRUE(status);
      kinds.push_back(status->kind);
      if (status->kind == Kind::kExited) {
        EXPECT_EQ(status->value, kCode);
        break;
      }
      const bool is_signal = status->kind == Kind::kSignalStop;
      cont(child, is_signal ? static_cast<std::uint64_t>(status->value) : 0);
    }
    // The end of the group-stop and SIGCONT may come in either order; exec and exit may not.
    ASSERT_GE(kinds.size(), 3U);
    EXPECT_EQ(kinds[kinds.size() - 3], Kind::kExecStop);
    EXPECT_EQ(kinds[kinds.size() - 2], Kind::kExitStop);
  });
}

TEST_P(TracingTest, SignalToASeizedChildIsReportedAndForwarded) {
  OS_NEEDS(kTracing);
  world().run([&] {
    const Pid child = os().start(world().waiting_program(), {}, false).value();
    ASSERT_TRUE(os().ptrace(PtraceOp::kSeize, child.value(), kfd::kTraceExec));
    const Fd pidfd = os().open_pidfd(child).value();
    EXPECT_TRUE(os().signal(pidfd, SIGTERM));
    os().close(pidfd);
    const auto stop = await_child(child);
    ASSERT_TRUE(stop);
    EXPECT_EQ(stop->kind, Kind::kSignalStop);
    EXPECT_EQ(stop->value, SIGTERM);
    cont(child, SIGTERM);
    const auto end = await_child(child);
    ASSERT_TRUE(end);
    EXPECT_EQ(end->kind, Kind::kKilled);
    EXPECT_EQ(end->value, SIGTERM);
  });
}

TEST_P(TracingTest, SuppressedSignalDoesNothing) {
  OS_NEEDS(kTracing);
  world().run([&] {
    const Pid child = os().start(world().waiting_program(), {}, false).value();
    ASSERT_TRUE(os().ptrace(PtraceOp::kSeize, child.value(), kfd::kTraceExec));
    const Fd pidfd = os().open_pidfd(child).value();
    EXPECT_TRUE(os().signal(pidfd, SIGTERM));
    os().close(pidfd);
    expect_stop(child, Kind::kSignalStop);
    cont(child, 0);
    EXPECT_TRUE(os().ptrace(PtraceOp::kInterrupt, child.value(), 0));
    expect_stop(child, Kind::kInterruptStop);
    cont(child, 0);
    kill(child);
  });
}

TEST_P(TracingTest, DetachNeedsAStop) {
  OS_NEEDS(kTracing);
  world().run([&] {
    const Pid child = os().start(world().waiting_program(), {}, false).value();
    ASSERT_TRUE(os().ptrace(PtraceOp::kSeize, child.value(), kOptions));
    EXPECT_EQ(os().ptrace(PtraceOp::kDetach, child.value(), 0).error().number, ESRCH);
    EXPECT_TRUE(os().ptrace(PtraceOp::kInterrupt, child.value(), 0));
    expect_stop(child, Kind::kInterruptStop);
    EXPECT_TRUE(os().ptrace(PtraceOp::kDetach, child.value(), 0));
    kill(child);
  });
}

TEST_P(TracingTest, SeizingNobodyIsReported) {
  OS_NEEDS(kTracing);
  world().run([&] {
    const Pid child = os().start(world().exiting_program(0), {}, false).value();
    EXPECT_TRUE(await_child(child));
    EXPECT_EQ(os().ptrace(PtraceOp::kSeize, child.value(), kOptions).error().number, ESRCH);
  });
}

TEST_P(TracingTest, SecondTracerIsRefused) {
  OS_NEEDS(kTracing);
  world().run([&] {
    const Pid child = os().start(world().waiting_program(), {}, false).value();
    ASSERT_TRUE(os().ptrace(PtraceOp::kSeize, child.value(), kOptions));
    int error = 0;
    const auto worker = os().spawn("second", [&] {
      const auto seized = os().ptrace(PtraceOp::kSeize, child.value(), kOptions);
      error = seized ? 0 : seized.error().number;
    });
    ASSERT_TRUE(worker);
    EXPECT_TRUE(os().join(*worker));
    EXPECT_EQ(error, EPERM);
    EXPECT_TRUE(os().ptrace(PtraceOp::kInterrupt, child.value(), 0));
    expect_stop(child, Kind::kInterruptStop);
    EXPECT_TRUE(os().ptrace(PtraceOp::kDetach, child.value(), 0));
    kill(child);
  });
}

TEST_P(MemoryTest, MemoryOfAChildIsCopied) {
  OS_NEEDS(kMemory);
  world().run([&] {
    const Pid child = os().start(world().waiting_program(), {}, false).value();
    const auto memory = world().memory_of(child);
    std::string copy(memory.content.size(), '\0');
    const std::array<MemoryRange, 1> ranges{
        MemoryRange{.address = memory.address, .into = std::as_writable_bytes(std::span(copy))}};
    EXPECT_EQ(os().read_memory(child, ranges).value(), memory.content.size());
    EXPECT_EQ(copy, memory.content);
    kill(child);
  });
}

TEST_P(MemoryTest, UnmappedMemoryIsReported) {
  OS_NEEDS(kMemory);
  world().run([&] {
    const Pid child = os().start(world().waiting_program(), {}, false).value();
    std::array<std::byte, 8> copy{};
    const std::array<MemoryRange, 1> ranges{MemoryRange{.address = 0, .into = copy}};
    EXPECT_EQ(os().read_memory(child, ranges).error().number, EFAULT);
    kill(child);
    EXPECT_EQ(os().read_memory(child, ranges).error().number, ESRCH);
  });
}

OS_SUITE(ProcessTest);
OS_SUITE(TracingTest);
OS_SUITE(MemoryTest);

}  // namespace
}  // namespace gpreempt::os_contract
