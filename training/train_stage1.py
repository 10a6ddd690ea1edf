"""Trains the stage-1 restoration module: SwinIR from degraded to clean photographs.

    python training/train_stage1.py [--steps N] [--run DIR]

Stop it whenever you like (Ctrl-C or SIGTERM save first); the same command goes on where it stopped. Training pairs are a
function of seed and step, so a resumed run sees the same data as one that was never stopped. With a larger `--steps` a
finished run goes on, on the longer cosine.

The reference (section 8.5 of the behavioural specification) sums squared errors under AdamW at a constant 1e-4 for
150,000 steps of 96 pictures. With a ten-thousandth of that time this recipe takes the mean absolute error, which spreads
the effort more evenly over mild and heavy degradations, a warm-up, a cosine from 1e-3, and an average of the weights.
"""

import argparse
import copy
import json
import math
import os
import signal
import time
from pathlib import Path

import numpy as np
import torch

from metrics import quality
from muon import Muon, split_parameters
from photos import Photos
from swinir import SwinIR, SwinIRConfig

HERE = Path(__file__).resolve().parent
TINY = SwinIRConfig(embed_dim=128, depths=(4, 3), num_heads=(4, 4), mlp_ratio=2, tail=(128, 64, 32, 16))


def to_tensor(pictures: np.ndarray) -> torch.Tensor:
    """[B, H, W, 3] uint8 -> [B, 3, H, W] in [0, 1]; the memory layout stays channels-last."""
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255


def to_picture(tensor: torch.Tensor) -> np.ndarray:
    """[3, H, W] -> [H, W, 3] uint8, rounded."""
    return (tensor.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()


@torch.no_grad()
def validate(network: SwinIR, cases: list) -> dict[str, tuple[float, float]]:
    """Mean (PSNR, SSIM) of the restored pictures of each strength; `input ...` are those of the degraded ones."""
    scores: dict[str, list] = {}
    for strength, lq, hq in cases:
        with torch.autocast("cpu", torch.bfloat16):
            restored = network(to_tensor(lq[None]))[0]
        scores.setdefault(strength, []).append(quality(to_picture(restored.float()), hq))
        scores.setdefault(f"input {strength}", []).append(quality(lq, hq))
    return {name: tuple(np.mean(values, axis=0).tolist()) for name, values in scores.items()}


class Average:
    """Exponential moving average of a network's parameters."""

    def __init__(self, network: SwinIR, decay: float):
        self.network = copy.deepcopy(network).requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, network: SwinIR, step: int) -> None:
        decay = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(list(self.network.parameters()), list(network.parameters()), 1 - decay)


def save(path: Path, state: dict) -> None:
    """Writes to a neighbour and renames, so that a checkpoint is either the old one or the new one."""
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    os.replace(partial, path)


def learning_rate(step: int, args: argparse.Namespace) -> float:
    warm_up = min(1.0, (step + 1) / args.warm_up)
    return args.lr * warm_up * max(0.01, 0.5 + 0.5 * math.cos(math.pi * min(1.0, step / args.steps)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, default=HERE / "runs/stage1", help="folder of the checkpoint and the log")
    parser.add_argument("--steps", type=int, default=25000)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--size", type=int, default=128, help="side of a training crop, a multiple of 64")
    parser.add_argument("--lr", type=float, default=7e-4)
    parser.add_argument("--warm-up", type=int, default=200, help="steps")
    parser.add_argument("--decay", type=float, default=0.999, help="of the weights' average")
    parser.add_argument("--seed", type=int, default=231)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--save-every", type=int, default=500)
    parser.add_argument("--validate-every", type=int, default=1000)
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    torch.backends.nnpack.set_flags(False)  # slower than oneDNN here
    torch.manual_seed(args.seed)
    args.run.mkdir(parents=True, exist_ok=True)
    checkpoint = args.run / "checkpoint.pt"

    photos = Photos()
    cases = photos.validation(256)
    network = SwinIR(TINY, args.size // TINY.unshuffle_scale).to(memory_format=torch.channels_last)
    average = Average(network, args.decay)
    matrices, others = split_parameters(network)
    optimizers = [Muon(matrices, args.lr), torch.optim.AdamW(others, args.lr, betas=(0.9, 0.99), weight_decay=0)]
    step, seconds = 0, 0.0
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        network.load_state_dict(state["network"])
        average.network.load_state_dict(state["average"])
        for optimizer, saved in zip(optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        step, seconds = state["step"], state["seconds"]

    def save_now() -> None:
        save(checkpoint, {"config": TINY.to_dict(), "network": network.state_dict(),
                          "average": average.network.state_dict(),
                          "optimizers": [optimizer.state_dict() for optimizer in optimizers], "step": step,
                          "seconds": seconds, "seed": args.seed})

    def log(**values) -> None:
        line = json.dumps({"step": step, "minutes": round(seconds / 60, 2), **values})
        print(line, flush=True)
        with (args.run / "log.jsonl").open("a") as file:
            file.write(line + "\n")

    stopping = []
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stopping.append(True))

    recent = []
    while step < args.steps and not stopping:
        started = time.monotonic()
        lq, hq = (to_tensor(p) for p in photos.batch(args.seed, step, args.batch, args.size))
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(step, args)
        with torch.autocast("cpu", torch.bfloat16):
            restored = network(lq)
        loss = (restored.float() - hq).abs().mean()
        network.zero_grad()
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
        step += 1
        average.update(network, step)
        recent.append(loss.item())
        seconds += time.monotonic() - started
        if step % 100 == 0:
            log(loss=round(float(np.mean(recent)), 5))
            recent.clear()
        if step % args.validate_every == 0:
            log(validation={k: [round(v[0], 3), round(v[1], 4)] for k, v in validate(average.network, cases).items()})
        if step % args.save_every == 0:
            save_now()
    save_now()


if __name__ == "__main__":
    main()
