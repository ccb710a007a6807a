#include <cerrno>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include "backends/kfd/os.h"
#include "backends/vkfd/file_tree.h"
#include "backends/vkfd/machine.h"
#include "backends/vkfd/sim_os.h"
#include "backends/vkfd/socket_file.h"

/// Local sockets of the port. Folders need not be made for them.
namespace gpreempt::vkfd {

using kfd::Fd;
using kfd::Peer;
using kfd::sys_fail;
using kfd::SysResult;

SysResult<Fd> SimOs::listen(const std::string& path) {
  constexpr std::size_t kLongestPath = 107;
  if (dead_) {
    return sys_fail(ECANCELED);
  }
  if (path.size() > kLongestPath) {
    return sys_fail(ENAMETOOLONG);
  }
  if (machine_.sockets().contains(path) || machine_.files().read(path)) {
    return sys_fail(EADDRINUSE);
  }
  const auto socket = std::make_shared<ListeningSocket>(Peer{.pid = local_pid(), .user = user_});
  machine_.sockets()[path] = {.socket = socket, .user = user_};
  return add(socket);
}

SysResult<Fd> SimOs::listen_to_all(const std::string& path) {
  auto listener = listen(path);
  if (listener) {
    machine_.sockets()[path].is_open = true;
  }
  return listener;
}

SysResult<Fd> SimOs::accept(Fd listener) {
  const auto socket = find_as<ListeningSocket>(listener);
  if (socket == nullptr) {
    return sys_fail(dead_ ? ECANCELED : find(listener) == nullptr ? EBADF : ENOTSOCK);
  }
  auto connection = socket->accept();
  if (!connection) {
    return tl::unexpected<kfd::SysError>(connection.error());
  }
  return add(*std::move(connection));
}

SysResult<Fd> SimOs::connect(const std::string& path) {
  if (dead_) {
    return sys_fail(ECANCELED);
  }
  const auto place = machine_.sockets().find(path);
  if (place == machine_.sockets().end()) {
    return sys_fail(machine_.files().read(path) ? ECONNREFUSED : ENOENT);
  }
  if (user_ != 0 && user_ != place->second.user && !place->second.is_open) {
    return sys_fail(EACCES);
  }
  const auto socket = place->second.socket.lock();
  if (socket == nullptr) {
    return sys_fail(ECONNREFUSED);
  }
  auto connection = socket->connect({.pid = local_pid(), .user = user_});
  if (!connection) {
    return tl::unexpected<kfd::SysError>(connection.error());
  }
  return add(*std::move(connection));
}

SysResult<Peer> SimOs::peer_of(Fd connection) {
  const auto socket = find_as<ConnectedSocket>(connection);
  if (socket == nullptr) {
    return sys_fail(dead_ ? ECANCELED : find(connection) == nullptr ? EBADF : ENOTSOCK);
  }
  return socket->peer();
}

SysResult<void> SimOs::remove_file(const std::string& path) {
  if (dead_) {
    return sys_fail(ECANCELED);
  }
  const auto place = machine_.sockets().find(path);
  if (place == machine_.sockets().end()) {
    return sys_fail(machine_.files().read(path) ? EACCES : ENOENT);
  }
  if (user_ != 0 && user_ != place->second.user) {
    return sys_fail(EPERM);
  }
  machine_.sockets().erase(place);
  return {};
}

}  // namespace gpreempt::vkfd
