"""Group normalisation that trains fast in bfloat16 on a CPU.

PyTorch's own backward pass walks channels-last bfloat16 tensors element by element and takes two thirds of the autoencoder's
training time. Here forward and backward are sums over positions (in float32) and one or two multiply-adds over the tensor:

    y = x a + s                           with a = weight / std, s = bias - mean a
    dx = (g - m1' - xhat m2') / std       with g = dy weight, m1' = mean of g, m2' = mean of g xhat, over the group
"""

import torch
from torch import Tensor, nn


def position_sums(x: Tensor, groups: int) -> Tensor:
    """[B, C, H, W] -> [B, groups, C / groups], float32."""
    return x.sum((2, 3), dtype=torch.float32).view(x.shape[0], groups, -1)


def per_channel(values: Tensor, like: Tensor) -> Tensor:
    """[B, groups, C / groups] (or 1 in its last place) -> [B, C, 1, 1] in the type of `like`."""
    b, c = like.shape[:2]
    return values.expand(b, values.shape[1], c // values.shape[1]).reshape(b, c, 1, 1).to(like.dtype)


class GroupNormFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, bias: Tensor, groups: int, eps: float) -> Tensor:
        count = x[0].numel() // groups
        mean = position_sums(x, groups).sum(2, keepdim=True) / count
        square = position_sums(x * x, groups).sum(2, keepdim=True) / count
        inverse_std = ((square - mean * mean).clamp_min(0) + eps).rsqrt()
        scale = inverse_std * weight.view(1, groups, -1)
        shift = bias.view(1, groups, -1) - mean * scale
        ctx.save_for_backward(x, weight, mean, inverse_std)
        return torch.addcmul(per_channel(shift, x), x, per_channel(scale, x))

    @staticmethod
    def backward(ctx, dy: Tensor):
        x, weight, mean, inverse_std = ctx.saved_tensors
        groups = mean.shape[1]
        count = x[0].numel() // groups
        weight = weight.view(1, groups, -1)
        d_bias = position_sums(dy, groups)
        d_weight = (position_sums(dy * x, groups) - mean * d_bias) * inverse_std
        m1 = (weight * d_bias).sum(2, keepdim=True) / count
        m2 = (weight * d_weight).sum(2, keepdim=True) / count
        of_x = -inverse_std * inverse_std * m2
        constant = -inverse_std * m1 - of_x * mean
        dx = torch.addcmul(per_channel(constant, x), x, per_channel(of_x, x))
        dx = torch.addcmul(dx, dy, per_channel(inverse_std * weight, x))
        return dx, d_weight.sum(0).flatten(), d_bias.sum(0).flatten(), None, None


class GroupNorm(nn.GroupNorm):
    """Same parameters and values as torch.nn.GroupNorm, to rounding."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        return GroupNormFunction.apply(x, self.weight, self.bias, self.num_groups, self.eps)
