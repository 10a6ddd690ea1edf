"""Writes the autoencoder of a run as the float16 file that the package ships, its latents standardised.

    python training/export_vae.py [--run DIR] [--out FILE]

Mean and standard deviation of every latent channel, over fixed training crops, are folded into the weights
(`Autoencoder.standardise`), so that the product's usual factor of 0.18215 brings latents to mean 0 and standard deviation 1.
They depend on the encoder alone: a decoder that is trained on keeps the latents it had.
"""

import argparse
from pathlib import Path

import numpy as np
import torch

from autoencoder import Autoencoder, AutoencoderConfig
from export import HERE, write
from photos import Photos
from trainer import to_tensor

CROPS, SIZE = 200, 256


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, default=HERE / "runs/vae")
    parser.add_argument("--out", type=Path, default=HERE.parent / "models/tiny/vae.safetensors")
    args = parser.parse_args()

    state = torch.load(args.run / "checkpoint.pt", weights_only=True)
    network = Autoencoder(AutoencoderConfig(**state["config"])).eval()
    network.load_state_dict(state["average"])
    photos, rng = Photos(), np.random.default_rng(0)
    crops = (to_tensor(photos.crop(rng, SIZE)[None]) * 2 - 1 for _ in range(CROPS))
    latents = torch.cat([network.encode(crop)[0] for crop in crops]).transpose(0, 1).flatten(1)
    network.standardise(latents.mean(1), latents.std(1))
    write(args.out, network.state_dict(), state["step"])


if __name__ == "__main__":
    main()
