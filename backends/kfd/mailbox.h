#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "backends/kfd/os.h"

namespace gpreempt::kfd {

/// A first-in first-out queue between workers: the only thing they share, and the only lock, which
/// is never held across a call of the port. `fd()` is readable while there may be something to
/// take.
template <class T>
class Mailbox {
 public:
  /// Errors: those of `Os::make_waker`.
  [[nodiscard]] static SysResult<std::shared_ptr<Mailbox>> open(Os& os) {
    const auto waker = os.make_waker();
    if (!waker) {
      return tl::unexpected<SysError>(waker.error());
    }
    return std::shared_ptr<Mailbox>(new Mailbox(os, *waker));
  }
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;
  ~Mailbox() { os_.close(waker_); }

  /// Any worker. Never blocks.
  void post(T message) {
    {
      const std::scoped_lock lock(mutex_);
      messages_.push_back(std::move(message));
    }
    os_.wake(waker_);
  }

  /// The oldest message. Any worker. Never blocks.
  [[nodiscard]] std::optional<T> take() {
    std::optional<T> message;
    const std::scoped_lock lock(mutex_);
    if (!messages_.empty()) {
      message.emplace(std::move(messages_.front()));
      messages_.pop_front();
    }
    return message;
  }

  [[nodiscard]] Fd fd() const { return waker_; }

  /// Makes `fd` unreadable. Before the takes, never after, or a message may wait unseen.
  void drain() { os_.drain(waker_); }

 private:
  Mailbox(Os& os, Fd waker) : os_(os), waker_(waker) {}

  Os& os_;
  const Fd waker_;
  std::mutex mutex_;
  std::deque<T> messages_;
};

/// What happened last, added to by any worker: the oldest goes when it is full.
template <class T>
class BoundedLog {
 public:
  explicit BoundedLog(std::size_t capacity) : capacity_(capacity) {}

  void add(T entry) {
    const std::scoped_lock lock(mutex_);
    if (entries_.size() == capacity_) {
      entries_.pop_front();
      ++lost_;
    }
    entries_.push_back(std::move(entry));
  }
  /// Oldest first.
  [[nodiscard]] std::vector<T> entries() const {
    const std::scoped_lock lock(mutex_);
    return {entries_.begin(), entries_.end()};
  }
  /// How many went.
  [[nodiscard]] std::uint64_t lost() const {
    const std::scoped_lock lock(mutex_);
    return lost_;
  }

 private:
  const std::size_t capacity_;
  mutable std::mutex mutex_;
  std::deque<T> entries_;
  std::uint64_t lost_ = 0;
};

/// A value that any worker may use, one at a time. `use` makes no call of the port.
template <class T>
class Guarded {
 public:
  explicit Guarded(T value) : value_(std::move(value)) {}

  template <class Use>
  auto with(Use use) {
    const std::scoped_lock lock(mutex_);
    return use(value_);
  }

 private:
  std::mutex mutex_;
  T value_;
};

}  // namespace gpreempt::kfd
