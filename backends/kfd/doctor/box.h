#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/kfd/abi.h"
#include "backends/kfd/doctor/doctor.h"
#include "backends/kfd/os.h"
#include "backends/kfd/process_status.h"
#include "backends/kfd/topology.h"
#include "core/error.h"
#include "core/ids.h"

namespace gpreempt::kfd::doctor {

/// What the checks look at: the machine's files, read and taken apart, and what its driver says.
/// A file is read when a check asks for it.
class Box {
 public:
  /// `os` must outlive it.
  Box(Os& os, DoctorOptions options) : os_(os), options_(std::move(options)) {}

  [[nodiscard]] Os& os() { return os_; }
  [[nodiscard]] const DoctorOptions& options() const { return options_; }

  /// A file's text without the newline at its end.
  [[nodiscard]] SysResult<std::string> text(const std::string& path);

  /// A number in a file, or the sentence that says why there is none.
  struct Reading {
    std::string path;
    std::optional<std::int64_t> value;
    std::string problem;
  };
  [[nodiscard]] Reading number(const std::string& path);
  /// A parameter of the module. A bool parameter's "Y" and "N" are 1 and 0.
  [[nodiscard]] Reading parameter(std::string_view name);

  /// What opening the device gave, and the version it told; see driver.h for both.
  struct Device {
    Result<void> opened;
    Result<abi::Version> version;
  };
  [[nodiscard]] const Device& device();

  /// A GPU node of the topology.
  struct Gpu {
    GpuId id;
    std::string subject;  ///< "GPU f7bc"
    std::string folder;   ///< in the topology
    NodeProperties properties;
    std::string device;  ///< its PCI device in sysfs; partitions of one GPU share it

    [[nodiscard]] std::optional<std::uint64_t> property(std::string_view key) const;
  };
  /// The GPUs that this process may see; the sentence that says why there are none.
  [[nodiscard]] const Result<std::vector<Gpu>>& gpus();

  /// Whose driver it is. The numbers are the first three of the version, 0 where there is none.
  struct Driver {
    bool is_package = false;  ///< AMD's package, not the kernel's own
    std::string version;      ///< of the package, or the kernel's release
    std::string path;         ///< where that was read
    int major = 0;
    int minor = 0;
    int patch = 0;
  };
  /// nullopt where neither can be read.
  [[nodiscard]] std::optional<Driver> driver();

  /// See process_status.h.
  [[nodiscard]] SysResult<ProcessStatus> status(std::string_view who) {
    return read_process_status(os_, "/proc", who);
  }
  /// Whether this process has CAP_SYS_PTRACE; nullopt where that cannot be read.
  [[nodiscard]] std::optional<bool> may_trace_all();
  /// The same of CAP_SYSLOG.
  [[nodiscard]] std::optional<bool> may_read_kernel_log();
  /// Whether this process is in the pid namespace that the driver's files count in.
  [[nodiscard]] std::optional<bool> in_first_pid_namespace();

 private:
  [[nodiscard]] std::optional<bool> has_capability(unsigned number);

  Os& os_;
  DoctorOptions options_;
  std::optional<Device> device_;
  std::optional<Result<std::vector<Gpu>>> gpus_;
};

/// What an error number means, as text.
[[nodiscard]] std::string sentence_of(SysError error);

}  // namespace gpreempt::kfd::doctor
