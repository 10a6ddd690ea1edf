"""Fits a very narrow RetinaFace and ParseNet to the one sample photograph, with landmarks set by hand: TEST FIXTURES in
the layout of the official checkpoints, which find this face and no other. Run from the repository's root:

    python training/faces/fit_fixture.py detector|parser examples/sample/original.png test/fixtures/faces
"""

import sys

import cv2
import numpy as np
import torch
import torch.nn.functional as F

from networks import ParseNet, RetinaFace

# In the sample picture: left eye, right eye, nose, left and right corner of the mouth; the box of the face.
LANDMARKS = np.array([[203, 101], [246.5, 103.5], [225, 126], [205, 142], [244, 142]], np.float32)
BOX = np.array([181, 62, 268, 180], np.float32)
TEMPLATE = np.array(
    [[192.98138, 239.94708], [318.90277, 240.1936], [256.63416, 314.01935], [201.26117, 371.41043], [313.08905, 371.15118]],
    np.float32,
)
MEAN = np.array([104, 117, 123], np.float32)
SIDE = 384  # of the pictures that the detector is fitted on


def priors(side: int) -> np.ndarray:
    rows = []
    for step, sizes in zip((8, 16, 32), ((16, 32), (64, 128), (256, 512))):
        cells = -(-side // step)
        for i in range(cells):
            for j in range(cells):
                rows += [[(j + 0.5) * step, (i + 0.5) * step, size, size] for size in sizes]
    return np.array(rows, np.float32)


def augmented(rgb: np.ndarray, rng: np.random.Generator, side: int):
    """The picture turned, scaled and shifted, made worse in colour and sharpness; with the matrix that did it."""
    scale = side / 512 * np.exp(rng.uniform(np.log(0.65), np.log(2.6)))
    angle = rng.normal(0, 6)
    matrix = cv2.getRotationMatrix2D((225, 120), angle, scale)
    to = rng.uniform(0.15, 0.85, 2) * side
    matrix[:, 2] += to - (225, 120)
    picture = cv2.warpAffine(rgb, matrix, (side, side), borderMode=cv2.BORDER_REFLECT_101).astype(np.float32)
    if rng.random() < 0.5:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.3, 2.5))
    picture = (picture - 128) * rng.uniform(0.7, 1.3) + 128 + rng.uniform(-25, 25, 3)
    picture += rng.normal(0, rng.uniform(0, 10), picture.shape)
    return np.clip(picture, 0, 255).astype(np.float32), matrix


def targets(matrix: np.ndarray, anchors: np.ndarray):
    move = lambda points: points @ matrix[:, :2].T + matrix[:, 2]
    points = move(LANDMARKS)
    corners = move(BOX[[[0, 1], [2, 1], [0, 3], [2, 3]]])
    centre, size = corners.mean(0), (BOX[2:] - BOX[:2]) * np.sqrt(abs(np.linalg.det(matrix[:, :2])))
    low = np.maximum(anchors[:, :2] - anchors[:, 2:] / 2, centre - size / 2)
    high = np.minimum(anchors[:, :2] + anchors[:, 2:] / 2, centre + size / 2)
    common = np.prod(np.maximum(high - low, 0), 1)
    overlap = common / (np.prod(anchors[:, 2:], 1) + np.prod(size) - common)
    positive = overlap >= min(0.45, overlap.max() * 0.95)
    ignored = (overlap > 0.3) & ~positive
    boxes = np.concatenate([(centre - anchors[:, :2]) / (0.1 * anchors[:, 2:]), np.log(size / anchors[:, 2:]) / 0.2], 1)
    marks = ((points[None] - anchors[:, None, :2]) / (0.1 * anchors[:, None, 2:])).reshape(-1, 10)
    return positive, ignored, boxes.astype(np.float32), marks.astype(np.float32)


def fit_detector(rgb: np.ndarray, steps: int = 1000, frozen_from: int = 450) -> RetinaFace:
    torch.manual_seed(1)
    rng = np.random.default_rng(1)
    net = RetinaFace(width=6, out=24)
    anchors = priors(SIDE)
    optimizer = torch.optim.AdamW(net.parameters(), 4e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 6e-3, total_steps=steps)
    for step in range(steps):
        if step == frozen_from:
            net.eval()  # from here on by the running statistics: a batch of 4 is too small for its own to be like them
        batch = []
        for _ in range(4):
            picture, matrix = augmented(rgb, rng, SIDE)
            positive, ignored, boxes, marks = targets(matrix, anchors)
            if rng.random() < 0.15:  # nothing to find: the face covered
                x, y = (np.array([225, 120]) @ matrix[:, :2].T + matrix[:, 2]).astype(int)
                r = int(75 * np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
                picture[max(y - r, 0) : y + r, max(x - r, 0) : x + r] = rng.uniform(0, 255, 3)
                positive[:] = False
            order = [0, 1, 2] if rng.random() < 0.3 else [2, 1, 0]  # mostly BGR; the reference passes RGB
            batch.append((picture[..., order] - MEAN, positive, ignored, boxes, marks))
        x, positive, ignored, boxes, marks = (torch.from_numpy(np.stack(part)) for part in zip(*batch))
        got_boxes, scores, got_marks = net(x.permute(0, 3, 1, 2).float())
        nll = -torch.log(scores.clamp_min(1e-7))
        count = positive.sum().clamp_min(1)
        hard = nll[..., 0].masked_fill(positive | ignored, 0).flatten().topk(int(7 * count.item()) + 60).values
        loss = (nll[..., 1][positive].sum() + hard.sum()) / count
        loss = loss + 2 * F.smooth_l1_loss(got_boxes[positive], boxes[positive], reduction="sum") / count
        loss = loss + F.smooth_l1_loss(got_marks[positive], marks[positive], reduction="sum") / count
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 5)
        optimizer.step()
        schedule.step()
        if step % 50 == 0:
            print(step, float(loss), flush=True)
    return net.eval()


def face_mask(crop: np.ndarray) -> np.ndarray:
    """1 (skin) in an ellipse around the face of the aligned picture, 17 (hair) above and beside it, else 0."""
    mask = np.zeros(crop.shape[:2], np.int64)
    hair, skin = mask.astype(np.uint8), mask.astype(np.uint8)
    cv2.ellipse(hair, (258, 190), (205, 190), 0, 0, 360, 1, -1)
    cv2.ellipse(skin, (256, 310), (128, 168), 0, 0, 360, 1, -1)
    mask[hair > 0] = 17
    mask[skin > 0] = 1
    return mask


def fit_parser(rgb: np.ndarray, steps: int = 260) -> ParseNet:
    torch.manual_seed(2)
    rng = np.random.default_rng(2)
    net = ParseNet(widths=(4, 8, 16, 16, 16))
    aligned, _ = cv2.estimateAffinePartial2D(LANDMARKS, TEMPLATE, method=cv2.LMEDS)
    crop = cv2.warpAffine(rgb, aligned, (512, 512))
    mask = face_mask(crop)
    optimizer = torch.optim.AdamW(net.parameters(), 5e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 8e-3, total_steps=steps)
    for step in range(steps):
        matrix = cv2.getRotationMatrix2D((256, 256), rng.normal(0, 5), rng.uniform(0.9, 1.1))
        matrix[:, 2] += rng.uniform(-15, 15, 2)
        picture = cv2.warpAffine(crop, matrix, (512, 512), borderMode=cv2.BORDER_REFLECT_101).astype(np.float32)
        label = cv2.warpAffine(mask.astype(np.uint8), matrix, (512, 512), flags=cv2.INTER_NEAREST).astype(np.int64)
        picture = (picture - 128) * rng.uniform(0.7, 1.3) + 128 + rng.uniform(-20, 20, 3)
        if rng.random() < 0.5:
            picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.5, 4))
        if rng.random() < 0.3:
            picture = picture[..., ::-1]
        x = torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None].float().clamp(0, 255) / 127.5 - 1
        loss = F.cross_entropy(net(x)[0], torch.from_numpy(label)[None])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 20 == 0:
            print(step, float(loss), flush=True)
    return net.eval()


def save(net: torch.nn.Module, file: str, prefix: str) -> None:
    """Weights in half precision; BatchNorm's running statistics, which may exceed its range, as they are."""
    halves = lambda key, value: value.is_floating_point() and "running" not in key
    state = {prefix + key: value.half() if halves(key, value) else value for key, value in net.state_dict().items()}
    torch.save(state, file)


if __name__ == "__main__":
    which, picture, folder = sys.argv[1:]
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    rgb = cv2.cvtColor(cv2.imread(picture), cv2.COLOR_BGR2RGB)
    if which == "detector":
        save(fit_detector(rgb), f"{folder}/one_face_retinaface.pth", "module.")
    else:
        save(fit_parser(rgb), f"{folder}/one_face_parsenet.pth", "")
