#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "backends/kfd/abi.h"
#include "backends/kfd/forwarding_os.h"
#include "backends/kfd/linux_os.h"
#include "backends/kfd/os.h"
#include "core/ids.h"

namespace gpreempt::kfd {

/// A machine in memory on which nothing is wrong: one MI308X, AMD's driver 6.12.12, and a target
/// with two queues. Tests make one thing wrong. A path that no test and no constructor put is
/// missing; what is no file comes from Linux.
class FakeBox : public ForwardingOs {
 public:
  static constexpr Pid kTarget{4711};
  static inline const std::string kNode = "/sys/class/kfd/kfd/topology/nodes/1";
  static inline const std::string kDevice = "/sys/bus/pci/devices/0000:1a:00.0";
  static inline const std::string kParameters = "/sys/module/amdgpu/parameters/";
  static inline const std::string kQueues = "/sys/class/kfd/kfd/proc/";

  FakeBox();

  void put(const std::string& path, const std::string& text) { files_[path] = text; }
  /// Takes a file, or a folder and all in it, away.
  void remove(const std::string& path);
  void put_link(const std::string& path, const std::string& target) { links_[path] = target; }
  /// Opening, reading and listing the path fail.
  void fail(const std::string& path, int number) { errors_[path] = number; }
  void fail_ptrace(int number) { ptrace_error_ = number; }
  void set_version(abi::Version version) { version_ = version; }
  /// Changes one line of a file of "KEY VALUE" or "KEY:\tVALUE" lines; an empty value drops it.
  void set_line(const std::string& path, const std::string& key, const std::string& value);

  [[nodiscard]] SysResult<Fd> open(const std::string& path, OpenMode mode) override;
  void close(Fd fd) override;
  /// Nothing is to be read from what it has opened.
  [[nodiscard]] SysResult<std::size_t> read(Fd fd, std::span<std::byte> into) override;
  [[nodiscard]] SysResult<std::string> read_file(const std::string& path) override;
  [[nodiscard]] SysResult<std::vector<std::string>> list_dir(const std::string& path) override;
  [[nodiscard]] SysResult<std::string> read_link(const std::string& path) override;
  [[nodiscard]] SysResult<long> ioctl(Fd fd, std::uint32_t request, void* arg) override;
  [[nodiscard]] SysResult<long> ptrace(PtraceOp op, Tid tid, std::uint64_t arg) override;

  /// Descriptors that were opened and not closed.
  [[nodiscard]] int open_files() const { return open_files_; }

 private:
  [[nodiscard]] int error_of(const std::string& path) const;

  static inline LinuxOs linux_;
  std::map<std::string, std::string> files_;
  std::map<std::string, std::string> links_;
  std::map<std::string, int> errors_;
  abi::Version version_{.major_version = 1, .minor_version = 17};
  int ptrace_error_;
  int open_files_ = 0;
};

}  // namespace gpreempt::kfd
