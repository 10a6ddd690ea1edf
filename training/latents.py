"""Writes pairs of latents for stage 2: of photographs, and of what stage 1 makes of them after a degradation.

    python training/latents.py [--pairs N] [--part K/N]

Every pair is a function of the seed and its number alone, so that parts may be made side by side (`--part 0/2`, `--part 1/2`) and a
stopped run goes on where it stopped. A shard holds SHARD pairs of crops of 256 px as float16, [SHARD, z, 32, 32] each: `hq` of the
photograph and `cond` of stage 1's picture, both the posterior's mean times 0.18215.
"""

import argparse
import os
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from autoencoder import SCALE, load_autoencoder
from photos import Photos
from scunet import load_scunet
from train_cleaner import recipe_of
from train_vae import TINY
from trainer import to_tensor

HERE = Path(__file__).resolve().parent
FOLDER = HERE / "data/latents"
MODEL = HERE.parent / "models/tiny"
SHARD, SIZE, BATCH = 64, 256, 4
SEED = 4321


def load(name: str) -> dict[str, torch.Tensor]:
    return {key: value.float() for key, value in load_file(MODEL / name).items()}


class Latents:
    """All shards of a folder in memory, and batches of windows from them."""

    def __init__(self, folder: Path = FOLDER):
        shards = [np.load(file) for file in sorted(folder.glob("*.npz"))]
        if not shards:
            raise SystemExit(f"no latents in {folder}: run latents.py first")
        self.hq, self.cond = (np.concatenate([shard[name] for shard in shards]) for name in ("hq", "cond"))

    def batch(self, rng: np.random.Generator, count: int, size: int) -> tuple[torch.Tensor, torch.Tensor]:
        """(hq, cond), both [count, z, size, size]: one window from each of `count` pairs."""
        rows, windows = rng.integers(len(self.hq), size=count), []
        for row in rows:
            y, x = rng.integers(self.hq.shape[2] - size + 1, size=2)
            windows.append([part[row, :, y : y + size, x : x + size] for part in (self.hq, self.cond)])
        hq, cond = (torch.from_numpy(np.stack(part)).float().contiguous(memory_format=torch.channels_last)
                    for part in zip(*windows))
        return hq, cond


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=4096)
    parser.add_argument("--part", default="0/1", help="K/N: only shards K, K + N, K + 2 N, ...")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.backends.nnpack.set_flags(False)
    FOLDER.mkdir(parents=True, exist_ok=True)
    autoencoder = load_autoencoder(load("vae.safetensors"), TINY.norm_num_groups).to(memory_format=torch.channels_last)
    cleaner = load_scunet(load("scunet.safetensors")).to(memory_format=torch.channels_last)
    photos = Photos()

    def encode(pictures: torch.Tensor) -> torch.Tensor:
        return autoencoder.encode(pictures * 2 - 1)[0].float() * SCALE

    first, every = (int(number) for number in args.part.split("/"))
    for shard in range(first, args.pairs // SHARD, every):
        file = FOLDER / f"{shard:05}.npz"
        if file.exists():
            continue
        parts: dict[str, list[torch.Tensor]] = {"hq": [], "cond": []}
        for start in range(shard * SHARD, (shard + 1) * SHARD, BATCH):
            pairs = [photos.pair(np.random.default_rng((SEED, n)), SIZE, recipe_of) for n in range(start, start + BATCH)]
            lq, hq = (to_tensor(np.stack(part)) for part in zip(*pairs))
            with torch.autocast("cpu", torch.bfloat16):
                parts["hq"].append(encode(hq))
                parts["cond"].append(encode(cleaner(lq).float().clamp(0, 1)))
        partial = file.with_suffix(".partial")
        with partial.open("wb") as out:
            np.savez(out, **{name: torch.cat(part).half().numpy() for name, part in parts.items()})
        os.replace(partial, file)
        print(file.name, flush=True)


if __name__ == "__main__":
    main()
