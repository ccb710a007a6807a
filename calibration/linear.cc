#include "calibration/linear.h"

#include <cmath>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

namespace gpreempt::calibration {
namespace {

constexpr int kMostSweeps = 60;

/// Zeroes a[p][q] by a rotation, in the matrix and in the vectors. Source: Golub and Van Loan,
/// Matrix Computations, 8.5.
void rotate(Matrix& a, Matrix& vectors, std::size_t p, std::size_t q) {
  if (a[p][q] == 0) {
    return;
  }
  const double theta = (a[q][q] - a[p][p]) / (2 * a[p][q]);
  const double t = (theta >= 0 ? 1.0 : -1.0) / (std::abs(theta) + std::hypot(theta, 1.0));
  const double c = 1 / std::hypot(t, 1.0);
  const double s = t * c;
  const std::size_t n = a.size();
  for (std::size_t k = 0; k < n; ++k) {
    const double kp = a[k][p];
    const double kq = a[k][q];
    a[k][p] = c * kp - s * kq;
    a[k][q] = s * kp + c * kq;
  }
  for (std::size_t k = 0; k < n; ++k) {
    const double pk = a[p][k];
    const double qk = a[q][k];
    a[p][k] = c * pk - s * qk;
    a[q][k] = s * pk + c * qk;
    const double vp = vectors[p][k];
    const double vq = vectors[q][k];
    vectors[p][k] = c * vp - s * vq;
    vectors[q][k] = s * vp + c * vq;
  }
}

double off_diagonal(const Matrix& a) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      sum += a[i][j] * a[i][j];
    }
  }
  return sum;
}

/// The lower triangle L with A = L L'. nullopt: A is not positive definite.
std::optional<Matrix> cholesky(Matrix a) {
  const std::size_t n = a.size();
  for (std::size_t j = 0; j < n; ++j) {
    for (std::size_t k = 0; k < j; ++k) {
      a[j][j] -= a[j][k] * a[j][k];
    }
    if (!(a[j][j] > 0)) {
      return std::nullopt;
    }
    a[j][j] = std::sqrt(a[j][j]);
    for (std::size_t i = j + 1; i < n; ++i) {
      for (std::size_t k = 0; k < j; ++k) {
        a[i][j] -= a[i][k] * a[j][k];
      }
      a[i][j] /= a[j][j];
    }
  }
  return a;
}

void substitute(const Matrix& lower, std::vector<double>& b) {
  const std::size_t n = lower.size();
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t k = 0; k < i; ++k) {
      b[i] -= lower[i][k] * b[k];
    }
    b[i] /= lower[i][i];
  }
  for (std::size_t i = n; i-- > 0;) {
    for (std::size_t k = i + 1; k < n; ++k) {
      b[i] -= lower[k][i] * b[k];
    }
    b[i] /= lower[i][i];
  }
}

}  // namespace

Eigen eigen_of(Matrix symmetric) {
  const std::size_t n = symmetric.size();
  Matrix vectors(n, std::vector<double>(n, 0));
  double scale = 0;
  for (std::size_t i = 0; i < n; ++i) {
    vectors[i][i] = 1;
    scale += symmetric[i][i] * symmetric[i][i];
  }
  constexpr double kDone = 1e-30;
  for (int sweep = 0; sweep < kMostSweeps && off_diagonal(symmetric) > kDone * scale; ++sweep) {
    for (std::size_t p = 0; p < n; ++p) {
      for (std::size_t q = p + 1; q < n; ++q) {
        rotate(symmetric, vectors, p, q);
      }
    }
  }
  Eigen eigen{.values = {}, .vectors = std::move(vectors)};
  for (std::size_t i = 0; i < n; ++i) {
    eigen.values.push_back(symmetric[i][i]);
  }
  return eigen;
}

std::optional<std::vector<double>> solve_symmetric(Matrix a, std::vector<double> b) {
  const std::optional<Matrix> lower = cholesky(std::move(a));
  if (!lower) {
    return std::nullopt;
  }
  substitute(*lower, b);
  return b;
}

std::optional<Matrix> invert_symmetric(const Matrix& a) {
  const std::optional<Matrix> lower = cholesky(a);
  if (!lower) {
    return std::nullopt;
  }
  Matrix inverse;
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::vector<double> unit(a.size(), 0);
    unit[i] = 1;
    substitute(*lower, unit);
    inverse.push_back(std::move(unit));
  }
  return inverse;
}

}  // namespace gpreempt::calibration
