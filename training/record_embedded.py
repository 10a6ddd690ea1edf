"""Records what PyTorch computes with the shipped weights, for the tests of the product: test/fixtures/embedded.json.

    python training/record_embedded.py

Every network of models/tiny once, on inputs that a formula gives (`wave`), in float32 from the float16 weights. Of each
output some KEPT values are kept, at equal distances. Needs no photographs and no run.
"""

import json

import torch

from autoencoder import load_autoencoder
from export import HERE
from latents import load
from scunet import load_scunet
from train_prior import TINY as UNET
from train_prior import context
from train_vae import TINY as VAE
from unet import ControlNet, UNet

FIXTURE = HERE.parent / "test/fixtures/embedded.json"
KEPT = 128
TIMESTEP = 400


def wave(*shape: int) -> torch.Tensor:
    """sin(0.37 i) for the i-th value, computed in double precision."""
    count = torch.Size(shape).numel()
    return torch.sin(0.37 * torch.arange(count, dtype=torch.float64)).float().view(shape)


@torch.no_grad()
def main() -> None:
    autoencoder = load_autoencoder(load("vae.safetensors"), VAE.norm_num_groups)
    unet, controlnet = UNet(UNET).eval(), ControlNet(UNET).eval()
    unet.load_state_dict(load("unet.safetensors"), strict=True)
    controlnet.load_state_dict(load("controlnet.safetensors"), strict=True)
    latent, hint, t = wave(1, VAE.z, 8, 8), wave(1, VAE.z, 8, 8).flip(3), torch.tensor([TIMESTEP])
    outputs = {
        "cleaner": load_scunet(load("scunet.safetensors"))(wave(1, 3, 64, 64) / 2 + 0.5),
        "vaeEncoder": autoencoder.encode(wave(1, 3, 64, 64))[0],
        "vaeDecoder": autoencoder.decode(latent),
        "unet": unet(latent, t, context(1), controlnet(latent, hint, t, context(1))),
    }
    recorded = {name: [float(f"{value:.7g}") for value in out.flatten()[:: out.numel() // KEPT].tolist()]
                for name, out in outputs.items()}
    FIXTURE.parent.mkdir(parents=True, exist_ok=True)
    FIXTURE.write_text(json.dumps({"timestep": TIMESTEP, **recorded}) + "\n")
    print(FIXTURE.name, {name: (len(values), max(map(abs, values))) for name, values in recorded.items()})


if __name__ == "__main__":
    main()
