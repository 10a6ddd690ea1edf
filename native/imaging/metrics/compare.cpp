#include "imaging/metrics/compare.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>

#include "core/error.h"
#include "imaging/metrics/plane.h"
#include "imaging/metrics/ssim.h"
#include "imaging/pixels.h"
#include "imaging/wavelet.h"

namespace diffbir {

namespace {

constexpr std::int64_t kShortestSide = 8;

std::string size_of(const Image& image) { return std::to_string(image.width) + " x " + std::to_string(image.height); }

void require_comparable(const Image& a, const Image& b) {
  if (a.width != b.width || a.height != b.height) {
    throw Error(ErrorCode::invalid_image,
                "Expected two pictures of one size but received " + size_of(a) + " and " + size_of(b) + " pixels");
  }
  if (std::min(a.width, a.height) < kShortestSide) {
    throw Error(ErrorCode::invalid_image,
                "Expected pictures of at least 8 x 8 pixels but received " + size_of(a) + " pixels");
  }
}

template <typename Number>
double mean_square(const std::vector<Number>& a, const std::vector<Number>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double difference = static_cast<double>(a[i]) - static_cast<double>(b[i]);
    sum += difference * difference;
  }
  return sum / static_cast<double>(a.size());
}

double psnr_of(double error) {
  return error == 0 ? std::numeric_limits<double>::infinity() : 10 * std::log10(255.0 * 255.0 / error);
}

Appearance appearance_of(const Image& image, const NiqeModel& model) {
  return {niqe(image, model), high_frequency_energy(image)};
}

}  // namespace

double high_frequency_energy(const Image& image) {
  const Tensor x = image_to_tensor(image);
  const Tensor low = wavelet_blur(x, 1);
  double sum = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double high = 255.0 * (static_cast<double>(x.data()[i]) - static_cast<double>(low.data()[i]));
    sum += high * high;
  }
  return sum / static_cast<double>(x.size());
}

Comparison compare(const Image& reference, const Image& picture, const NiqeModel& model,
                   const CancellationToken& token) {
  require_comparable(reference, picture);
  const Plane y_reference = luma_of(reference);
  const Plane y_picture = luma_of(picture);
  Comparison result{};
  result.psnr = psnr_of(mean_square(reference.rgb, picture.rgb));
  result.psnr_y = psnr_of(mean_square(y_reference.values, y_picture.values));

  const std::int64_t side = std::min(reference.width, reference.height);
  if (side >= kSsimSide) result.ssim = 0;
  for (std::size_t c = 0; c < 3; ++c) {
    token.check();
    const Plane a = channel_of(reference, c);
    const Plane b = channel_of(picture, c);
    for (std::size_t i = 0; i < a.values.size(); ++i) result.color_shift[c] += b.values[i] - a.values[i];
    result.color_shift[c] /= static_cast<double>(a.values.size());
    if (result.ssim) *result.ssim += ssim(a, b) / 3;
  }
  token.check();
  if (side >= kSsimSide) result.ssim_y = ssim(y_reference, y_picture);
  if (side >= kMsSsimSide) result.ms_ssim = ms_ssim(y_reference, y_picture);
  token.check();
  result.reference = appearance_of(reference, model);
  token.check();
  result.picture = appearance_of(picture, model);
  return result;
}

}  // namespace diffbir
