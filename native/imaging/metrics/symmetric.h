#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace diffbir {

/// x^T M^+ x for a symmetric, positive semidefinite n x n matrix M (row-major) and its pseudoinverse M^+: eigenvalues
/// below n * 2^-52 of the largest count as 0. By Jacobi rotations (Golub & Van Loan, section 8.5): for small n.
double inverse_quadratic_form(std::vector<double> matrix, std::span<const double> x);

}  // namespace diffbir
