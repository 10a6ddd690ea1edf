"""Writes the averaged weights of a stage-1 run as the float16 file that the package ships.

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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, default=HERE / "runs/stage1")
    parser.add_argument("--out", type=Path, default=HERE.parent / "models/tiny/swinir.safetensors")
    args = parser.parse_args()

    state = torch.load(args.run / "checkpoint.pt", weights_only=True)
    weights = {name: value.half().contiguous() for name, value in state["average"].items()
               if not name.endswith(BUFFERS)}
    bad = [name for name, value in weights.items() if not value.isfinite().all()]
    if bad:
        raise SystemExit(f"not finite in float16: {', '.join(bad)}")
    args.out.parent.mkdir(parents=True, exist_ok=True)
    save_file(weights, args.out, metadata={"format": "pt"})
    print(f"{args.out.name}: step {state['step']}, {sum(v.numel() for v in weights.values()):,} parameters, "
          f"{args.out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
