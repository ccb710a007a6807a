#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "workloads/hip/witness_math.h"

/// The matrices of the GEMM workload. Their elements are small whole numbers, so that every sum is
/// exact whatever its order, up to 1.8 million rows (at most 9 a term, 2^24 together).
namespace gpreempt::hip {

inline constexpr std::uint32_t kGemmTile = 16;

GPREEMPT_HOST_DEVICE constexpr float gemm_left(std::uint32_t row, std::uint32_t column) {
  return static_cast<float>((row + column) % 4U);
}
GPREEMPT_HOST_DEVICE constexpr float gemm_right(std::uint32_t row, std::uint32_t column) {
  return static_cast<float>((3U * row + column) % 4U);
}

/// Element of the product of two matrices of `rows` rows, a multiple of 4. As both factors repeat
/// with period 4, so does the sum, which is a quarter of the rows times four terms.
[[nodiscard]] constexpr float gemm_element(std::uint32_t rows, std::uint32_t row,
                                           std::uint32_t column) {
  float sum = 0;
  for (std::uint32_t i = 0; i < 4; ++i) {
    sum += gemm_left(row, i) * gemm_right(i, column);
  }
  const std::uint32_t periods = rows / 4;
  return sum * static_cast<float>(periods);
}

/// The first column at which a row of a product is not as it must be.
[[nodiscard]] constexpr std::optional<std::uint32_t> first_wrong(std::span<const float> values,
                                                                 std::uint32_t row) {
  const auto rows = static_cast<std::uint32_t>(values.size());
  for (std::uint32_t column = 0; column < rows; ++column) {
    if (values[column] != gemm_element(rows, row, column)) {
      return column;
    }
  }
  return std::nullopt;
}

}  // namespace gpreempt::hip
