#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "backends/kfd/linux_os.h"
#include "backends/kfd/os.h"
#include "core/ids.h"
#include "tests/kfd/fake_driver.h"

namespace gpreempt::kfd {

/// The scripted driver over Linux's real processes: tracing, stops, exits and /proc are true, only
/// /dev/kfd and sysfs are not.
class RealProcesses : public FakeDriver {
 public:
  [[nodiscard]] SysResult<std::string> read_file(const std::string& path) override {
    return path.starts_with("/proc/") ? LinuxOs::read_file(path) : FakeDriver::read_file(path);
  }
  [[nodiscard]] SysResult<std::vector<std::string>> list_dir(const std::string& path) override {
    return path.starts_with("/proc/") ? LinuxOs::list_dir(path) : FakeDriver::list_dir(path);
  }
  [[nodiscard]] SysResult<long> ptrace(PtraceOp op, Tid tid, std::uint64_t arg) override {
    return LinuxOs::ptrace(op, tid, arg);
  }
  [[nodiscard]] SysResult<std::optional<ChildStatus>> poll_child(Tid tid) override {
    return LinuxOs::poll_child(tid);
  }
  [[nodiscard]] SysResult<Fd> child_events() override { return LinuxOs::child_events(); }
  [[nodiscard]] SysResult<Fd> open_pidfd(Pid pid) override { return LinuxOs::open_pidfd(pid); }
};

}  // namespace gpreempt::kfd
