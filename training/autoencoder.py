"""The latent space: Stable Diffusion's AutoencoderKL, with the official parameter names, at any width.

Rombach et al., "High-Resolution Image Synthesis with Latent Diffusion Models" (2022); see section 5.6 of the behavioural
specification. Pictures are [B, 3, H, W] in [-1, 1] with H and W multiples of 2^(levels - 1); latents are
[B, z, H/8, W/8] with four levels. Official width: ch 128, mult (1, 2, 4, 4), 2 blocks, z 4.
"""

from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from group_norm import GroupNorm

SCALE = 0.18215  # brings the official latents to a standard deviation of about 1; the product multiplies by it


@dataclass(frozen=True)
class AutoencoderConfig:
    ch: int = 128
    mult: tuple[int, ...] = (1, 2, 4, 4)
    blocks: int = 2
    z: int = 4
    norm_num_groups: int = 32

    def to_dict(self) -> dict:
        return asdict(self)


def conv3x3(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1)


def norm(channels: int, groups: int) -> GroupNorm:
    return GroupNorm(groups, channels, eps=1e-6)


class ResnetBlock(nn.Module):
    """Norm, SiLU, convolution, twice; the shortcut has a 1x1 convolution where the width changes."""

    def __init__(self, inputs: int, outputs: int, groups: int):
        super().__init__()
        self.norm1 = norm(inputs, groups)
        self.conv1 = conv3x3(inputs, outputs)
        self.norm2 = norm(outputs, groups)
        self.conv2 = conv3x3(outputs, outputs)
        if inputs != outputs:
            self.nin_shortcut = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(F.silu(self.norm1(x)))
        y = self.conv2(F.silu(self.norm2(y)))
        return (self.nin_shortcut(x) if hasattr(self, "nin_shortcut") else x) + y


class AttentionBlock(nn.Module):
    """One head of self-attention over all positions."""

    def __init__(self, channels: int, groups: int):
        super().__init__()
        self.norm = norm(channels, groups)
        self.q, self.k, self.v, self.proj_out = (nn.Conv2d(channels, channels, 1) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(x)
        q, k, v = (conv(y).flatten(2).transpose(1, 2) for conv in (self.q, self.k, self.v))  # [B, h*w, C]
        y = F.scaled_dot_product_attention(q[:, None], k[:, None], v[:, None])[:, 0]
        return x + self.proj_out(y.transpose(1, 2).view_as(x))


class Middle(nn.Module):
    def __init__(self, channels: int, groups: int):
        super().__init__()
        self.block_1 = ResnetBlock(channels, channels, groups)
        self.attn_1 = AttentionBlock(channels, groups)
        self.block_2 = ResnetBlock(channels, channels, groups)

    def forward(self, x: Tensor) -> Tensor:
        return self.block_2(self.attn_1(self.block_1(x)))


class Downsample(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.pad(x, (0, 1, 0, 1)))  # at the right and the bottom only, as the official network does


class Upsample(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.conv = conv3x3(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.interpolate(x, scale_factor=2, mode="nearest"))


class Level(nn.Module):
    """Blocks of one resolution, named `block.N`; `downsample` or `upsample` is added where the resolution changes."""

    def __init__(self, inputs: int, outputs: int, blocks: int, groups: int):
        super().__init__()
        self.block = nn.ModuleList(ResnetBlock(inputs if i == 0 else outputs, outputs, groups) for i in range(blocks))

    def forward(self, x: Tensor) -> Tensor:
        for block in self.block:
            x = block(x)
        return x


class Encoder(nn.Module):
    """[B, 3, H, W] -> [B, 2z, h, w]."""

    def __init__(self, config: AutoencoderConfig):
        super().__init__()
        widths = [config.ch * m for m in config.mult]
        self.conv_in = conv3x3(3, config.ch)
        self.down = nn.ModuleList()
        for level, (inputs, outputs) in enumerate(zip([config.ch, *widths], widths)):
            self.down.append(Level(inputs, outputs, config.blocks, config.norm_num_groups))
            if level + 1 < len(widths):
                self.down[-1].downsample = Downsample(outputs)
        self.mid = Middle(widths[-1], config.norm_num_groups)
        self.norm_out = norm(widths[-1], config.norm_num_groups)
        self.conv_out = conv3x3(widths[-1], 2 * config.z)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv_in(x)
        for level in self.down:
            x = level(x)
            if hasattr(level, "downsample"):
                x = level.downsample(x)
        return self.conv_out(F.silu(self.norm_out(self.mid(x))))


class Decoder(nn.Module):
    """[B, z, h, w] -> [B, 3, H, W]. Levels are numbered by resolution, so they run from the last to the first."""

    def __init__(self, config: AutoencoderConfig):
        super().__init__()
        widths = [config.ch * m for m in config.mult]
        self.conv_in = conv3x3(config.z, widths[-1])
        self.mid = Middle(widths[-1], config.norm_num_groups)
        inputs = [*widths[1:], widths[-1]]
        self.up = nn.ModuleList(Level(i, o, config.blocks + 1, config.norm_num_groups) for i, o in zip(inputs, widths))
        for level, width in list(zip(self.up, widths))[1:]:
            level.upsample = Upsample(width)
        self.norm_out = norm(widths[0], config.norm_num_groups)
        self.conv_out = conv3x3(widths[0], 3)

    def forward(self, z: Tensor) -> Tensor:
        x = self.mid(self.conv_in(z))
        for level in reversed(self.up):
            x = level(x)
            if hasattr(level, "upsample"):
                x = level.upsample(x)
        return self.conv_out(F.silu(self.norm_out(x)))


class Autoencoder(nn.Module):
    def __init__(self, config: AutoencoderConfig):
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        self.quant_conv = nn.Conv2d(2 * config.z, 2 * config.z, 1)
        self.post_quant_conv = nn.Conv2d(config.z, config.z, 1)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(mean, log-variance) of the posterior, each [B, z, h, w]."""
        mean, log_variance = self.quant_conv(self.encoder(x)).chunk(2, dim=1)
        return mean, log_variance.clamp(-30, 20)

    def decode(self, z: Tensor) -> Tensor:
        return self.decoder(self.post_quant_conv(z))

    @torch.no_grad()
    def standardise(self, mean: Tensor, std: Tensor) -> None:
        """Turns latents of these means and standard deviations, each [z], into ones of mean 0 and standard deviation 1 / SCALE.

        Both are folded into the 1x1 convolutions beside the latent, so what the whole network computes stays as it was.
        """
        z, factor = self.config.z, 1 / (SCALE * std)
        self.quant_conv.weight[:z] *= factor[:, None, None, None]
        self.quant_conv.bias[:z] = (self.quant_conv.bias[:z] - mean) * factor
        self.quant_conv.bias[z:] += 2 * factor.log()
        self.post_quant_conv.bias += self.post_quant_conv.weight[..., 0, 0] @ mean
        self.post_quant_conv.weight /= factor[None, :, None, None]


def load_autoencoder(state: dict[str, Tensor], norm_num_groups: int) -> Autoencoder:
    """The network that a checkpoint's names and shapes describe, with its weights."""
    ch = state["encoder.conv_in.weight"].shape[0]
    levels = len({name.split(".")[2] for name in state if name.startswith("encoder.down.")})
    mult = tuple(state[f"encoder.down.{level}.block.0.conv1.weight"].shape[0] // ch for level in range(levels))
    blocks = len({name.split(".")[4] for name in state if name.startswith("encoder.down.0.block.")})
    network = Autoencoder(AutoencoderConfig(ch, mult, blocks, state["post_quant_conv.weight"].shape[0], norm_num_groups))
    network.load_state_dict(state, strict=True)
    return network.eval()
