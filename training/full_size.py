"""The networks of DiffBIR v2.1 at their full size, as PyTorch modules with the numbers of a model folder.

The modules are this repository's own, in the official layouts (all parameters must fit); none of the reference's code is used.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from autoencoder import Autoencoder, AutoencoderConfig
from swinir import SwinIR, SwinIRConfig
from text_encoder import TextEncoder
from unet import ControlNet, UNet, UNetConfig

Network = TypeVar("Network", bound=nn.Module)
PREFIX = {"unet": "model.diffusion_model.", "vae": "first_stage_model.", "textEncoder": "cond_stage_model.model."}
UNUSED = ("text_projection", "logit_scale")


class FullSizeModel:
    """The folder of a model.json in the official files; every call reads one network anew."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.files = {role: entry["file"] for role, entry in json.loads((folder / "model.json").read_text())["networks"].items()}

    def cleaner(self) -> SwinIR:
        return self.load("cleaner", lambda: SwinIR(SwinIRConfig()))

    def autoencoder(self) -> Autoencoder:
        return self.load("vae", lambda: Autoencoder(AutoencoderConfig()))

    def text_encoder(self) -> TextEncoder:
        return self.load("textEncoder", TextEncoder)

    def unet(self) -> UNet:
        return self.load("unet", lambda: UNet(UNetConfig()))

    def controlnet(self) -> ControlNet:
        return self.load("controlnet", lambda: ControlNet(UNetConfig()))

    def load(self, role: str, make: Callable[[], Network]) -> Network:
        state = torch.load(self.folder / self.files[role], mmap=True)
        prefix = PREFIX.get(role, "")
        own: dict[str, Tensor] = {name.removeprefix(prefix): value for name, value in state.get("state_dict", state).items()
                                  if name.startswith(prefix)}
        network = make()
        network.load_state_dict({name: value for name, value in own.items() if name not in UNUSED}, strict=True)
        return network.eval().requires_grad_(False)
