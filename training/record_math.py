"""Records where PyTorch's root or logarithm of one float32 is not the nearest float: test/fixtures/torchMath.json.

    python training/record_math.py

torch takes both of a single number from a library in which some results, about one root in five, are a neighbour of the
nearest float. An ancestral step from noise level 1e4 hangs on that last bit, so the recorded trajectories can be repeated
only with torch's. Kept are pairs (number, value) around every number that the recorded cases take a root or logarithm of:
their schedules, step counts and etas, the stage in the middle of a step of dpm++_sde included.
"""

import json

import numpy as np
import torch
from torch import Tensor

from diffusion import signal_levels
from export import HERE

FIXTURE = HERE.parent / "test/fixtures/torchMath.json"
STEPS = (5, 6, 7, 10)
ETAS = (0.5, 0.6, 1.0)
NEIGHBOURS = 4  # floats on each side: other libraries may arrive a little beside


def sigmas(zero_snr: bool, steps: int) -> Tensor:
    """Noise levels as section 3.6 of the behavioural specification has them, without the last 0."""
    timesteps = np.floor(np.linspace(999, 0, steps, endpoint=False)).astype(int)
    acp = signal_levels(zero_snr)[timesteps] ** 2
    acp[0] = 1e-8
    return torch.tensor(np.sqrt((1 - acp) / acp), dtype=torch.float32)


def around(x: Tensor) -> list[np.float32]:
    bits = np.float32(x.item()).view(np.int32)
    return [np.int32(bits + i).view(np.float32) for i in range(-NEIGHBOURS, NEIGHBOURS + 1)]


def radicands(level: Tensor, target: Tensor, eta: float) -> list[np.float32]:
    """Those of an ancestral step from one level to another."""
    up_squared = around(target**2 * (level**2 - target**2) / level**2)
    ups = {(torch.tensor(x) ** 0.5).item() for x in up_squared}
    down_squared = [target**2 - (eta * torch.tensor(up)) ** 2 for up in ups]
    return up_squared + [x for square in down_squared if square > 0 for x in around(square)]


def other_values(numbers: set[np.float32], torchs, nearest) -> list[list[float]]:
    pairs = [(x, torchs(torch.tensor(x)).item()) for x in sorted(numbers)]
    return [[float(x), value] for x, value in pairs if np.float32(value) != nearest(x)]


def main() -> None:
    roots: set[np.float32] = set()
    logs: set[np.float32] = set()
    for zero_snr in (False, True):
        for steps in STEPS:
            levels = sigmas(zero_snr, steps)
            for level, target in zip(levels[:-1], levels[1:]):
                middle = (0.5 * (level.log() + target.log())).exp()
                logs.update(around(level) + around(target))
                for eta in ETAS:
                    found = radicands(level, target, eta) + radicands(level, middle, eta)
                    roots.update(found)
                    logs.update(x for radicand in found for x in around(torch.tensor(radicand) ** 0.5))
    recorded = {
        "roots": other_values(roots, lambda x: x**0.5, np.sqrt),
        "logs": other_values(logs, torch.log, lambda x: np.float32(np.log(np.float64(x)))),
    }
    FIXTURE.write_text(json.dumps(recorded, separators=(",", ":")) + "\n")
    print(FIXTURE.name, *(f"{len(recorded[name])} of {len(of)} {name}" for name, of in (("roots", roots), ("logs", logs))))


if __name__ == "__main__":
    main()
