#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "backends/kfd/os.h"
#include "core/error.h"
#include "core/time.h"

namespace gpreempt::kfd {

/// A line of the kernel's log.
struct KernelRecord {
  int level = 0;  ///< 0 emergency to 7 debug
  std::uint64_t sequence = 0;
  Duration since_boot{};  ///< by a clock that agrees with `Os::now` to milliseconds
  std::string text;       ///< without what would command a terminal
};

/// Takes apart what one read of /dev/kmsg gives: "6,339,5140900,-;text", and lines with a blank
/// before "KEY=value", which are dropped. Errors: kParse.
/// Source: Documentation/ABI/testing/dev-kmsg.
[[nodiscard]] Result<KernelRecord> parse_kernel_record(std::string_view record);

/// Whether a line says that a GPU, its driver or the kernel has failed, so that nothing must be
/// preempted any more: a reset, a preemption without an end, an uncorrectable error, a crash of
/// the kernel. What an application has done wrong (a page fault) is no such line, and neither is
/// the total of what was counted long ago, which the driver prints whenever somebody asks.
/// Source: amdgpu_device.c, amdgpu_ras.c, kfd_device_queue_manager.c of Linux 6.12.
[[nodiscard]] bool is_trouble(std::string_view text);

/// A line of a text, without what would command a terminal.
struct LogLine {
  std::size_t number = 0;  ///< from 1
  std::string text;
};

/// The lines of trouble of a log as dmesg(1) or a journal prints it, in their order.
[[nodiscard]] std::vector<LogLine> lines_of_trouble(std::string_view log);

/// The kernel's log, from where it is now. One worker uses it. None of its calls waits.
class KernelLog {
 public:
  /// Reads what is in the log already. Errors: kNotPermitted, kNoSuchDevice, kIo, kParse; each says
  /// what to do.
  [[nodiscard]] static Result<std::unique_ptr<KernelLog>> open(Os& os, const std::string& path);
  KernelLog(const KernelLog&) = delete;
  KernelLog& operator=(const KernelLog&) = delete;
  ~KernelLog() = default;

  /// The lines of trouble that were there when it was opened, oldest first.
  [[nodiscard]] const std::vector<KernelRecord>& history() const { return history_; }

  /// Readable when there are lines to take.
  [[nodiscard]] Fd fd() const { return fd_; }

  /// The lines of trouble since the last call. Errors: kIo (it cannot be read any more, or lines
  /// went before they were read: trouble may have been among them), kParse.
  [[nodiscard]] Result<std::vector<KernelRecord>> take();

  void close();

 private:
  KernelLog(Os& os, std::string path, Fd fd);
  [[nodiscard]] Result<std::vector<KernelRecord>> read_all(bool may_skip);

  Os& os_;
  std::string path_;
  Fd fd_;
  std::vector<KernelRecord> history_;
};

}  // namespace gpreempt::kfd
