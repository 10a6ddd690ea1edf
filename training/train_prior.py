"""Trains the diffusion prior of stage 2, a small UNet over the latents of photographs.

    python training/train_prior.py [--steps N] [--run DIR]

Resumable as stage 1 is. Mean squared error of v at timesteps drawn uniformly. There is no text: the context is one zero token.
The last quarter of the steps sees windows twice as wide, for the one transformer's sake.
"""

import copy

import numpy as np
import torch

from diffusion import TIMESTEPS, noisy
from latents import Latents
from trainer import Trainer, arguments
from unet import UNet, UNetConfig

TINY = UNetConfig(z=16, model_channels=80, mult=(1, 1, 1), blocks=2, attention=(), head_channels=40, context_dim=8,
                  norm_num_groups=8)
LARGE_FROM = 0.75  # of the steps
VALIDATION = 64  # pairs that are not trained with


def context(count: int) -> torch.Tensor:
    return torch.zeros(count, 1, TINY.context_dim)


def draw(latents: Latents, rng: np.random.Generator, count: int, size: int) -> tuple[torch.Tensor, ...]:
    """(x_t, v, t, cond) of a batch; count samples of size x size cells."""
    hq, cond = latents.batch(rng, count, size)
    t = torch.from_numpy(rng.integers(TIMESTEPS, size=count))
    noise = torch.from_numpy(rng.standard_normal(hq.shape, np.float32)).contiguous(memory_format=torch.channels_last)
    x, v = noisy(hq, noise, t)
    return x, v, t, cond


def batch_of(args, latents: Latents, step: int) -> tuple[torch.Tensor, ...]:
    large = step >= LARGE_FROM * args.steps
    size, count = (args.size // 4, max(1, args.batch // 4)) if large else (args.size // 8, args.batch)
    return draw(latents, np.random.default_rng((args.seed, step)), count, size)


def split(latents: Latents) -> Latents:
    """Takes the first pairs out of `latents` and returns them."""
    held_out = copy.copy(latents)
    held_out.hq, held_out.cond = latents.hq[:VALIDATION], latents.cond[:VALIDATION]
    latents.hq, latents.cond = latents.hq[VALIDATION:], latents.cond[VALIDATION:]
    return held_out


@torch.no_grad()
def validate(predict, held_out: Latents) -> dict[str, float]:
    """Mean squared error of v, over the same noise every time, in four ranges of timesteps."""
    rng, errors = np.random.default_rng(0), [[], [], [], []]
    for _ in range(16):
        x, v, t, cond = draw(held_out, rng, 8, 32)
        with torch.autocast("cpu", torch.bfloat16):
            error = (predict(x, t, cond).float() - v).square().mean(dim=(1, 2, 3))
        for value, step in zip(error.tolist(), t.tolist()):
            errors[step * 4 // TIMESTEPS].append(value)
    return {f"v error, t from {i * TIMESTEPS // 4}": round(float(np.mean(part)), 4) for i, part in enumerate(errors)}


def main() -> None:
    args = arguments(__doc__.splitlines()[0], "prior", steps=6000, lr=1e-3, batch=16)
    latents = Latents()
    held_out = split(latents)
    trainer = Trainer(UNet(TINY), args)

    def loss_of(step: int) -> torch.Tensor:
        x, v, t, _ = batch_of(args, latents, step)
        with torch.autocast("cpu", torch.bfloat16):
            out = trainer.network(x, t, context(len(x)))
        return (out.float() - v).square().mean()

    trainer.run(loss_of, lambda average: validate(
        lambda x, t, _: average.eval()(x, t, context(len(x))), held_out))


if __name__ == "__main__":
    main()
