"""Trains IRControlNet: steers the frozen prior by the latent of stage 1's picture (DiffBIR paper, section 3.3).

    python training/train_controlnet.py [--steps N] [--run DIR]

Resumable as stage 1 is. The ControlNet starts as a copy of the prior's encoder, its condition's half and its zero convolutions at zero.
The prior's weights are the exported ones, rounded to float16, which are those that it will work with.
"""


import torch

from latents import Latents, load
from train_prior import TINY, batch_of, context, split, validate
from trainer import Trainer, arguments
from unet import ControlNet, UNet


def main() -> None:
    args = arguments(__doc__.splitlines()[0], "controlnet", steps=8000, lr=1e-3, batch=16)
    latents = Latents()
    held_out = split(latents)
    prior = UNet(TINY)
    prior.load_state_dict(load("unet.safetensors"), strict=True)
    prior.requires_grad_(False).to(memory_format=torch.channels_last)
    controlnet = ControlNet(TINY)
    controlnet.start_from(prior)
    trainer = Trainer(controlnet, args)

    def steered(network: ControlNet, x: torch.Tensor, t: torch.Tensor, cond: torch.Tensor) -> torch.Tensor:
        return prior(x, t, context(len(x)), network(x, cond, t, context(len(x))))

    def loss_of(step: int) -> torch.Tensor:
        x, v, t, cond = batch_of(args, latents, step)
        with torch.autocast("cpu", torch.bfloat16):
            out = steered(trainer.network, x, t, cond)
        return (out.float() - v).square().mean()

    trainer.run(loss_of, lambda average: validate(lambda x, t, cond: steered(average.eval(), x, t, cond), held_out))


if __name__ == "__main__":
    main()
