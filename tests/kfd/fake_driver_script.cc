#include <fmt/format.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "backends/kfd/abi.h"
#include "backends/kfd/os.h"
#include "tests/kfd/fake_driver.h"

/// What a test tells the driver to do.
namespace gpreempt::kfd {

void FakeDriver::create_queue(std::uint32_t id, bool notify_debugger, std::uint32_t ring_bytes,
                              abi::QueueKind kind) {
  const std::scoped_lock lock(mutex_);
  Queue queue;
  queue.entry.queue_id = id;
  queue.entry.gpu_id = kGpu;
  queue.entry.ring_base_address = next_ring_++ * kUserRing;
  queue.entry.ring_size = ring_bytes;
  queue.entry.queue_type = kind;
  queues_.push_back(queue);
  files_[fmt::format("/sys/class/kfd/kfd/proc/{}/queues/{}/gpuid", kTargetPid, id)] =
      fmt::format("{}\n", kGpu);
  if (notify_debugger) {
    notify({.exception_mask = abi::kQueueNew, .gpu_id = kGpu, .queue_id = id});
  }
}

void FakeDriver::destroy_queue(std::uint32_t id) {
  const std::scoped_lock lock(mutex_);
  std::erase_if(queues_, [&](const Queue& queue) { return queue.entry.queue_id == id; });
}

void FakeDriver::fail_next(abi::TrapOp op, std::vector<int> numbers) {
  const std::scoped_lock lock(mutex_);
  failures_[op].assign(numbers.begin(), numbers.end());
}

void FakeDriver::set_suspend_status(std::uint32_t id, std::vector<std::uint32_t> bits) {
  const std::scoped_lock lock(mutex_);
  suspend_status_[id].assign(bits.begin(), bits.end());
}

void FakeDriver::set_resume_status(std::uint32_t id, std::vector<std::uint32_t> bits) {
  const std::scoped_lock lock(mutex_);
  resume_status_[id].assign(bits.begin(), bits.end());
}

void FakeDriver::raise(const abi::TrapQueryEvent& event) {
  const std::scoped_lock lock(mutex_);
  notify(event);
}

void FakeDriver::notify(const abi::TrapQueryEvent& event) {
  if (notify_fd_ == kNoFd) {
    return;
  }
  events_.push_back(event);
  const std::array<std::byte, 1> dot{std::byte{'.'}};
  (void)LinuxOs::write(notify_fd_, dot);
}

void FakeDriver::change_child(ChildStatus::Kind kind, int value) {
  {
    const std::scoped_lock lock(mutex_);
    changes_.push_back({.tid = kTargetPid.value(), .kind = kind, .value = value});
  }
  LinuxOs::wake(child_fd_);
}

void FakeDriver::lose_child() {
  {
    const std::scoped_lock lock(mutex_);
    child_lost_ = true;
  }
  LinuxOs::wake(child_fd_);
}

void FakeDriver::set_interrupt_stop(ChildStatus::Kind kind, int value) {
  const std::scoped_lock lock(mutex_);
  interrupt_stop_ = {.tid = kTargetPid.value(), .kind = kind, .value = value};
}

void FakeDriver::set_version(int error, abi::Version version) {
  version_error_ = error;
  version_ = version;
}

void FakeDriver::set_file(const std::string& path, const std::string& text) { files_[path] = text; }

void FakeDriver::exit_observed() {
  const std::scoped_lock lock(mutex_);
  has_exited_ = true;
  if (observed_pidfd_ != kNoFd) {
    LinuxOs::wake(observed_pidfd_);
  }
}

void FakeDriver::log_beats(Fd pipe, int error) {
  const std::scoped_lock lock(mutex_);
  beats_ = pipe;
  beat_error_ = error;
}

void FakeDriver::set_waiting(bool for_ever) {
  files_[kSyscallFile] = "16 0x5 0xc0104b25 0x7ffd0 0x0 0x0 0x0 0x7ffd0 0x7f12\n";
  waits_for_ever_ = for_ever;
}

}  // namespace gpreempt::kfd
