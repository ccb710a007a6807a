#include "tests/support/forked_process.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <fstream>
#include <functional>
#include <optional>
#include <string>

#include "core/ids.h"

namespace gpreempt {
namespace {

constexpr int kPatienceMs = 10'000;

}  // namespace

ForkedProcess::ForkedProcess(const std::function<void(int report)>& body) {
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe(ends.data()), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(ends[0]);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    // A backend of an earlier test has blocked some.
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    body(ends[1]);
    ::_exit(0);
  }
  ::close(ends[1]);
  pid_ = Pid(child);
  report_ = ends[0];
}

ForkedProcess::~ForkedProcess() {
  ::kill(pid_.value(), SIGKILL);
  while (::waitpid(pid_.value(), nullptr, 0) < 0 && errno == EINTR) {
  }
  ::close(report_);
}

void ForkedProcess::send(int signal, int value) const {
  EXPECT_EQ(::sigqueue(pid_.value(), signal, sigval{.sival_int = value}), 0);
}

std::optional<int> ForkedProcess::read() const {
  pollfd item{.fd = report_, .events = POLLIN, .revents = 0};
  int number = 0;
  if (::poll(&item, 1, kPatienceMs) != 1 ||
      ::read(report_, &number, sizeof number) != sizeof number) {
    return std::nullopt;
  }
  return number;
}

bool ForkedProcess::await_end() const {
  const auto fd = static_cast<int>(::syscall(SYS_pidfd_open, pid_.value(), 0U));
  pollfd item{.fd = fd, .events = POLLIN, .revents = 0};
  const bool ended = ::poll(&item, 1, kPatienceMs) == 1;
  ::close(fd);
  return ended;
}

void report_number(int report, int number) {
  [[maybe_unused]] const auto written = ::write(report, &number, sizeof number);
}

std::string status_of(Pid pid, int tid, const std::string& key) {
  std::ifstream file(fmt::format("/proc/{}/task/{}/status", pid, tid));
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(key + ":\t")) {
      return line.substr(key.size() + 2);
    }
  }
  return {};
}

bool await_state(Pid pid, const std::string& states) {
  for (int left = kPatienceMs; left > 0; --left) {
    const auto state = status_of(pid, pid.value(), "State");
    if (!state.empty() && states.find(state.front()) != std::string::npos) {
      return true;
    }
    pollfd none{.fd = -1, .events = 0, .revents = 0};
    (void)::poll(&none, 1, 1);
  }
  return false;
}

}  // namespace gpreempt
