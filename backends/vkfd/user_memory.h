#pragma once

#include <cstddef>
#include <cstdint>

namespace gpreempt::vkfd {

/// Memory of whoever calls the driver, at addresses that may be bad: copies as the kernel makes
/// them, which fail where a plain access would end the program.
class UserMemory {
 public:
  UserMemory();
  UserMemory(const UserMemory&) = delete;
  UserMemory& operator=(const UserMemory&) = delete;
  ~UserMemory();

  /// Both return whether everything was copied.
  [[nodiscard]] bool copy_in(void* into, std::uint64_t address, std::size_t size) const;
  [[nodiscard]] bool copy_out(std::uint64_t address, const void* from, std::size_t size) const;

 private:
  int read_end_ = -1;
  int write_end_ = -1;
};

}  // namespace gpreempt::vkfd
