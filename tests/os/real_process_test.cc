// A session on a real process. Goal: the process cannot tell that it is controlled: one thread of
// it is traced, signals arrive as they were sent, and stops, exec, exits and crashes go their way.
// Method: Linux's own processes under a scripted driver.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "backends/kfd/kfd_backend.h"
#include "backends/kfd/linux_os.h"
#include "backends/kfd/os.h"
#include "core/backend.h"
#include "core/checked_backend.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/time.h"
#include "tests/os/real_processes.h"
#include "tests/support/forked_process.h"

namespace gpreempt::kfd {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

[[noreturn]] void pause_for_ever() {
  for (;;) {
    ::pause();
  }
}

sigset_t block(std::initializer_list<int> signals) {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : signals) {
    sigaddset(&set, signal);
  }
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  return set;
}

int await_signal(const sigset_t& set) {
  int signal = 0;
  ::sigwait(&set, &signal);
  return signal;
}

/// The backend, attached to `process`.
class RealProcessTest : public ::testing::Test {
 protected:
  void TearDown() override { close(); }
  void start(const std::function<void(int report)>& body) {
    process_ = std::make_unique<ForkedProcess>(body);
  }
  void attach() {
    driver_.create_queue(0);
    backend_ = make_checked_backend(open_backend(driver_, {.first_queue_poll = {}}).value());
    target_ = backend_->attach(process_->pid(), AttachMode::kControl).value();
    queue_ = take<QueueBorn>().queue.id;
    EXPECT_FALSE(take<AttachDone>().error);
  }
  void close() {
    if (backend_ != nullptr) {
      EXPECT_TRUE(backend_->close());
      backend_.reset();
    }
  }
  template <class T>
  T take() {
    auto event = backend_->next_event(saturating_add(backend_->now(), seconds(20)));
    if (!event || !*event || !std::holds_alternative<T>((*event)->what)) {
      ADD_FAILURE() << "expected another event than "
                    << (event && *event ? name_of(**event) : std::string_view("none"));
      return {};
    }
    return std::get<T>(std::move((*event)->what));
  }
  void suspend() {
    ASSERT_TRUE(backend_->control(target_, std::vector{queue_}, Suspend{.lease = hours(1)}));
    EXPECT_FALSE(take<ControlDone>().error);
  }
  [[nodiscard]] bool is_traced(Pid pid, int tid) const {
    return status_of(pid, tid, "TracerPid") != "0";
  }
  [[nodiscard]] std::size_t traced_threads(Pid pid) const {
    std::size_t count = 0;
    for (const auto& task :
         std::filesystem::directory_iterator("/proc/" + std::to_string(pid.value()) + "/task")) {
      count += is_traced(pid, std::stoi(task.path().filename())) ? 1U : 0U;
    }
    return count;
  }

  RealProcesses driver_;
  std::unique_ptr<ForkedProcess> process_;
  std::unique_ptr<Backend> backend_;
  TargetId target_;
  QueueId queue_;
};

// ---- what was inherited

TEST(InheritedSignals, ChildrenAreHeardOfThoughTheyWereIgnored) {
  // NOLINTNEXTLINE(cert-err33-c): what was there before does not matter
  (void)std::signal(SIGCHLD, SIG_IGN);
  LinuxOs os;
  const std::vector<std::string> argv = {"true"};
  const auto child = os.start(argv, {}, false);
  ASSERT_TRUE(child);
  std::vector<WaitFd> fds{WaitFd{.fd = os.child_events().value()}};
  EXPECT_EQ(os.wait(fds, os.now() + seconds(20)).value(), 1U);
  const auto status = os.poll_child(child->value());
  ASSERT_TRUE(status && *status);
  EXPECT_EQ((*status)->kind, ChildStatus::Kind::kExited);
}

// ---- memory

TEST(ReadMemory, ReachesWhatOnlyTheProcessItselfMayNot) {
  // As with a driver's mappings, process_vm_readv is refused here and /proc/PID/mem is not.
  constexpr std::size_t kPage = 4096;
  constexpr std::uint64_t kContent = 0x1234567890abcdef;
  void* const page =
      ::mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(page, MAP_FAILED);
  std::memcpy(page, &kContent, sizeof kContent);
  ASSERT_EQ(::mprotect(page, kPage, PROT_NONE), 0);
  LinuxOs os;
  std::uint64_t read = 0;
  const std::vector<MemoryRange> ranges{{.address = reinterpret_cast<std::uintptr_t>(page),
                                         .into = std::as_writable_bytes(std::span(&read, 1))}};
  EXPECT_EQ(os.read_memory(Pid(::getpid()), ranges).value(), sizeof read);
  EXPECT_EQ(read, kContent);
  ::munmap(page, kPage);
}

// ---- many targets

TEST(ManyTargets, EachGetsItsOwnSignalsInOrder) {
  constexpr std::size_t kTargets = 64;
  constexpr int kSignals = 10;
  std::vector<std::unique_ptr<ForkedProcess>> processes;
  for (std::size_t i = 0; i < kTargets; ++i) {
    processes.push_back(std::make_unique<ForkedProcess>([](int report) {
      const sigset_t set = block({SIGRTMIN});
      report_number(report, -1);
      for (siginfo_t info{};;) {
        ::sigwaitinfo(&set, &info);
        report_number(report, info.si_value.sival_int);
      }
    }));
    ASSERT_EQ(processes.back()->read(), -1);
  }
  RealProcesses driver;
  driver.create_queue(0);
  const auto backend = make_checked_backend(open_backend(driver, {.first_queue_poll = {}}).value());
  for (const auto& process : processes) {
    ASSERT_TRUE(backend->attach(process->pid(), AttachMode::kControl));
  }
  for (std::size_t attached = 0; attached < kTargets;) {
    const auto event = backend->next_event(saturating_add(backend->now(), seconds(20)));
    ASSERT_TRUE(event && *event);
    attached += std::holds_alternative<AttachDone>((*event)->what) ? 1U : 0U;
  }
  for (int number = 0; number < kSignals; ++number) {
    for (const auto& process : processes) {
      process->send(SIGRTMIN, number);
    }
  }
  for (const auto& process : processes) {
    for (int number = 0; number < kSignals; ++number) {
      ASSERT_EQ(process->read(), number);
    }
  }
  EXPECT_TRUE(backend->close());
}

// ---- who is traced

constexpr int kThreads = 200;
constexpr int kWorkers = 8;

/// The worker reports itself, once it is sure to die with its parent.
void add_worker(int report) {
  const pid_t parent = ::getpid();
  if (::fork() == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) {
      ::_exit(0);
    }
    report_number(report, ::getpid());
    pause_for_ever();
  }
}

TEST_F(RealProcessTest, OnlyTheLeaderIsTracedOfManyThreadsAndWorkers) {
  start([](int report) {
    const sigset_t set = block({SIGUSR1});
    for (int i = 0; i < kThreads; ++i) {
      std::thread(pause_for_ever).detach();
    }
    for (int i = 0; i < kWorkers; ++i) {
      add_worker(report);
    }
    (void)await_signal(set);
    std::thread(pause_for_ever).detach();
    add_worker(report);
    pause_for_ever();
  });
  std::vector<Pid> workers;
  for (int i = 0; i < kWorkers; ++i) {
    workers.emplace_back(process_->read().value_or(0));
  }
  attach();
  process_->send(SIGUSR1);  // one more of each under control
  workers.emplace_back(process_->read().value_or(0));
  EXPECT_TRUE(is_traced(process_->pid(), process_->pid().value()));
  EXPECT_EQ(traced_threads(process_->pid()), 1U);
  for (const Pid worker : workers) {
    EXPECT_EQ(traced_threads(worker), 0U);
  }
  close();
  EXPECT_EQ(traced_threads(process_->pid()), 0U);
}

// ---- signals

int handler_report = -1;

void report_signal(int signal, siginfo_t* info, void* /*context*/) {
  report_number(handler_report, signal);
  report_number(handler_report, info->si_code);
  report_number(handler_report, info->si_value.sival_int);
  report_number(handler_report, info->si_pid);
}

const std::vector<int>& handled_signals() {
  static const std::vector<int> signals{SIGUSR1, SIGTERM, SIGHUP, SIGRTMIN + 3};
  return signals;
}

void report_signals(int report) {
  handler_report = report;
  struct sigaction action{};
  action.sa_sigaction = report_signal;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  for (const int signal : handled_signals()) {
    ::sigaction(signal, &action, nullptr);
  }
  report_number(report, 0);
  pause_for_ever();
}

class SignalTest : public RealProcessTest {
 protected:
  void SetUp() override {
    start(report_signals);
    ASSERT_EQ(process_->read(), 0);
  }
  void expect_arrival(int signal) {
    constexpr int kValue = 42;
    process_->send(signal, kValue);
    EXPECT_EQ(process_->read(), signal);
    EXPECT_EQ(process_->read(), SI_QUEUE);
    EXPECT_EQ(process_->read(), kValue);
    EXPECT_EQ(process_->read(), ::getpid());
  }
};

TEST_F(SignalTest, ArriveWithAllTheyCarry) {
  attach();
  for (const int signal : handled_signals()) {
    expect_arrival(signal);
  }
}

TEST_F(SignalTest, StoppedProcessStaysStoppedAndGoesOnAtSigcont) {
  attach();
  process_->send(SIGSTOP);
  EXPECT_TRUE(await_state(process_->pid(), "Tt"));
  process_->send(SIGCONT);
  EXPECT_TRUE(await_state(process_->pid(), "S"));
  expect_arrival(SIGUSR1);
}

TEST_F(SignalTest, ProcessThatIsLetGoWhileStoppedStaysStopped) {
  attach();
  process_->send(SIGSTOP);
  EXPECT_TRUE(await_state(process_->pid(), "Tt"));
  close();
  EXPECT_TRUE(await_state(process_->pid(), "T"));
  EXPECT_FALSE(is_traced(process_->pid(), process_->pid().value()));
  process_->send(SIGCONT);
  expect_arrival(SIGUSR1);
}

TEST_F(SignalTest, ProcessCanBeAttachedWhileStopped) {
  process_->send(SIGSTOP);
  EXPECT_TRUE(await_state(process_->pid(), "T"));
  attach();
  process_->send(SIGCONT);
  expect_arrival(SIGUSR1);
}

// ---- exec and the end

enum class State { kRunning, kSuspended, kStopped };

class ExecTest : public RealProcessTest, public ::testing::WithParamInterface<State> {};

TEST_P(ExecTest, KeepsTheProcessUnderControl) {
  start([](int report) {
    const sigset_t set = block({SIGUSR1});
    report_number(report, 0);
    (void)await_signal(set);
    ::execlp("sleep", "sleep", "1000", nullptr);
  });
  EXPECT_EQ(process_->read(), 0);
  attach();
  if (GetParam() == State::kSuspended) {
    suspend();
  }
  driver_.clear_log();
  process_->send(SIGUSR1);
  EXPECT_EQ(take<QueueGone>().queue, queue_);
  EXPECT_TRUE(driver_.await_call("enable 0x800040000000"));
  EXPECT_TRUE(await_state(process_->pid(), "S"));
  EXPECT_EQ(traced_threads(process_->pid()), 1U);
}

INSTANTIATE_TEST_SUITE_P(Of, ExecTest, ::testing::Values(State::kRunning, State::kSuspended),
                         [](const auto& each) {
                           return std::string(each.param == State::kRunning ? "Running"
                                                                            : "Suspended");
                         });

TEST_F(RealProcessTest, ForkInEveryStateLeavesTheWorkerAlone) {
  start([](int report) {
    const sigset_t set = block({SIGUSR1});
    report_number(report, 0);
    for (;;) {
      (void)await_signal(set);
      add_worker(report);
    }
  });
  EXPECT_EQ(process_->read(), 0);
  attach();
  for (const bool suspended : {false, true}) {
    if (suspended) {
      suspend();
    }
    process_->send(SIGUSR1);
    const auto worker = process_->read();
    ASSERT_TRUE(worker);
    EXPECT_FALSE(is_traced(Pid(*worker), *worker));
  }
}

TEST_F(RealProcessTest, ProcessIsLetGoOfWhenOnlyItsLeaderHasExited) {
  start([](int report) {
    const sigset_t set = block({SIGUSR1, SIGUSR2});
    std::thread([report, set] {
      while (await_signal(set) != SIGUSR2) {
      }
      report_number(report, 1);
      pause_for_ever();
    }).detach();
    report_number(report, 0);
    ::syscall(SYS_tgkill, ::getpid(), ::gettid(), SIGSTOP);
    ::syscall(SYS_exit, 0);
  });
  EXPECT_EQ(process_->read(), 0);
  EXPECT_TRUE(await_state(process_->pid(), "T"));
  attach();
  suspend();
  process_->send(SIGCONT);
  EXPECT_TRUE(await_state(process_->pid(), "Z"));
  driver_.exit_leader(process_->pid());
  driver_.clear_log();
  close();
  EXPECT_EQ(driver_.log(), (std::vector<std::string>{"resume 0", "disable"}));
  process_->send(SIGUSR2);
  EXPECT_EQ(process_->read(), 1);
}

struct End {
  std::string name;
  State state;
  int signal;
};

class EndTest : public RealProcessTest, public ::testing::WithParamInterface<End> {};

TEST_P(EndTest, EndsTheSession) {
  start([](int report) {
    const sigset_t set = block({SIGUSR1});
    report_number(report, 0);
    (void)await_signal(set);
    ::_exit(0);
  });
  EXPECT_EQ(process_->read(), 0);
  attach();
  if (GetParam().state == State::kSuspended) {
    suspend();
  } else if (GetParam().state == State::kStopped) {
    process_->send(SIGSTOP);
    EXPECT_TRUE(await_state(process_->pid(), "Tt"));
  }
  process_->send(GetParam().signal);
  EXPECT_EQ(take<TargetExited>().target, target_);
  EXPECT_TRUE(backend_->queues(target_).empty());
}

INSTANTIATE_TEST_SUITE_P(Of, EndTest,
                         ::testing::Values(End{"RunningByExit", State::kRunning, SIGUSR1},
                                           End{"RunningByCrash", State::kRunning, SIGSEGV},
                                           End{"RunningByKill", State::kRunning, SIGKILL},
                                           End{"SuspendedByExit", State::kSuspended, SIGUSR1},
                                           End{"SuspendedByCrash", State::kSuspended, SIGABRT},
                                           End{"SuspendedByKill", State::kSuspended, SIGKILL},
                                           End{"StoppedByKill", State::kStopped, SIGKILL}),
                         [](const auto& each) { return each.param.name; });

}  // namespace
}  // namespace gpreempt::kfd
