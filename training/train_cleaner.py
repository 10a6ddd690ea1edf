"""Trains the second stage-1 module, a small SCUNet that starts as the identity.

    python training/train_cleaner.py [--steps N] [--run DIR]

Resumable as the other recipes are. `train_stage1.py`'s SwinIR has no skip from its input and spends its hour on learning to pass a
picture through; this network returns its input before the first step, so every step goes into restoring.

The loss is the negative PSNR of each picture (as NAFNet is trained; Chen et al. 2022), because a decibel then counts as much for a
mild picture as for a heavy one. Under a mean error heavy pictures take nearly all of the gradient and mild ones may get worse.
"""

import numpy as np
import torch

from degrade import TRAINING, Recipe
from photos import Photos
from scunet import SCUNet, SCUNetConfig
from train_stage1 import validate
from trainer import Trainer, arguments, to_tensor

TINY = SCUNetConfig(dim=32, blocks=(0, 1, 2, 1, 2, 1, 0))
FLOOR = 1e-4  # squared error, 40 dB: a picture that is that near is good enough

# A quarter of the pairs each: what is nearly clean must come often enough for the network to learn to leave it alone, and what
# is bad in every way is rare in TRAINING.
MILD = Recipe(blur=(0.2, 1.2), shrink=(1, 1.8), noise=(0, 6), jpeg=(98, 70), skip=0.3, anisotropic=0.2, gray_noise=0.2)

HEAVY = Recipe(blur=(1.5, 3.5), shrink=(2.5, 5), noise=(8, 24), jpeg=(60, 25), skip=0.05, anisotropic=0.3, gray_noise=0.2)


def recipe_of(rng: np.random.Generator) -> Recipe:
    draw = rng.random()
    return MILD if draw < 0.25 else HEAVY if draw < 0.5 else TRAINING


def main() -> None:
    args = arguments(__doc__.splitlines()[0], "cleaner", steps=20000, lr=1e-3, warm_up=100, decay=0.998)
    photos = Photos()
    cases = photos.validation(256)
    network = SCUNet(TINY)
    network.start_as_identity()
    trainer = Trainer(network, args)

    def loss_of(step: int) -> torch.Tensor:
        pictures = photos.batch(args.seed, step, args.batch, args.size, recipe_of)
        lq, hq = (to_tensor(p) for p in pictures)
        with torch.autocast("cpu", torch.bfloat16):
            restored = trainer.network(lq)
        errors = (restored.float() - hq).square().mean(dim=(1, 2, 3))
        return 10 * (errors + FLOOR).log10().mean()

    trainer.run(loss_of, lambda average: validate(average, cases))


if __name__ == "__main__":
    main()
