#include "conformance/linux_actors.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

#include "backends/kfd/abi.h"
#include "backends/kfd/linux_os.h"
#include "backends/kfd/os.h"
#include "config/document.h"
#include "conformance/actors.h"
#include "conformance/linux_worker.h"
#include "conformance/operation.h"
#include "conformance/scenario.h"
#include "core/error.h"
#include "core/time.h"

namespace gpreempt::conformance {
namespace {

constexpr const char* kDevice = "/dev/kfd";
constexpr Duration kPatience = std::chrono::seconds(10);

std::size_t index(Actors::Thread thread) { return static_cast<std::size_t>(thread); }

/// Returns whether `fd` turned readable. Not shortened by signals.
bool await_readable(int fd, Duration within) {
  pollfd polled{.fd = fd, .events = POLLIN, .revents = 0};
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(within).count();
  int count = 0;
  do {
    count = ::poll(&polled, 1, static_cast<int>(left));
  } while (count < 0 && errno == EINTR);
  return count > 0;
}

Error lost(std::int32_t pid, std::string_view what) {
  return {.code = Errc::kIo,
          .sys_errno = 0,
          .what = fmt::format("direct actor {}: {}; look for it in the kernel's log", pid, what)};
}

bool can_crash_dkms(const Scenario& scenario) {
  return std::ranges::any_of(scenario.cases, [](const Case& each) {
    const Operation& operation = each.step.operation;
    const bool takes_ids =
        operation.kind == OpKind::kSuspendQueues || operation.kind == OpKind::kResumeQueues;
    return takes_ids && (operation.count > kfd::abi::kMaxQueues ||
                         (operation.place == Place::kNull && operation.count > 0));
  });
}

}  // namespace

Result<void> LinuxActors::check(std::span<const Scenario> scenarios) {
  // By its source this driver does not refuse what the others do. It was never run.
  const auto crash = std::ranges::find_if(scenarios, can_crash_dkms);
  if (running_personality() == "dkms-6.12.12" && crash != scenarios.end()) {
    return fail(Errc::kNotPermitted,
                fmt::format("conformance on /dev/kfd: '{}' passes id arrays that by its source "
                            "crash this driver (amdgpu DKMS); name the others with --only",
                            crash->name));
  }
  if (::geteuid() != 0) {
    return fail(Errc::kNotPermitted,
                "conformance on /dev/kfd: it starts processes of other users; run it as root");
  }
  kfd::LinuxOs os;
  const auto fd = os.open(kDevice, kfd::OpenMode::kReadWrite);
  if (!fd) {
    return fail(Errc::kNoSuchDevice,
                fmt::format("open {}: errno {}; load amdgpu (since Linux 7 it also needs a GPU)",
                            kDevice, fd.error().number),
                fd.error().number);
  }
  os.close(*fd);
  return {};
}

LinuxActors::LinuxActors() {
  constexpr std::uint32_t kPermissions = 07777;
  struct stat status{};
  if (::stat(kDevice, &status) == 0) {
    device_mode_ = status.st_mode & kPermissions;
    start_guard(*device_mode_);
  }
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
}

LinuxActors::~LinuxActors() {
  clear();
  if (guard_ >= 0) {
    ::close(guard_);
  }
}

void LinuxActors::start_guard(std::uint32_t mode) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) < 0) {
    return;
  }
  const pid_t parent = ::fork();
  if (parent == 0) {
    if (::fork() == 0) {  // nobody's child, so that nobody waits for it
      ::setsid();
      ::close(ends[1]);
      char nothing = 0;
      while (::read(ends[0], &nothing, 1) != 0) {
      }
      ::chmod(kDevice, mode);
    }
    ::_exit(0);
  }
  ::close(ends[0]);
  guard_ = ends[1];
  ::waitpid(parent, nullptr, 0);
}

void LinuxActors::clear() {
  for (const Process& process : processes_) {
    ::kill(process.pid, SIGKILL);
    for (const int socket : process.sockets) {
      ::close(socket);
    }
  }
  const bool any = !processes_.empty();
  processes_.clear();
  // NOLINTNEXTLINE(misc-include-cleaner): __WALL is of sys/wait.h
  while (any && (::waitpid(-1, nullptr, __WALL) > 0 || errno == EINTR)) {
  }
  if (any && device_mode_) {
    ::chmod(kDevice, *device_mode_);
  }
}

Result<Actors::Id> LinuxActors::add(std::int32_t pid, const ActorSockets& sockets) {
  processes_.push_back({.pid = pid, .numbers = {}, .sockets = sockets});  // `clear` ends it
  GPREEMPT_TRY(read_numbers(processes_.back()));
  return processes_.size() - 1;
}

Result<void> LinuxActors::read_numbers(Process& process) {
  for (std::size_t i = 0; i < process.sockets.size(); ++i) {
    const int socket = process.sockets.at(i);
    Answer hello;
    if (!await_readable(socket, kPatience) ||
        ::read(socket, &hello, sizeof hello) != sizeof hello || hello.result <= 0) {
      return tl::unexpected<Error>(lost(process.pid, "it did not begin"));
    }
    process.numbers.at(i) = static_cast<std::int32_t>(hello.result);
  }
  process.numbers[0] = process.pid;  // in a namespace of its own it has another one for itself
  return {};
}

Result<Actors::Id> LinuxActors::start(std::uint32_t user) {
  SocketPairs pairs;
  if (const int error = make_sockets(pairs); error != 0) {
    return fail(Errc::kIo, fmt::format("start actor: no sockets, errno {}", error), error);
  }
  const pid_t pid = ::fork();
  if (pid == 0) {
    serve_actor(pairs.theirs, user);
  }
  const int error = errno;
  for (const int socket : pairs.theirs) {
    ::close(socket);
  }
  if (pid < 0) {
    return fail(Errc::kIo, fmt::format("start actor: no process, errno {}", error), error);
  }
  return add(pid, pairs.ours);
}

Result<Actors::Id> LinuxActors::fork(Id parent, bool apart) {
  Operation operation;
  operation.kind = OpKind::kFork;
  operation.mode = apart ? 1 : 0;
  GPREEMPT_TRY(send(parent, Thread::kFirst, operation));
  std::optional<Answer> answer;
  GPREEMPT_TRY(store(answer, receive(parent, Thread::kFirst, kPatience)));
  ActorSockets sockets{};
  const int from = processes_.at(parent).sockets[0];
  if (!answer || answer->result <= 0 || !receive_sockets(from, sockets)) {
    return tl::unexpected<Error>(lost(processes_.at(parent).pid, "it could not fork"));
  }
  return add(static_cast<std::int32_t>(answer->result), sockets);
}

Result<void> LinuxActors::exec(Id process) {
  Operation operation;
  operation.kind = OpKind::kExec;
  GPREEMPT_TRY(send(process, Thread::kFirst, operation));
  return read_numbers(processes_.at(process));
}

std::int32_t LinuxActors::number(Id process, Thread thread) {
  return processes_.at(process).numbers.at(index(thread));
}

Result<void> LinuxActors::kill(Id process) {
  const std::int32_t pid = processes_.at(process).pid;
  const int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  ::kill(pid, SIGKILL);
  const bool died = pidfd >= 0 && await_readable(pidfd, kPatience);
  ::close(pidfd);
  if (!died) {
    return fail(Errc::kTimedOut, fmt::format("kill actor {}: it did not die", pid));
  }
  // Which takes it unless somebody traces it.
  ::waitpid(pid, nullptr, WNOHANG | __WALL);  // NOLINT(misc-include-cleaner): of sys/wait.h
  return {};
}

Result<void> LinuxActors::send(Id process, Thread thread, const Operation& operation) {
  const Process& told = processes_.at(process);
  if (::write(told.sockets.at(index(thread)), &operation, sizeof operation) != sizeof operation) {
    return tl::unexpected<Error>(lost(told.pid, "it takes no orders"));
  }
  return {};
}

Result<std::optional<Answer>> LinuxActors::receive(Id process, Thread thread, Duration within) {
  const Process& told = processes_.at(process);
  const int socket = told.sockets.at(index(thread));
  if (!await_readable(socket, within)) {
    return std::optional<Answer>();
  }
  Answer answer;
  if (::read(socket, &answer, sizeof answer) != sizeof answer) {
    return tl::unexpected<Error>(lost(told.pid, "it ended"));
  }
  return answer;
}

std::string running_kernel() {
  utsname names{};
  ::uname(&names);
  return fmt::format("{} {}", &names.sysname[0], &names.release[0]);
}

std::string running_personality() {
  constexpr int kWithDebuggerProcess = 100;  // between 6.12.95 and 6.12.107
  std::error_code error;
  if (std::filesystem::exists("/sys/module/amdgpu/version", error)) {
    return "dkms-6.12.12";
  }
  utsname names{};
  ::uname(&names);
  int major = 0;
  int minor = 0;
  int patch = 0;
  std::sscanf(&names.release[0], "%d.%d.%d", &major, &minor, &patch);
  if (major >= 7) {
    return "upstream-7.3";
  }
  const bool later = major == 6 && (minor > 12 || (minor == 12 && patch >= kWithDebuggerProcess));
  return later ? "upstream-6.12.107" : "upstream-6.12.95";
}

}  // namespace gpreempt::conformance
