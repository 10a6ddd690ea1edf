"""PSNR and SSIM of 8-bit RGB pictures, as scikit-image defines them."""

import numpy as np
from skimage.metrics import peak_signal_noise_ratio, structural_similarity


def quality(picture: np.ndarray, original: np.ndarray) -> tuple[float, float]:
    """(PSNR in dB, SSIM) of two [H, W, 3] uint8 pictures."""
    psnr = peak_signal_noise_ratio(original, picture, data_range=255)
    ssim = structural_similarity(original, picture, channel_axis=2, data_range=255)
    return float(psnr), float(ssim)
