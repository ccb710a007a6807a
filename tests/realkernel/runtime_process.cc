#include "tests/realkernel/runtime_process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <functional>
#include <thread>

#include "backends/kfd/abi.h"
#include "backends/kfd/handshake.h"
#include "backends/kfd/linux_os.h"
#include "tests/support/forked_process.h"
#include "tests/support/shared.h"

namespace gpreempt::kfd {
namespace {

constexpr int kLooks = 10'000;

void pause_briefly() { (void)::poll(nullptr, 0, 1); }

/// Looks until it is so, for 10 s and more.
bool comes_true(const std::function<bool()>& is_so) {
  for (int look = 0; look < kLooks && !is_so(); ++look) {
    pause_briefly();
  }
  return is_so();
}

int open_device() {
  static const int device = ::open("/dev/kfd", O_RDWR | O_CLOEXEC);
  return device;
}

/// As the ROCm runtime calls it: again when interrupted, as it is by being stopped or traced.
/// Returns what the driver refuses it with, or 0.
int enable_runtime(std::uint32_t mode) {
  for (;;) {
    abi::RuntimeEnable args{.r_debug = 0x1000, .mode_mask = mode, .capabilities_mask = 0};
    if (::ioctl(open_device(), abi::kRuntimeEnable, &args) == 0) {
      return 0;
    }
    if (errno != EINTR && errno != EAGAIN) {
      return errno;
    }
  }
}

int start_runtime() {
  const int error = enable_runtime(abi::kRuntimeModeEnable);
  return error == EBUSY ? 0 : error;  // it has been started before
}

int carry_out(RuntimeProcess::Order order) {
  using Order = RuntimeProcess::Order;
  switch (order) {
    case Order::kOpen: return open_device() >= 0 ? 0 : errno;
    case Order::kStartRuntime: return start_runtime();
    case Order::kStartRuntimeElsewhere: {
      int error = 0;
      std::thread([&] { error = start_runtime(); }).join();
      return error;
    }
    case Order::kEndRuntime: return enable_runtime(0);
    case Order::kExecute: ::execl("/bin/busybox", "sleep", "1000", nullptr); return errno;
    case Order::kExecuteElsewhere:
      std::thread([] { ::execl("/bin/busybox", "sleep", "1000", nullptr); }).join();
      return errno;
    case Order::kExitLeader: return ENOSYS;  // not by its own strength: see `run`
    case Order::kExit: ::_exit(0);
  }
  return EINVAL;
}

}  // namespace

RuntimeProcess::RuntimeProcess() : process_([this](int /*report*/) { run(board_); }) {}

void RuntimeProcess::run(const Shared<Board>& board) {
  for (;;) {
    ++board->count;
    if (const auto given = board->given.load(); given != board->done) {
      if (board->order == Order::kExitLeader) {
        board->error = 0;
        board->done = given;
        std::thread([&board] { run(board); }).detach();
        ::syscall(SYS_exit, 0);
      }
      board->error = carry_out(board->order);
      board->done = given;
    }
    pause_briefly();
  }
}

void RuntimeProcess::give(Order order) {
  board_->order = order;
  ++board_->given;
}

bool RuntimeProcess::has_obeyed() const {
  return comes_true([&] { return board_->done == board_->given; }) && board_->error == 0;
}

bool RuntimeProcess::obeys(Order order) {
  give(order);
  return has_obeyed();
}

bool RuntimeProcess::runs_on() const {
  const auto before = board_->count.load();
  // The first may have been under way.
  return comes_true([&] { return board_->count >= before + 2; });
}

bool RuntimeProcess::runs_on_or_waits() const {
  const auto before = board_->count.load();
  return comes_true([&] { return board_->count >= before + 2 || waits_in_runtime(); });
}

bool RuntimeProcess::waits_in_runtime() const {
  LinuxOs os;
  return waits_in_handshake(os, "/proc", pid()).value_or(false);
}

bool RuntimeProcess::enters_runtime() const {
  return comes_true([&] { return waits_in_runtime(); });
}

}  // namespace gpreempt::kfd
