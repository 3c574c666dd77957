"""The pipeline of pairs against a plain rendering: whole frames, step by step as the paper says."""
import math

import cv2
import numpy as np
import pytest
from mmdet.structures.bbox import bbox_cxcywh_to_xyxy
from mmtrack.registry import DATASETS

SIZES, FACTORS, CENTER, SCALE = (32, 64), (2, 4), (0, 3), (0, 0.25)
PIPELINE = [
    {'type': 'LoadPair'},
    {'type': 'GrayPair', 'prob': 0.05},
    {'type': 'FlipPair', 'prob': 0.5},
    {'type': 'CropPair', 'size': SIZES, 'factor': FACTORS, 'center_jitter': CENTER,
     'scale_jitter': SCALE},
    {'type': 'BrightenCrops', 'jitter': 0.2},
    {'type': 'FlipCrops', 'prob': 0.5},
    {'type': 'PackPair'},
]


def plain_pair(results):
    """Crops (S, S, 3) float32, and boxes x1, y1, x2, y2 in pixels of the crop; None if nothing of
    a crop is to be seen."""
    rng = results['rng']
    frames = [cv2.imread(path) for path in results['img_path']]
    boxes = [[float(value) for value in box] for box in results['boxes']]
    if rng.random() < 0.05:
        frames = [cv2.merge([cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)] * 3) for frame in frames]
    if rng.random() < 0.5:
        frames = [np.ascontiguousarray(frame[:, ::-1]) for frame in frames]
        boxes = [[frame.shape[1] - x - w, y, w, h] for frame, (x, y, w, h) in zip(frames, boxes)]
    crops, targets = [], []
    for frame, (x, y, w, h), size, factor, center, scale in zip(
            frames, boxes, SIZES, FACTORS, CENTER, SCALE):
        grow, shift = rng.standard_normal(2), rng.random(2) - 0.5
        new_w, new_h = w * math.exp(grow[0] * scale), h * math.exp(grow[1] * scale)
        reach = math.sqrt(new_w * new_h) * center
        cx, cy = x + 0.5 * w + reach * shift[0], y + 0.5 * h + reach * shift[1]
        side = math.ceil(math.sqrt(new_w * new_h) * factor)
        x1, y1 = round(cx - side * 0.5), round(cy - side * 0.5)
        x2, y2 = x1 + side, y1 + side
        height, width = frame.shape[:2]
        # The published crop loses the last row or column where it reaches the border.
        left, right = max(0, -x1), max(x2 - width + 1, 0)
        top, bottom = max(0, -y1), max(y2 - height + 1, 0)
        inside = frame[y1 + top:y2 - bottom, x1 + left:x2 - right]
        padded = cv2.copyMakeBorder(inside, top, bottom, left, right, cv2.BORDER_CONSTANT)
        mask = np.ones(padded.shape[:2], np.float32)
        mask[top:side - bottom, left:side - right] = 0
        if cv2.resize(mask, (size, size))[::16, ::16].astype(bool).all():
            return None
        crops.append(cv2.resize(padded, (size, size)))
        ratio = size / side
        middle = (size - 1) / 2
        tx, ty = middle + (x + 0.5 * w - cx) * ratio, middle + (y + 0.5 * h - cy) * ratio
        targets.append([tx - 0.5 * w * ratio, ty - 0.5 * h * ratio,
                        tx + 0.5 * w * ratio, ty + 0.5 * h * ratio])
    crops = [np.minimum(crop * np.float32(rng.uniform(0.8, 1.2)), np.float32(255))
             for crop in crops]
    for i, size in enumerate(SIZES):
        if rng.random() < 0.5:
            x1, y1, x2, y2 = targets[i]
            crops[i], targets[i] = crops[i][:, ::-1], [size - x2, y1, size - x1, y2]
    return crops, targets


def test_pipeline_is_the_plain_rendering(lasot):
    lasot.add('cat-1').add('cat-2')
    dataset, plain = (
        DATASETS.build({'type': 'PairDataset', 'datasets': [lasot.config], 'pipeline': pipeline})
        for pipeline in (PIPELINE, []))
    plain.pipeline = [plain_pair]
    gray = 0
    for i in range(150):
        sample, (crops, boxes) = dataset[i], plain[i]
        clip = sample['inputs']['clip']
        for images, crop in zip((clip.templates, clip.searches), crops, strict=True):
            np.testing.assert_array_equal(images[0].permute(1, 2, 0), crop)
        (x, y, w, h), = clip.template_boxes.tolist()
        assert [x, y, x + w, y + h] == pytest.approx(boxes[0], abs=1e-4)
        found = bbox_cxcywh_to_xyxy(clip.gt_boxes)[0] * len(crops[1])
        assert found.tolist() == pytest.approx(boxes[1], abs=1e-4)
        gray += bool((crops[0][..., 0] == crops[0][..., 2]).all())
    assert 0 < gray < 20
