#pragma once

#include <cstddef>
#include <cstdint>

/// How the ioctls of /dev/kfd are numbered.
namespace gpreempt::kfd::abi {

/// _IOC of asm-generic: direction, size, type and number.
[[nodiscard]] constexpr std::uint32_t encode(std::uint32_t direction, std::size_t size,
                                             std::uint32_t number) {
  constexpr std::uint32_t kMagic = 'K';
  return (direction << 30U) | (static_cast<std::uint32_t>(size) << 16U) | (kMagic << 8U) | number;
}
inline constexpr std::uint32_t kWrite = 1;
inline constexpr std::uint32_t kRead = 2;
inline constexpr std::uint32_t kReadWrite = 3;

}  // namespace gpreempt::kfd::abi
