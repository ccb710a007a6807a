#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

/// The words that amdkfd's debugfs files print, by name. Names, positions and widths are the
/// driver's; every table says where they are written down.
namespace gpreempt::kfd::debugfs {

/// A run of bits in one of the 32-bit words of a structure.
struct Field {
  std::string_view name;
  std::uint16_t dword = 0;
  std::uint8_t low_bit = 0;
  std::uint8_t bits = 32;

  [[nodiscard]] constexpr std::uint32_t mask() const {
    constexpr std::uint32_t kAll = 0xffffffffU;
    constexpr std::uint32_t kWord = 32;
    return bits >= kWord ? kAll : (1U << bits) - 1U;
  }
  /// Shape: `words` reach as far as `dword`.
  [[nodiscard]] constexpr std::uint32_t get(std::span<const std::uint32_t> words) const {
    return (words[dword] >> low_bit) & mask();
  }
  /// Bits of `value` beyond the field's width are dropped.
  constexpr void set(std::span<std::uint32_t> words, std::uint32_t value) const {
    words[dword] = (words[dword] & ~(mask() << low_bit)) | ((value & mask()) << low_bit);
  }
};

/// Two words that make one number, the low one first.
[[nodiscard]] constexpr std::uint64_t join(std::uint32_t low, std::uint32_t high) {
  constexpr std::uint32_t kWord = 32;
  return (std::uint64_t{high} << kWord) | low;
}
[[nodiscard]] constexpr std::uint32_t low_half(std::uint64_t value) {
  return static_cast<std::uint32_t>(value);
}
[[nodiscard]] constexpr std::uint32_t high_half(std::uint64_t value) {
  constexpr std::uint32_t kWord = 32;
  return static_cast<std::uint32_t>(value >> kWord);
}

inline constexpr std::size_t kMqdDwords = 512;      ///< struct v9_mqd
inline constexpr std::size_t kSdmaMqdDwords = 128;  ///< struct v9_sdma_mqd
/// Registers of a CP slot: 0x1245..0x127c, which are the words 128..183 of an MQD, in this order.
inline constexpr std::size_t kHqdDwords = 56;
inline constexpr std::size_t kHqdInMqd = 128;
/// Registers of an SDMA RLC: 19 + 6 + 7 + 12. Before gfx9.4.3 the last group had 10.
inline constexpr std::size_t kSdmaHqdDwords = 44;
inline constexpr std::size_t kOldSdmaHqdDwords = 42;

/// Words of a compute MQD that mean something to a reader; the rest is the firmware's.
/// Source: struct v9_mqd, v9_structs.h; words 39..41 and 225, 226 by gfx9.4.3's meaning in
/// kfd_mqd_manager_v9.c.
[[nodiscard]] std::span<const Field> mqd_fields();

/// Source: struct v9_sdma_mqd, v9_structs.h, the layout of Linux 6.12.
[[nodiscard]] std::span<const Field> sdma_mqd_fields();

/// Registers of a CP slot (and of the HIQ), every one of them.
/// Source: kgd_gfx_v9_hqd_dump in amdgpu_amdkfd_gfx_v9.c; gc_9_4_3_offset.h.
[[nodiscard]] std::span<const Field> hqd_fields();

/// Registers of an SDMA RLC. Shape: as many as `registers`, which is one of the two counts.
/// Source: kgd_gfx_v9_4_3_hqd_sdma_dump in amdgpu_amdkfd_gc_9_4_3.c and kgd_arcturus_hqd_sdma_dump;
/// sdma_4_4_2_offset.h.
[[nodiscard]] std::span<const Field> sdma_hqd_fields(std::size_t registers);

}  // namespace gpreempt::kfd::debugfs
