"""Compares `scunet.py` with recorded outputs of the reference implementation.

    python training/check_scunet.py GOLDEN_DIR

As `check_swinir.py`, for the cases whose function is SCUNet.forward. Exit code 1 when one differs by more than its tolerance.
"""

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file

from check_swinir import load_state
from scunet import SCUNet, SCUNetConfig


def main() -> None:
    root = Path(sys.argv[1])
    failed = False
    for case in json.loads((root / "manifest.json").read_text())["files"]:
        if case.get("function") != "SCUNet.forward":
            continue
        config = json.loads((root / case["configs"][0]).read_text())
        network = SCUNet(SCUNetConfig(config["dim"], tuple(config["config"]))).eval()
        state = load_state(root / case["models"]["stage1"])
        network.load_state_dict({name: value.float() for name, value in state.items()}, strict=True)
        golden = load_file(root / case["file"])
        h, w = golden["x"].shape[-2:]
        with torch.no_grad():  # the reference repeats the border at the right and the bottom, up to multiples of 64
            padded = torch.nn.functional.pad(golden["x"], (0, -w % 64, 0, -h % 64), mode="replicate")
            out = network(padded)[..., :h, :w]
        error = (out - golden["out"]).abs().max().item()
        passed = error <= case["tolerance"]["max_abs"]
        failed |= not passed
        print(f"{'pass' if passed else 'FAIL'}  {case['file']}  max abs error {error:.2e}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
