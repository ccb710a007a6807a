#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "backends/kfd/abi.h"
#include "backends/kfd/linux_os.h"
#include "backends/kfd/os.h"
#include "core/ids.h"
#include "core/time.h"

namespace gpreempt::kfd {

/// Linux with another driver under it: /dev/kfd, sysfs, one process (`kTargetPid`) and its tracing
/// are in memory and scripted; threads, pipes and the wait are real. Keeps a log of every driver
/// and ptrace call. Test threads and workers call it at the same time.
class FakeDriver : public LinuxOs {
 public:
  static constexpr Pid kTargetPid{4711};
  static constexpr std::uint32_t kGpu = 63420;
  static constexpr std::uint32_t kClockMhz = 2100;
  static constexpr std::uint32_t kUserRing = 1U << 20U;

  FakeDriver();
  FakeDriver(const FakeDriver&) = delete;
  FakeDriver& operator=(const FakeDriver&) = delete;
  ~FakeDriver() override;

  // ---- script

  /// A queue of the target; `notify` raises QUEUE_NEW.
  void create_queue(std::uint32_t id, bool notify = true, std::uint32_t ring_bytes = kUserRing,
                    abi::QueueKind kind = abi::QueueKind::kComputeAql);
  void destroy_queue(std::uint32_t id);
  /// The next calls of the operation fail, once for each number.
  void fail_next(abi::TrapOp op, std::vector<int> numbers);
  /// The next SUSPENDs return these bits for the id, one after another.
  void set_suspend_status(std::uint32_t id, std::vector<std::uint32_t> bits);
  /// The same for RESUMEs.
  void set_resume_status(std::uint32_t id, std::vector<std::uint32_t> bits);
  void raise(const abi::TrapQueryEvent& event);
  /// A change of the target that `poll_child` reports.
  void change_child(ChildStatus::Kind kind, int value);
  /// The answer to the next interrupt is this stop instead of an interrupt-stop.
  void set_interrupt_stop(ChildStatus::Kind kind, int value);
  /// The next poll finds no tracee: its leader is gone, and another thread has its number.
  void lose_child();
  /// From now on no wait of a worker for more than one file succeeds: those of sessions.
  void fail_waits() { waits_fail_ = true; }
  /// The driver finds the process by its other threads only.
  void exit_leader(Pid pid) { exited_leader_ = pid.value(); }
  void fail_seize(int number) { seize_error_ = number; }
  void fail_open(int number) { open_error_ = number; }
  void set_version(int error, abi::Version version);
  void set_file(const std::string& path, const std::string& text);
  void exit_observed();
  /// What is written to `pipe` is a `Beat` and logged as "beat KIND PID"; or the write fails.
  void log_beats(Fd pipe, int error = 0);
  /// A thread of the target waits in RUNTIME_ENABLE until it is answered, or for ever.
  void set_waiting(bool for_ever = false);

  // ---- what was called

  [[nodiscard]] std::vector<std::string> log();
  void clear_log();
  /// Waits until the call is in the log; false if it is not there for a long time.
  [[nodiscard]] bool await_call(const std::string& call);
  /// Every id that SUSPEND and RESUME were given.
  [[nodiscard]] std::vector<std::uint32_t> ids_sent();

  // ---- Os

  [[nodiscard]] SysResult<std::size_t> wait(std::span<WaitFd> fds, Instant deadline) override;
  [[nodiscard]] SysResult<Fd> open(const std::string& path, OpenMode mode) override;
  [[nodiscard]] SysResult<std::string> read_file(const std::string& path) override;
  [[nodiscard]] SysResult<std::vector<std::string>> list_dir(const std::string& path) override;
  [[nodiscard]] SysResult<std::size_t> write(Fd fd, std::span<const std::byte> from) override;
  [[nodiscard]] SysResult<long> ioctl(Fd fd, std::uint32_t request, void* arg) override;
  [[nodiscard]] SysResult<long> ptrace(PtraceOp op, Tid tid, std::uint64_t arg) override;
  [[nodiscard]] SysResult<std::optional<ChildStatus>> poll_child(Tid tid) override;
  [[nodiscard]] SysResult<Fd> child_events() override;
  [[nodiscard]] SysResult<Fd> open_pidfd(Pid pid) override;

 private:
  /// What a thread of the target does.
  static const inline std::string kSyscallFile = "/proc/4711/task/4712/syscall";

  struct Queue {
    abi::QueueSnapshotEntry entry;
    bool is_new = true;
  };

  SysResult<long> trap(abi::TrapArgs& args);
  SysResult<long> snapshot(abi::TrapArgs& args);
  SysResult<long> suspend(const abi::TrapArgs& args);
  SysResult<long> resume(const abi::TrapArgs& args);
  SysResult<long> query_event(abi::TrapArgs& args);
  std::span<std::uint32_t> ids_of(std::uint64_t address, std::uint32_t count);
  Queue* find(std::uint32_t id);
  void note(std::string call);
  void notify(const abi::TrapQueryEvent& event);

  std::mutex mutex_;
  std::condition_variable logged_;
  std::vector<std::string> log_;
  std::vector<std::uint32_t> ids_sent_;
  std::vector<Queue> queues_;  // oldest first
  std::uint64_t next_ring_ = 1;
  std::map<abi::TrapOp, std::deque<int>> failures_;
  std::map<std::uint32_t, std::deque<std::uint32_t>> suspend_status_;
  std::map<std::uint32_t, std::deque<std::uint32_t>> resume_status_;
  std::deque<abi::TrapQueryEvent> events_;
  std::deque<ChildStatus> changes_;
  ChildStatus interrupt_stop_;
  std::map<std::string, std::string> files_;
  abi::Version version_;
  int version_error_ = 0;
  int seize_error_ = 0;
  int open_error_ = 0;
  Fd child_fd_ = kNoFd;
  Fd observed_pidfd_ = kNoFd;
  bool has_exited_ = false;
  bool child_lost_ = false;
  std::atomic<bool> waits_fail_ = false;
  std::atomic<std::int32_t> exited_leader_ = 0;
  Fd beats_ = kNoFd;
  int beat_error_ = 0;
  bool waits_for_ever_ = false;
  Fd notify_fd_ = kNoFd;
};

}  // namespace gpreempt::kfd
