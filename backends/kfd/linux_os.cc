#include "backends/kfd/linux_os.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <climits>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <functional>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "backends/kfd/os.h"
#include "core/time.h"

namespace gpreempt::kfd {
namespace {

constexpr std::size_t kChunkBytes = 4096;

int open_flags(OpenMode mode) {
  switch (mode) {
    case OpenMode::kRead: return O_RDONLY;
    case OpenMode::kWrite: return O_WRONLY;
    case OpenMode::kReadWrite: return O_RDWR;
  }
  return O_RDONLY;
}

/// Longest name of a thread, without the final zero.
constexpr std::size_t kThreadNameMax = 15;

}  // namespace

tl::unexpected<SysError> last_error() { return sys_fail(errno); }

Instant LinuxOs::now() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return Instant(std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec));
}

SysResult<WorkerId> LinuxOs::spawn(std::string name, std::function<void()> body) {
  name.resize(std::min(name.size(), kThreadNameMax));
  const std::scoped_lock lock(mutex_);
  try {
    std::thread thread(std::move(body));
    ::pthread_setname_np(thread.native_handle(), name.c_str());
    const WorkerId worker(next_worker_++);
    workers_.emplace(worker, std::move(thread));
    return worker;
  } catch (const std::system_error& error) {
    return sys_fail(error.code().value());
  }
}

SysResult<void> LinuxOs::join(WorkerId worker) {
  std::thread thread;
  {
    const std::scoped_lock lock(mutex_);
    auto node = workers_.extract(worker);
    if (node.empty()) {
      return sys_fail(ESRCH);
    }
    thread = std::move(node.mapped());
  }
  thread.join();
  return {};
}

Tid LinuxOs::self() { return static_cast<Tid>(::syscall(SYS_gettid)); }

SysResult<Fd> LinuxOs::make_waker() {
  const int fd = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (fd < 0) {
    return last_error();
  }
  return fd;
}

void LinuxOs::wake(Fd waker) {
  const std::uint64_t one = 1;
  // Fails only when the counter is full, and then the waker is readable anyway.
  [[maybe_unused]] const auto written = ::write(waker, &one, sizeof one);
}

SysResult<std::size_t> LinuxOs::wait(std::span<WaitFd> fds, Instant deadline) {
  std::vector<pollfd> polled(fds.size());
  std::transform(fds.begin(), fds.end(), polled.begin(), [](const WaitFd& item) {
    return pollfd{.fd = item.fd, .events = POLLIN, .revents = 0};
  });
  int count = -1;
  do {
    timespec left{};
    if (deadline != kForever) {
      const Duration rest = std::max(deadline - now(), Duration{});
      const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(rest);
      left = {.tv_sec = seconds.count(), .tv_nsec = (rest - seconds).count()};
    }
    count = ::ppoll(polled.data(), polled.size(), deadline == kForever ? nullptr : &left, nullptr);
  } while (count < 0 && errno == EINTR);
  if (count < 0) {
    return last_error();
  }
  for (std::size_t i = 0; i < fds.size(); ++i) {
    if ((polled[i].revents & POLLNVAL) != 0) {
      return sys_fail(EBADF);
    }
    fds[i].ready = polled[i].revents != 0;
  }
  return static_cast<std::size_t>(count);
}

void LinuxOs::drain(Fd fd) {
  std::array<std::byte, kChunkBytes> dropped{};
  for (;;) {
    const auto got = ::read(fd, dropped.data(), dropped.size());
    if (got == 0 || (got < 0 && errno != EINTR)) {
      return;
    }
  }
}

SysResult<Fd> LinuxOs::open(const std::string& path, OpenMode mode) {
  const int fd = ::open(path.c_str(), open_flags(mode) | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    return last_error();
  }
  return fd;
}

void LinuxOs::close(Fd fd) { ::close(fd); }

SysResult<std::size_t> LinuxOs::read(Fd fd, std::span<std::byte> into) {
  for (;;) {
    const auto got = ::read(fd, into.data(), into.size());
    if (got >= 0) {
      return static_cast<std::size_t>(got);
    }
    if (errno != EINTR) {
      return last_error();
    }
  }
}

SysResult<std::size_t> LinuxOs::write(Fd fd, std::span<const std::byte> from) {
  for (;;) {
    const auto put = ::write(fd, from.data(), from.size());
    if (put >= 0) {
      return static_cast<std::size_t>(put);
    }
    if (errno != EINTR) {
      return last_error();
    }
  }
}

SysResult<PipeEnds> LinuxOs::pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) < 0) {
    return last_error();
  }
  return PipeEnds{.read = ends[0], .write = ends[1]};
}

SysResult<std::string> LinuxOs::read_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    return last_error();
  }
  std::string text;
  std::array<char, kChunkBytes> chunk{};
  for (;;) {
    const auto got = ::read(fd, chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got <= 0) {
      const int number = got < 0 ? errno : 0;
      ::close(fd);
      if (number != 0) {
        return sys_fail(number);
      }
      return text;
    }
    text.append(chunk.data(), static_cast<std::size_t>(got));
  }
}

SysResult<std::vector<std::string>> LinuxOs::list_dir(const std::string& path) {
  DIR* const folder = ::opendir(path.c_str());
  if (folder == nullptr) {
    return last_error();
  }
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* const entry = ::readdir(folder)) {
    const std::string_view name(static_cast<const char*>(entry->d_name));
    if (name != "." && name != "..") {
      names.emplace_back(name);
    }
  }
  const int number = errno;
  ::closedir(folder);
  if (number != 0) {
    return sys_fail(number);
  }
  std::sort(names.begin(), names.end());
  return names;
}

SysResult<std::string> LinuxOs::read_link(const std::string& path) {
  std::string target(PATH_MAX, '\0');
  const auto length = ::readlink(path.c_str(), target.data(), target.size());
  if (length < 0) {
    return last_error();
  }
  target.resize(static_cast<std::size_t>(length));
  return target;
}

SysResult<long> LinuxOs::ioctl(Fd fd, std::uint32_t request, void* arg) {
  const int result = ::ioctl(fd, request, arg);
  if (result < 0) {
    return last_error();
  }
  return result;
}

}  // namespace gpreempt::kfd
