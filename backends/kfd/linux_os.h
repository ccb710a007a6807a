#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "backends/kfd/os.h"
#include "core/ids.h"
#include "core/time.h"

namespace gpreempt::kfd {

/// The error side of a `SysResult` that the last system call left behind.
[[nodiscard]] tl::unexpected<SysError> last_error();

/// The port on Linux: threads, eventfd, ppoll, signalfd, ptrace. Construct it before any other
/// thread is started: SIGCHLD must be blocked in all of them, and is from here on in this one and
/// in those it starts. SIGPIPE is ignored in the process from then on. Not `final`: tests replace
/// the driver under it.
class LinuxOs : public Os {
 public:
  LinuxOs();
  LinuxOs(const LinuxOs&) = delete;
  LinuxOs& operator=(const LinuxOs&) = delete;
  /// All workers must have been joined.
  ~LinuxOs() override;

  [[nodiscard]] Instant now() override;
  [[nodiscard]] SysResult<WorkerId> spawn(std::string name, std::function<void()> body) override;
  SysResult<void> join(WorkerId worker) override;
  [[nodiscard]] Tid self() override;
  [[nodiscard]] SysResult<Fd> make_waker() override;
  void wake(Fd waker) override;
  [[nodiscard]] SysResult<std::size_t> wait(std::span<WaitFd> fds, Instant deadline) override;
  void drain(Fd fd) override;

  [[nodiscard]] SysResult<Fd> open(const std::string& path, OpenMode mode) override;
  void close(Fd fd) override;
  [[nodiscard]] SysResult<std::size_t> read(Fd fd, std::span<std::byte> into) override;
  [[nodiscard]] SysResult<std::size_t> write(Fd fd, std::span<const std::byte> from) override;
  [[nodiscard]] SysResult<PipeEnds> pipe() override;
  [[nodiscard]] SysResult<std::string> read_file(const std::string& path) override;
  [[nodiscard]] SysResult<std::vector<std::string>> list_dir(const std::string& path) override;
  [[nodiscard]] SysResult<std::string> read_link(const std::string& path) override;

  [[nodiscard]] SysResult<Fd> listen(const std::string& path) override;
  [[nodiscard]] SysResult<Fd> listen_to_all(const std::string& path) override;
  [[nodiscard]] SysResult<Fd> accept(Fd listener) override;
  [[nodiscard]] SysResult<Fd> connect(const std::string& path) override;
  [[nodiscard]] SysResult<Peer> peer_of(Fd connection) override;
  SysResult<void> remove_file(const std::string& path) override;

  [[nodiscard]] SysResult<long> ioctl(Fd fd, std::uint32_t request, void* arg) override;

  [[nodiscard]] SysResult<Pid> start(std::span<const std::string> argv,
                                     std::span<const std::string> env, bool stopped) override;
  [[nodiscard]] SysResult<long> ptrace(PtraceOp op, Tid tid, std::uint64_t arg) override;
  [[nodiscard]] SysResult<std::optional<ChildStatus>> poll_child(Tid tid) override;
  [[nodiscard]] SysResult<Fd> child_events() override;
  [[nodiscard]] SysResult<Fd> signals() override;
  [[nodiscard]] SysResult<Fd> open_pidfd(Pid pid) override;
  SysResult<void> signal(Fd pidfd, int number) override;
  [[nodiscard]] SysResult<std::size_t> read_memory(Pid pid,
                                                   std::span<const MemoryRange> ranges) override;

 private:
  std::mutex mutex_;  // of the two below
  std::map<WorkerId, std::thread> workers_;
  std::uint32_t next_worker_ = 0;
  SysResult<Fd> child_events_;
  SysResult<Fd> signals_ = kNoFd;
};

}  // namespace gpreempt::kfd
