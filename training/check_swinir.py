"""Compares `swinir.py` with recorded outputs of the reference implementation.

    python training/check_swinir.py GOLDEN_DIR

GOLDEN_DIR has `manifest.json`; every case whose function is SwinIR.forward is run. Exit code 1 when one differs by more
than its recorded tolerance, and at most 2e-5 where that is larger.
"""

import json
import pickle
import sys
import types
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file

from swinir import SwinIR, SwinIRConfig


class Inert:
    """Stands for a class of a checkpoint that is not needed for its tensors, such as a trainer's callback."""

    def __init__(self, *_args, **_kwargs):
        pass

    def __setstate__(self, _state):
        pass


class TensorUnpickler(pickle.Unpickler):
    """Resolves what tensors and containers need and nothing else, so that a checkpoint runs no code of its own."""

    def find_class(self, module: str, name: str):
        is_storage = module == "torch" and name.endswith("Storage")
        if is_storage or (module, name) in {("torch._utils", "_rebuild_tensor_v2"), ("collections", "OrderedDict")}:
            return super().find_class(module, name)
        return Inert


def load_state(checkpoint: Path) -> dict[str, torch.Tensor]:
    reader = types.SimpleNamespace(Unpickler=TensorUnpickler, load=None, __name__="tensor_pickle")
    state = torch.load(checkpoint, map_location="cpu", pickle_module=reader, weights_only=False)
    return state.get("state_dict", state)


def load_network(config_file: Path, checkpoint: Path) -> SwinIR:
    values = json.loads(config_file.read_text())
    state = load_state(checkpoint)
    tail = tuple(state[f"{name}.weight"].shape[0]
                 for name in ("conv_before_upsample.0", "conv_up1", "conv_up2", "conv_up3"))
    config = SwinIRConfig(values["embed_dim"], tuple(values["depths"]), tuple(values["num_heads"]),
                          values["mlp_ratio"], tail, values["unshuffle_scale"])
    network = SwinIR(config, values["img_size"])
    network.load_state_dict(state, strict=True)
    return network.eval()


def pad_to_multiple(x: torch.Tensor, m: int) -> torch.Tensor:
    """Reflection at the right and bottom, as the reference's network does itself (to multiples of 8)."""
    h, w = x.shape[-2:]
    return torch.nn.functional.pad(x, (0, -w % m, 0, -h % m), mode="reflect")


def main() -> None:
    root = Path(sys.argv[1])
    failed = False
    for case in json.loads((root / "manifest.json").read_text())["files"]:
        if case.get("function") != "SwinIR.forward":
            continue
        network = load_network(root / case["configs"][0], root / case["models"]["stage1"])
        golden = load_file(root / case["file"])
        if "x" in golden:
            x = golden["x"]
        else:
            photo = np.asarray(Image.open(root / "nets/photo_512.png").convert("RGB"), np.float32) / 255
            x = torch.from_numpy(photo).permute(2, 0, 1)[None]
        with torch.no_grad():
            out = network(pad_to_multiple(x, 8))
        pairs = [(out, golden["out"])] if "out" in golden else [
            (out[..., ::4, ::4], golden["out_s4"]), (out[..., -72:-8, 8:72], golden["out_crop"])]
        error = max((a[..., : b.shape[-2], : b.shape[-1]] - b).abs().max().item() for a, b in pairs)
        passed = error <= max(2e-5, case["tolerance"]["max_abs"])
        failed |= not passed
        print(f"{'pass' if passed else 'FAIL'}  {case['file']}  max abs error {error:.2e}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
