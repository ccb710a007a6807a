#include "backends/vkfd/open_file.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <memory>
#include <span>
#include <utility>

#include "backends/kfd/os.h"
#include "backends/sim/timeline.h"

namespace gpreempt::vkfd {

using kfd::sys_fail;
using kfd::SysResult;

SysResult<std::size_t> OpenFile::read(std::span<std::byte> /*into*/) { return sys_fail(EINVAL); }

SysResult<std::size_t> OpenFile::write(std::span<const std::byte> /*from*/) {
  return sys_fail(EBADF);
}

void OpenFile::turned_readable() {
  for (sim::Waiter* const waiter : watchers_) {
    waiter->wake();
  }
}

void WakeFile::wake() {
  woken_ = true;
  turned_readable();
}

void ProcessFile::process_exited() {
  exited_ = true;
  turned_readable();
}

SysResult<std::size_t> TextFile::read(std::span<std::byte> into) {
  const std::size_t count = std::min(into.size(), text_.size() - position_);
  std::memcpy(into.data(), text_.data() + position_, count);
  position_ += count;
  return count;
}

SysResult<std::size_t> SignalFile::read(std::span<std::byte> into) {
  constexpr std::size_t kRecordBytes = 128;
  if (into.size() < kRecordBytes) {
    return sys_fail(EINVAL);
  }
  if (pending_.empty()) {
    return sys_fail(EAGAIN);
  }
  const std::uint32_t number = pending_.front();
  pending_.pop_front();
  std::fill_n(into.begin(), kRecordBytes, std::byte{0});
  std::memcpy(into.data(), &number, sizeof number);
  return kRecordBytes;
}

void SignalFile::raise(std::uint32_t number) {
  pending_.push_back(number);
  turned_readable();
}

PipeReader::PipeReader(std::shared_ptr<PipeBuffer> buffer) : buffer_(std::move(buffer)) {
  buffer_->reader = this;
}

SysResult<std::size_t> PipeReader::read(std::span<std::byte> into) {
  auto& bytes = buffer_->bytes;
  if (bytes.empty() && buffer_->has_writer) {
    return sys_fail(EAGAIN);
  }
  const auto count = std::min(into.size(), bytes.size());
  const auto end = std::next(bytes.begin(), static_cast<std::ptrdiff_t>(count));
  std::copy(bytes.begin(), end, into.begin());
  bytes.erase(bytes.begin(), end);
  return count;
}

PipeWriter::~PipeWriter() {
  buffer_->has_writer = false;
  if (buffer_->reader != nullptr) {
    buffer_->reader->filled();
  }
}

SysResult<std::size_t> PipeWriter::write(std::span<const std::byte> from) {
  if (buffer_->reader == nullptr) {
    return sys_fail(EPIPE);
  }
  const auto count = std::min(from.size(), PipeBuffer::kCapacity - buffer_->bytes.size());
  if (count == 0 && !from.empty()) {
    return sys_fail(EAGAIN);
  }
  buffer_->bytes.insert(buffer_->bytes.end(), from.begin(),
                        std::next(from.begin(), static_cast<std::ptrdiff_t>(count)));
  buffer_->reader->filled();
  return count;
}

}  // namespace gpreempt::vkfd
