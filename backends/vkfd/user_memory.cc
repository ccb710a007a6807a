#include "backends/vkfd/user_memory.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "core/error.h"

/// The kernel itself says whether an address is good: a pipe takes what lies there, or refuses.
/// System calls by number, since sanitizers check the arguments of the functions.
namespace gpreempt::vkfd {
namespace {

constexpr std::size_t kChunkBytes = 4096;

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

bool UserMemory::copy_in(void* into, std::uint64_t address, std::size_t size) const {
  std::array<std::byte, kChunkBytes> dropped{};
  for (std::size_t done = 0; done < size;) {
    const std::size_t chunk = std::min(size - done, kChunkBytes);
    if (!passes(::syscall(SYS_write, write_end_, address + done, chunk), chunk)) {
      (void)::syscall(SYS_read, read_end_, dropped.data(), dropped.size());
      return false;
    }
    (void)::syscall(SYS_read, read_end_, static_cast<std::byte*>(into) + done, chunk);
    done += chunk;
  }
  return true;
}

bool UserMemory::copy_out(std::uint64_t address, const void* from, std::size_t size) const {
  std::array<std::byte, kChunkBytes> dropped{};
  for (std::size_t done = 0; done < size;) {
    const std::size_t chunk = std::min(size - done, kChunkBytes);
    (void)::syscall(SYS_write, write_end_, static_cast<const std::byte*>(from) + done, chunk);
    if (!passes(::syscall(SYS_read, read_end_, address + done, chunk), chunk)) {
      (void)::syscall(SYS_read, read_end_, dropped.data(), dropped.size());
      return false;
    }
    done += chunk;
  }
  return true;
}

}  // namespace gpreempt::vkfd
