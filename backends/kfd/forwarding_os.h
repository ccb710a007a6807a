#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "backends/kfd/os.h"
#include "core/ids.h"
#include "core/time.h"

namespace gpreempt::kfd {

/// An `Os` that hands every call to another one: derive from it and override what is to differ.
/// What a call promises, and whether it blocks, is what the inner one promises.
class ForwardingOs : public Os {
 public:
  /// `inner` must outlive it.
  explicit ForwardingOs(Os& inner) : inner_(inner) {}

  [[nodiscard]] Instant now() override { return inner_.now(); }
  [[nodiscard]] SysResult<WorkerId> spawn(std::string name, std::function<void()> body) override {
    return inner_.spawn(std::move(name), std::move(body));
  }
  SysResult<void> join(WorkerId worker) override { return inner_.join(worker); }
  [[nodiscard]] Tid self() override { return inner_.self(); }
  [[nodiscard]] SysResult<Fd> make_waker() override { return inner_.make_waker(); }
  void wake(Fd waker) override { inner_.wake(waker); }
  [[nodiscard]] SysResult<std::size_t> wait(std::span<WaitFd> fds, Instant deadline) override {
    return inner_.wait(fds, deadline);
  }
  void drain(Fd fd) override { inner_.drain(fd); }

  [[nodiscard]] SysResult<Fd> open(const std::string& path, OpenMode mode) override {
    return inner_.open(path, mode);
  }
  void close(Fd fd) override { inner_.close(fd); }
  [[nodiscard]] SysResult<std::size_t> read(Fd fd, std::span<std::byte> into) override {
    return inner_.read(fd, into);
  }
  [[nodiscard]] SysResult<std::size_t> write(Fd fd, std::span<const std::byte> from) override {
    return inner_.write(fd, from);
  }
  [[nodiscard]] SysResult<PipeEnds> pipe() override { return inner_.pipe(); }
  [[nodiscard]] SysResult<std::string> read_file(const std::string& path) override {
    return inner_.read_file(path);
  }
  [[nodiscard]] SysResult<std::vector<std::string>> list_dir(const std::string& path) override {
    return inner_.list_dir(path);
  }
  [[nodiscard]] SysResult<std::string> read_link(const std::string& path) override {
    return inner_.read_link(path);
  }

  [[nodiscard]] SysResult<Fd> listen(const std::string& path) override {
    return inner_.listen(path);
  }
  [[nodiscard]] SysResult<Fd> listen_to_all(const std::string& path) override {
    return inner_.listen_to_all(path);
  }
  [[nodiscard]] SysResult<Fd> accept(Fd listener) override { return inner_.accept(listener); }
  [[nodiscard]] SysResult<Fd> connect(const std::string& path) override {
    return inner_.connect(path);
  }
  [[nodiscard]] SysResult<Peer> peer_of(Fd connection) override {
    return inner_.peer_of(connection);
  }
  SysResult<void> remove_file(const std::string& path) override { return inner_.remove_file(path); }

  [[nodiscard]] SysResult<long> ioctl(Fd fd, std::uint32_t request, void* arg) override {
    return inner_.ioctl(fd, request, arg);
  }

  [[nodiscard]] SysResult<Pid> start(std::span<const std::string> argv,
                                     std::span<const std::string> env, bool stopped) override {
    return inner_.start(argv, env, stopped);
  }
  [[nodiscard]] SysResult<long> ptrace(PtraceOp op, Tid tid, std::uint64_t arg) override {
    return inner_.ptrace(op, tid, arg);
  }
  [[nodiscard]] SysResult<std::optional<ChildStatus>> poll_child(Tid tid) override {
    return inner_.poll_child(tid);
  }
  [[nodiscard]] SysResult<Fd> child_events() override { return inner_.child_events(); }
  [[nodiscard]] SysResult<Fd> signals() override { return inner_.signals(); }
  [[nodiscard]] SysResult<Fd> open_pidfd(Pid pid) override { return inner_.open_pidfd(pid); }
  SysResult<void> signal(Fd pidfd, int number) override { return inner_.signal(pidfd, number); }
  [[nodiscard]] SysResult<std::size_t> read_memory(Pid pid,
                                                   std::span<const MemoryRange> ranges) override {
    return inner_.read_memory(pid, ranges);
  }

 protected:
  [[nodiscard]] Os& inner() { return inner_; }

 private:
  Os& inner_;
};

}  // namespace gpreempt::kfd
