#pragma once

#include <array>
#include <optional>

#include "core/cancellation.h"
#include "core/image.h"
#include "imaging/metrics/niqe.h"

namespace diffbir {

/// How good one picture is by itself.
struct Appearance {
  std::optional<double> niqe;  // empty: too small, or flat
  double high_frequency;
};

/// What a picture is like beside the one it should be. SSIM is empty below 11 pixels, MS-SSIM below 176.
struct Comparison {
  double psnr;  // dB over R, G and B together; infinite for equal pictures
  double psnr_y;
  std::optional<double> ssim;  // mean of the three channels
  std::optional<double> ssim_y;
  std::optional<double> ms_ssim;      // of Y
  std::array<double, 3> color_shift;  // mean of picture - reference by channel, in levels
  Appearance reference;
  Appearance picture;
};

/// Mean square of what a 3x3 binomial filter takes away (the first high band of the wavelet colour fix), over pixels
/// and channels, in levels of 255: fine detail and noise, not edges' strength alone.
double high_frequency_energy(const Image& image);

/// PSNR, SSIM and the rest. Y is BT.601 luma from 16 to 235 (luma_of()).
/// Throws Error(invalid_image) where sizes differ or a side is below 8 pixels.
Comparison compare(const Image& reference, const Image& picture, const NiqeModel& model,
                   const CancellationToken& token);

}  // namespace diffbir
