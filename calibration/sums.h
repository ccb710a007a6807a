#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "calibration/costs.h"

/// Which costs, and which sums of costs, a design can tell.
namespace gpreempt::calibration {

/// A sum that the design tells, though perhaps none of its parts.
struct Sum {
  Costs weights{};  ///< none is negative, one of them is 1

  [[nodiscard]] bool is_single() const;
  /// "t_hiq", "t_fence + t_map + 2 x t_map_process".
  [[nodiscard]] std::string name() const;
  bool operator==(const Sum&) const = default;
};

/// What a design can tell.
struct Estimable {
  std::vector<Sum> sums;     ///< independent; together they give every row of the design
  std::vector<Cost> unseen;  ///< no row has them

  /// The row as a combination of the sums; nullopt: it is none.
  [[nodiscard]] std::optional<std::vector<double>> combine(const Costs& row) const;
};

/// Costs that all rows have in the same proportion are one sum. Such sums, and single costs, that
/// some combination of rows gives alone come first, in their order; what is left are sums as rows
/// have them, the shortest first. Rows that differ from dependent ones by less than 1e-4 of a
/// column's largest entry count as dependent: no data would tell such columns apart. Shape: no
/// entry is negative.
[[nodiscard]] Estimable estimable(std::span<const Costs> rows);

}  // namespace gpreempt::calibration
