"""What every recipe shares: schedule, averaged weights, log, and checkpoints from which a run goes on at any moment."""

import argparse
import copy
import json
import math
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from muon import Muon, split_parameters

RUNS = Path(__file__).resolve().parent / "runs"


def to_tensor(pictures: np.ndarray) -> Tensor:
    """[B, H, W, 3] uint8 -> [B, 3, H, W] in [0, 1]; the memory layout stays channels-last."""
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255


def to_picture(tensor: Tensor) -> np.ndarray:
    """[3, H, W] -> [H, W, 3] uint8, rounded."""
    return (tensor.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()


def arguments(description: str, run: str, **defaults) -> argparse.Namespace:
    """The options that every recipe has; `defaults` are the recipe's own values for them."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--run", type=Path, default=RUNS / run, help="folder of the checkpoint and the log")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--batch", type=int)
    parser.add_argument("--size", type=int, help="side of a training crop in pixels, a multiple of 64")
    parser.add_argument("--lr", type=float)
    parser.add_argument("--warm-up", type=int, help="steps")
    parser.add_argument("--decay", type=float, help="of the weights' average")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--save-every", type=int, help="steps")
    parser.add_argument("--validate-every", type=int, help="steps")
    common = {"batch": 8, "size": 128, "warm_up": 200, "decay": 0.999, "seed": 231, "threads": 1,
              "save_every": 500, "validate_every": 1000}
    parser.set_defaults(**{**common, **defaults})
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.backends.nnpack.set_flags(False)  # slower than oneDNN here
    torch.manual_seed(args.seed)
    return args


class Trainer:
    """Trains `network` by Muon and AdamW under one schedule and keeps an exponential average of its weights.

    Data must be a function of (seed, step): then network, average, optimisers and step are the whole state of a run.
    """

    def __init__(self, network: nn.Module, args: argparse.Namespace):
        self.args = args
        self.network = network.to(memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.network).requires_grad_(False)
        matrices, others = split_parameters(network)
        self.optimizers = [
            Muon(matrices, args.lr),
            torch.optim.AdamW(others, args.lr, betas=(0.9, 0.99), weight_decay=0),
        ]
        self.step, self.seconds = 0, 0.0
        self.checkpoint = args.run / "checkpoint.pt"
        args.run.mkdir(parents=True, exist_ok=True)
        if self.checkpoint.exists():
            self._load()

    def _load(self) -> None:
        state = torch.load(self.checkpoint, weights_only=True)
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self.step, self.seconds = state["step"], state["seconds"]

    def save(self) -> None:
        """Writes to a neighbour and renames, so that a checkpoint is either the old one or the new one."""
        partial = self.checkpoint.with_suffix(".partial")
        torch.save({
            "config": self.network.config.to_dict(),
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "step": self.step, "seconds": self.seconds, "seed": self.args.seed,
        }, partial)
        os.replace(partial, self.checkpoint)

    def log(self, **values) -> None:
        line = json.dumps({"step": self.step, "minutes": round(self.seconds / 60, 2), **values})
        print(line, flush=True)
        with (self.args.run / "log.jsonl").open("a") as file:
            file.write(line + "\n")

    def learning_rate(self) -> float:
        """Linear warm-up, then a cosine that ends at 1 %."""
        warm_up = min(1.0, (self.step + 1) / self.args.warm_up)
        cosine = 0.5 + 0.5 * math.cos(math.pi * min(1.0, self.step / self.args.steps))
        return self.args.lr * warm_up * max(0.01, cosine)

    def update(self, loss: Tensor) -> None:
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = self.learning_rate()
        self.network.zero_grad()
        loss.backward()
        for optimizer in self.optimizers:
            optimizer.step()
        self.step += 1
        decay = min(self.args.decay, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), list(self.network.parameters()), 1 - decay)

    def run(self, loss_of: Callable[[int], Tensor], validate: Callable[[nn.Module], dict]) -> None:
        """`loss_of(step)` is the loss of that step's batch; `validate(average)` gives numbers to log."""
        stopping: list[int] = []
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, lambda number, _frame: stopping.append(number))
        recent = []
        while self.step < self.args.steps and not stopping:
            started = time.monotonic()
            loss = loss_of(self.step)
            self.update(loss)
            recent.append(loss.item())
            self.seconds += time.monotonic() - started
            if self.step % 100 == 0:
                self.log(loss=round(float(np.mean(recent)), 5))
                recent.clear()
            if self.step % self.args.validate_every == 0:
                self.log(validation=validate(self.average))
            if self.step % self.args.save_every == 0:
                self.save()
        self.save()
