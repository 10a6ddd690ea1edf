"""Records what OpenCV 4 and PyTorch say, for test/faces. Run from the repository's root, with OpenCV 4 (5 warps by other
rules):

    python training/faces/record_vectors.py test/fixtures/faces && npx biome format --write test/fixtures/faces
"""

import base64
import json
import sys

import cv2
import numpy as np
import torch
from safetensors.torch import save_file

from networks import ParseNet, RetinaFace

TEMPLATE = np.array(
    [[192.98138, 239.94708], [318.90277, 240.1936], [256.63416, 314.01935], [201.26117, 371.41043], [313.08905, 371.15118]]
)


def image(height: int, width: int) -> np.ndarray:
    """The picture that test/faces/pictures.ts makes too."""
    y, x, c = np.mgrid[:height, :width, :3]
    return ((x * 73 + y * 151 + c * 89 + x * y * 7) % 256).astype(np.uint8)


def plane(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return ((x * 37 + y * 91 + x * y * 11) % 101 / 100).astype(np.float32)


def packed(array: np.ndarray) -> dict:
    return {"shape": list(array.shape), "data": base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()}


def operators() -> dict:
    matrix = np.array([[0.71, -0.23, 3.3], [0.23, 0.71, -4.1]])
    up = np.array([[2.3, 0.4, -11.5], [-0.4, 2.3, 2.25]])
    border = (135, 133, 132)
    warp = lambda x, m, size: cv2.warpAffine(x, m, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=border)
    result = {
        "opencv": cv2.__version__,
        "warpDown": {"m": matrix.ravel().tolist(), "image": packed(warp(image(24, 30), matrix, (22, 17)))},
        "warpUp": {"m": up.ravel().tolist(), "image": packed(warp(image(11, 9), up, (22, 17)))},
        "warpPlane": packed(cv2.warpAffine(plane(20, 20), up, (24, 22))),
        "inverse": cv2.invertAffineTransform(up).ravel().tolist(),
        "erode": {side: packed(cv2.erode(plane(12, 14), np.ones((side, side), np.uint8))) for side in (2, 3, 4, 7, 10)},
        "blur": {
            f"{side}_{sigma}": packed(cv2.GaussianBlur(plane(15, 13), (side, side), sigma))
            for side, sigma in ((1, 0), (3, 0), (5, 0), (7, 0), (9, 0), (11, 0), (21, 3.5))
        },
        "linear": {f"{w}x{h}": packed(cv2.resize(image(11, 13), (w, h), interpolation=cv2.INTER_LINEAR)) for w, h in ((17, 30), (13, 7), (40, 11))},
        "lanczos4": {f"{w}x{h}": packed(cv2.resize(image(11, 13), (w, h), interpolation=cv2.INTER_LANCZOS4)) for w, h in ((17, 30), (21, 7), (13, 11))},
    }
    rng = np.random.default_rng(7)
    cases = []
    for k in range(15):
        angle, scale = rng.uniform(-0.6, 0.6), np.exp(rng.uniform(-1.5, 1.5))
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) / scale
        points = TEMPLATE @ turn.T + rng.uniform(-100, 900, 2) + rng.normal(0, 3 / scale, (5, 2))
        if k % 3 == 2:
            points[rng.integers(5)] += rng.uniform(60, 120, 2) / scale  # an outlier
        found, inliers = cv2.estimateAffinePartial2D(points, TEMPLATE, method=cv2.LMEDS)
        cases.append({"points": points.ravel().round(3).tolist(), "m": None, "inliers": None})
        found, inliers = cv2.estimateAffinePartial2D(points.round(3), TEMPLATE, method=cv2.LMEDS)
        cases[-1].update(m=found.ravel().tolist(), inliers=inliers.ravel().tolist())
    result["similarity"] = cases
    return result


def blend() -> dict:
    """Steps a to e of behaviour.md 9.5 for one channel, over the whole picture: every fourth row of the result."""
    to_aligned = np.array([[7.1, -1.3, -90.0], [1.3, 7.1, -60.0]])
    back = cv2.invertAffineTransform(to_aligned)
    y, x = np.mgrid[:512, :512]
    face = ((x + 2 * y) // 6 % 256).astype(np.uint8)
    parse = np.clip((300 - np.hypot(x - 256, y - 256)) / 60, 0, 1).astype(np.float32)
    background = plane(60, 70) * 255
    size = (70, 60)
    warped = cv2.warpAffine(face, back, size).astype(np.float32)
    mask = cv2.erode(cv2.warpAffine(np.ones((512, 512), np.float32), back, size), np.ones((2, 2), np.uint8))
    edge = int(mask.sum() ** 0.5) // 20
    centre = cv2.erode(mask, np.ones((2 * edge, 2 * edge), np.uint8))
    soft = np.minimum(cv2.GaussianBlur(centre, (2 * edge + 1, 2 * edge + 1), 0), cv2.warpAffine(parse, back, size))
    result = soft * mask * warped + (1 - soft) * background
    return {"toAligned": to_aligned.ravel().tolist(), "edge": edge, "result": packed(result.astype(np.float32)[::4])}


def parse() -> dict:
    """Of logits whose greatest is label (y // 8 + x // 16) % 19: the mask before it is warped, every 16th value."""
    y, x = np.mgrid[:512, :512]
    labels = (y // 64 * 5 + x // 96) % 19
    mask = np.isin(labels, [*range(1, 14), 15]).astype(np.float64) * 255
    for _ in range(2):
        mask = cv2.GaussianBlur(mask, (101, 101), 11)
    mask[:10], mask[-10:], mask[:, :10], mask[:, -10:] = 0, 0, 0, 0
    return packed((mask / 255)[5::16, 5::16].astype(np.float32))


def networks(folder: str) -> None:
    """Narrow networks of random weights and running statistics, an input of odd sides, and the outputs."""
    torch.manual_seed(3)
    tensors = {}
    for name, net, x in (
        ("retinaface", RetinaFace(width=4, depths=(1, 2, 1, 1), out=8), 255 * torch.rand(1, 3, 75, 101) - 113),
        ("parsenet", ParseNet(widths=(4, 6, 8), depth=2), 2 * torch.rand(1, 3, 20, 28) - 1),
    ):
        net.eval()
        for key, value in net.state_dict().items():
            if value.is_floating_point():
                if key.endswith("running_var"):
                    value.copy_(torch.rand_like(value) + 0.5)
                elif value.dim() == 1:
                    value.copy_(torch.randn_like(value) * 0.2 + (1 if key.endswith("weight") else 0))
                value.copy_(value.half())
            tensors[f"{name}.{key}"] = value.half() if value.is_floating_point() else value
        x = x.half().float()
        with torch.no_grad():
            outputs = net(x)
        tensors[f"io.{name}.x"] = x.half()
        for key, value in zip(("boxes", "scores", "landmarks") if name == "retinaface" else ("out",), outputs):
            tensors[f"io.{name}.{key}"] = value
    save_file(tensors, f"{folder}/networks.safetensors")


if __name__ == "__main__":
    (folder,) = sys.argv[1:]
    if not cv2.__version__.startswith("4."):
        raise SystemExit(f"needs OpenCV 4, this is {cv2.__version__}")
    with open(f"{folder}/vectors.json", "w") as file:
        json.dump({**operators(), "blend": blend(), "parse": parse()}, file)
    networks(folder)
