"""RetinaFace-ResNet50 and ParseNet in PyTorch, written from a description of their checkpoints (key names and shapes),
at any width: what the native networks are compared with, and what the test fixtures are fitted with."""

import torch
import torch.nn as nn
import torch.nn.functional as F


def conv_bn(c_in: int, c_out: int, kernel: int = 3, relu: bool = True) -> nn.Sequential:
    layers = [nn.Conv2d(c_in, c_out, kernel, 1, kernel // 2, bias=False), nn.BatchNorm2d(c_out)]
    return nn.Sequential(*layers, *([nn.ReLU()] if relu else []))


class Bottleneck(nn.Module):
    def __init__(self, c_in: int, planes: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(c_in, planes, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = nn.Conv2d(planes, 4 * planes, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * planes)
        if stride != 1 or c_in != 4 * planes:
            self.downsample = nn.Sequential(
                nn.Conv2d(c_in, 4 * planes, 1, stride, bias=False), nn.BatchNorm2d(4 * planes)
            )

    def forward(self, x):
        shortcut = self.downsample(x) if hasattr(self, "downsample") else x
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        return F.relu(self.bn3(self.conv3(y)) + shortcut)


class Body(nn.Module):
    def __init__(self, width: int, depths):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        c = width
        for i, depth in enumerate(depths):
            planes = width << i
            blocks = []
            for block in range(depth):
                blocks.append(Bottleneck(c, planes, 2 if i > 0 and block == 0 else 1))
                c = 4 * planes
            setattr(self, f"layer{i + 1}", nn.Sequential(*blocks))

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        c2 = self.layer2(self.layer1(x))
        c3 = self.layer3(c2)
        return c2, c3, self.layer4(c3)


class Fpn(nn.Module):
    def __init__(self, widths, out: int):
        super().__init__()
        for i, width in enumerate(widths, 1):
            setattr(self, f"output{i}", conv_bn(width, out, 1))
        self.merge1 = conv_bn(out, out)
        self.merge2 = conv_bn(out, out)

    def forward(self, features):
        o1, o2, o3 = (getattr(self, f"output{i}")(x) for i, x in enumerate(features, 1))
        o2 = self.merge2(o2 + F.interpolate(o3, size=o2.shape[2:], mode="nearest"))
        o1 = self.merge1(o1 + F.interpolate(o2, size=o1.shape[2:], mode="nearest"))
        return o1, o2, o3


class Ssh(nn.Module):
    def __init__(self, c: int):
        super().__init__()
        self.conv3X3 = conv_bn(c, c // 2, relu=False)
        self.conv5X5_1 = conv_bn(c, c // 4)
        self.conv5X5_2 = conv_bn(c // 4, c // 4, relu=False)
        self.conv7X7_2 = conv_bn(c // 4, c // 4)
        self.conv7x7_3 = conv_bn(c // 4, c // 4, relu=False)

    def forward(self, x):
        five = self.conv5X5_1(x)
        return F.relu(
            torch.cat([self.conv3X3(x), self.conv5X5_2(five), self.conv7x7_3(self.conv7X7_2(five))], 1)
        )


class Head(nn.Module):
    def __init__(self, c: int, values: int):
        super().__init__()
        self.values = values
        self.conv1x1 = nn.Conv2d(c, 2 * values, 1)

    def forward(self, x):
        return self.conv1x1(x).permute(0, 2, 3, 1).reshape(x.shape[0], -1, self.values)


class RetinaFace(nn.Module):
    """x [B,3,H,W], BGR 0..255 minus (104,117,123) -> boxes [B,N,4], scores [B,N,2], landmarks [B,N,10]."""

    def __init__(self, width: int = 64, depths=(3, 4, 6, 3), out: int = 256):
        super().__init__()
        self.body = Body(width, depths)
        self.fpn = Fpn([8 * width, 16 * width, 32 * width], out)
        self.ssh1, self.ssh2, self.ssh3 = Ssh(out), Ssh(out), Ssh(out)
        self.ClassHead = nn.ModuleList(Head(out, 2) for _ in range(3))
        self.BboxHead = nn.ModuleList(Head(out, 4) for _ in range(3))
        self.LandmarkHead = nn.ModuleList(Head(out, 10) for _ in range(3))

    def forward(self, x):
        features = [ssh(f) for ssh, f in zip((self.ssh1, self.ssh2, self.ssh3), self.fpn(self.body(x)))]
        boxes, classes, landmarks = (
            torch.cat([head(f) for head, f in zip(heads, features)], 1)
            for heads in (self.BboxHead, self.ClassHead, self.LandmarkHead)
        )
        return boxes, classes.softmax(-1), landmarks


class Norm(nn.Module):
    def __init__(self, c: int):
        super().__init__()
        self.norm = nn.BatchNorm2d(c)

    def forward(self, x):
        return self.norm(x)


class ConvLayer(nn.Module):
    def __init__(self, c_in: int, c_out: int, scale: str = "none", norm: bool = False, relu: bool = False):
        super().__init__()
        self.scale, self.relu = scale, relu
        self.conv2d = nn.Conv2d(c_in, c_out, 3, 2 if scale == "down" else 1, bias=not norm)
        if norm:
            self.norm = Norm(c_out)

    def forward(self, x):
        if self.scale == "up":
            x = F.interpolate(x, scale_factor=2, mode="nearest")
        x = self.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"))
        if hasattr(self, "norm"):
            x = self.norm(x)
        return F.leaky_relu(x, 0.2) if self.relu else x


class ResidualBlock(nn.Module):
    def __init__(self, c_in: int, c_out: int, scale: str = "none"):
        super().__init__()
        if scale != "none" or c_in != c_out:
            self.shortcut_func = ConvLayer(c_in, c_out, scale)
        first, second = {"down": ("none", "down"), "up": ("up", "none"), "none": ("none", "none")}[scale]
        self.conv1 = ConvLayer(c_in, c_out, first, norm=True, relu=True)
        self.conv2 = ConvLayer(c_out, c_out, second, norm=True)

    def forward(self, x):
        shortcut = self.shortcut_func(x) if hasattr(self, "shortcut_func") else x
        return shortcut + self.conv2(self.conv1(x))


class ParseNet(nn.Module):
    """x [B,3,H,W] in -1..1 -> logits [B,19,H,W], picture [B,3,H,W]. `widths`: of each scale, the finest first."""

    def __init__(self, widths=(64, 128, 256, 256, 256), depth: int = 10, classes: int = 19):
        super().__init__()
        steps = list(zip(widths, widths[1:]))
        self.encoder = nn.Sequential(
            ConvLayer(3, widths[0]), *(ResidualBlock(a, b, "down") for a, b in steps)
        )
        self.body = nn.Sequential(*(ResidualBlock(widths[-1], widths[-1]) for _ in range(depth)))
        self.decoder = nn.Sequential(*(ResidualBlock(b, a, "up") for a, b in reversed(steps)))
        self.out_img_conv = ConvLayer(widths[0], 3)
        self.out_mask_conv = ConvLayer(widths[0], classes)

    def forward(self, x):
        features = self.encoder(x)
        x = self.decoder(features + self.body(features))
        return self.out_mask_conv(x), self.out_img_conv(x)
