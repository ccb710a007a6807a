#include "calibration/sums.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "calibration/costs.h"
#include "calibration/linear.h"

namespace gpreempt::calibration {
namespace {

/// Of a singular value against the largest one.
constexpr double kRankTolerance = 1e-4;
/// Of the square of a unit vector's part in a space.
constexpr double kInSpace = 1e-6;

/// Columns that are the same in all rows but for a factor.
struct Group {
  std::vector<std::size_t> columns;
  std::vector<double> largest;  ///< entry of each
};

/// The groups that some row has, as columns that are divided by their largest entry.
struct Scaled {
  std::vector<Group> groups;
  Matrix rows;
};

double largest_in(std::span<const Costs> rows, std::size_t column) {
  double largest = 0;
  for (const Costs& row : rows) {
    largest = std::max(largest, row.at(column));
  }
  return largest;
}

bool is_same(std::span<const Costs> rows, const Group& group, std::size_t column, double largest) {
  return std::ranges::all_of(rows, [&](const Costs& row) {
    return std::abs(row.at(group.columns.front()) / group.largest.front() -
                    row.at(column) / largest) < kInSpace;
  });
}

Scaled scale(std::span<const Costs> rows) {
  Scaled scaled;
  for (std::size_t column = 0; column < kCosts; ++column) {
    const double largest = largest_in(rows, column);
    if (largest <= 0) {
      continue;
    }
    auto group = std::ranges::find_if(
        scaled.groups, [&](const Group& each) { return is_same(rows, each, column, largest); });
    if (group == scaled.groups.end()) {
      group = scaled.groups.insert(group, Group{});
    }
    group->columns.push_back(column);
    group->largest.push_back(largest);
  }
  for (const Costs& row : rows) {
    std::vector<double>& out = scaled.rows.emplace_back();
    for (const Group& group : scaled.groups) {
      out.push_back(row.at(group.columns.front()) / group.largest.front());
    }
  }
  return scaled;
}

/// An orthonormal basis of the rows' space.
Matrix basis_of(const Scaled& scaled) {
  const std::size_t n = scaled.groups.size();
  Matrix gram(n, std::vector<double>(n, 0));
  for (const std::vector<double>& row : scaled.rows) {
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < n; ++j) {
        gram[i][j] += row[i] * row[j];
      }
    }
  }
  Eigen eigen = eigen_of(std::move(gram));
  const double largest =
      eigen.values.empty() ? 0 : *std::max_element(eigen.values.begin(), eigen.values.end());
  Matrix basis;
  for (std::size_t i = 0; i < n; ++i) {
    if (eigen.values[i] > kRankTolerance * kRankTolerance * largest) {
      basis.push_back(eigen.vectors[i]);
    }
  }
  return basis;
}

bool has_alone(const Matrix& basis, std::size_t column) {
  double part = 0;
  for (const std::vector<double>& vector : basis) {
    part += vector[column] * vector[column];
  }
  return part > 1 - kInSpace;
}

/// Takes rows as long as each adds something to those before it. Gram and Schmidt.
class Independent {
 public:
  bool add(std::vector<double> row) {
    const double before = norm(row);
    if (before == 0) {
      return false;
    }
    for (const std::vector<double>& each : taken_) {
      const double part = std::inner_product(row.begin(), row.end(), each.begin(), 0.0);
      for (std::size_t i = 0; i < row.size(); ++i) {
        row[i] -= part * each[i];
      }
    }
    const double left = norm(row);
    if (left < kRankTolerance * before) {
      return false;
    }
    for (double& value : row) {
      value /= left;
    }
    taken_.push_back(std::move(row));
    return true;
  }

 private:
  static double norm(const std::vector<double>& row) {
    return std::sqrt(std::inner_product(row.begin(), row.end(), row.begin(), 0.0));
  }
  Matrix taken_;
};

Sum sum_of(const Scaled& scaled, const std::vector<double>& row) {
  Sum sum;
  double least = 0;
  bool has_one = false;
  for (std::size_t i = 0; i < row.size(); ++i) {
    const Group& group = scaled.groups[i];
    for (std::size_t k = 0; k < group.columns.size(); ++k) {
      const double weight = row[i] * group.largest[k];
      sum.weights.at(group.columns[k]) = weight;
      has_one = has_one || std::abs(weight - 1) < kInSpace;
      if (weight > 0 && (least == 0 || weight < least)) {
        least = weight;
      }
    }
  }
  for (double& weight : sum.weights) {
    weight /= has_one ? 1 : least;
  }
  return sum;
}

/// A group by itself, by its first cost.
Sum sum_of(const Group& group) {
  Sum sum;
  for (std::size_t k = 0; k < group.columns.size(); ++k) {
    sum.weights.at(group.columns[k]) = group.largest[k] / group.largest.front();
  }
  return sum;
}

std::size_t terms_of(const std::vector<double>& row) {
  return static_cast<std::size_t>(std::ranges::count_if(row, [](double x) { return x > 0; }));
}

}  // namespace

bool Sum::is_single() const {
  return std::ranges::count_if(weights, [](double weight) { return weight > 0; }) == 1;
}

std::string Sum::name() const {
  std::string text;
  for (std::size_t i = 0; i < kCosts; ++i) {
    const double weight = weights.at(i);
    if (weight > 0) {
      text += text.empty() ? "" : " + ";
      text += std::abs(weight - 1) < kInSpace ? "" : fmt::format("{:.4g} x ", weight);
      text += to_string(static_cast<Cost>(i));
    }
  }
  return text;
}

Estimable estimable(std::span<const Costs> rows) {
  const Scaled scaled = scale(rows);
  const Matrix basis = basis_of(scaled);
  Estimable result;
  for (std::size_t cost = 0; cost < kCosts; ++cost) {
    if (largest_in(rows, cost) <= 0) {
      result.unseen.push_back(static_cast<Cost>(cost));
    }
  }
  std::vector<bool> alone(scaled.groups.size());
  for (std::size_t i = 0; i < alone.size(); ++i) {
    alone[i] = has_alone(basis, i);
    if (alone[i]) {
      result.sums.push_back(sum_of(scaled.groups[i]));
    }
  }
  Matrix rest = scaled.rows;
  for (std::vector<double>& row : rest) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      row[i] = alone[i] ? 0 : row[i];
    }
  }
  std::sort(rest.begin(), rest.end(), [](const auto& a, const auto& b) {
    return std::pair(terms_of(a), a) < std::pair(terms_of(b), b);
  });
  Independent taken;
  for (const std::vector<double>& row : rest) {
    if (result.sums.size() < basis.size() && taken.add(row)) {
      result.sums.push_back(sum_of(scaled, row));
    }
  }
  return result;
}

std::optional<std::vector<double>> Estimable::combine(const Costs& row) const {
  // Least squares on the sums, and whether nothing is left. Columns are brought to one scale, so
  // that a time by the byte counts as much as a fixed one.
  Costs largest{};
  for (std::size_t i = 0; i < kCosts; ++i) {
    largest.at(i) = row.at(i);
    for (const Sum& sum : sums) {
      largest.at(i) = std::max(largest.at(i), sum.weights.at(i));
    }
  }
  const auto product = [&](const Costs& a, const Costs& b) {
    double total = 0;
    for (std::size_t i = 0; i < kCosts; ++i) {
      total += largest.at(i) > 0 ? a.at(i) * b.at(i) / (largest.at(i) * largest.at(i)) : 0;
    }
    return total;
  };
  Matrix gram;
  std::vector<double> right;
  for (const Sum& a : sums) {
    std::vector<double>& line = gram.emplace_back();
    for (const Sum& b : sums) {
      line.push_back(product(a.weights, b.weights));
    }
    right.push_back(product(a.weights, row));
  }
  std::optional<std::vector<double>> parts = solve_symmetric(std::move(gram), std::move(right));
  if (!parts) {
    return std::nullopt;
  }
  Costs left = row;
  for (std::size_t k = 0; k < sums.size(); ++k) {
    for (std::size_t i = 0; i < kCosts; ++i) {
      left.at(i) -= (*parts)[k] * sums[k].weights.at(i);
    }
  }
  constexpr double kNothing = 1e-8;
  return product(left, left) < kNothing ? parts : std::nullopt;
}

}  // namespace gpreempt::calibration
