"""The denoiser of stage 2: Stable Diffusion's UNet and DiffBIR's IRControlNet, with the official parameter names, at any width.

Rombach et al. (2022) and the DiffBIR paper, section 3.3; see sections 5.4 and 5.5 of the behavioural specification. Latents are
[B, z, h, w] with h and w multiples of 2^(levels - 1), timesteps [B] from 0 to 999, the context [B, n, context_dim].
Both groups and text are smaller here: `norm_num_groups` and `context_dim` are numbers of the configuration.
"""

import copy
import math
from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from group_norm import GroupNorm


@dataclass(frozen=True)
class UNetConfig:
    """mult: width of each level in units of model_channels; attention: the levels with transformers (the middle always has one)."""

    z: int = 4
    model_channels: int = 320
    mult: tuple[int, ...] = (1, 2, 4, 4)
    blocks: int = 2
    attention: tuple[int, ...] = (0, 1, 2)
    head_channels: int = 64
    context_dim: int = 1024
    norm_num_groups: int = 32

    def to_dict(self) -> dict:
        return asdict(self)


def zero(module: nn.Module) -> nn.Module:
    for parameter in module.parameters():
        nn.init.zeros_(parameter)
    return module


class ResBlock(nn.Module):
    def __init__(self, inputs: int, outputs: int, config: UNetConfig):
        super().__init__()
        groups = config.norm_num_groups
        self.in_layers = nn.Sequential(GroupNorm(groups, inputs), nn.SiLU(), nn.Conv2d(inputs, outputs, 3, padding=1))
        self.emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(4 * config.model_channels, outputs))
        self.out_layers = nn.Sequential(GroupNorm(groups, outputs), nn.SiLU(), nn.Identity(),  # the third was dropout
                                        zero(nn.Conv2d(outputs, outputs, 3, padding=1)))
        self.skip_connection = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor, emb: Tensor, _context: Tensor) -> Tensor:
        h = self.in_layers(x) + self.emb_layers(emb)[..., None, None]
        return self.skip_connection(x) + self.out_layers(h)


class CrossAttention(nn.Module):
    def __init__(self, channels: int, context_dim: int, head_channels: int):
        super().__init__()
        self.head_channels = head_channels
        self.to_q = nn.Linear(channels, channels, bias=False)
        self.to_k = nn.Linear(context_dim, channels, bias=False)
        self.to_v = nn.Linear(context_dim, channels, bias=False)
        self.to_out = nn.Sequential(nn.Linear(channels, channels))

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        q, k, v = (t.unflatten(2, (-1, self.head_channels)).transpose(1, 2)
                   for t in (self.to_q(x), self.to_k(context), self.to_v(context)))
        return self.to_out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class GEGLU(nn.Module):
    def __init__(self, channels: int, inner: int):
        super().__init__()
        self.proj = nn.Linear(channels, 2 * inner)

    def forward(self, x: Tensor) -> Tensor:
        value, gate = self.proj(x).chunk(2, dim=-1)
        return value * F.gelu(gate)


class FeedForward(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.net = nn.Sequential(GEGLU(channels, 4 * channels), nn.Identity(), nn.Linear(4 * channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)


class TransformerBlock(nn.Module):
    def __init__(self, channels: int, config: UNetConfig):
        super().__init__()
        self.attn1 = CrossAttention(channels, channels, config.head_channels)
        self.attn2 = CrossAttention(channels, config.context_dim, config.head_channels)
        self.ff = FeedForward(channels)
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(channels) for _ in range(3))

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        y = self.norm1(x)
        x = x + self.attn1(y, y)
        x = x + self.attn2(self.norm2(x), context)
        return x + self.ff(self.norm3(x))


class SpatialTransformer(nn.Module):
    def __init__(self, channels: int, config: UNetConfig):
        super().__init__()
        self.norm = GroupNorm(config.norm_num_groups, channels, eps=1e-6)
        self.proj_in = nn.Linear(channels, channels)
        self.transformer_blocks = nn.ModuleList([TransformerBlock(channels, config)])
        self.proj_out = zero(nn.Linear(channels, channels))

    def forward(self, x: Tensor, _emb: Tensor, context: Tensor) -> Tensor:
        h = self.proj_in(self.norm(x).flatten(2).transpose(1, 2))
        for block in self.transformer_blocks:
            h = block(h, context)
        return x + self.proj_out(h).transpose(1, 2).reshape_as(x)


class Convolution(nn.Conv2d):
    def forward(self, x: Tensor, _emb: Tensor, _context: Tensor) -> Tensor:
        return super().forward(x)


class Downsample(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.op = nn.Conv2d(channels, channels, 3, stride=2, padding=1)

    def forward(self, x: Tensor, _emb: Tensor, _context: Tensor) -> Tensor:
        return self.op(x)


class Upsample(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor, _emb: Tensor, _context: Tensor) -> Tensor:
        return self.conv(F.interpolate(x, scale_factor=2, mode="nearest"))


class Block(nn.ModuleList):
    """Parts that run one after the other, each with the timestep's embedding and the context."""

    def forward(self, x: Tensor, emb: Tensor, context: Tensor) -> Tensor:
        for part in self:
            x = part(x, emb, context)
        return x


class Encoder(nn.Module):
    """What UNet and IRControlNet have in common: time embedding, input blocks and middle block."""

    def __init__(self, config: UNetConfig, inputs: int):
        super().__init__()
        self.config = config
        width = config.model_channels
        self.time_embed = nn.Sequential(nn.Linear(width, 4 * width), nn.SiLU(), nn.Linear(4 * width, 4 * width))
        self.input_blocks = nn.ModuleList([Block([Convolution(inputs, width, 3, padding=1)])])
        self.widths = [width]
        for level, mult in enumerate(config.mult):
            for _ in range(config.blocks):
                channels = mult * config.model_channels
                self.input_blocks.append(self.residual(width, channels, level))
                width = channels
                self.widths.append(width)
            if level + 1 < len(config.mult):
                self.input_blocks.append(Block([Downsample(width)]))
                self.widths.append(width)
        self.middle_block = Block([ResBlock(width, width, config), SpatialTransformer(width, config),
                                   ResBlock(width, width, config)])

    def residual(self, inputs: int, outputs: int, level: int) -> Block:
        block = Block([ResBlock(inputs, outputs, self.config)])
        if level in self.config.attention:
            block.append(SpatialTransformer(outputs, self.config))
        return block

    def embed(self, t: Tensor) -> Tensor:
        half = self.config.model_channels // 2
        frequencies = torch.exp(-math.log(10000) * torch.arange(half) / half)
        angles = t[:, None].float() * frequencies
        return self.time_embed(torch.cat((angles.cos(), angles.sin()), dim=1))

    def encode(self, x: Tensor, emb: Tensor, context: Tensor) -> list[Tensor]:
        """Outputs of all input blocks, then of the middle block."""
        outputs = []
        for block in self.input_blocks:
            x = block(x, emb, context)
            outputs.append(x)
        return [*outputs, self.middle_block(x, emb, context)]


class UNet(Encoder):
    def __init__(self, config: UNetConfig):
        super().__init__(config, config.z)
        skips, width = list(self.widths), self.widths[-1]
        self.output_blocks = nn.ModuleList()
        for level, mult in reversed(list(enumerate(config.mult))):
            for index in range(config.blocks + 1):
                channels = mult * config.model_channels
                self.output_blocks.append(self.residual(width + skips.pop(), channels, level))
                width = channels
                if level and index == config.blocks:
                    self.output_blocks[-1].append(Upsample(width))
        self.out = nn.Sequential(GroupNorm(config.norm_num_groups, width), nn.SiLU(),
                                 zero(nn.Conv2d(width, config.z, 3, padding=1)))

    def forward(self, x: Tensor, t: Tensor, context: Tensor, control: list[Tensor] | None = None) -> Tensor:
        emb = self.embed(t)
        features = self.encode(x, emb, context)
        if control is not None:
            features = [feature + added for feature, added in zip(features, control, strict=True)]
        h = features.pop()
        for block in self.output_blocks:
            h = block(torch.cat((h, features.pop()), dim=1), emb, context)
        return self.out(h)


class ControlNet(Encoder):
    """The UNet's encoder and middle over [latent, condition latent], each output through a zero convolution."""

    def __init__(self, config: UNetConfig):
        super().__init__(config, 2 * config.z)
        self.zero_convs = nn.ModuleList(nn.ModuleList([zero(nn.Conv2d(width, width, 1))]) for width in self.widths)
        self.middle_block_out = nn.ModuleList([zero(nn.Conv2d(self.widths[-1], self.widths[-1], 1))])

    @torch.no_grad()
    def start_from(self, unet: UNet) -> None:
        """The prior's weights; the condition's half of the first convolution starts at zero (DiffBIR paper, section 3.3)."""
        weights = {name: copy.deepcopy(value) for name, value in unet.state_dict().items()}
        first = weights["input_blocks.0.0.weight"]
        weights["input_blocks.0.0.weight"] = torch.cat((first, torch.zeros_like(first)), dim=1)
        self.load_state_dict({**self.state_dict(), **{name: value for name, value in weights.items()
                                                      if not name.startswith(("output_blocks", "out."))}})

    def forward(self, x: Tensor, hint: Tensor, t: Tensor, context: Tensor) -> list[Tensor]:
        features = self.encode(torch.cat((x, hint), dim=1), self.embed(t), context)
        convolutions = [*(conv[0] for conv in self.zero_convs), self.middle_block_out[0]]
        return [conv(feature) for conv, feature in zip(convolutions, features, strict=True)]
