#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/kfd/os.h"
#include "backends/sim/timeline.h"
#include "core/ids.h"

/// What the descriptors of a virtual process stand for.
namespace gpreempt::vkfd {

class OpenFile {
 public:
  OpenFile() = default;
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  virtual ~OpenFile() = default;

  [[nodiscard]] virtual bool readable() const = 0;
  /// Errors: EINVAL (nothing can be read from such a file), those of `Os::read`.
  [[nodiscard]] virtual kfd::SysResult<std::size_t> read(std::span<std::byte> into);
  /// Errors: EBADF (it is not open for writing), those of `Os::write`.
  [[nodiscard]] virtual kfd::SysResult<std::size_t> write(std::span<const std::byte> from);
  virtual void drain() {}
  /// In a deadlock's report: what a party waits for on it.
  [[nodiscard]] virtual std::string_view what() const = 0;

  /// `waiter` is woken whenever the file turns readable, until `unwatch`.
  void watch(sim::Waiter& waiter) { watchers_.push_back(&waiter); }
  void unwatch(sim::Waiter& waiter) { std::erase(watchers_, &waiter); }

 protected:
  void turned_readable();

 private:
  std::vector<sim::Waiter*> watchers_;
};

/// Readable from a wake on until it is drained: a waker, or the news of a child.
class WakeFile final : public OpenFile {
 public:
  explicit WakeFile(std::string_view what) : what_(what) {}
  [[nodiscard]] bool readable() const override { return woken_; }
  void drain() override { woken_ = false; }
  [[nodiscard]] std::string_view what() const override { return what_; }
  void wake();

 private:
  std::string_view what_;
  bool woken_ = false;
};

/// Readable once its process has exited.
class ProcessFile final : public OpenFile {
 public:
  ProcessFile(Pid pid, bool exited) : pid_(pid), exited_(exited) {}
  [[nodiscard]] bool readable() const override { return exited_; }
  [[nodiscard]] std::string_view what() const override { return "the exit of a process"; }
  [[nodiscard]] Pid pid() const { return pid_; }
  void process_exited();

 private:
  Pid pid_;
  bool exited_ = false;
};

/// An opened /dev/kfd.
class DriverFile final : public OpenFile {
 public:
  explicit DriverFile(Pid owner) : owner_(owner) {}
  /// The driver has no poll of its own, which counts as ready.
  [[nodiscard]] bool readable() const override { return true; }
  [[nodiscard]] std::string_view what() const override { return "/dev/kfd"; }
  /// Only the process that opened it may make calls on it.
  [[nodiscard]] Pid owner() const { return owner_; }

 private:
  Pid owner_;
};

/// /dev/null
class NullFile final : public OpenFile {
 public:
  [[nodiscard]] bool readable() const override { return true; }
  [[nodiscard]] std::string_view what() const override { return "/dev/null"; }
};

/// A place in the tree that was opened as a place only (O_PATH): no call takes it for a file.
class PathFile final : public OpenFile {
 public:
  [[nodiscard]] bool readable() const override { return false; }
  [[nodiscard]] std::string_view what() const override { return "a path"; }
};

/// A file of the virtual tree, opened for reading: its text as it was then.
class TextFile final : public OpenFile {
 public:
  explicit TextFile(std::string text) : text_(std::move(text)) {}
  [[nodiscard]] bool readable() const override { return true; }
  [[nodiscard]] kfd::SysResult<std::size_t> read(std::span<std::byte> into) override;
  void drain() override { position_ = text_.size(); }
  [[nodiscard]] std::string_view what() const override { return "a file"; }

 private:
  std::string text_;
  std::size_t position_ = 0;
};

/// Signals to this process, as records of 128 bytes that begin with the number.
class SignalFile final : public OpenFile {
 public:
  [[nodiscard]] bool readable() const override { return !pending_.empty(); }
  [[nodiscard]] kfd::SysResult<std::size_t> read(std::span<std::byte> into) override;
  void drain() override { pending_.clear(); }
  [[nodiscard]] std::string_view what() const override { return "a signal"; }
  void raise(std::uint32_t number);

 private:
  std::deque<std::uint32_t> pending_;
};

class PipeReader;

/// What both ends of a pipe share.
struct PipeBuffer {
  static constexpr std::size_t kCapacity = 65536;
  std::deque<std::byte> bytes;
  PipeReader* reader = nullptr;  ///< null when that end is closed
  bool has_writer = true;
};

class PipeReader final : public OpenFile {
 public:
  explicit PipeReader(std::shared_ptr<PipeBuffer> buffer);
  PipeReader(const PipeReader&) = delete;
  PipeReader& operator=(const PipeReader&) = delete;
  ~PipeReader() override { buffer_->reader = nullptr; }

  [[nodiscard]] bool readable() const override {
    return !buffer_->bytes.empty() || !buffer_->has_writer;
  }
  [[nodiscard]] kfd::SysResult<std::size_t> read(std::span<std::byte> into) override;
  void drain() override { buffer_->bytes.clear(); }
  [[nodiscard]] std::string_view what() const override { return "a pipe"; }
  void filled() { turned_readable(); }

 private:
  std::shared_ptr<PipeBuffer> buffer_;
};

class PipeWriter final : public OpenFile {
 public:
  explicit PipeWriter(std::shared_ptr<PipeBuffer> buffer) : buffer_(std::move(buffer)) {}
  PipeWriter(const PipeWriter&) = delete;
  PipeWriter& operator=(const PipeWriter&) = delete;
  ~PipeWriter() override;

  [[nodiscard]] bool readable() const override { return false; }
  [[nodiscard]] kfd::SysResult<std::size_t> write(std::span<const std::byte> from) override;
  [[nodiscard]] std::string_view what() const override { return "a pipe's writing end"; }

 private:
  std::shared_ptr<PipeBuffer> buffer_;
};

}  // namespace gpreempt::vkfd
