#include "tests/realkernel/runtime_process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdint>
#include <fstream>
#include <functional>
#include <string>

#include "backends/kfd/abi.h"
#include "tests/support/forked_process.h"

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

/// Returns what the driver refuses it with, or 0.
int enable_runtime(std::uint32_t mode) {
  abi::RuntimeEnable args{.r_debug = 0x1000, .mode_mask = mode, .capabilities_mask = 0};
  return ::ioctl(open_device(), abi::kRuntimeEnable, &args) == 0 ? 0 : errno;
}

int carry_out(RuntimeProcess::Order order) {
  using Order = RuntimeProcess::Order;
  switch (order) {
    case Order::kOpen: return open_device() >= 0 ? 0 : errno;
    case Order::kStartRuntime: {
      const int error = enable_runtime(abi::kRuntimeModeEnable);
      return error == EBUSY ? 0 : error;  // it has been started before
    }
    case Order::kEndRuntime: return enable_runtime(0);
    case Order::kExecute: ::execl("/bin/busybox", "sleep", "1000", nullptr); return errno;
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

bool RuntimeProcess::waits_in_runtime() const {
  std::ifstream file("/proc/" + std::to_string(pid().value()) + "/syscall");
  std::string call;
  std::string descriptor;
  std::string request;
  file >> call >> descriptor >> request;
  std::uint32_t number = 0;
  constexpr int kHex = 16;
  if (request.starts_with("0x")) {
    (void)std::from_chars(request.data() + 2, request.data() + request.size(), number, kHex);
  }
  return number == abi::kRuntimeEnable;
}

bool RuntimeProcess::enters_runtime() const {
  return comes_true([&] { return waits_in_runtime(); });
}

}  // namespace gpreempt::kfd
