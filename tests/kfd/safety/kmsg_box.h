#pragma once

#include <gtest/gtest.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <deque>
#include <span>
#include <string>

#include "backends/kfd/os.h"
#include "tests/kfd/fake_box.h"

namespace gpreempt::kfd {

/// Whose /dev/kmsg gives what a test says, one read after another; then there is no more.
class KmsgBox : public FakeBox {
 public:
  static constexpr Fd kFd = 777;
  struct Read {
    std::string text;
    int error = 0;
  };
  std::deque<Read> reads;
  int open_error = 0;
  int opened = 0;

  [[nodiscard]] SysResult<Fd> open(const std::string& path, OpenMode mode) override {
    if (path != "/dev/kmsg") {
      return FakeBox::open(path, mode);
    }
    if (open_error != 0) {
      return sys_fail(open_error);
    }
    ++opened;
    return kFd;
  }
  void close(Fd fd) override { fd == kFd ? void(--opened) : FakeBox::close(fd); }
  [[nodiscard]] SysResult<std::size_t> read(Fd fd, std::span<std::byte> into) override {
    EXPECT_EQ(fd, kFd);
    if (reads.empty()) {
      return sys_fail(EAGAIN);
    }
    const Read next = reads.front();
    reads.pop_front();
    if (next.error != 0) {
      return sys_fail(next.error);
    }
    std::memcpy(into.data(), next.text.data(), next.text.size());
    return next.text.size();
  }
};

}  // namespace gpreempt::kfd
