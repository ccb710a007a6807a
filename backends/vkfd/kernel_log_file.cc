#include "backends/vkfd/kernel_log_file.h"

#include <fmt/format.h>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backends/kfd/os.h"
#include "core/time.h"

namespace gpreempt::vkfd {

void KernelRing::write(int level, Instant at, std::string_view text) {
  const auto since_boot =
      std::chrono::duration_cast<std::chrono::microseconds>(at.time_since_epoch());
  records_.push_back(
      fmt::format("{},{},{},-;{}\n", level, first_ + records_.size(), since_boot.count(), text));
  if (records_.size() > kLines) {
    records_.pop_front();
    ++first_;
  }
  for (KernelLogFile* const reader : readers_) {
    reader->written();
  }
}

KernelLogFile::KernelLogFile(KernelRing& ring) : ring_(ring), next_(ring.first_) {
  ring_.readers_.push_back(this);
}

KernelLogFile::~KernelLogFile() { std::erase(ring_.readers_, this); }

kfd::SysResult<std::size_t> KernelLogFile::read(std::span<std::byte> into) {
  if (next_ < ring_.first_) {
    next_ = ring_.first_;
    return kfd::sys_fail(EPIPE);
  }
  if (!readable()) {
    return kfd::sys_fail(EAGAIN);
  }
  const std::string& record = ring_.records_[next_ - ring_.first_];
  if (record.size() > into.size()) {
    return kfd::sys_fail(EINVAL);
  }
  ++next_;
  std::memcpy(into.data(), record.data(), record.size());
  return record.size();
}

}  // namespace gpreempt::vkfd
