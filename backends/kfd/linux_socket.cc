#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "backends/kfd/linux_os.h"
#include "backends/kfd/os.h"
#include "core/ids.h"

/// Local sockets of the port on Linux.
namespace gpreempt::kfd {
namespace {

SysResult<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return sys_fail(ENAMETOOLONG);
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

/// A socket that `set_up` made what it is to be; closed again if that failed.
template <class SetUp>
SysResult<Fd> make_socket(const std::string& path, SetUp set_up) {
  const auto address = address_of(path);
  if (!address) {
    return tl::unexpected<SysError>(address.error());
  }
  const int fd = ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) {
    return last_error();
  }
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the interface of bind and connect
  const auto* const generic = reinterpret_cast<const sockaddr*>(&*address);
  if (set_up(fd, generic, static_cast<socklen_t>(sizeof *address)) < 0) {
    const auto error = last_error();
    ::close(fd);
    return error;
  }
  return fd;
}

}  // namespace

SysResult<Fd> LinuxOs::listen(const std::string& path) {
  return make_socket(path, [](int fd, const sockaddr* address, socklen_t size) {
    constexpr int kBacklog = 8;
    // Of the socket before it has a path: at no time is the path open to others.
    if (::fchmod(fd, S_IRUSR | S_IWUSR) < 0 || ::bind(fd, address, size) < 0) {
      return -1;
    }
    return ::listen(fd, kBacklog);
  });
}

SysResult<Fd> LinuxOs::listen_to_all(const std::string& path) {
  const auto listener = listen(path);
  // Of the path: what bind makes of a socket's own mode is up to the umask.
  constexpr mode_t kEverybody = S_IRUSR | S_IWUSR | S_IRGRP | S_IWGRP | S_IROTH | S_IWOTH;
  if (listener && ::chmod(path.c_str(), kEverybody) < 0) {
    const auto error = last_error();
    ::close(*listener);
    ::unlink(path.c_str());
    return error;
  }
  return listener;
}

SysResult<Fd> LinuxOs::accept(Fd listener) {
  for (;;) {
    const int fd = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0) {
      return fd;
    }
    if (errno != EINTR && errno != ECONNABORTED) {
      return last_error();
    }
  }
}

SysResult<Fd> LinuxOs::connect(const std::string& path) {
  return make_socket(path, [](int fd, const sockaddr* address, socklen_t size) {
    return ::connect(fd, address, size);
  });
}

SysResult<Peer> LinuxOs::peer_of(Fd connection) {
  ucred who{};
  socklen_t size = sizeof who;
  if (::getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &who, &size) < 0) {
    return last_error();
  }
  return Peer{.pid = Pid(who.pid), .user = who.uid};
}

SysResult<void> LinuxOs::remove_file(const std::string& path) {
  if (::unlink(path.c_str()) < 0) {
    return last_error();
  }
  return {};
}

}  // namespace gpreempt::kfd
