"""Writes the averaged weights of a run as the float16 file that the package ships.

    python training/export.py [--run DIR] [--out FILE]

Key names are the official ones. The buffers `relative_position_index` and `attn_mask` are left out: they follow from the
window size and the picture's, and the mask alone would be larger than the weights. The file carries no date, so that the
same checkpoint gives the same bytes.
"""

import argparse
from pathlib import Path

import torch
from safetensors.torch import save_file

HERE = Path(__file__).resolve().parent
BUFFERS = ("relative_position_index", "attn_mask")


def write(file: Path, weights: dict[str, torch.Tensor], step: int) -> None:
    weights = {name: value.half().contiguous() for name, value in weights.items()}
    bad = [name for name, value in weights.items() if not value.isfinite().all()]
    if bad:
        raise SystemExit(f"not finite in float16: {', '.join(bad)}")
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file(weights, file, metadata={"format": "pt"})
    print(f"{file.name}: step {step}, {sum(v.numel() for v in weights.values()):,} parameters, {file.stat().st_size:,} bytes")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, default=HERE / "runs/cleaner")
    parser.add_argument("--out", type=Path, default=HERE.parent / "models/tiny/scunet.safetensors")
    args = parser.parse_args()

    state = torch.load(args.run / "checkpoint.pt", weights_only=True)
    write(args.out, {name: value for name, value in state["average"].items() if not name.endswith(BUFFERS)}, state["step"])


if __name__ == "__main__":
    main()
