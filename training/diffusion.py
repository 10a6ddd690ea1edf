"""The noise schedule of stage 2: Stable Diffusion's, rescaled to zero terminal signal, and the v-prediction trained under it.

Salimans & Ho (2022), section 4; Lin et al., "Common Diffusion Noise Schedules and Sample Steps are Flawed" (2024), section 3.1; section
3.1 of the behavioural specification.
"""

import numpy as np
import torch
from torch import Tensor

TIMESTEPS, LINEAR_START, LINEAR_END = 1000, 0.00085, 0.012


def signal_levels(zero_snr: bool = True) -> np.ndarray:
    """[1000] square roots of the cumulative alphas: from nearly 1 down to 0, or to Stable Diffusion's own end."""
    betas = np.linspace(LINEAR_START**0.5, LINEAR_END**0.5, TIMESTEPS) ** 2
    signal = np.sqrt(np.cumprod(1 - betas))
    return (signal - signal[-1]) * signal[0] / (signal[0] - signal[-1]) if zero_snr else signal


SIGNAL = torch.from_numpy(signal_levels()).float()
NOISE = (1 - SIGNAL.square()).sqrt()


def noisy(x0: Tensor, noise: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    """(x_t, v): the diffused latent and what the network shall predict. x0, noise [B, z, h, w]; t [B]."""
    signal, sigma = (level[t].view(-1, 1, 1, 1) for level in (SIGNAL, NOISE))
    return signal * x0 + sigma * noise, signal * noise - sigma * x0


def predicted_x0(x: Tensor, v: Tensor, t: Tensor) -> Tensor:
    signal, sigma = (level[t].view(-1, 1, 1, 1) for level in (SIGNAL, NOISE))
    return signal * x - sigma * v
