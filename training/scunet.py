"""SCUNet (Zhang et al., "Practical Blind Image Denoising via Swin-Conv-UNet and Data Synthesis", 2022), at any width.

Parameter names are the official ones, so that the product's own SCUNet runs the weights; widths and block counts follow from the
tensors' shapes. Blocks per level may be zero: the paper has four at every level, full resolution included, which is
what a small network on a small machine cannot afford.
"""

from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

WINDOW = 8


@dataclass(frozen=True)
class SCUNetConfig:
    """dim: channels at full resolution, doubled at each of the three halvings; blocks: of the levels down, body, and up."""

    dim: int = 64
    blocks: tuple[int, ...] = (4, 4, 4, 4, 4, 4, 4)
    head_dim: int = 32

    def to_dict(self) -> dict:
        return asdict(self)


def to_windows(x: Tensor) -> Tensor:
    """[B, h, w, C] -> [B, windows, 64, C]"""
    b, h, w, c = x.shape
    x = x.view(b, h // WINDOW, WINDOW, w // WINDOW, WINDOW, c).transpose(2, 3)
    return x.reshape(b, -1, WINDOW * WINDOW, c)


def from_windows(x: Tensor, h: int, w: int) -> Tensor:
    """[B, windows, 64, C] -> [B, h, w, C]"""
    b, c = x.shape[0], x.shape[-1]
    return x.view(b, h // WINDOW, w // WINDOW, WINDOW, WINDOW, c).transpose(2, 3).reshape(b, h, w, c)


def shifted_mask(h: int, w: int) -> Tensor:
    """[windows, 1, 64, 64] booleans: which pairs of a rolled picture were neighbours before it was rolled."""
    zone = torch.zeros(1, h, w, 1)
    zone[:, h - WINDOW // 2 :] += 1
    zone[:, :, w - WINDOW // 2 :] += 2
    zone = to_windows(zone)[0, ..., 0]
    return (zone[:, :, None] == zone[:, None])[:, None]


class WindowAttention(nn.Module):
    """Multi-head self-attention in windows of 8 x 8, with a learnt bias for every relative position."""

    def __init__(self, channels: int, head_dim: int, shifted: bool):
        super().__init__()
        self.heads, self.shifted = channels // head_dim, shifted
        self.embedding_layer = nn.Linear(channels, 3 * channels)
        self.relative_position_params = nn.Parameter(torch.zeros(self.heads, 2 * WINDOW - 1, 2 * WINDOW - 1))
        self.linear = nn.Linear(channels, channels)
        nn.init.trunc_normal_(self.relative_position_params, std=0.02)
        at = torch.cartesian_prod(torch.arange(WINDOW), torch.arange(WINDOW))
        self.register_buffer("relation", at[:, None] - at[None] + WINDOW - 1, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """[B, h, w, C] -> [B, h, w, C]"""
        b, h, w, c = x.shape
        if self.shifted:
            x = x.roll((-(WINDOW // 2), -(WINDOW // 2)), (1, 2))
        qkv = self.embedding_layer(to_windows(x)).view(-1, WINDOW * WINDOW, 3, self.heads, c // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # [B * windows, heads, 64, C / heads]
        bias = self.relative_position_params[:, self.relation[..., 0], self.relation[..., 1]][None]
        if self.shifted:
            mask = torch.zeros(()).masked_fill(~shifted_mask(h, w), float("-inf"))
            bias = (bias + mask).repeat(b, 1, 1, 1)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=bias.to(q.dtype))
        y = from_windows(self.linear(y.transpose(1, 2).reshape(b, -1, WINDOW * WINDOW, c)), h, w)
        return y.roll((WINDOW // 2, WINDOW // 2), (1, 2)) if self.shifted else y


class TransBlock(nn.Module):
    def __init__(self, channels: int, head_dim: int, shifted: bool):
        super().__init__()
        self.ln1 = nn.LayerNorm(channels)
        self.msa = WindowAttention(channels, head_dim, shifted)
        self.ln2 = nn.LayerNorm(channels)
        self.mlp = nn.Sequential(nn.Linear(channels, 4 * channels), nn.GELU(), nn.Linear(4 * channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.msa(self.ln1(x))
        return x + self.mlp(self.ln2(x))


class ConvTransBlock(nn.Module):
    """Half of the channels go through a residual convolution block, half through a Swin block. [B, C, h, w], same out."""

    def __init__(self, channels: int, head_dim: int, shifted: bool):
        super().__init__()
        half = channels // 2
        self.trans_block = TransBlock(half, head_dim, shifted)
        self.conv1_1 = nn.Conv2d(channels, channels, 1)
        self.conv1_2 = nn.Conv2d(channels, channels, 1)
        self.conv_block = nn.Sequential(nn.Conv2d(half, half, 3, padding=1, bias=False), nn.ReLU(),
                                        nn.Conv2d(half, half, 3, padding=1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        conv, trans = self.conv1_1(x).chunk(2, dim=1)
        conv = self.conv_block(conv) + conv
        trans = self.trans_block(trans.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return x + self.conv1_2(torch.cat((conv, trans), dim=1))


class SCUNet(nn.Module):
    """[B, 3, H, W] in [0, 1] -> [B, 3, H, W], not clamped. H and W are multiples of 64."""

    def __init__(self, config: SCUNetConfig):
        super().__init__()
        self.config = config
        d = config.dim

        def stage(index: int, channels: int) -> list[nn.Module]:
            return [ConvTransBlock(channels, min(config.head_dim, channels // 2), i % 2 == 1)
                    for i in range(config.blocks[index])]

        self.m_head = nn.Sequential(nn.Conv2d(3, d, 3, padding=1, bias=False))
        self.m_down1, self.m_down2, self.m_down3 = (
            nn.Sequential(*stage(i, d << i), nn.Conv2d(d << i, d << (i + 1), 2, 2, bias=False)) for i in range(3))
        self.m_body = nn.Sequential(*stage(3, 8 * d))
        self.m_up3, self.m_up2, self.m_up1 = (
            nn.Sequential(nn.ConvTranspose2d(d << (i + 1), d << i, 2, 2, bias=False), *stage(6 - i, d << i))
            for i in (2, 1, 0))
        self.m_tail = nn.Sequential(nn.Conv2d(d, 3, 3, padding=1, bias=False))

    @torch.no_grad()
    def start_as_identity(self) -> None:
        """Lets the untrained network return its input: three channels of the outermost skip carry the picture.

        Only for networks without blocks at full resolution. Training then begins at the degraded picture's PSNR.
        """
        rgb = torch.arange(3)
        self.m_head[0].weight[:3] = 0
        self.m_head[0].weight[rgb, rgb, 1, 1] = 1
        self.m_up1[0].weight.zero_()
        self.m_tail[0].weight.zero_()
        self.m_tail[0].weight[rgb, rgb, 1, 1] = 1

    def forward(self, x: Tensor) -> Tensor:
        x1 = self.m_head(x)
        x2 = self.m_down1(x1)
        x3 = self.m_down2(x2)
        x4 = self.m_down3(x3)
        y = self.m_up3(self.m_body(x4) + x4)
        y = self.m_up2(y + x3)
        y = self.m_up1(y + x2)
        return self.m_tail(y + x1)


def load_scunet(state: dict[str, Tensor]) -> SCUNet:
    """The network that a checkpoint's names and shapes describe, with its weights. Heads are 32 wide, as the official ones are."""
    stages = ("m_down1", "m_down2", "m_down3", "m_body", "m_up3", "m_up2", "m_up1")
    blocks = tuple(sum(name.startswith(f"{stage}.") and name.endswith("ln1.weight") for name in state) for stage in stages)
    network = SCUNet(SCUNetConfig(state["m_head.0.weight"].shape[0], blocks))
    network.load_state_dict(state, strict=True)
    return network.eval()
