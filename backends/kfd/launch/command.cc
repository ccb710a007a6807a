#include "backends/kfd/launch/command.h"

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "backends/kfd/discovery/stable_process.h"
#include "backends/kfd/os.h"
#include "backends/kfd/target_selector.h"
#include "core/error.h"
#include "core/ids.h"
#include "core/time.h"

namespace gpreempt::kfd {
namespace {

/// The driver keeps a killed process for up to 9 s when firmware hangs.
constexpr Duration kKillPatience = std::chrono::seconds(15);

std::string command_words(const std::vector<std::string>& argv) {
  std::string text;
  for (const std::string& word : argv) {
    text += (text.empty() ? "" : " ") + word;
  }
  return text;
}

}  // namespace

Result<LaunchedCommand> LaunchedCommand::start(Os& os, std::vector<std::string> argv,
                                               std::span<const std::string> env) {
  std::string text = command_words(argv);
  const auto pid = os.start(argv, env, false);
  if (!pid) {
    const int number = pid.error().number;
    const bool is_there = number != ENOENT && number != EACCES;
    return fail(is_there ? Errc::kIo : Errc::kInvalidArgument,
                fmt::format("start `{}`: {}{}", text, std::strerror(number),
                            is_there ? "" : "; write a command that this user can execute"),
                number);
  }
  const auto pidfd = os.open_pidfd(*pid);
  if (!pidfd) {
    return fail(Errc::kIo,
                fmt::format("start `{}`: pidfd: {}", text, std::strerror(pidfd.error().number)),
                pidfd.error().number);
  }
  return LaunchedCommand(os, StableProcess(os, *pid, *pidfd), std::move(text));
}

std::optional<std::string> LaunchedCommand::how_it_ended() {
  if (ended_) {
    return ended_;
  }
  std::vector<WaitFd> exit = {{.fd = root_.pidfd()}};
  const auto ready = os_->wait(exit, os_->now());
  if (!ready || *ready == 0) {
    return std::nullopt;
  }
  const std::optional<ChildStatus> status =
      os_->poll_child(root_.pid().value()).value_or(std::nullopt);
  ended_ = std::string();
  if (status) {
    const bool was_killed = status->kind == ChildStatus::Kind::kKilled;
    ended_ = fmt::format("{} {}", was_killed ? "signal" : "exit code", status->value);
  }
  return ended_;
}

void LaunchedCommand::keep(Pid pid) {
  const bool is_known =
      pid == root_.pid() || std::ranges::find(others_, pid, &StableProcess::pid) != others_.end();
  if (is_known) {
    return;
  }
  if (const auto pidfd = os_->open_pidfd(pid)) {
    others_.emplace_back(*os_, pid, *pidfd);
  }
}

void LaunchedCommand::keep_descendants() {
  const TargetSelector tree{.by = TargetSelector::By::kTree, .pid = root_.pid(), .name = {}};
  const std::vector<Pid> before = find_targets(*os_, tree).value_or(std::vector<Pid>());
  for (const Pid pid : before) {
    keep(pid);
  }
  // A number that has become another process's between the look and the pidfd is in the tree no
  // more.
  const std::vector<Pid> after = find_targets(*os_, tree).value_or(std::vector<Pid>());
  std::erase_if(others_, [&](const StableProcess& process) {
    return std::ranges::binary_search(before, process.pid()) &&
           !std::ranges::binary_search(after, process.pid());
  });
}

void LaunchedCommand::signal_all(int number) {
  (void)os_->signal(root_.pidfd(), number);
  for (const StableProcess& process : others_) {
    (void)os_->signal(process.pidfd(), number);
  }
}

bool LaunchedCommand::await_all(Instant deadline) {
  std::vector<Fd> living = {root_.pidfd()};
  for (const StableProcess& process : others_) {
    living.push_back(process.pidfd());
  }
  while (!living.empty()) {
    std::vector<WaitFd> exits;
    exits.reserve(living.size());
    for (const Fd fd : living) {
      exits.push_back({.fd = fd});
    }
    const auto ready = os_->wait(exits, deadline);
    if (!ready || *ready == 0) {
      return false;
    }
    living.clear();
    for (const WaitFd& exit : exits) {
      if (!exit.ready) {
        living.push_back(exit.fd);
      }
    }
  }
  return true;
}

Result<void> LaunchedCommand::stop(Duration patience) {
  if (root_.pidfd() == kNoFd) {
    return {};
  }
  keep_descendants();
  signal_all(SIGTERM);
  signal_all(SIGCONT);  // one that is stopped takes no other signal
  if (!await_all(saturating_add(os_->now(), patience))) {
    keep_descendants();
    signal_all(SIGKILL);
    if (!await_all(saturating_add(os_->now(), kKillPatience))) {
      return fail(Errc::kTimedOut,
                  fmt::format("end `{}` (pid {}): a process of it was killed and does not go; the "
                              "driver may hold it, see `dmesg`",
                              text_, root_.pid()));
    }
  }
  (void)how_it_ended();  // reaps it
  others_.clear();
  root_ = StableProcess(*os_, root_.pid(), kNoFd);
  return {};
}

}  // namespace gpreempt::kfd
