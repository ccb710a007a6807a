#include "backends/kfd/watchdog.h"

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "backends/kfd/heartbeat.h"
#include "backends/kfd/os.h"
#include "backends/kfd/rescue.h"
#include "core/error.h"
#include "core/ids.h"
#include "core/mutant.h"
#include "core/time.h"

namespace gpreempt::kfd {
namespace {

constexpr Duration kSecondChance = std::chrono::seconds(1);

class Watch {
 public:
  Watch(Os& os, Fd heartbeat, Fd controller, const WatchdogOptions& options)
      : os_(os),
        heartbeat_(heartbeat),
        controller_(controller),
        options_(options),
        heard_at_(os.now()) {}

  Result<WatchdogReport> run() {
    while (!ended_ && !(closed_ && targets_.empty())) {
      GPREEMPT_TRY(watch_once());
    }
    if (ended_) {
      free_targets();
    }
    return report_;
  }

  void forget_targets() {
    for (const auto& [pid, target] : targets_) {
      os_.close(target.pidfd);
    }
    targets_.clear();
  }

 private:
  /// Blocks: until the controller says something, ends, or lets a lease pass.
  Result<void> watch_once() {
    std::array<WaitFd, 2> fds{WaitFd{.fd = controller_}, WaitFd{.fd = heartbeat_}};
    const auto watched = std::span(fds).first(closed_ ? 1 : 2);
    if (!os_.wait(watched, std::min(first_overdue(), silence_ends()))) {
      return fail(Errc::kInternal, "watch the controller: the world ended");
    }
    // What it said last counts, also when it has ended meanwhile.
    if (fds[1].ready) {
      listen();
    }
    ended_ = fds[0].ready;
    if (ended_) {
      return {};
    }
    if (first_overdue() <= os_.now()) {
      return kill();
    }
    return silence_ends() <= os_.now() ? take_silence() : Result<void>();
  }

  /// The first time it may be that both were stopped, and the controller has yet to say so.
  Result<void> take_silence() {
    if (!std::exchange(is_suspect_, true)) {
      suspect_until_ = saturating_add(os_.now(), kSecondChance);
      return {};
    }
    report_.was_silent = true;
    return kill();
  }

  struct Target {
    Fd pidfd = kNoFd;
    Instant overdue = kForever;
  };

  void listen() {
    const auto beats = read_beats(os_, heartbeat_);
    closed_ = !beats;
    heard_at_ = os_.now();
    is_suspect_ = false;
    if (beats) {
      for (const Beat& beat : *beats) {
        take(beat);
      }
    }
  }

  void take(const Beat& beat) {
    const Pid pid(beat.pid);
    const auto found = targets_.find(pid);
    switch (beat.kind) {
      case Beat::Kind::kAlive: has_pulse_ = true; break;
      case Beat::Kind::kAttached:
        // Now, while it surely is the process that is meant.
        if (const auto pidfd = os_.open_pidfd(pid); pidfd && found == targets_.end()) {
          targets_.emplace(pid, Target{.pidfd = *pidfd, .overdue = kForever});
        }
        break;
      case Beat::Kind::kSuspending:
        if (found != targets_.end()) {
          found->second.overdue =
              GPREEMPT_MUTANT("watchdog-forgives") ? kForever : overdue_of(beat);
        }
        break;
      case Beat::Kind::kRunning:
        if (found != targets_.end()) {
          found->second.overdue = kForever;
        }
        break;
      case Beat::Kind::kDetached:
        if (found != targets_.end()) {
          os_.close(found->second.pidfd);
          targets_.erase(found);
        }
        break;
    }
  }

  [[nodiscard]] Instant overdue_of(const Beat& beat) const {
    const Instant until{Duration(beat.until_ns)};
    const Duration lease(std::max<std::int64_t>(beat.until_ns - beat.issued_ns, 0));
    return saturating_add(until, GPREEMPT_MUTANT("watchdog-without-patience")
                                     ? Duration::zero()
                                     : std::max(lease, options_.patience));
  }

  /// `kForever`: its silence is no sign.
  [[nodiscard]] Instant silence_ends() const {
    if (!has_pulse_ || closed_ || targets_.empty() || GPREEMPT_MUTANT("silence-forgiven")) {
      return kForever;
    }
    return is_suspect_ ? suspect_until_ : saturating_add(heard_at_, options_.silence);
  }

  [[nodiscard]] Instant first_overdue() const {
    Instant first = kForever;
    for (const auto& [pid, target] : targets_) {
      first = std::min(first, target.overdue);
    }
    return first;
  }

  /// Blocks: until the controller is gone.
  Result<void> kill() {
    report_.killed = true;
    (void)os_.signal(controller_, SIGKILL);
    std::array<WaitFd, 1> fds{WaitFd{.fd = controller_}};
    const auto gone = os_.wait(fds, saturating_add(os_.now(), options_.kill_patience));
    ended_ = gone && *gone > 0;
    if (!ended_) {
      free_targets();
      return fail(Errc::kTimedOut,
                  fmt::format("kill controller {}: it {} and does not go; thaw its control group, "
                              "or end its targets",
                              options_.controller,
                              report_.was_silent ? "says nothing" : "let a lease pass"));
    }
    return {};
  }

  void free_targets() {
    for (const auto& [pid, target] : targets_) {
      std::array<WaitFd, 1> fds{WaitFd{.fd = target.pidfd}};
      const auto exited = os_.wait(fds, os_.now());
      if (!exited || *exited > 0) {
        continue;
      }
      auto freed = rescue(os_, pid, options_.rescue);
      if (!freed) {
        report_.errors.push_back(std::move(freed).error());
      } else if (freed->ended_session || freed->answered_handshake) {
        report_.rescued.push_back(pid);
      }
    }
  }

  Os& os_;
  Fd heartbeat_;
  Fd controller_;
  const WatchdogOptions& options_;
  std::map<Pid, Target> targets_;
  WatchdogReport report_;
  Instant heard_at_;
  Instant suspect_until_ = kForever;
  bool has_pulse_ = false;
  bool is_suspect_ = false;
  bool closed_ = false;
  bool ended_ = false;
};

}  // namespace

Result<WatchdogReport> watch_controller(Os& os, Fd heartbeat, const WatchdogOptions& options) {
  // Ctrl-C is for the controller, and this must outlive it.
  (void)os.signals();
  const auto controller = os.open_pidfd(options.controller);
  if (!controller) {
    return fail(Errc::kProcessExited,
                fmt::format("watch controller {}: there is no such process", options.controller),
                controller.error().number);
  }
  Watch watch(os, heartbeat, *controller, options);
  auto report = watch.run();
  watch.forget_targets();
  os.close(*controller);
  return report;
}

}  // namespace gpreempt::kfd
