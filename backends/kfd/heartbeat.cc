#include "backends/kfd/heartbeat.h"

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "backends/kfd/os.h"
#include "core/error.h"
#include "core/ids.h"
#include "core/mutant.h"
#include "core/time.h"

namespace gpreempt::kfd {
namespace {

constexpr Duration kWatchdogStartPatience = std::chrono::seconds(10);
constexpr Duration kLookForWatchdogAfter = std::chrono::milliseconds(1);
constexpr Duration kWatchdogEndPatience = std::chrono::seconds(1);

}  // namespace

Result<std::unique_ptr<Heartbeat>> Heartbeat::start(Os& os, std::vector<std::string> argv) {
  const auto failed = [](SysError error) {
    return fail(Errc::kIo,
                fmt::format("start the watchdog: {}; nothing is suspended without one",
                            std::strerror(error.number)),
                error.number);
  };
  const auto self = os.read_link("/proc/self");
  const auto pipe = os.pipe();
  if (!pipe) {
    return failed(pipe.error());
  }
  if (!self) {
    os.close(pipe->read);
    os.close(pipe->write);
    return failed(self.error());
  }
  // Its own descriptor of this pipe, although no descriptor of ours is inherited.
  argv.insert(argv.end(), {"--controller", *self, "--heartbeat",
                           fmt::format("/proc/{}/fd/{}", *self, pipe->read)});
  std::unique_ptr<Heartbeat> heartbeat(new Heartbeat(os, *pipe));
  const auto started = os.start(argv, {}, false);
  const auto exit = started ? os.open_pidfd(*started) : tl::unexpected<SysError>(started.error());
  if (!exit) {
    os.close(pipe->read);
    os.close(pipe->write);
    return failed(exit.error());
  }
  heartbeat->watchdog_ = *started;
  heartbeat->watchdog_exit_ = *exit;
  if (auto heard = heartbeat->await_watchdog(); !heard) {
    (void)os.signal(*exit, SIGKILL);
    heartbeat->close();
    return tl::unexpected<Error>(std::move(heard).error());
  }
  return heartbeat;
}

Result<std::unique_ptr<Heartbeat>> Heartbeat::adopt(Os& os, PipeEnds pipe, Pid watchdog) {
  const auto exit = os.open_pidfd(watchdog);
  if (!exit) {
    return fail(Errc::kProcessExited,
                fmt::format("watch watchdog {}: {}", watchdog, std::strerror(exit.error().number)),
                exit.error().number);
  }
  std::unique_ptr<Heartbeat> heartbeat(new Heartbeat(os, pipe));
  heartbeat->watchdog_ = watchdog;
  heartbeat->watchdog_exit_ = *exit;
  return heartbeat;
}

bool Heartbeat::is_heard() const {
  const auto mine = os_.read_link(fmt::format("/proc/self/fd/{}", pipe_.read));
  const auto folder = fmt::format("/proc/{}/fd", watchdog_);
  const auto opened = os_.list_dir(folder).value_or(std::vector<std::string>());
  return mine && std::any_of(opened.begin(), opened.end(), [&](const std::string& name) {
           const auto other = os_.read_link(fmt::format("{}/{}", folder, name));
           return other && *other == *mine;
         });
}

Result<void> Heartbeat::await_watchdog() {
  const Instant patience_ends = saturating_add(os_.now(), kWatchdogStartPatience);
  while (!is_heard()) {
    std::array<WaitFd, 1> exit{WaitFd{.fd = watchdog_exit_}};
    const auto ended = os_.wait(exit, saturating_add(os_.now(), kLookForWatchdogAfter));
    if (!ended || *ended > 0) {
      return fail(Errc::kIo, "start the watchdog: it has ended; see what it wrote to stderr");
    }
    if (os_.now() >= patience_ends) {
      return fail(Errc::kTimedOut,
                  "start the watchdog: it does not open its pipe; is that command a watchdog?");
    }
  }
  return {};
}

Result<void> Heartbeat::begin_pulse() {
  if (pipe_.read == kNoFd || stop_pulse_ != kNoFd) {
    return {};
  }
  const auto failed = [](SysError error) {
    return fail(Errc::kIo, fmt::format("start the pulse: {}", std::strerror(error.number)),
                error.number);
  };
  const auto stop = os_.make_waker();
  if (!stop) {
    return failed(stop.error());
  }
  stop_pulse_ = *stop;
  const auto worker = os_.spawn("pulse", [this] { pulse(); });
  if (!worker) {
    os_.close(std::exchange(stop_pulse_, kNoFd));
    return failed(worker.error());
  }
  pulse_ = *worker;
  return {};
}

void Heartbeat::pulse() {
  std::array<WaitFd, 1> stop{WaitFd{.fd = stop_pulse_}};
  for (;;) {
    // One that is dead or deaf hears nothing; who asks `is_listening` finds out.
    (void)tell(Beat::Kind::kAlive, Pid(0));
    const auto ended = os_.wait(stop, saturating_add(os_.now(), kPulsePeriod));
    if (!ended || *ended > 0) {
      return;
    }
  }
}

void Heartbeat::end_pulse() {
  if (stop_pulse_ == kNoFd) {
    return;
  }
  os_.wake(stop_pulse_);
  (void)os_.join(pulse_);
  os_.close(std::exchange(stop_pulse_, kNoFd));
}

bool Heartbeat::is_listening() {
  const Instant now = os_.now();
  if (watchdog_exit_ != kNoFd) {
    std::array<WaitFd, 1> exit{WaitFd{.fd = watchdog_exit_}};
    const auto ended = os_.wait(exit, now);
    if ((!ended || *ended > 0) && !GPREEMPT_MUTANT("dead-watchdog-unnoticed")) {
      return false;
    }
  }
  if (pipe_.read == kNoFd) {
    return true;
  }
  // It has the same pipe: what is readable here it has not read yet.
  std::array<WaitFd, 1> unread{WaitFd{.fd = pipe_.read}};
  const auto is_unread = os_.wait(unread, now);
  if (!is_unread || *is_unread == 0 || GPREEMPT_MUTANT("deaf-watchdog-unnoticed")) {
    read_until_ = to_ns(now);
    return is_unread.has_value();
  }
  return Duration(to_ns(now) - read_until_) < kDeafAfter;
}

bool Heartbeat::tell(Beat::Kind kind, Pid target, Instant issued, Instant until) {
  // It is written in any case: one that is stopped reads it when it goes on.
  const bool is_heard = is_listening();
  const std::array<Beat, 1> beat{Beat{
      .kind = kind, .pid = target.value(), .issued_ns = to_ns(issued), .until_ns = to_ns(until)}};
  // Shorter than PIPE_BUF: the whole record or nothing.
  return os_.write(pipe_.write, std::as_bytes(std::span(beat))).has_value() && is_heard;
}

void Heartbeat::close() {
  end_pulse();
  if (watchdog_exit_ == kNoFd) {
    return;
  }
  os_.close(pipe_.write);
  os_.close(pipe_.read);
  std::array<WaitFd, 1> exit{WaitFd{.fd = watchdog_exit_}};
  (void)os_.wait(exit, saturating_add(os_.now(), kWatchdogEndPatience));
  (void)os_.poll_child(watchdog_.value());
  os_.close(watchdog_exit_);
  watchdog_exit_ = kNoFd;
}

SysResult<std::vector<Beat>> read_beats(Os& os, Fd pipe) {
  constexpr std::size_t kBatch = 64;
  std::vector<Beat> beats;
  for (;;) {
    std::array<Beat, kBatch> batch{};
    const auto got = os.read(pipe, std::as_writable_bytes(std::span(batch)));
    if (!got || *got == 0) {
      // What was read before the end counts; the end is met again.
      const bool is_end = got.has_value() || got.error().number != EAGAIN;
      if (is_end && beats.empty()) {
        return sys_fail(EPIPE);
      }
      return beats;
    }
    // Records are written whole, and so a multiple of them is what a read finds.
    const auto count = *got / sizeof(Beat);
    beats.insert(beats.end(), batch.begin(), batch.begin() + static_cast<std::ptrdiff_t>(count));
  }
}

}  // namespace gpreempt::kfd
