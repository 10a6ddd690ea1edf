"""Trains the stage-1 restoration module: SwinIR from degraded to clean photographs.

    python training/train_stage1.py [--steps N] [--run DIR]

Stop it whenever you like (Ctrl-C and SIGTERM save first); the same command goes on where it stopped. Training pairs are a
function of seed and step, so a resumed run sees the same data as one that was never stopped. With a larger `--steps` a
finished run goes on, on the longer cosine.

The reference (section 8.5 of the behavioural specification) sums squared errors under AdamW at a constant 1e-4 for
150,000 steps of 96 pictures. With far less time this recipe takes the mean absolute error, which spreads the effort more
evenly over mild and heavy degradations, Muon, a warm-up with a cosine, and an average of the weights.
"""

import numpy as np
import torch

from metrics import quality
from photos import Photos
from swinir import SwinIR, SwinIRConfig
from trainer import Trainer, arguments, to_picture, to_tensor

TINY = SwinIRConfig(embed_dim=128, depths=(4, 3), num_heads=(4, 4), mlp_ratio=2, tail=(128, 64, 32, 16))


@torch.no_grad()
def validate(network: SwinIR, cases: list) -> dict[str, list[float]]:
    """Mean [PSNR, SSIM] of the restored pictures of each strength; `input ...` are those of the degraded ones."""
    scores: dict[str, list] = {}
    for strength, lq, hq in cases:
        with torch.autocast("cpu", torch.bfloat16):
            restored = network(to_tensor(lq[None]))[0]
        scores.setdefault(strength, []).append(quality(to_picture(restored.float()), hq))
        scores.setdefault(f"input {strength}", []).append(quality(lq, hq))
    return {name: np.mean(values, axis=0).round(4).tolist() for name, values in scores.items()}


def main() -> None:
    args = arguments(__doc__.splitlines()[0], "stage1", steps=16000, lr=7e-4)
    photos = Photos()
    cases = photos.validation(256)
    trainer = Trainer(SwinIR(TINY, args.size // TINY.unshuffle_scale), args)

    def loss_of(step: int) -> torch.Tensor:
        lq, hq = (to_tensor(pictures) for pictures in photos.batch(args.seed, step, args.batch, args.size))
        with torch.autocast("cpu", torch.bfloat16):
            restored = trainer.network(lq)
        return (restored.float() - hq).abs().mean()

    trainer.run(loss_of, lambda average: validate(average, cases))


if __name__ == "__main__":
    main()
