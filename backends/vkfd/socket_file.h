#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "backends/kfd/os.h"
#include "backends/vkfd/open_file.h"

/// Local sockets between virtual processes.
namespace gpreempt::vkfd {

/// One end of a connection.
class ConnectedSocket final : public OpenFile {
 public:
  /// Makes the two ends: the connecting process's, and the one that is accepted.
  struct Ends {
    std::shared_ptr<ConnectedSocket> caller;
    std::shared_ptr<ConnectedSocket> accepted;
  };
  [[nodiscard]] static Ends connect(const kfd::Peer& caller, const kfd::Peer& listener);

  explicit ConnectedSocket(const kfd::Peer& peer) : peer_(peer) {}
  ConnectedSocket(const ConnectedSocket&) = delete;
  ConnectedSocket& operator=(const ConnectedSocket&) = delete;
  ~ConnectedSocket() override;

  [[nodiscard]] bool readable() const override { return !messages_.empty() || is_alone_; }
  [[nodiscard]] kfd::SysResult<std::size_t> read(std::span<std::byte> into) override;
  [[nodiscard]] kfd::SysResult<std::size_t> write(std::span<const std::byte> from) override;
  void drain() override { messages_.clear(); }
  [[nodiscard]] std::string_view what() const override { return "a socket"; }
  [[nodiscard]] const kfd::Peer& peer() const { return peer_; }

 private:
  kfd::Peer peer_;
  std::deque<std::vector<std::byte>> messages_;
  std::weak_ptr<ConnectedSocket> other_;
  bool is_alone_ = false;
};

class ListeningSocket final : public OpenFile {
 public:
  explicit ListeningSocket(const kfd::Peer& owner) : owner_(owner) {}
  [[nodiscard]] bool readable() const override { return !waiting_.empty(); }
  [[nodiscard]] std::string_view what() const override { return "a connection"; }
  /// The caller's end. Errors: EAGAIN (too many wait to be accepted).
  [[nodiscard]] kfd::SysResult<std::shared_ptr<ConnectedSocket>> connect(const kfd::Peer& caller);
  /// Errors: EAGAIN.
  [[nodiscard]] kfd::SysResult<std::shared_ptr<ConnectedSocket>> accept();

 private:
  kfd::Peer owner_;
  std::deque<std::shared_ptr<ConnectedSocket>> waiting_;
};

}  // namespace gpreempt::vkfd
