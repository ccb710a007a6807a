#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "backends/kfd/os.h"
#include "core/ids.h"
#include "core/time.h"

namespace gpreempt::experiments {

/// An operating system that consists of texts in folders: what is looked up in /proc and the
/// control groups finds them. Every other call answers ENOSYS, so that who only looks can do
/// nothing else.
class FilesOs final : public kfd::Os {
 public:
  void put(const std::string& path, std::string text) { files_[path] = std::move(text); }
  void put_link(const std::string& path, std::string target) { links_[path] = std::move(target); }

  /// Errors: ENOENT.
  [[nodiscard]] kfd::SysResult<std::string> read_file(const std::string& path) override;
  /// Errors: ENOENT (nothing lies below it).
  [[nodiscard]] kfd::SysResult<std::vector<std::string>> list_dir(const std::string& path) override;
  /// Errors: ENOENT.
  [[nodiscard]] kfd::SysResult<std::string> read_link(const std::string& path) override;

  [[nodiscard]] Instant now() override { return Instant{}; }
  [[nodiscard]] kfd::SysResult<kfd::WorkerId> spawn(std::string name,
                                                    std::function<void()> body) override;
  kfd::SysResult<void> join(kfd::WorkerId worker) override;
  [[nodiscard]] kfd::Tid self() override { return 0; }
  [[nodiscard]] kfd::SysResult<kfd::Fd> make_waker() override;
  void wake(kfd::Fd waker) override;
  [[nodiscard]] kfd::SysResult<std::size_t> wait(std::span<kfd::WaitFd> fds,
                                                 Instant deadline) override;
  void drain(kfd::Fd fd) override;
  [[nodiscard]] kfd::SysResult<kfd::Fd> open(const std::string& path, kfd::OpenMode mode) override;
  void close(kfd::Fd fd) override;
  [[nodiscard]] kfd::SysResult<std::size_t> read(kfd::Fd fd, std::span<std::byte> into) override;
  [[nodiscard]] kfd::SysResult<std::size_t> write(kfd::Fd fd,
                                                  std::span<const std::byte> from) override;
  [[nodiscard]] kfd::SysResult<kfd::PipeEnds> pipe() override;
  [[nodiscard]] kfd::SysResult<kfd::Fd> listen(const std::string& path) override;
  [[nodiscard]] kfd::SysResult<kfd::Fd> listen_to_all(const std::string& path) override;
  [[nodiscard]] kfd::SysResult<kfd::Fd> accept(kfd::Fd listener) override;
  [[nodiscard]] kfd::SysResult<kfd::Fd> connect(const std::string& path) override;
  [[nodiscard]] kfd::SysResult<kfd::Peer> peer_of(kfd::Fd connection) override;
  kfd::SysResult<void> remove_file(const std::string& path) override;
  [[nodiscard]] kfd::SysResult<long> ioctl(kfd::Fd fd, std::uint32_t request, void* arg) override;
  [[nodiscard]] kfd::SysResult<Pid> start(std::span<const std::string> argv,
                                          std::span<const std::string> env, bool stopped) override;
  [[nodiscard]] kfd::SysResult<long> ptrace(kfd::PtraceOp op, kfd::Tid tid,
                                            std::uint64_t arg) override;
  [[nodiscard]] kfd::SysResult<std::optional<kfd::ChildStatus>> poll_child(kfd::Tid tid) override;
  [[nodiscard]] kfd::SysResult<kfd::Fd> child_events() override;
  [[nodiscard]] kfd::SysResult<kfd::Fd> signals() override;
  [[nodiscard]] kfd::SysResult<kfd::Fd> open_pidfd(Pid pid) override;
  kfd::SysResult<void> signal(kfd::Fd pidfd, int number) override;
  [[nodiscard]] kfd::SysResult<std::size_t> read_memory(
      Pid pid, std::span<const kfd::MemoryRange> ranges) override;

 private:
  std::map<std::string, std::string> files_;
  std::map<std::string, std::string> links_;
};

}  // namespace gpreempt::experiments
