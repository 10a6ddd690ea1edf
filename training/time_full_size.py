"""Times DiffBIR v2.1 at its full size in PyTorch: the other side of the ratios of `npm run bench -- --full`.

    npm run full-size -- DIR                                          # random numbers in the official files -> DIR/v2.1
    python training/time_full_size.py DIR/v2.1 [--threads 2] [--runs 1] [--export]

Prints, at 512 x 512 pixels, the seconds of every network in float32, of UNet and ControlNet also in bfloat16, and what a picture
of 10 steps with classifier-free guidance takes if it runs them as often as the reference does: the VAE encoder twice on
the same picture, the text encoder for two prompts, UNet and ControlNet twice a step (behavioural specification, 2.4 and 3.2).
`--export` also exports UNet and ControlNet with torch.onnx and runs them with the onnxruntime package (run_exported.py).

The modules are this repository's own, of the official shapes: what is timed is PyTorch, not the reference's code.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from full_size import FullSizeModel
from unet import ControlNet, UNet

SIDE, LATENT, TOKENS, CONTEXT = 512, 64, 77, 1024
STEPS, PROMPTS = 10, 2


def best_of(runs: int, run: Callable[[], object]) -> float:
    """Seconds of the best run after one that does not count."""
    times = []
    for _ in range(runs + 1):
        begin = time.perf_counter()
        run()
        times.append(time.perf_counter() - begin)
    return min(times[1:])


def prediction_inputs() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """x, hint, t, context."""
    x, hint = torch.randn(2, 1, 4, LATENT, LATENT)
    return x, hint, torch.tensor([500.0]), torch.randn(1, TOKENS, CONTEXT)


def to_bfloat16(network: UNet | ControlNet) -> None:
    """As the reference casts: the blocks, but for their group normalisation (behavioural specification, 2.6)."""
    for name, part in network.named_children():
        if name not in ("time_embed", "out"):
            part.bfloat16()
    for module in network.modules():
        if isinstance(module, nn.GroupNorm):
            module.float()


def predict(unet: UNet, controlnet: ControlNet) -> Tensor:
    x, hint, t, context = prediction_inputs()
    return unet(x, t, context, controlnet(x, hint, t, context))


def time_networks(model: FullSizeModel, runs: int) -> None:
    seconds: dict[str, float] = {}

    def measure(name: str, run: Callable[[], object]) -> None:
        seconds[name] = best_of(runs, run)
        print(f"{name:<28}{seconds[name]:9.2f} s", flush=True)

    cleaner = model.cleaner()
    measure("SwinIR", lambda: cleaner(torch.rand(1, 3, SIDE, SIDE)))
    autoencoder = model.autoencoder()
    measure("VAE encoder", lambda: autoencoder.encode(torch.randn(1, 3, SIDE, SIDE)))
    measure("VAE decoder", lambda: autoencoder.decode(torch.randn(1, 4, LATENT, LATENT)))
    text_encoder = model.text_encoder()
    measure("text encoder", lambda: text_encoder(torch.arange(1, TOKENS + 1)[None]))
    del cleaner, autoencoder, text_encoder
    unet, controlnet = model.unet(), model.controlnet()
    measure("UNet + ControlNet", lambda: predict(unet, controlnet))
    to_bfloat16(unet), to_bfloat16(controlnet)
    with torch.autocast("cpu", torch.bfloat16):
        measure("UNet + ControlNet, bfloat16", lambda: predict(unet, controlnet))

    fixed = seconds["SwinIR"] + 2 * seconds["VAE encoder"] + PROMPTS * seconds["text encoder"] + seconds["VAE decoder"]
    for name, step in (("float32", "UNet + ControlNet"), ("bfloat16 steps", "UNet + ControlNet, bfloat16")):
        total = fixed + STEPS * PROMPTS * seconds[step]
        print(f"picture, {STEPS} steps, {name}:".ljust(36) + f"{total:.1f} s (the sum of its networks)", flush=True)


class Steered(nn.Module):
    """The UNet with every control as an input of its own."""

    def __init__(self, unet: UNet):
        super().__init__()
        self.unet = unet

    def forward(self, x: Tensor, t: Tensor, context: Tensor, *control: Tensor) -> Tensor:
        return self.unet(x, t, context, list(control))


def export(model: FullSizeModel, folder: Path) -> None:
    """Writes controlnet.onnx and unet.onnx, at the sizes that are timed."""
    x, hint, t, context = prediction_inputs()
    controlnet = model.controlnet()
    control = controlnet(x, hint, t, context)
    for name, network, inputs in (("controlnet", controlnet, (x, hint, t, context)),
                                  ("unet", Steered(model.unet()).eval(), (x, t, context, *control))):
        begin = time.perf_counter()
        torch.onnx.export(network, inputs, folder / f"{name}.onnx", dynamo=True, external_data=True, verbose=False)
        print(f"{name} exported in {time.perf_counter() - begin:.1f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--export", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    model = FullSizeModel(args.model)
    print(f"PyTorch {torch.__version__}, {args.threads} threads, best of {args.runs} runs after one that does not count.\n"
          "Our own PyTorch modules in the official layouts, not the reference's code.\n", flush=True)
    with torch.no_grad():
        time_networks(model, args.runs)
        if args.export:
            with tempfile.TemporaryDirectory() as folder:
                export(model, Path(folder))
                script = Path(__file__).with_name("run_exported.py")
                options = ("--threads", str(args.threads), "--runs", str(args.runs))
                subprocess.run([sys.executable, script, folder, *options], check=True)


if __name__ == "__main__":
    main()
