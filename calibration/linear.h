#pragma once

#include <cstddef>
#include <optional>
#include <vector>

/// Linear algebra of a few dozen columns.
namespace gpreempt::calibration {

/// Row by row. Shape: all rows are as long as the first one.
using Matrix = std::vector<std::vector<double>>;

/// Eigenvalues and orthonormal eigenvectors of a symmetric matrix, by Jacobi's rotations: exact to
/// rounding for matrices of this size, and without a pivot to choose.
struct Eigen {
  std::vector<double> values;
  Matrix vectors;  ///< one a row, in the order of `values`
};
[[nodiscard]] Eigen eigen_of(Matrix symmetric);

/// x with A x = b for a symmetric positive definite A, by Cholesky; nullopt: it is none.
[[nodiscard]] std::optional<std::vector<double>> solve_symmetric(Matrix a, std::vector<double> b);

/// The inverse of a symmetric positive definite matrix; nullopt: it is none.
[[nodiscard]] std::optional<Matrix> invert_symmetric(const Matrix& a);

}  // namespace gpreempt::calibration
