"""The degradation that makes training pairs: blur, shrink, noise, JPEG, enlarge.

One function, `degrade(rng, hq, recipe)`, is all that the trainings use, so that another model can take its place. The order
of operations is that of section 8.2 of the behavioural specification (the classical model that DiffBIR's stage 1 was
trained with); the ranges are wider at the mild end and narrower at the heavy one, since this network restores
photographs at their own resolution, not faces at 512 x 512.
"""

from dataclasses import dataclass

import cv2
import numpy as np

cv2.setNumThreads(0)  # one picture at a time; the caller owns the parallelism

Range = tuple[float, float]
KERNEL = 21  # pixels; holds 3 sigma of the widest blur
INTERPOLATIONS = (cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC)


@dataclass(frozen=True)
class Recipe:
    """Ranges to draw from, from mild to heavy. A range of no width is a fixed value.

    blur: standard deviation in pixels, per axis; shrink: factor (log-uniform); noise: standard deviation in levels of 255;
    jpeg: quality. Probabilities: skip, that an operation is left out; joint, that all of them draw about the same
    severity, without which a picture is hardly ever bad in every way; anisotropic blur; gray_noise.
    """

    blur: Range
    shrink: Range
    noise: Range
    jpeg: Range
    skip: float = 0.0
    joint: float = 0.0
    anisotropic: float = 0.0
    gray_noise: float = 0.0


TRAINING = Recipe(blur=(0.2, 3.5), shrink=(1, 5), noise=(0, 24), jpeg=(95, 25), skip=0.1, joint=0.5, anisotropic=0.5,
                  gray_noise=0.2)
JITTER = 0.15  # of the severity around a joint one

# Fixed strengths, for validation and evaluation; only the noise is random.
STRENGTHS = {
    "mild": Recipe(blur=(0.8, 0.8), shrink=(1.5, 1.5), noise=(4, 4), jpeg=(80, 80)),
    "medium": Recipe(blur=(1.5, 1.5), shrink=(2.5, 2.5), noise=(10, 10), jpeg=(60, 60)),
    "heavy": Recipe(blur=(2.5, 2.5), shrink=(4, 4), noise=(18, 18), jpeg=(40, 40)),
}


def gaussian_kernel(sigma_x: float, sigma_y: float, angle: float) -> np.ndarray:
    """[KERNEL, KERNEL] float32, sums to 1: exp(-p' S^-1 p / 2) with S = R diag(sx^2, sy^2) R'."""
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    inverse = rotation @ np.diag([sigma_x**-2.0, sigma_y**-2.0]) @ rotation.T
    y, x = np.mgrid[: KERNEL, : KERNEL] - KERNEL // 2
    q = inverse[0, 0] * x * x + 2 * inverse[0, 1] * x * y + inverse[1, 1] * y * y
    kernel = np.exp(-0.5 * q)
    return (kernel / kernel.sum()).astype(np.float32)


def degrade(rng: np.random.Generator, hq: np.ndarray, recipe: Recipe = TRAINING) -> np.ndarray:
    """hq: [H, W, 3] uint8 RGB -> a degraded picture of the same shape and type."""
    height, width = hq.shape[:2]

    severity = rng.random() if rng.random() < recipe.joint else None

    def draw(bounds: Range) -> float:
        at = rng.random() if severity is None else np.clip(severity + rng.uniform(-JITTER, JITTER), 0, 1)
        return bounds[0] + (bounds[1] - bounds[0]) * at

    def applies() -> bool:
        return rng.random() >= recipe.skip

    def to_bytes(image: np.ndarray) -> np.ndarray:
        return np.clip(np.rint(image), 0, 255).astype(np.uint8)

    image = hq.astype(np.float32)
    if applies():
        sigma_x = draw(recipe.blur)
        sigma_y, angle = sigma_x, 0.0
        if rng.random() < recipe.anisotropic:
            sigma_y, angle = draw(recipe.blur), rng.uniform(0, np.pi)
        image = cv2.filter2D(image, -1, gaussian_kernel(sigma_x, sigma_y, angle))
    if applies():
        factor = np.exp(draw(tuple(np.log(recipe.shrink))))
        size = (max(1, round(width / factor)), max(1, round(height / factor)))
        image = cv2.resize(image, size, interpolation=INTERPOLATIONS[rng.integers(3)])
    if applies():
        channels = 1 if rng.random() < recipe.gray_noise else 3
        noise = rng.standard_normal((*image.shape[:2], channels), np.float32)
        image = image + noise * np.float32(draw(recipe.noise))
    image = to_bytes(image)
    if applies():
        quality = int(draw(recipe.jpeg))
        _, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
        image = cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1]
    if image.shape[:2] != (height, width):
        enlarge = (cv2.INTER_LINEAR, cv2.INTER_CUBIC)[rng.integers(2)]
        image = to_bytes(cv2.resize(image.astype(np.float32), (width, height), interpolation=enlarge))
    return np.ascontiguousarray(image)
