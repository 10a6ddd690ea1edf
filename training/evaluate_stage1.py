"""Measures an exported stage 1 on photographs that no training saw, at three fixed strengths.

    python training/evaluate_stage1.py PHOTO_DIR [--weights FILE] [--sheet FILE.png]

Every picture is degraded at its own size (strengths of `degrade.py`, seed = its place in the sorted list), padded with
black to multiples of 64 as the pipeline does, restored in float32 from the float16 weights, cropped and rounded to 8 bits.
Prints a Markdown table of mean PSNR and SSIM; `--sheet` draws degraded | restored | original, a row per picture.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file

from degrade import STRENGTHS, degrade
from metrics import quality
from photos import read_rgb
from scunet import load_scunet
from swinir import SwinIR, SwinIRConfig
from trainer import to_picture, to_tensor

HERE = Path(__file__).resolve().parent
TAIL = ("conv_before_upsample.0", "conv_up1", "conv_up2", "conv_up3")


def load_network(weights: Path) -> torch.nn.Module:
    """Builds the network from the file's shapes and, for a SwinIR, the heads in `model.json` beside it."""
    state = {name: value.float() for name, value in load_file(weights).items()}
    if "m_head.0.weight" in state:
        return load_scunet(state)
    manifest = json.loads((weights.parent / "model.json").read_text())
    config = manifest["networks"]["cleaner"]["config"]
    groups = len(config["num_heads"])
    depths = tuple(len({key.split(".")[4] for key in state if key.startswith(f"layers.{g}.residual_group.blocks.")})
                   for g in range(groups))
    dim = state["norm.weight"].shape[0]
    ratio = state["layers.0.residual_group.blocks.0.mlp.fc1.weight"].shape[0] / dim
    tail = tuple(state[f"{name}.weight"].shape[0] for name in TAIL)
    network = SwinIR(SwinIRConfig(dim, depths, tuple(config["num_heads"]), ratio, tail, config["unshuffle_scale"]))
    missing, unexpected = network.load_state_dict(state, strict=False)
    if unexpected or any(not key.endswith(("relative_position_index", "attn_mask")) for key in missing):
        raise SystemExit(f"{weights}: keys do not fit; missing {missing}, unexpected {unexpected}")
    return network.eval()


@torch.no_grad()
def restore(network: torch.nn.Module, lq: np.ndarray) -> np.ndarray:
    """[H, W, 3] uint8 -> the same, of any size."""
    height, width = lq.shape[:2]
    x = torch.nn.functional.pad(to_tensor(lq[None]), (0, -width % 64, 0, -height % 64))
    return to_picture(network(x)[0, :, :height, :width])


def sheet_row(pictures: list[np.ndarray], size: int = 320) -> np.ndarray:
    """The centre [size, size] of each picture, side by side; smaller ones are padded with grey."""
    row = np.full((size, size * len(pictures), 3), 128, np.uint8)
    for i, picture in enumerate(pictures):
        h, w = (min(size, length) for length in picture.shape[:2])
        y, x = (picture.shape[0] - h) // 2, (picture.shape[1] - w) // 2
        row[:h, i * size : i * size + w] = picture[y : y + h, x : x + w]
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--weights", type=Path, default=HERE.parent / "models/tiny/scunet.safetensors")
    parser.add_argument("--sheet", type=Path, help="a PNG; the strength is added to its name")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    network = load_network(args.weights)
    originals = {file.stem: read_rgb(file) for file in sorted(args.photos.glob("*.png"))}

    print("| strength | PSNR degraded | PSNR restored | SSIM degraded | SSIM restored | mean shift R, G, B |")
    print("|---|---|---|---|---|---|")
    everything, per_picture, seconds = [], {}, 0.0
    for strength, recipe in STRENGTHS.items():
        scores, shifts, rows = [], [], []
        for number, (name, original) in enumerate(originals.items()):
            lq = degrade(np.random.default_rng(number), original, recipe)
            started = time.monotonic()
            restored = restore(network, lq)
            seconds += time.monotonic() - started
            score = (*quality(lq, original), *quality(restored, original))
            scores.append(score)
            per_picture.setdefault(name, []).append(score[2] - score[0])
            shifts.append((restored.astype(float) - original).mean(axis=(0, 1)))
            rows.append(sheet_row([lq, restored, original]))
        everything += scores
        lq_psnr, lq_ssim, psnr, ssim = np.mean(scores, axis=0)
        shift = ", ".join(f"{value:+.2f}" for value in np.mean(shifts, axis=0))
        print(f"| {strength} | {lq_psnr:.2f} | {psnr:.2f} | {lq_ssim:.4f} | {ssim:.4f} | {shift} |")
        if args.sheet:
            file = args.sheet.with_stem(f"{args.sheet.stem}-{strength}")
            Image.fromarray(np.concatenate(rows)).save(file)
    lq_psnr, lq_ssim, psnr, ssim = np.mean(everything, axis=0)
    print(f"| mean | {lq_psnr:.2f} | {psnr:.2f} | {lq_ssim:.4f} | {ssim:.4f} | |")
    print(f"\n{seconds / len(everything):.2f} s a picture, {args.threads} thread(s)\n")
    print("| picture (PSNR gain) | " + " | ".join(STRENGTHS) + " |")
    print("|---|" + "---|" * len(STRENGTHS))
    for name, gains in per_picture.items():
        print(f"| {name} | " + " | ".join(f"{gain:+.2f}" for gain in gains) + " |")


if __name__ == "__main__":
    main()
