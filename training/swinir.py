"""DiffBIR's SwinIR (stage 1), with the official parameter names.

Liang et al., "SwinIR: Image Restoration Using Swin Transformer" (2021), in the form that DiffBIR uses as its restoration
module: the picture is pixel-unshuffled by 8, so that the transformer sees 1/64 of the tokens, and comes back through three
nearest + convolution steps. There is no skip from the input picture. See section 5.1 of the behavioural specification.

Shapes: B batch, H x W picture (multiples of 64), h = H/8, w = W/8, C embedding width, 8 = window side.
"""

from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

MEAN = (0.4488, 0.4371, 0.4040)  # of the training pictures of the original work
WINDOW = 8


@dataclass(frozen=True)
class SwinIRConfig:
    """Widths and depths. The official network is 180, (6,)*8, (6,)*8, 2, (64, 64, 64, 64).

    `tail` lists the output channels of `conv_before_upsample`, `conv_up1`, `conv_up2` and `conv_up3`. The official network
    has 64 four times. A tail that narrows as the resolution grows costs less at full resolution, where nearly all the
    time goes, and passes more at 1/8 resolution, where 64 channels would have to hold 8 x 8 x 3 = 192 values.
    """

    embed_dim: int = 180
    depths: tuple[int, ...] = (6,) * 8
    num_heads: tuple[int, ...] = (6,) * 8
    mlp_ratio: float = 2
    tail: tuple[int, int, int, int] = (64, 64, 64, 64)
    unshuffle_scale: int = 8

    def to_dict(self) -> dict:
        return asdict(self)


def to_windows(x: Tensor) -> Tensor:
    """[B, h, w, C] -> [B * h/8 * w/8, 64, C], windows and the tokens in them row by row."""
    b, h, w, c = x.shape
    x = x.view(b, h // WINDOW, WINDOW, w // WINDOW, WINDOW, c)
    return x.transpose(2, 3).reshape(-1, WINDOW * WINDOW, c)


def from_windows(x: Tensor, h: int, w: int) -> Tensor:
    """The inverse of `to_windows`: -> [B, h, w, C]."""
    c = x.shape[-1]
    x = x.view(-1, h // WINDOW, w // WINDOW, WINDOW, WINDOW, c)
    return x.transpose(2, 3).reshape(-1, h, w, c)


def relative_position_index() -> Tensor:
    """[64, 64] int64: row of the bias table for each pair of tokens of a window."""
    axis = torch.arange(WINDOW)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    y, x = y.flatten(), x.flatten()
    dy = y[:, None] - y[None, :] + WINDOW - 1
    dx = x[:, None] - x[None, :] + WINDOW - 1
    return dy * (2 * WINDOW - 1) + dx


def shift_mask(h: int, w: int, shift: int) -> Tensor:
    """[windows, 64, 64]: -100 between tokens that the cyclic shift has brought together from opposite borders."""
    def labels(length: int) -> Tensor:
        at = torch.arange(length)
        return (at >= length - WINDOW).long() + (at >= length - shift).long()

    regions = labels(h)[:, None] * 3 + labels(w)[None, :]
    regions = to_windows(regions[None, :, :, None]).squeeze(-1)
    return (regions[:, None, :] != regions[:, :, None]).float() * -100.0


class WindowAttention(nn.Module):
    """Multi-head self-attention inside each window, with a learned bias per relative position."""

    def __init__(self, dim: int, heads: int):
        super().__init__()
        self.heads = heads
        self.relative_position_bias_table = nn.Parameter(torch.zeros((2 * WINDOW - 1) ** 2, heads))
        self.register_buffer("relative_position_index", relative_position_index())
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """x: [N, 64, C] with N = B * windows; mask: [windows, 64, 64] or None -> [N, 64, C]."""
        n, tokens, c = x.shape
        q, k, v = self.qkv(x).view(n, tokens, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        bias = self.relative_position_bias_table[self.relative_position_index.flatten()]
        bias = bias.view(tokens, tokens, self.heads).permute(2, 0, 1)  # [heads, 64, 64]
        if mask is not None:
            windows = mask.shape[0]
            bias = (bias[None] + mask[:, None]).repeat(n // windows, 1, 1, 1)  # [N, heads, 64, 64]
        logits = (q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1) + bias
        x = logits.softmax(dim=-1).to(v.dtype) @ v
        return self.proj(x.transpose(1, 2).reshape(n, tokens, c))


class Mlp(nn.Module):
    def __init__(self, dim: int, hidden: int):
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden)
        self.fc2 = nn.Linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(x)))


class SwinBlock(nn.Module):
    """Window attention, then an MLP, both residual. Odd blocks shift the windows by half a window."""

    def __init__(self, dim: int, heads: int, mlp_ratio: float, shift: int, image_size: int):
        super().__init__()
        self.shift = shift
        self.norm1 = nn.LayerNorm(dim)
        self.attn = WindowAttention(dim, heads)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = Mlp(dim, int(dim * mlp_ratio))
        self.register_buffer("attn_mask", shift_mask(image_size, image_size, shift) if shift else None)

    def forward(self, x: Tensor, h: int, w: int) -> Tensor:
        """[B, h*w, C] -> the same shape."""
        b, _, c = x.shape
        y = self.norm1(x).view(b, h, w, c)
        mask = None
        if self.shift:
            y = y.roll((-self.shift, -self.shift), dims=(1, 2))
            mask = self.attn_mask
            if mask.shape[0] != (h // WINDOW) * (w // WINDOW) or h != w:
                mask = shift_mask(h, w, self.shift).to(x.device)
        y = from_windows(self.attn(to_windows(y), mask), h, w)
        if self.shift:
            y = y.roll((self.shift, self.shift), dims=(1, 2))
        x = x + y.reshape(b, h * w, c)
        return x + self.mlp(self.norm2(x))


def to_tokens(x: Tensor) -> Tensor:
    """[B, C, h, w] -> [B, h*w, C]."""
    return x.flatten(2).transpose(1, 2)


def to_image(x: Tensor, h: int, w: int) -> Tensor:
    """[B, h*w, C] -> [B, C, h, w]."""
    return x.transpose(1, 2).unflatten(2, (h, w))


def conv3x3(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1)


class BlockGroup(nn.Module):
    """Only here so that parameters are called `residual_group.blocks.N`."""

    def __init__(self, blocks: list[SwinBlock]):
        super().__init__()
        self.blocks = nn.ModuleList(blocks)


class ResidualSwinGroup(nn.Module):
    """RSTB of the paper: Swin blocks, a 3x3 convolution, and a residual around them."""

    def __init__(self, config: SwinIRConfig, index: int, image_size: int):
        super().__init__()
        dim, heads = config.embed_dim, config.num_heads[index]
        self.residual_group = BlockGroup([
            SwinBlock(dim, heads, config.mlp_ratio, WINDOW // 2 * (b % 2), image_size)
            for b in range(config.depths[index])
        ])
        self.conv = conv3x3(dim, dim)

    def forward(self, x: Tensor, h: int, w: int) -> Tensor:
        y = x
        for block in self.residual_group.blocks:
            y = block(y, h, w)
        return x + to_tokens(self.conv(to_image(y, h, w)))


class PatchEmbed(nn.Module):
    """Only the norm is left of patch embedding: a token is one pixel of the unshuffled picture."""

    def __init__(self, dim: int):
        super().__init__()
        self.norm = nn.LayerNorm(dim)


class SwinIR(nn.Module):
    """[B, 3, H, W] in [0, 1] -> [B, 3, H, W], nominally in [0, 1] and not clamped. H and W are multiples of 64."""

    def __init__(self, config: SwinIRConfig, image_size: int = 64):
        """`image_size`: side in tokens for which the shifted windows' masks are kept as buffers."""
        super().__init__()
        self.config = config
        dim, scale = config.embed_dim, config.unshuffle_scale
        c8, c4, c2, c1 = config.tail
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.conv_first = nn.Sequential(nn.PixelUnshuffle(scale), conv3x3(3 * scale * scale, dim))
        self.patch_embed = PatchEmbed(dim)
        self.layers = nn.ModuleList(
            ResidualSwinGroup(config, i, image_size) for i in range(len(config.depths)))
        self.norm = nn.LayerNorm(dim)
        self.conv_after_body = conv3x3(dim, dim)
        self.conv_before_upsample = nn.Sequential(conv3x3(dim, c8), nn.LeakyReLU(0.01))
        self.conv_up1 = conv3x3(c8, c4)
        self.conv_up2 = conv3x3(c4, c2)
        self.conv_up3 = conv3x3(c2, c1)
        self.conv_hr = conv3x3(c1, c1)
        self.conv_last = conv3x3(c1, 3)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)

    def body(self, x: Tensor) -> Tensor:
        """[B, C, h, w] -> [B, C, h, w]: all the Swin groups."""
        h, w = x.shape[-2:]
        tokens = self.patch_embed.norm(to_tokens(x))
        for layer in self.layers:
            tokens = layer(tokens, h, w)
        return to_image(self.norm(tokens), h, w)

    def forward(self, x: Tensor) -> Tensor:
        features = self.conv_first(x - self.mean)
        x = self.conv_after_body(self.body(features)) + features
        x = self.conv_before_upsample(x)
        for conv in (self.conv_up1, self.conv_up2, self.conv_up3):
            x = F.leaky_relu(conv(F.interpolate(x, scale_factor=2, mode="nearest")), 0.2)
        x = F.leaky_relu(self.conv_hr(x), 0.2)
        return self.conv_last(x) + self.mean
