#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "backends/kfd/linux_os.h"
#include "backends/kfd/os.h"

namespace gpreempt::kfd {

/// Linux and its real driver, with one queue on one GPU that the driver does not have: without a
/// GPU there is none, and nothing would ever be suspended. Every call reaches the driver; then the
/// queue is added to a snapshot, and "no such queue" is made "done" for it. In sysfs each process
/// that the driver knows has it, too.
class OneQueueOs : public LinuxOs {
 public:
  static constexpr std::string_view kSysfsRoot = "/one-gpu";  ///< where its topology is
  static constexpr std::uint32_t kQueue = 5;
  static constexpr std::uint32_t kGpu = 4242;

  /// Called before each call to the driver or ptrace, with its name.
  using Before = std::function<void(std::string_view call)>;

  explicit OneQueueOs(Before before = {}) : before_(std::move(before)) {}

  [[nodiscard]] SysResult<std::string> read_file(const std::string& path) override;
  [[nodiscard]] SysResult<std::vector<std::string>> list_dir(const std::string& path) override;
  [[nodiscard]] SysResult<long> ioctl(Fd fd, std::uint32_t request, void* arg) override;
  [[nodiscard]] SysResult<long> ptrace(PtraceOp op, Tid tid, std::uint64_t arg) override;

 private:
  Before before_;
};

}  // namespace gpreempt::kfd
