#include "workloads/hip/linux_host.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>
#include <string>

#include "core/error.h"
#include "core/time.h"

// A header for C.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
#include "workloads/agent/gpreempt_hints.h"
#pragma GCC diagnostic pop

namespace gpreempt::hip {
namespace {

/// The kernel wakes a sleeper so much too late, at most and on a machine that is not loaded.
constexpr Duration kWakeUp = std::chrono::microseconds(60);
constexpr Duration kLongestSleep = std::chrono::milliseconds(50);  // then it looks for signals

void sleep_for(Duration time) {
  timespec left{};
  left.tv_sec = static_cast<time_t>(to_ns(time) / 1'000'000'000);
  left.tv_nsec = static_cast<long>(to_ns(time) % 1'000'000'000);
  (void)::nanosleep(&left, nullptr);
}

tl::unexpected<Error> system_error(const std::string& operation, const std::string& remedy) {
  const int number = errno;
  return fail(Errc::kIo, fmt::format("{}: {}; {}", operation, std::strerror(number), remedy),
              number);
}

}  // namespace

Result<std::unique_ptr<LinuxHost>> LinuxHost::open() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
    ::sigaddset(&set, signal);
  }
  if (::sigprocmask(SIG_BLOCK, &set, nullptr) != 0) {
    return system_error("block signals", "report it");
  }
  const int signals = ::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  if (signals < 0) {
    return system_error("open a file of signals", "raise the limit of open files");
  }
  (void)::prctl(PR_SET_TIMERSLACK, 1UL);
  return std::unique_ptr<LinuxHost>(new LinuxHost(signals));
}

LinuxHost::LinuxHost(int signals) : signals_(signals) {}

LinuxHost::~LinuxHost() {
  if (hints_ != nullptr) {
    ::gpreempt_hints_close(hints_.get());
  }
  ::close(signals_);
}

Instant LinuxHost::now() {
  timespec time{};
  (void)::clock_gettime(CLOCK_MONOTONIC, &time);
  return instant_from_ns(static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec);
}

void LinuxHost::wait_until(Instant at) {
  while (!stop_) {
    const Duration left = at - now();
    if (left <= Duration::zero()) {
      return;
    }
    if (left > kWakeUp) {
      sleep_for(left - kWakeUp < kLongestSleep ? left - kWakeUp : kLongestSleep);
      (void)stop_requested();
    }
  }
}

bool LinuxHost::stop_requested() {
  signalfd_siginfo info{};
  stop_ = stop_ || ::read(signals_, &info, sizeof info) == static_cast<ssize_t>(sizeof info) ||
          scheduler_is_gone();
  return stop_;
}

bool LinuxHost::scheduler_is_gone() const {
  if (!ends_with_scheduler_ || hints_ == nullptr) {
    return false;
  }
  pollfd peer{.fd = hints_->fd, .events = POLLRDHUP, .revents = 0};
  return peer.fd < 0 || (::poll(&peer, 1, 0) > 0 && (peer.revents & (POLLRDHUP | POLLHUP)) != 0);
}

void LinuxHost::hint_arrived(std::uint64_t request, Instant at) {
  if (hints_ != nullptr) {
    (void)::gpreempt_hints_arrived(hints_.get(), request, to_ns(at));
  }
}

void LinuxHost::hint_finished(std::uint64_t request, Instant at, Instant first_wave) {
  if (hints_ != nullptr) {
    (void)::gpreempt_hints_finished(hints_.get(), request, to_ns(at), to_ns(first_wave));
  }
}

void LinuxHost::hint_work(Duration work, std::uint64_t kernels) {
  if (hints_ != nullptr) {
    (void)::gpreempt_hints_work(hints_.get(), to_ns(work), kernels);
  }
}

void LinuxHost::hint_bystander(Duration off) {
  if (hints_ != nullptr) {
    (void)::gpreempt_hints_bystander(hints_.get(), to_ns(off));
  }
}

/// Streams beyond the runtime's pool share its queues: four by default. It reads this once, when it
/// is first called.
Result<void> LinuxHost::allow_queues(std::uint32_t count) {
  if (count > 0 && ::setenv("GPU_MAX_HW_QUEUES", fmt::format("{}", count).c_str(), 1) != 0) {
    return system_error("set GPU_MAX_HW_QUEUES", "set it yourself");
  }
  return {};
}

Result<void> LinuxHost::listen_to(const std::string& socket) {
  hints_ = std::make_unique<gpreempt_hints>();
  if (::gpreempt_hints_open(hints_.get(), socket.c_str()) != 0) {
    return system_error(fmt::format("connect to the scheduler at {}", socket),
                        "start it first, or leave --hints out");
  }
  return {};
}

Result<std::optional<Instant>> LinuxHost::await_start() {
  constexpr int kAWhile = 100;  // ms; then it looks for signals
  fmt::print("ready pid={}\n", ::getpid());
  (void)std::fflush(stdout);
  if (hints_ == nullptr) {
    const auto second = std::chrono::ceil<std::chrono::seconds>(now() + Duration(1));
    return second;
  }
  (void)::gpreempt_hints_ready(hints_.get());
  while (!stop_requested()) {
    const std::int64_t start = ::gpreempt_hints_wait_start(hints_.get(), kAWhile);
    if (start >= 0) {
      return instant_from_ns(start);
    }
    if (errno != ETIMEDOUT) {
      return system_error("wait for the scheduler's start",
                          fmt::format("it says '{}'", std::string(hints_->reply)));
    }
  }
  return std::nullopt;
}

LinuxHost::Turn::~Turn() { ::close(file_); }

Result<std::unique_ptr<LinuxHost::Turn>> LinuxHost::await_turn(const std::string& bus) {
  constexpr Duration kAgain = std::chrono::milliseconds(20);
  std::string path = fmt::format("/tmp/gpreempt-hip-{}.lock", bus);
  // Everybody may lock it, whoever made it.
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
  if (file < 0) {
    return system_error(fmt::format("open {}", path),
                        "remove it, or make it writable for this user");
  }
  auto turn = std::make_unique<Turn>(file);
  while (::flock(file, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) {
      return system_error(fmt::format("lock {}", path), "remove it");
    }
    if (stop_requested()) {
      return fail(Errc::kInterrupted, fmt::format("wait for {}: asked to stop", path));
    }
    wait_until(now() + kAgain);
  }
  return turn;
}

}  // namespace gpreempt::hip
