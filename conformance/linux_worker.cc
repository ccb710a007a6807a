#include "conformance/linux_worker.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/prctl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <thread>

#include "backends/kfd/linux_os.h"
#include "backends/kfd/os.h"
#include "conformance/execute.h"
#include "conformance/operation.h"

namespace gpreempt::conformance {

using kfd::Fd;
using kfd::last_error;
using kfd::SysResult;

namespace {

constexpr std::string_view kActorOption = "--conformance-actor";
constexpr std::size_t kMessageBytes = sizeof(ActorSockets);

/// One byte, and room for the sockets that go with it.
struct SocketsMessage {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kMessageBytes)> control{};
  char nothing = 0;
  iovec data{.iov_base = &nothing, .iov_len = 1};
  msghdr message{};

  SocketsMessage() {
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
  }
  SocketsMessage(const SocketsMessage&) = delete;
  SocketsMessage& operator=(const SocketsMessage&) = delete;
  ~SocketsMessage() = default;
};

bool send_sockets(int to, const ActorSockets& sockets) {
  SocketsMessage sockets_message;
  msghdr& message = sockets_message.message;
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(kMessageBytes);
  std::memcpy(CMSG_DATA(header), sockets.data(), kMessageBytes);
  return ::sendmsg(to, &message, 0) == 1;
}

/// A process of ours and what its threads share.
class LinuxActor final : public ActorHost {
 public:
  [[noreturn]] void serve(const ActorSockets& sockets) {
    sockets_ = sockets;
    std::thread second([this] { serve_thread(sockets_[1]); });
    second.detach();
    serve_thread(sockets_[0]);
  }

  [[nodiscard]] kfd::Os& os() override { return os_; }
  [[nodiscard]] std::int32_t own_pid() override { return ::getpid(); }
  [[nodiscard]] SysResult<std::uint32_t> device_mode() override {
    constexpr std::uint32_t kPermissions = 07777;
    struct stat status{};
    if (::stat("/dev/kfd", &status) < 0) {
      return last_error();
    }
    return status.st_mode & kPermissions;
  }
  [[nodiscard]] SysResult<long> set_device_mode(std::uint32_t mode) override {
    if (::chmod("/dev/kfd", mode) < 0) {
      return last_error();
    }
    return 0;
  }
  [[nodiscard]] SysResult<long> map(Fd fd) override {
    constexpr std::size_t kPage = 4096;
    void* const page = ::mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED) {
      return last_error();
    }
    ::munmap(page, kPage);
    return 0;
  }
  [[nodiscard]] SysResult<Fd> open_path() override {
    const int fd = ::open("/", O_PATH | O_CLOEXEC);
    if (fd < 0) {
      return last_error();
    }
    return fd;
  }

 private:
  /// Until the other end closes; then the process ends.
  [[noreturn]] void serve_thread(int socket) {
    const Answer hello{.result = os_.self()};
    bool sent = ::write(socket, &hello, sizeof hello) == sizeof hello;
    Operation operation;
    while (sent && ::read(socket, &operation, sizeof operation) == sizeof operation) {
      if (operation.kind == OpKind::kFork) {
        sent = fork(operation.mode != 0);
        continue;
      }
      if (operation.kind == OpKind::kExec) {
        const Answer failed{.result = -long{exec_anew()}};
        sent = ::write(socket, &failed, sizeof failed) == sizeof failed;
        continue;
      }
      const Answer answer = execute(*this, files_, operation);
      sent = ::write(socket, &answer, sizeof answer) == sizeof answer;
    }
    ::_exit(0);
  }

  bool fork(bool apart) {
    SocketPairs pairs;
    Answer answer;
    int error = make_sockets(pairs);
    if (error == 0 && apart && ::unshare(CLONE_NEWPID) < 0) {
      error = errno;
    }
    const pid_t child = error == 0 ? ::fork() : -1;
    if (child == 0) {
      for (const int fd : pairs.ours) {
        ::close(fd);  // or it would never see that nobody directs it any more
      }
      serve(pairs.theirs);
    }
    answer.result = child > 0 ? child : -long{error == 0 ? errno : error};
    const bool sent = ::write(sockets_[0], &answer, sizeof answer) == sizeof answer &&
                      (child <= 0 || send_sockets(sockets_[0], pairs.ours));
    for (const int fd : {pairs.ours[0], pairs.ours[1], pairs.theirs[0], pairs.theirs[1]}) {
      ::close(fd);
    }
    return sent;
  }

  /// Returns only if it failed: errno.
  [[nodiscard]] int exec_anew() const {
    std::array<std::string, 4> words = {"gpreempt-actor", std::string(kActorOption),
                                        std::to_string(sockets_[0]), std::to_string(sockets_[1])};
    std::array<char*, 5> argv{};
    std::transform(words.begin(), words.end(), argv.begin(),
                   [](std::string& word) { return word.data(); });
    for (const int socket : sockets_) {
      ::fcntl(socket, F_SETFD, 0);
    }
    ::execv("/proc/self/exe", argv.data());
    return errno;
  }

  kfd::LinuxOs os_;
  ActorFiles files_;
  ActorSockets sockets_{};
};

/// Closes what was inherited and is not this actor's.
void close_others(const ActorSockets& sockets) {
  constexpr unsigned kFirst = 3;
  const auto low = static_cast<unsigned>(std::min(sockets[0], sockets[1]));
  const auto high = static_cast<unsigned>(std::max(sockets[0], sockets[1]));
  const auto close_from = [](unsigned first, unsigned last) {
    if (first <= last) {
      ::syscall(SYS_close_range, first, last, 0);
    }
  };
  close_from(kFirst, low - 1);
  close_from(low + 1, high - 1);
  close_from(high + 1, UINT_MAX);
}

}  // namespace

int make_sockets(SocketPairs& pairs) {
  for (std::size_t i = 0; i < pairs.ours.size(); ++i) {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) < 0) {
      return errno;
    }
    pairs.ours.at(i) = ends[0];
    pairs.theirs.at(i) = ends[1];
  }
  return 0;
}

void serve_if_actor(int argc, char** argv) {
  constexpr int kWords = 4;
  const std::span<char* const> words(argv, static_cast<std::size_t>(argc));
  if (argc != kWords || words[1] != kActorOption) {
    return;
  }
  const ActorSockets sockets = {std::atoi(words[2]), std::atoi(words[3])};
  for (const int socket : sockets) {
    ::fcntl(socket, F_SETFD, FD_CLOEXEC);
  }
  serve_actor(sockets, 0);
}

void serve_actor(const ActorSockets& sockets, std::uint32_t user) {
  close_others(sockets);
  if (user != 0 && (::setgroups(0, nullptr) < 0 || ::setgid(user) < 0 || ::setuid(user) < 0)) {
    ::_exit(1);
  }
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::prctl(PR_SET_DUMPABLE, 1);
  ::prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
  LinuxActor actor;
  actor.serve(sockets);
}

bool receive_sockets(int from, ActorSockets& sockets) {
  SocketsMessage sockets_message;
  msghdr& message = sockets_message.message;
  if (::recvmsg(from, &message, MSG_CMSG_CLOEXEC) != 1) {
    return false;
  }
  const cmsghdr* const header = CMSG_FIRSTHDR(&message);
  if (header == nullptr || header->cmsg_len != CMSG_LEN(kMessageBytes)) {
    return false;
  }
  std::memcpy(sockets.data(), CMSG_DATA(header), kMessageBytes);
  return true;
}

}  // namespace gpreempt::conformance
