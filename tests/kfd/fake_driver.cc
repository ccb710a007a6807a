#include "tests/kfd/fake_driver.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "backends/kfd/abi.h"
#include "backends/kfd/heartbeat.h"
#include "backends/kfd/os.h"
#include "core/ids.h"

namespace gpreempt::kfd {
namespace {

constexpr auto kCallPatience = std::chrono::seconds(20);
const std::string kNodes = "/sys/class/kfd/kfd/topology/nodes/";

}  // namespace

FakeDriver::FakeDriver()
    : interrupt_stop_{.tid = kTargetPid.value(),
                      .kind = ChildStatus::Kind::kInterruptStop,
                      .value = 5},
      version_{.major_version = 1, .minor_version = 17},
      child_fd_(LinuxOs::make_waker().value()) {
  files_[kNodes + "0/gpu_id"] = "0\n";
  files_[kNodes + "0/properties"] = "cpu_cores_count 96\nsimd_count 0\n";
  files_[kNodes + "1/gpu_id"] = fmt::format("{}\n", kGpu);
  files_[kNodes + "1/properties"] = fmt::format(
      "simd_count 320\nsimd_per_cu 4\nnum_cp_queues 24\nmax_engine_clk_fcompute {}\n"
      "num_xcc 4\n",
      kClockMhz);
}

FakeDriver::~FakeDriver() { LinuxOs::close(child_fd_); }

std::vector<std::string> FakeDriver::log() {
  const std::scoped_lock lock(mutex_);
  return log_;
}

void FakeDriver::clear_log() {
  const std::scoped_lock lock(mutex_);
  log_.clear();
}

bool FakeDriver::await_call(const std::string& call) {
  std::unique_lock lock(mutex_);
  return logged_.wait_for(lock, kCallPatience,
                          [&] { return std::find(log_.begin(), log_.end(), call) != log_.end(); });
}

std::vector<std::uint32_t> FakeDriver::ids_sent() {
  const std::scoped_lock lock(mutex_);
  return ids_sent_;
}

void FakeDriver::note(std::string call) {
  log_.push_back(std::move(call));
  logged_.notify_all();
}

SysResult<std::size_t> FakeDriver::write(Fd fd, std::span<const std::byte> from) {
  const std::scoped_lock lock(mutex_);
  if (fd != beats_) {
    return LinuxOs::write(fd, from);
  }
  if (beat_error_ != 0) {
    return sys_fail(beat_error_);
  }
  Beat beat;
  std::memcpy(&beat, from.data(), sizeof beat);
  note(fmt::format("beat {} {}", static_cast<std::uint32_t>(beat.kind), beat.pid));
  return from.size();
}

SysResult<Fd> FakeDriver::open(const std::string& path, OpenMode /*mode*/) {
  if (open_error_ != 0) {
    return sys_fail(open_error_);
  }
  const std::scoped_lock lock(mutex_);
  if (path.starts_with("/sys/") && !files_.contains(path)) {
    return sys_fail(ENOENT);
  }
  return LinuxOs::make_waker();
}

SysResult<std::string> FakeDriver::read_file(const std::string& path) {
  const std::scoped_lock lock(mutex_);
  const auto found = files_.find(path);
  if (found == files_.end()) {
    return sys_fail(ENOENT);
  }
  return found->second;
}

SysResult<std::vector<std::string>> FakeDriver::list_dir(const std::string& path) {
  const std::scoped_lock lock(mutex_);
  std::set<std::string> names;
  const std::string prefix = path + "/";
  for (const auto& [file, text] : files_) {
    if (file.starts_with(prefix)) {
      const auto rest = file.substr(prefix.size());
      names.insert(rest.substr(0, rest.find('/')));
    }
  }
  if (names.empty()) {
    return sys_fail(ENOENT);
  }
  return std::vector<std::string>(names.begin(), names.end());
}

SysResult<long> FakeDriver::ioctl(Fd /*fd*/, std::uint32_t request, void* arg) {
  const std::scoped_lock lock(mutex_);
  if (request == abi::kGetVersion) {
    *static_cast<abi::Version*>(arg) = version_;
    if (version_error_ != 0) {
      return sys_fail(version_error_);
    }
    return 0;
  }
  if (request != abi::kDbgTrap) {
    return sys_fail(ENOTTY);
  }
  auto& args = *static_cast<abi::TrapArgs*>(arg);
  if (exited_leader_ != 0 && args.pid == static_cast<std::uint32_t>(exited_leader_)) {
    return sys_fail(ESRCH);
  }
  return trap(args);
}

SysResult<long> FakeDriver::trap(abi::TrapArgs& args) {
  using Op = abi::TrapOp;
  switch (args.op) {
    case Op::kEnable: note(fmt::format("enable 0x{:x}", args.enable.exception_mask)); break;
    case Op::kDisable: note("disable"); break;
    case Op::kSendRuntimeEvent: {
      const auto& event = args.send_runtime_event;
      note(fmt::format("send 0x{:x} {} {}", event.exception_mask, event.gpu_id, event.queue_id));
      if (!waits_for_ever_ && files_.contains(kSyscallFile)) {
        files_[kSyscallFile] = "running\n";
      }
      break;
    }
    case Op::kSuspendQueues:
      note(fmt::format(
          "suspend {}",
          fmt::join(ids_of(args.suspend.queue_array_ptr, args.suspend.num_queues), " ")));
      break;
    case Op::kResumeQueues:
      note(
          fmt::format("resume {}",
                      fmt::join(ids_of(args.resume.queue_array_ptr, args.resume.num_queues), " ")));
      break;
    case Op::kGetQueueSnapshot: note("snapshot"); break;
    case Op::kSetExceptionsEnabled:
    case Op::kQueryDebugEvent:
    case Op::kSetWaveLaunchOverride:
    case Op::kSetWaveLaunchMode:
    case Op::kSetNodeAddressWatch:
    case Op::kClearNodeAddressWatch:
    case Op::kSetFlags:
    case Op::kQueryExceptionInfo:
    case Op::kGetDeviceSnapshot: break;
  }
  if (auto& failures = failures_[args.op]; !failures.empty()) {
    const int number = failures.front();
    failures.pop_front();
    // As the kernel does on errors too: whatever it wrote so far is copied back.
    args.pid = 0;
    if (args.op == Op::kSuspendQueues) {
      for (std::uint32_t& id : ids_of(args.suspend.queue_array_ptr, args.suspend.num_queues)) {
        id |= abi::kQueueInvalid;
      }
    }
    return sys_fail(number);
  }
  switch (args.op) {
    case Op::kEnable: notify_fd_ = static_cast<Fd>(args.enable.dbg_fd); return 0;
    case Op::kDisable: notify_fd_ = kNoFd; return 0;
    case Op::kSuspendQueues: return suspend(args);
    case Op::kResumeQueues: return resume(args);
    case Op::kGetQueueSnapshot: return snapshot(args);
    case Op::kQueryDebugEvent: return query_event(args);
    case Op::kSendRuntimeEvent:
    case Op::kSetExceptionsEnabled: return 0;
    case Op::kSetWaveLaunchOverride:
    case Op::kSetWaveLaunchMode:
    case Op::kSetNodeAddressWatch:
    case Op::kClearNodeAddressWatch:
    case Op::kSetFlags:
    case Op::kQueryExceptionInfo:
    case Op::kGetDeviceSnapshot: break;
  }
  return sys_fail(EINVAL);
}

SysResult<long> FakeDriver::snapshot(abi::TrapArgs& args) {
  auto& snapshot = args.snapshot;
  const std::span entries(
      reinterpret_cast<abi::QueueSnapshotEntry*>(  // NOLINT: an address of the caller
          static_cast<std::uintptr_t>(snapshot.snapshot_buf_ptr)),
      snapshot.num_queues);
  std::size_t filled = 0;
  for (auto queue = queues_.rbegin(); queue != queues_.rend() && filled < entries.size(); ++queue) {
    entries[filled++] = queue->entry;
    queue->is_new = queue->is_new && (snapshot.exception_mask & abi::kQueueNew) == 0;
  }
  snapshot.num_queues = static_cast<std::uint32_t>(queues_.size());
  return 0;
}

SysResult<long> FakeDriver::suspend(const abi::TrapArgs& args) {
  long count = 0;
  for (std::uint32_t& id : ids_of(args.suspend.queue_array_ptr, args.suspend.num_queues)) {
    ids_sent_.push_back(id);
    const Queue* const queue = find(id);
    std::uint32_t bits = queue == nullptr || queue->is_new ? abi::kQueueInvalid : 0;
    if (auto& script = suspend_status_[id]; !script.empty()) {
      bits = script.front();
      script.pop_front();
    }
    count += bits == 0 ? 1 : 0;
    id |= bits;
  }
  return count;
}

SysResult<long> FakeDriver::resume(const abi::TrapArgs& args) {
  long count = 0;
  for (std::uint32_t& id : ids_of(args.resume.queue_array_ptr, args.resume.num_queues)) {
    ids_sent_.push_back(id);
    std::uint32_t bits = find(id) == nullptr ? abi::kQueueInvalid : 0;
    if (auto& script = resume_status_[id]; !script.empty()) {
      bits = script.front();
      script.pop_front();
    }
    count += bits == 0 ? 1 : 0;
    id |= bits;
  }
  return count;
}

SysResult<long> FakeDriver::query_event(abi::TrapArgs& args) {
  if (events_.empty()) {
    return sys_fail(EAGAIN);
  }
  const abi::TrapQueryEvent event = events_.front();
  events_.pop_front();
  if (Queue* const queue = find(event.queue_id)) {
    queue->is_new = queue->is_new && (args.query_event.exception_mask & abi::kQueueNew) == 0;
  }
  args.query_event = event;
  return 0;
}

std::span<std::uint32_t> FakeDriver::ids_of(std::uint64_t address, std::uint32_t count) {
  return {reinterpret_cast<std::uint32_t*>(  // NOLINT: an address of the caller
              static_cast<std::uintptr_t>(address)),
          count};
}

FakeDriver::Queue* FakeDriver::find(std::uint32_t id) {
  const auto found = std::find_if(queues_.begin(), queues_.end(),
                                  [&](const Queue& queue) { return queue.entry.queue_id == id; });
  return found == queues_.end() ? nullptr : &*found;
}

SysResult<long> FakeDriver::ptrace(PtraceOp op, Tid tid, std::uint64_t arg) {
  std::optional<ChildStatus> stop;
  {
    const std::scoped_lock lock(mutex_);
    switch (op) {
      case PtraceOp::kSeize: note(fmt::format("seize 0x{:x}", arg)); break;
      case PtraceOp::kCont: note(fmt::format("cont {}", arg)); break;
      case PtraceOp::kListen: note("listen"); break;
      case PtraceOp::kInterrupt:
        note("interrupt");
        stop = interrupt_stop_;
        break;
      case PtraceOp::kDetach: note(fmt::format("detach {}", arg)); break;
      case PtraceOp::kGetEvent:
      case PtraceOp::kGetSiginfo: break;
    }
    if (op == PtraceOp::kSeize && (seize_error_ != 0 || tid != kTargetPid.value())) {
      return sys_fail(seize_error_ != 0 ? seize_error_ : ESRCH);
    }
  }
  if (stop) {
    change_child(stop->kind, stop->value);
  }
  return 0;
}

SysResult<std::optional<ChildStatus>> FakeDriver::poll_child(Tid /*tid*/) {
  const std::scoped_lock lock(mutex_);
  if (std::exchange(child_lost_, false)) {
    return sys_fail(ECHILD);
  }
  std::optional<ChildStatus> change;
  if (!changes_.empty()) {
    change = changes_.front();
    changes_.pop_front();
  }
  return change;
}

SysResult<std::size_t> FakeDriver::wait(std::span<WaitFd> fds, Instant deadline) {
  if (waits_fail_ && fds.size() > 1 && LinuxOs::self() != ::getpid()) {
    return sys_fail(ENOMEM);
  }
  return LinuxOs::wait(fds, deadline);
}

SysResult<Fd> FakeDriver::child_events() { return child_fd_; }

SysResult<Fd> FakeDriver::open_pidfd(Pid pid) {
  if (pid != kTargetPid) {
    return sys_fail(ESRCH);
  }
  const std::scoped_lock lock(mutex_);
  const auto fd = LinuxOs::make_waker();
  observed_pidfd_ = fd.value();
  if (has_exited_) {
    LinuxOs::wake(observed_pidfd_);
  }
  return fd;
}

}  // namespace gpreempt::kfd
