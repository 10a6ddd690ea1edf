#pragma once

#include <cstdint>
#include <vector>

/// Blur kernels of the degradation models (Real-ESRGAN, Wang et al. 2021, section 3; behaviour.md 8.1), in float64.
namespace diffbir {

/// A square filter, row-major; its centre is at (size / 2, size / 2). Sums to 1.
struct BlurKernel {
  std::int64_t size = 1;  // odd
  std::vector<double> weights = {1.0};
};

/// How a kernel falls off with q = p^T S^-1 p, S the covariance: exp(-q/2); exp(-q^beta/2); 1/(q^beta + 1).
enum class BlurShape { gaussian, generalized, plateau };

/// The covariance of a kernel: deviations in pixels along its axes, which are turned by theta (radians).
struct BlurSpread {
  double sigma_x;
  double sigma_y;
  double theta = 0;
};

/// The largest side of a kernel: above what any published recipe uses, below what takes minutes.
inline constexpr std::int64_t kMaxKernelSize = 255;

/// `beta` > 0 shapes the generalised and the plateau kernel; the Gaussian ignores it. Throws Error(invalid_option)
/// unless size is odd and in [1, kMaxKernelSize] and sigmas and beta are positive and finite.
BlurKernel blur_kernel(BlurShape shape, std::int64_t size, const BlurSpread& spread, double beta = 1);

/// Circular low-pass ("sinc", ringing): w J1(w r) / (2 pi r), w^2 / (4 pi) in the centre, with the cutoff w in (0, pi]
/// radians a pixel. Throws Error(invalid_option) for other cutoffs and for sizes as above.
BlurKernel sinc_kernel(double cutoff, std::int64_t size);

/// The same kernel with zeros around it; itself when `size` is not larger.
BlurKernel pad_kernel(const BlurKernel& kernel, std::int64_t size);

/// The kernel that changes nothing.
BlurKernel impulse_kernel(std::int64_t size);

}  // namespace diffbir
