"""Compares `unet.py` with recorded outputs of the reference implementation.

    python training/check_unet.py GOLDEN_DIR

As `check_swinir.py`, for the cases whose function is ControlLDM.forward. Exit code 1 when one differs by more than its tolerance.
"""

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file

from check_swinir import load_state
from unet import ControlNet, UNet, UNetConfig

PREFIX = "model.diffusion_model."


def config_of(values: dict) -> UNetConfig:
    return UNetConfig(
        z=values["in_channels"], model_channels=values["model_channels"], mult=tuple(values["channel_mult"]),
        blocks=values["num_res_blocks"], head_channels=values["num_head_channels"], context_dim=values["context_dim"],
        attention=tuple(level for level in range(len(values["channel_mult"]))
                        if 2**level in values["attention_resolutions"]))


def main() -> None:
    root = Path(sys.argv[1])
    failed = False
    for case in json.loads((root / "manifest.json").read_text())["files"]:
        if case.get("function") != "ControlLDM.forward":
            continue
        config = config_of(json.loads((root / case["params"]["config"]).read_text())["unet_cfg"])
        checkpoint, controlnet_checkpoint = (root / name for name in case["params"]["weights"].split(" + "))
        state = load_state(checkpoint)
        unet, controlnet = UNet(config).eval(), ControlNet(config).eval()
        unet.load_state_dict({name.removeprefix(PREFIX): value.float() for name, value in state.items()
                              if name.startswith(PREFIX)}, strict=True)
        controlnet.load_state_dict({k: v.float() for k, v in load_state(controlnet_checkpoint).items()}, strict=True)
        golden = load_file(root / case["file"])
        x, hint, t, context = (golden[name] for name in ("x", "c_img", "t", "c_txt"))
        strength = case["params"]["strength"]
        with torch.no_grad():
            control = [strength * residual for residual in controlnet(x, hint, t, context)]
            out = unet(x, t, context, control)
        error = (out - golden["out"]).abs().max().item()
        passed = error <= case["tolerance"]["max_abs"]
        failed |= not passed
        print(f"{'pass' if passed else 'FAIL'}  {case['file']}  max abs error {error:.2e}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
