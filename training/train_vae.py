"""Trains the small KL autoencoder whose latents stage 2 works in.

    python training/train_vae.py [--steps N] [--run DIR]

Resumable as stage 1 is. The loss is the mean absolute error of the picture and of its differences between neighbours (which
an eye sees sooner than a shift of level), and a light Kullback-Leibler term that keeps the latents near a normal
distribution. Latents are scaled afterwards, at export, so that they have the spread that 0.18215 expects.
"""

import numpy as np
import torch
from torch import Tensor

from autoencoder import Autoencoder, AutoencoderConfig
from metrics import quality
from photos import Photos
from trainer import Trainer, arguments, to_picture, to_tensor

TINY = AutoencoderConfig(ch=16, mult=(1, 2, 4, 8), blocks=1, z=16, norm_num_groups=4)
KL_WEIGHT = 1e-5  # of the sum over a latent, per pixel value
EDGE_WEIGHT = 1.0
LARGE_FROM = 0.75  # of the steps, from where crops are twice as wide and a third as many: cheap steps first


def edges(x: Tensor) -> tuple[Tensor, Tensor]:
    """Differences between neighbours, down and across."""
    return x[..., 1:, :] - x[..., :-1, :], x[..., :, 1:] - x[..., :, :-1]


def reconstruction_loss(picture: Tensor, target: Tensor) -> Tensor:
    loss = (picture - target).abs().mean()
    for a, b in zip(edges(picture), edges(target)):
        loss = loss + EDGE_WEIGHT * (a - b).abs().mean()
    return loss


def kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Divergence from a standard normal, summed over the latent, mean over the batch."""
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=(1, 2, 3)).mean()


@torch.no_grad()
def validate(network: Autoencoder, pictures: list[np.ndarray]) -> dict[str, float | list[float]]:
    """Mean [PSNR, SSIM] of reconstructions from the posterior's mean, and the spread of that mean."""
    network.eval()
    scores, spread = [], []
    for picture in pictures:
        with torch.autocast("cpu", torch.bfloat16):
            mean, _ = network.encode(to_tensor(picture[None]) * 2 - 1)
            out = network.decode(mean)[0]
        scores.append(quality(to_picture(out.float() / 2 + 0.5), picture))
        spread.append(mean.float().std().item())
    return {"reconstruction": np.mean(scores, axis=0).round(4).tolist(), "latent std": round(float(np.mean(spread)), 3)}


def main() -> None:
    args = arguments(__doc__.splitlines()[0], "vae", steps=15000, lr=2e-3, batch=6, size=64)
    photos = Photos()
    pictures = [hq for strength, _, hq in photos.validation(256) if strength == "mild"]
    trainer = Trainer(Autoencoder(TINY), args)

    def loss_of(step: int) -> Tensor:
        rng = np.random.default_rng((args.seed, step))
        large = step >= LARGE_FROM * args.steps
        size, count = (2 * args.size, max(1, args.batch // 3)) if large else (args.size, args.batch)
        batch = np.stack([photos.crop(rng, size) for _ in range(count)])
        target = to_tensor(batch) * 2 - 1
        noise = torch.from_numpy(rng.standard_normal((count, TINY.z, size // 8, size // 8), np.float32))
        with torch.autocast("cpu", torch.bfloat16):
            mean, log_variance = (t.float() for t in trainer.network.encode(target))
            out = trainer.network.decode(mean + (log_variance / 2).exp() * noise)
        return reconstruction_loss(out.float(), target) + KL_WEIGHT * kl(mean, log_variance) / (3 * 64)

    trainer.run(loss_of, lambda average: validate(average, pictures))


if __name__ == "__main__":
    main()
