#include "conformance/execute.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "backends/kfd/os.h"
#include "conformance/operation.h"
#include "core/time.h"

namespace gpreempt::conformance {

using kfd::Fd;
using kfd::SysResult;

long result_of(const SysResult<long>& result) {
  return result ? *result : -long{result.error().number};
}

std::uint64_t address_of(Place place, const void* valid) {
  constexpr std::uint64_t kBadAddress = 8;
  // Constants lie in pages that cannot be written.
  static constexpr std::array<std::uint32_t, Operation::kMaxIds> kReadOnly{};
  const auto number = [](const void* object) {
    return static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(object));
  };
  switch (place) {
    case Place::kValid: return number(valid);
    case Place::kNull: return 0;
    case Place::kBad: return kBadAddress;
    case Place::kReadOnly: break;
  }
  return number(kReadOnly.data());
}

Fd file_of(ActorHost& host, ActorFiles& files, FileChoice choice) {
  constexpr Fd kNotOpen = 999;
  if (const auto found = files.open.find(choice); found != files.open.end()) {
    return found->second;
  }
  switch (choice) {
    case FileChoice::kDevice:
    case FileChoice::kReadOnly:
    case FileChoice::kNone: return kfd::kNoFd;
    case FileChoice::kClosed: return kNotOpen;
    case FileChoice::kNotify:
    case FileChoice::kPipe:
      if (const auto pipe = host.os().pipe()) {
        files.open[FileChoice::kNotify] = pipe->write;
        files.open[FileChoice::kPipe] = pipe->read;
      }
      break;
    case FileChoice::kNull:
      files.open[choice] =
          host.os().open("/dev/null", kfd::OpenMode::kReadWrite).value_or(kfd::kNoFd);
      break;
    case FileChoice::kPath: files.open[choice] = host.open_path().value_or(kfd::kNoFd); break;
  }
  return files.open[choice];
}

namespace {

Answer answer(long result) { return {.result = result}; }

Answer open_device(ActorHost& host, ActorFiles& files, FileChoice choice) {
  const bool read_only = choice == FileChoice::kReadOnly;
  const auto fd =
      host.os().open("/dev/kfd", read_only ? kfd::OpenMode::kRead : kfd::OpenMode::kReadWrite);
  if (!fd) {
    return answer(-long{fd.error().number});
  }
  files.open[read_only ? FileChoice::kReadOnly : FileChoice::kDevice] = *fd;
  return answer(0);
}

Answer close_device(ActorHost& host, ActorFiles& files) {
  const auto node = files.open.extract(FileChoice::kDevice);
  if (node.empty()) {
    return answer(-EBADF);
  }
  host.os().close(node.mapped());
  return answer(0);
}

Answer read_file(ActorHost& host, Fd fd) {
  std::array<std::byte, 8> bytes{};
  const auto count = host.os().read(fd, bytes);
  if (!count) {
    return answer(-long{count.error().number});
  }
  Answer result = answer(static_cast<long>(*count));
  result.out[0] = static_cast<std::uint64_t>(bytes[0]);
  return result;
}

Answer poll_file(ActorHost& host, Fd fd) {
  std::array<kfd::WaitFd, 1> fds{kfd::WaitFd{.fd = fd}};
  const auto count = host.os().wait(fds, host.os().now());
  return answer(count ? static_cast<long>(*count) : -long{count.error().number});
}

Answer list_processes(ActorHost& host) {
  const auto names = host.os().list_dir("/sys/class/kfd/kfd/proc");
  if (!names) {
    return answer(-long{names.error().number});
  }
  return answer(names->empty() ? -ENOENT : 0);
}

}  // namespace

Answer execute_file(ActorHost& host, ActorFiles& files, const Operation& operation) {
  if (operation.kind == OpKind::kOpen) {
    return open_device(host, files, operation.file);
  }
  if (operation.kind == OpKind::kClose) {
    return close_device(host, files);
  }
  if (operation.kind == OpKind::kStatDevice) {
    const auto mode = host.device_mode();
    Answer result = answer(mode ? 0 : -long{mode.error().number});
    result.out[0] = mode.value_or(0);
    return result;
  }
  if (operation.kind == OpKind::kChmodDevice) {
    return answer(result_of(host.set_device_mode(operation.mode)));
  }
  if (operation.kind == OpKind::kListProcesses) {
    return list_processes(host);
  }
  const Fd fd = file_of(host, files, operation.file);
  if (operation.kind == OpKind::kMmap) {
    return answer(result_of(host.map(fd)));
  }
  return operation.kind == OpKind::kPoll ? poll_file(host, fd) : read_file(host, fd);
}

// ---- tracing

namespace {

using Kind = kfd::ChildStatus::Kind;

bool is_stop(Kind kind) { return kind != Kind::kExited && kind != Kind::kKilled; }

/// Asks for news of a tracee until there are some of the kind wanted. Errors: ESRCH.
bool await_news(kfd::Os& os, std::int32_t pid, bool wants_stop) {
  constexpr Duration kPause = std::chrono::milliseconds(1);
  constexpr int kMaxPauses = 5000;
  for (int i = 0; i < kMaxPauses; ++i) {
    const auto news = os.poll_child(pid);
    if (!news) {
      return false;
    }
    if (const std::optional<kfd::ChildStatus>& change = *news) {
      return is_stop(change->kind) == wants_stop;
    }
    if (!os.wait({}, os.now() + kPause)) {
      return false;
    }
  }
  return false;
}

Answer stop_tracee(kfd::Os& os, std::int32_t pid) {
  const auto interrupted = os.ptrace(kfd::PtraceOp::kInterrupt, pid, 0);
  return answer(interrupted && await_news(os, pid, true) ? 0 : -ESRCH);
}

Answer attach(kfd::Os& os, std::int32_t pid, bool stops) {
  const long result = result_of(os.ptrace(kfd::PtraceOp::kSeize, pid, 0));
  return result == 0 && stops ? stop_tracee(os, pid) : answer(result);
}

/// Whatever keeps it from being let go of is one error: it is no live tracee of this thread.
Answer detach(kfd::Os& os, std::int32_t pid) {
  if (result_of(os.ptrace(kfd::PtraceOp::kDetach, pid, 0)) == 0) {
    return answer(0);
  }
  if (const Answer stopped = stop_tracee(os, pid); stopped.result != 0) {
    return stopped;
  }
  return answer(result_of(os.ptrace(kfd::PtraceOp::kDetach, pid, 0)) == 0 ? 0 : -ESRCH);
}

Answer reap(kfd::Os& os, std::int32_t pid) {
  const auto news = os.poll_child(pid);
  return answer(!news ? -long{news.error().number} : news->has_value() ? 0 : -EAGAIN);
}

}  // namespace

Answer execute_tracing(ActorHost& host, const Operation& operation) {
  kfd::Os& os = host.os();
  if (operation.kind == OpKind::kAttach) {
    return attach(os, operation.pid, operation.mode != 0);
  }
  return operation.kind == OpKind::kDetach ? detach(os, operation.pid) : reap(os, operation.pid);
}

Answer execute(ActorHost& host, ActorFiles& files, const Operation& operation) {
  if (operation.kind <= OpKind::kListProcesses) {
    return execute_file(host, files, operation);
  }
  if (operation.kind <= OpKind::kRuntimeEnable) {
    return execute_ioctl(host, files, operation);
  }
  if (operation.kind <= OpKind::kTrapNumber) {
    return execute_trap(host, files, operation);
  }
  return execute_tracing(host, operation);
}

}  // namespace gpreempt::conformance
