#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace gpreempt::vkfd {

/// Memory of whoever calls the driver, at addresses that may be bad: copies as the kernel makes
/// them, which fail where a plain access would end the program. A page that was good once counts as
/// good from then on, so that a caller's stack is not asked about at each call.
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
  /// Pages of one kind that were found good lately: each number has one place.
  using KnownPages = std::array<std::uint64_t, 64>;

  void empty_pipe() const;

  int read_end_ = -1;
  int write_end_ = -1;
  mutable KnownPages readable_{};  ///< page numbers; 0, which never is good, where none is known
  mutable KnownPages writable_{};
};

}  // namespace gpreempt::vkfd
