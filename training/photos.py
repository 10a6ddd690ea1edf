"""Training photographs in memory, and the crops drawn from them."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from degrade import STRENGTHS, TRAINING, Recipe, degrade

RecipeOf = Callable[[np.random.Generator], Recipe]

FOLDER = Path(__file__).resolve().parent / "data/photos"
GRADE_WEIGHT = {"A": 1.0, "B": 0.4, "C": 0.1}
HELD_OUT_EVERY, HELD_OUT_AT = 24, 7  # of the grade A photographs, in the order of pool.tsv
ALIGNMENT = 16  # pixels; largest offset between the JPEG grid of a training crop and its corner


def read_rgb(path: Path) -> np.ndarray:
    """[H, W, 3] uint8."""
    return np.array(Image.open(path).convert("RGB"))  # a copy: tensors want it writable


class Photos:
    """All photographs as uint8 arrays; a few of grade A are held out for validation."""

    def __init__(self, folder: Path = FOLDER):
        index = json.loads((folder / "index.json").read_text())
        best = [entry["file"] for entry in index if entry["grade"] == "A"]
        held_out = set(best[HELD_OUT_AT::HELD_OUT_EVERY])
        self.held_out = [read_rgb(folder / name) for name in sorted(held_out)]
        used = [entry for entry in index if entry["file"] not in held_out]
        self.pictures = [read_rgb(folder / entry["file"]) for entry in used]
        # Large pictures are drawn more often, by their side and not their area: the collection has few subjects.
        weights = np.array([GRADE_WEIGHT[entry["grade"]] for entry in used])
        weights *= np.sqrt([p.shape[0] * p.shape[1] for p in self.pictures])
        self.weights = weights / weights.sum()

    def crop(self, rng: np.random.Generator, size: int) -> np.ndarray:
        """A random [size, size, 3] crop, flipped and turned at random."""
        while True:
            picture = self.pictures[rng.choice(len(self.pictures), p=self.weights)]
            if min(picture.shape[:2]) >= size:
                break
        y, x = (rng.integers(length - size + 1) for length in picture.shape[:2])
        crop = np.rot90(picture[y : y + size, x : x + size], rng.integers(4))
        return np.ascontiguousarray(crop[:, ::-1] if rng.random() < 0.5 else crop)

    def pair(self, rng: np.random.Generator, size: int,
             recipe_of: RecipeOf = lambda _rng: TRAINING) -> tuple[np.ndarray, np.ndarray]:
        """(lq, hq), both [size, size, 3] uint8; `recipe_of` chooses the degradation of the pair."""
        hq = self.crop(rng, size + ALIGNMENT)
        if rng.random() < 0.03:
            hq = np.repeat(hq.mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2)
        lq = degrade(rng, hq, recipe_of(rng))
        y, x = rng.integers(ALIGNMENT + 1, size=2)
        lq, hq = (np.ascontiguousarray(p[y : y + size, x : x + size]) for p in (lq, hq))
        if rng.random() < 0.05:  # the pipeline pads with black at the right and the bottom
            y, x = rng.integers(size // 2, size + 1, size=2)
            for picture in (lq, hq):
                picture[y:], picture[:, x:] = 0, 0
        return lq, hq

    def batch(self, seed: int, step: int, count: int, size: int,
              recipe_of: RecipeOf = lambda _rng: TRAINING) -> tuple[np.ndarray, np.ndarray]:
        """(lq, hq), both [count, size, size, 3] uint8; a function of seed and step alone, so nothing of it needs saving."""
        rng = np.random.default_rng((seed, step))
        pairs = [self.pair(rng, size, recipe_of) for _ in range(count)]
        return np.stack([p[0] for p in pairs]), np.stack([p[1] for p in pairs])

    def validation(self, size: int) -> list[tuple[str, np.ndarray, np.ndarray]]:
        """(strength, lq, hq) for the centre [size, size, 3] of each held-out photograph at each strength."""
        cases = []
        for number, picture in enumerate(self.held_out):
            y, x = ((length - size) // 2 for length in picture.shape[:2])
            hq = np.ascontiguousarray(picture[y : y + size, x : x + size])
            for strength, recipe in STRENGTHS.items():
                cases.append((strength, degrade(np.random.default_rng(number), hq, recipe), hq))
        return cases
