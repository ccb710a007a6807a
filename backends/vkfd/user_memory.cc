#include "backends/vkfd/user_memory.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "core/error.h"

/// The kernel itself says whether an address is good: a pipe takes what lies there, or refuses.
/// System calls by number, since sanitizers check the arguments of the functions.
namespace gpreempt::vkfd {
namespace {

/// A page, and no more than a pipe takes at once.
constexpr std::size_t kPageBytes = 4096;

/// From `address` to the end of its page, at most `size`.
std::size_t in_page(std::uint64_t address, std::size_t size) {
  return std::min<std::size_t>(size, kPageBytes - address % kPageBytes);
}

/// What the ABI passes as a number is an address of the caller.
std::byte* at(std::uint64_t address) {
  return reinterpret_cast<std::byte*>(address);  // NOLINT(performance-no-int-to-ptr)
}

template <class Pages>
std::uint64_t& place_of(Pages& pages, std::uint64_t page) {
  return pages[page % pages.size()];
}

bool passes(long result, std::size_t size) { return result == static_cast<long>(size); }

}  // namespace

UserMemory::UserMemory() {
  std::array<int, 2> ends{};
  const bool made = ::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) == 0;
  GPREEMPT_CHECK(made);
  read_end_ = ends[0];
  write_end_ = ends[1];
}

UserMemory::~UserMemory() {
  ::close(read_end_);
  ::close(write_end_);
}

/// Of what a copy that failed half way has left there.
void UserMemory::empty_pipe() const {
  std::array<std::byte, kPageBytes> dropped{};
  (void)::syscall(SYS_read, read_end_, dropped.data(), dropped.size());
}

bool UserMemory::copy_in(void* into, std::uint64_t address, std::size_t size) const {
  auto* to = static_cast<std::byte*>(into);
  for (std::size_t chunk = 0; size > 0; address += chunk, to += chunk, size -= chunk) {
    chunk = in_page(address, size);
    std::uint64_t& known = place_of(readable_, address / kPageBytes);
    if (known == address / kPageBytes && known != 0) {
      std::memcpy(to, at(address), chunk);
      continue;
    }
    if (!passes(::syscall(SYS_write, write_end_, address, chunk), chunk)) {
      empty_pipe();
      return false;
    }
    (void)::syscall(SYS_read, read_end_, to, chunk);
    known = address / kPageBytes;
  }
  return true;
}

bool UserMemory::copy_out(std::uint64_t address, const void* from, std::size_t size) const {
  const auto* source = static_cast<const std::byte*>(from);
  for (std::size_t chunk = 0; size > 0; address += chunk, source += chunk, size -= chunk) {
    chunk = in_page(address, size);
    std::uint64_t& known = place_of(writable_, address / kPageBytes);
    if (known == address / kPageBytes && known != 0) {
      std::memcpy(at(address), source, chunk);
      continue;
    }
    (void)::syscall(SYS_write, write_end_, source, chunk);
    if (!passes(::syscall(SYS_read, read_end_, address, chunk), chunk)) {
      empty_pipe();
      return false;
    }
    known = address / kPageBytes;
  }
  return true;
}

}  // namespace gpreempt::vkfd
