"""Makes the demo's degraded picture from its original, with a fixed seed.

    python training/make_sample.py [FOLDER]

FOLDER (default `examples/sample`) holds `original.png`; `degraded.jpg` is written beside it.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from degrade import Recipe, degrade
from photos import read_rgb

SAMPLE = Recipe(blur=(1.4, 1.4), shrink=(2, 2), noise=(10, 10), jpeg=(55, 55))


def main() -> None:
    default = Path(__file__).resolve().parent.parent / "examples/sample"
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else default
    picture = degrade(np.random.default_rng(7), read_rgb(folder / "original.png"), SAMPLE)
    Image.fromarray(picture).save(folder / "degraded.jpg", quality=90, subsampling=0)


if __name__ == "__main__":
    main()
