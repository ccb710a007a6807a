#include "backends/vkfd/socket_file.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "backends/kfd/os.h"

namespace gpreempt::vkfd {

ConnectedSocket::Ends ConnectedSocket::connect(const kfd::Peer& caller, const kfd::Peer& listener) {
  Ends ends{.caller = std::make_shared<ConnectedSocket>(listener),
            .accepted = std::make_shared<ConnectedSocket>(caller)};
  ends.caller->other_ = ends.accepted;
  ends.accepted->other_ = ends.caller;
  return ends;
}

ConnectedSocket::~ConnectedSocket() {
  if (const auto other = other_.lock()) {
    other->is_alone_ = true;
    other->turned_readable();
  }
}

kfd::SysResult<std::size_t> ConnectedSocket::read(std::span<std::byte> into) {
  if (messages_.empty()) {
    return is_alone_ ? kfd::SysResult<std::size_t>(0U) : kfd::sys_fail(EAGAIN);
  }
  const std::vector<std::byte> message = std::move(messages_.front());
  messages_.pop_front();
  const std::size_t count = std::min(into.size(), message.size());
  std::copy_n(message.begin(), count, into.begin());
  return count;
}

kfd::SysResult<std::size_t> ConnectedSocket::write(std::span<const std::byte> from) {
  constexpr std::size_t kMostMessages = 64;
  const auto other = other_.lock();
  if (other == nullptr) {
    return kfd::sys_fail(EPIPE);
  }
  if (other->messages_.size() >= kMostMessages) {
    return kfd::sys_fail(EAGAIN);
  }
  other->messages_.emplace_back(from.begin(), from.end());
  other->turned_readable();
  return from.size();
}

kfd::SysResult<std::shared_ptr<ConnectedSocket>> ListeningSocket::connect(const kfd::Peer& caller) {
  constexpr std::size_t kBacklog = 8;
  if (waiting_.size() > kBacklog) {
    return kfd::sys_fail(EAGAIN);
  }
  ConnectedSocket::Ends ends = ConnectedSocket::connect(caller, owner_);
  waiting_.push_back(std::move(ends.accepted));
  turned_readable();
  return std::move(ends.caller);
}

kfd::SysResult<std::shared_ptr<ConnectedSocket>> ListeningSocket::accept() {
  if (waiting_.empty()) {
    return kfd::sys_fail(EAGAIN);
  }
  auto next = std::move(waiting_.front());
  waiting_.pop_front();
  return next;
}

}  // namespace gpreempt::vkfd
