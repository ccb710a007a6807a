#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backends/kfd/os.h"
#include "backends/vkfd/open_file.h"
#include "core/time.h"

namespace gpreempt::vkfd {

class KernelLogFile;

/// The kernel's log of a virtual machine, which keeps the last lines.
class KernelRing {
 public:
  static constexpr std::size_t kLines = 512;

  KernelRing() = default;
  KernelRing(const KernelRing&) = delete;
  KernelRing& operator=(const KernelRing&) = delete;
  ~KernelRing() = default;

  /// `level`: 0 emergency to 7 debug.
  void write(int level, Instant at, std::string_view text);

 private:
  friend class KernelLogFile;
  std::deque<std::string> records_;
  std::uint64_t first_ = 0;  ///< the sequence number of the oldest of them
  std::vector<KernelLogFile*> readers_;
};

/// An opened /dev/kmsg: each read gives one record, beginning with the oldest there is.
/// Source: devkmsg_read in kernel/printk/printk.c.
class KernelLogFile final : public OpenFile {
 public:
  explicit KernelLogFile(KernelRing& ring);
  KernelLogFile(const KernelLogFile&) = delete;
  KernelLogFile& operator=(const KernelLogFile&) = delete;
  ~KernelLogFile() override;

  [[nodiscard]] bool readable() const override { return next_ < end(); }
  /// Errors: EAGAIN (no more lines), EPIPE (lines went unread; the next read goes on with the
  /// oldest), EINVAL (the buffer is too small).
  [[nodiscard]] kfd::SysResult<std::size_t> read(std::span<std::byte> into) override;
  void drain() override { next_ = end(); }
  [[nodiscard]] std::string_view what() const override { return "the kernel's log"; }
  void written() { turned_readable(); }

 private:
  [[nodiscard]] std::uint64_t end() const { return ring_.first_ + ring_.records_.size(); }

  KernelRing& ring_;
  std::uint64_t next_;
};

}  // namespace gpreempt::vkfd
