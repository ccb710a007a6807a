#include <fcntl.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backends/kfd/linux_os.h"
#include "backends/kfd/os.h"
#include "core/ids.h"

/// The process side of the port: children, tracing, signals, memory.
namespace gpreempt::kfd {
namespace {

/// Blocks the signals in this thread and makes a descriptor that is readable when one is pending.
SysResult<Fd> open_signals(std::initializer_list<int> numbers) {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : numbers) {
    sigaddset(&set, number);
  }
  if (const int error = ::pthread_sigmask(SIG_BLOCK, &set, nullptr); error != 0) {
    return sys_fail(error);
  }
  const int fd = ::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  if (fd < 0) {
    return last_error();
  }
  return fd;
}

std::string find_program(const std::string& name) {
  const char* const path = std::getenv("PATH");
  if (path == nullptr || name.find('/') != std::string::npos) {
    return name;
  }
  std::string_view rest(path);
  while (!rest.empty()) {
    const auto end = std::min(rest.find(':'), rest.size());
    auto candidate = std::string(rest.substr(0, end)) + "/" + name;
    if (::access(candidate.c_str(), X_OK) == 0) {
      return candidate;
    }
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return name;
}

std::vector<std::string> extend_environment(std::span<const std::string> added) {
  std::vector<std::string> all(added.begin(), added.end());
  for (char** entry = ::environ; *entry != nullptr; ++entry) {
    const std::string_view old(*entry);
    const auto name = old.substr(0, std::min(old.find('='), old.size() - 1) + 1);
    const bool replaced =
        std::any_of(added.begin(), added.end(),
                    [&](const std::string& entry_new) { return entry_new.starts_with(name); });
    if (!replaced) {
      all.emplace_back(old);
    }
  }
  return all;
}

/// The zero-terminated form that execve wants; points into `strings`.
std::vector<char*> pointers_to(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (std::string& text : strings) {
    pointers.push_back(text.data());
  }
  pointers.push_back(nullptr);
  return pointers;
}

/// What the child does between fork and execve: only calls that are safe in a signal handler.
[[noreturn]] void become(const char* program, char* const* argv, char* const* envp, bool stopped,
                         int report) {
  constexpr int kCannotExecute = 127;
  struct sigaction standard{};
  standard.sa_handler = SIG_DFL;
  ::sigaction(SIGPIPE, &standard, nullptr);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  // What a terminal's Ctrl-C means for it is for this process to say.
  ::setpgid(0, 0);
  if (stopped) {
    ::raise(SIGSTOP);
  }
  ::execve(program, argv, envp);
  if (!stopped) {
    const int number = errno;
    [[maybe_unused]] const auto written = ::write(report, &number, sizeof number);
  }
  ::_exit(kCannotExecute);
}

/// Waits until the child has executed its program (end of file) or says why not.
SysResult<void> await_exec(int report, pid_t child) {
  int number = 0;
  ssize_t got = 0;
  do {
    got = ::read(report, &number, sizeof number);
  } while (got < 0 && errno == EINTR);
  if (got != sizeof number) {
    return {};
  }
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  return sys_fail(number);
}

SysResult<void> await_stop(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, WUNTRACED) < 0) {
    if (errno != EINTR) {
      return last_error();
    }
  }
  if (!WIFSTOPPED(status)) {
    return sys_fail(ECHILD);
  }
  return {};
}

ChildStatus decode_stop(pid_t tid, int status) {
  using Kind = ChildStatus::Kind;
  const int signal = WSTOPSIG(status);
  const auto stop = [&](Kind kind) {
    return ChildStatus{.tid = tid, .kind = kind, .value = signal};
  };
  switch (static_cast<unsigned>(status) >> 16U) {
    case 0: return stop(Kind::kSignalStop);
    case PTRACE_EVENT_EXEC: return stop(Kind::kExecStop);
    case PTRACE_EVENT_EXIT: return stop(Kind::kExitStop);
    case PTRACE_EVENT_STOP: {
      const bool is_group_stop =
          signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;
      return stop(is_group_stop ? Kind::kGroupStop : Kind::kInterruptStop);
    }
    default: return stop(Kind::kOtherStop);
  }
}

__ptrace_request request_of(PtraceOp op) {
  switch (op) {
    case PtraceOp::kSeize: return PTRACE_SEIZE;
    case PtraceOp::kCont: return PTRACE_CONT;
    case PtraceOp::kListen: return PTRACE_LISTEN;
    case PtraceOp::kInterrupt: return PTRACE_INTERRUPT;
    case PtraceOp::kDetach: return PTRACE_DETACH;
    case PtraceOp::kGetEvent: return PTRACE_GETEVENTMSG;
    case PtraceOp::kGetSiginfo: return PTRACE_GETSIGINFO;
  }
  return PTRACE_CONT;
}

static_assert(std::uint64_t{kTraceExec} == std::uint64_t{PTRACE_O_TRACEEXEC});
static_assert(std::uint64_t{kTraceExit} == std::uint64_t{PTRACE_O_TRACEEXIT});

}  // namespace

LinuxOs::LinuxOs() : child_events_(open_signals({SIGCHLD})) {
  struct sigaction ignored{};
  ignored.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &ignored, nullptr);
  // Whoever started this process may have had it ignored: then no tracee's stop would be told of.
  struct sigaction inherited{};
  ::sigaction(SIGCHLD, nullptr, &inherited);
  if (inherited.sa_handler == SIG_IGN) {
    struct sigaction standard{};
    standard.sa_handler = SIG_DFL;
    ::sigaction(SIGCHLD, &standard, nullptr);
  }
}

LinuxOs::~LinuxOs() {
  for (const auto& fd : {child_events_, signals_}) {
    if (fd && *fd != kNoFd) {
      ::close(*fd);
    }
  }
}

SysResult<Pid> LinuxOs::start(std::span<const std::string> argv, std::span<const std::string> env,
                              bool stopped) {
  if (argv.empty()) {
    return sys_fail(EINVAL);
  }
  const std::string program = find_program(argv.front());
  std::vector<std::string> arguments(argv.begin(), argv.end());
  std::vector<std::string> environment = extend_environment(env);
  const std::vector<char*> argument_pointers = pointers_to(arguments);
  const std::vector<char*> environment_pointers = pointers_to(environment);
  std::array<int, 2> report{};
  if (::pipe2(report.data(), O_CLOEXEC) < 0) {
    return last_error();
  }
  const pid_t child = ::fork();
  if (child == 0) {
    become(program.c_str(), argument_pointers.data(), environment_pointers.data(), stopped,
           report[1]);
  }
  const int number = errno;
  ::close(report[1]);
  SysResult<void> result;
  if (child < 0) {
    result = sys_fail(number);
  } else {
    result = stopped ? await_stop(child) : await_exec(report[0], child);
  }
  ::close(report[0]);
  return result.map([&] { return Pid(child); });
}

SysResult<long> LinuxOs::ptrace(PtraceOp op, Tid tid, std::uint64_t arg) {
  unsigned long message = 0;
  siginfo_t info{};
  // NOLINTNEXTLINE(performance-no-int-to-ptr): ptrace takes numbers as pointers
  void* out = reinterpret_cast<void*>(static_cast<std::uintptr_t>(arg));
  if (op == PtraceOp::kGetEvent) {
    out = &message;
  } else if (op == PtraceOp::kGetSiginfo) {
    out = &info;
  }
  if (::ptrace(request_of(op), tid, nullptr, out) < 0) {
    return last_error();
  }
  if (op == PtraceOp::kGetSiginfo) {
    return info.si_code;
  }
  return static_cast<long>(message);
}

SysResult<std::optional<ChildStatus>> LinuxOs::poll_child(Tid tid) {
  using Kind = ChildStatus::Kind;
  int status = 0;
  pid_t changed = -1;
  do {
    changed = ::waitpid(tid, &status, WNOHANG | __WALL);
  } while (changed < 0 && errno == EINTR);
  if (changed < 0) {
    return last_error();
  }
  if (changed == 0) {
    return std::optional<ChildStatus>();
  }
  if (WIFSTOPPED(status)) {
    return decode_stop(changed, status);
  }
  if (WIFSIGNALED(status)) {
    return ChildStatus{.tid = changed, .kind = Kind::kKilled, .value = WTERMSIG(status)};
  }
  return ChildStatus{.tid = changed, .kind = Kind::kExited, .value = WEXITSTATUS(status)};
}

SysResult<Fd> LinuxOs::child_events() { return child_events_; }

SysResult<Fd> LinuxOs::signals() {
  if (signals_ && *signals_ == kNoFd) {
    signals_ = open_signals({SIGINT, SIGTERM, SIGHUP});
  }
  return signals_;
}

SysResult<Fd> LinuxOs::open_pidfd(Pid pid) {
  const auto fd = ::syscall(SYS_pidfd_open, pid.value(), 0U);
  if (fd < 0) {
    return last_error();
  }
  const auto flags = ::fcntl(static_cast<int>(fd), F_GETFD);
  ::fcntl(static_cast<int>(fd), F_SETFD, flags | FD_CLOEXEC);
  return static_cast<Fd>(fd);
}

SysResult<void> LinuxOs::signal(Fd pidfd, int number) {
  if (::syscall(SYS_pidfd_send_signal, pidfd, number, nullptr, 0U) < 0) {
    return last_error();
  }
  return {};
}

namespace {

/// Memory of a device driver (VM_IO, VM_PFNMAP), which process_vm_readv does not reach.
SysResult<std::size_t> read_through_proc(Pid pid, std::span<const MemoryRange> ranges) {
  const std::string path = "/proc/" + std::to_string(pid.value()) + "/mem";
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    return last_error();
  }
  std::size_t total = 0;
  for (const MemoryRange& range : ranges) {
    const auto got =
        ::pread(file, range.into.data(), range.into.size(), static_cast<off_t>(range.address));
    total += got > 0 ? static_cast<std::size_t>(got) : 0;
    if (got != static_cast<ssize_t>(range.into.size())) {
      break;
    }
  }
  ::close(file);
  if (total == 0) {
    return sys_fail(EFAULT);
  }
  return total;
}

/// Up to IOV_MAX ranges.
SysResult<std::size_t> read_part(Pid pid, std::span<const MemoryRange> ranges) {
  std::vector<iovec> local;
  std::vector<iovec> remote;
  std::size_t wanted = 0;
  for (const MemoryRange& range : ranges) {
    local.push_back({.iov_base = range.into.data(), .iov_len = range.into.size()});
    remote.push_back(
        // NOLINTNEXTLINE(performance-no-int-to-ptr): an address of the other process
        {.iov_base = reinterpret_cast<void*>(static_cast<std::uintptr_t>(range.address)),
         .iov_len = range.into.size()});
    wanted += range.into.size();
  }
  const auto got =
      ::process_vm_readv(pid.value(), local.data(), local.size(), remote.data(), remote.size(), 0);
  // A seccomp filter refuses the call where it lets the file be read.
  const int number = got < 0 ? errno : 0;
  if (got < 0 && number != EFAULT && number != EPERM && number != ENOSYS) {
    return sys_fail(number);
  }
  if (got >= 0 && static_cast<std::size_t>(got) == wanted) {
    return wanted;
  }
  const auto all = read_through_proc(pid, ranges);
  if (!all && got > 0) {
    return static_cast<std::size_t>(got);
  }
  return all || number != EPERM ? all : sys_fail(EPERM);
}

}  // namespace

SysResult<std::size_t> LinuxOs::read_memory(Pid pid, std::span<const MemoryRange> ranges) {
  std::size_t total = 0;
  for (std::size_t first = 0; first < ranges.size(); first += IOV_MAX) {
    const auto part = ranges.subspan(first, std::min<std::size_t>(IOV_MAX, ranges.size() - first));
    std::size_t wanted = 0;
    for (const MemoryRange& range : part) {
      wanted += range.into.size();
    }
    const auto got = read_part(pid, part);
    if (!got) {
      return total > 0 ? SysResult<std::size_t>(total) : got;
    }
    total += *got;
    if (*got < wanted) {
      break;
    }
  }
  return total;
}

}  // namespace gpreempt::kfd
