#include "imaging/metrics/symmetric.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace diffbir {

namespace {

constexpr int kMaxSweeps = 60;

/// Rotates rows and columns p < q of `m` so that m[p][q] becomes 0, and the vector with them.
void rotate(std::vector<double>& m, std::vector<double>& vector, std::size_t n, std::size_t p, std::size_t q) {
  const double off = m[p * n + q];
  if (off == 0) return;
  const double tau = (m[q * n + q] - m[p * n + p]) / (2 * off);
  const double t = (tau >= 0 ? 1 : -1) / (std::fabs(tau) + std::sqrt(1 + tau * tau));
  const double c = 1 / std::sqrt(1 + t * t);
  const double s = t * c;
  const auto turn = [&](double& a, double& b) {
    const double kept = a;
    a = c * kept - s * b;
    b = s * kept + c * b;
  };
  for (std::size_t k = 0; k < n; ++k) turn(m[k * n + p], m[k * n + q]);
  for (std::size_t k = 0; k < n; ++k) turn(m[p * n + k], m[q * n + k]);
  turn(vector[p], vector[q]);
}

double off_diagonal(const std::vector<double>& m, std::size_t n) {
  double sum = 0;
  for (std::size_t p = 0; p < n; ++p) {
    for (std::size_t q = p + 1; q < n; ++q) sum += m[p * n + q] * m[p * n + q];
  }
  return sum;
}

}  // namespace

double inverse_quadratic_form(std::vector<double> matrix, std::span<const double> x) {
  const std::size_t n = x.size();
  // In the basis of eigenvectors the form is a sum of squares over eigenvalues; only x is needed in it.
  std::vector<double> turned(x.begin(), x.end());
  const double all = std::inner_product(matrix.begin(), matrix.end(), matrix.begin(), 0.0);
  for (int sweep = 0; sweep < kMaxSweeps && off_diagonal(matrix, n) > 1e-30 * all; ++sweep) {
    for (std::size_t p = 0; p < n; ++p) {
      for (std::size_t q = p + 1; q < n; ++q) rotate(matrix, turned, n, p, q);
    }
  }
  double largest = 0;
  for (std::size_t i = 0; i < n; ++i) largest = std::max(largest, matrix[i * n + i]);
  const double threshold = static_cast<double>(n) * std::numeric_limits<double>::epsilon() * largest;
  double sum = 0;
  for (std::size_t i = 0; i < n; ++i) {
    if (matrix[i * n + i] > threshold) sum += turned[i] * turned[i] / matrix[i * n + i];
  }
  return sum;
}

}  // namespace diffbir
