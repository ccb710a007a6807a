// A session on a real process. Goal: the process cannot tell that it is controlled: one thread of
// it is traced, signals arrive as they were sent, and stops, exec, exits and crashes go their way.
// Method: Linux's own processes under a scripted driver.
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/types.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "backends/kfd/kfd_backend.h"
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

// ---- who is traced

constexpr int kThreads = 200;
constexpr int kWorkers = 8;

void add_worker(int report) {
  const pid_t worker = ::fork();
  if (worker == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    pause_for_ever();
  }
  report_number(report, worker);
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

TEST_F(RealProcessTest, ExecKeepsTheProcessUnderControl) {
  start([](int report) {
    const sigset_t set = block({SIGUSR1});
    report_number(report, 0);
    (void)await_signal(set);
    ::execlp("sleep", "sleep", "1000", nullptr);
  });
  EXPECT_EQ(process_->read(), 0);
  attach();
  suspend();
  driver_.clear_log();
  process_->send(SIGUSR1);
  EXPECT_EQ(take<QueueGone>().queue, queue_);
  EXPECT_TRUE(driver_.await_call("enable 0x800040000000"));
  EXPECT_TRUE(await_state(process_->pid(), "S"));
  EXPECT_EQ(traced_threads(process_->pid()), 1U);
}

enum class State { kRunning, kSuspended, kStopped };
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
