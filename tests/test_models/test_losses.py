import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmct.models.layers import Tokens
from mmct.models.losses import (
    BoxLoss,
    PredictionGuidanceLoss,
    StageMimicLoss,
    TrackLoss,
    focal_loss,
    gaussian_heatmap,
)
from mmct.models.losses.stage_mimic_loss import stage_error
from mmct.models.structures import Prediction

PLACES, SIZES = st.floats(-0.5, 1.5), st.floats(0, 1.2)


def found(boxes, score=None):
    """A prediction of these boxes."""
    outputs = {'boxes': boxes} if score is None else {'boxes': boxes, 'score': score}
    return Prediction(outputs, boxes.new_zeros(len(boxes), 0, 0), lambda maps: maps['boxes'])


# Heat map

def heatmap_by_the_book(box, n):
    cx, cy, w, h = (v * n for v in box)
    o = 0.7
    roots = []
    for a, b, c in ((1, h + w, w * h * (1 - o) / (1 + o)), (4, 2 * (h + w), (1 - o) * w * h),
                    (4 * o, -2 * o * (h + w), (o - 1) * w * h)):
        roots.append((b + math.sqrt(b * b - 4 * a * c)) / 2)
    r = int(max(0, min(roots)))
    sigma = (2 * r + 1) / 6
    heat = torch.zeros(n, n)
    for row in range(n):
        for column in range(n):
            dx, dy = column - round(cx), row - round(cy)
            value = math.exp(-(dx * dx + dy * dy) / (2 * sigma * sigma))
            if abs(dx) <= r and abs(dy) <= r and value >= torch.finfo(torch.float).eps:
                heat[row, column] = value
    return heat, min(roots)


@settings(max_examples=150, deadline=None)
@given(PLACES, PLACES, SIZES, SIZES, st.sampled_from([8, 16, 24]))
def test_heatmap_by_the_book(cx, cy, w, h, n):
    expected, radius = heatmap_by_the_book((cx, cy, w, h), n)
    heat = gaussian_heatmap(torch.tensor([[cx, cy, w, h]], dtype=torch.double), n)[0, 0]
    assert heat.shape == (n, n)
    if abs(radius - round(radius)) > 1e-9:  # on the edge of a radius either may be right
        torch.testing.assert_close(heat.float(), expected)
    on_the_map = 0 <= round(cx * n) < n and 0 <= round(cy * n) < n
    assert (heat == 1).sum() == on_the_map


def test_halves_go_to_the_even_cell():
    boxes = torch.tensor([[0.5 / 16, 1.5 / 16, 0.1, 0.1], [2.5 / 16, 3.5 / 16, 0.1, 0.1]])
    cells = gaussian_heatmap(boxes, 16).eq(1).nonzero()[:, 2:].tolist()
    assert cells == [[2, 0], [4, 2]]


# Focal loss

def test_focal_loss_by_the_book():
    torch.manual_seed(0)
    score = torch.rand(3, 1, 8, 8).clamp(1e-4, 1 - 1e-4)
    boxes = torch.tensor([[0.5, 0.4, 0.5, 0.4], [0.2, 0.9, 0.3, 0.6], [1.4, 0.5, 0.2, 0.2]])
    heat = gaussian_heatmap(boxes, 8)
    total, centres = 0., 0
    for p, g in zip(score.flatten().tolist(), heat.flatten().tolist(), strict=True):
        if g == 1:
            centres += 1
            total -= math.log(p) * (1 - p)**2
        else:
            total -= math.log(1 - p) * p**2 * (1 - g)**4
    assert centres == 2
    assert focal_loss(score, boxes).item() == pytest.approx(total / 2, rel=1e-5)


def test_focal_loss_with_no_positive_is_not_divided():
    score = torch.full((2, 1, 8, 8), 0.5)
    boxes = torch.tensor([[1.5, 0.5, 0.1, 0.1]]).repeat(2, 1)
    assert focal_loss(score, boxes).item() == pytest.approx(128 * 0.25 * math.log(2))


# Boxes

def box_loss_by_the_book(box, target):
    """GIoU and L1 of two x1, y1, x2, y2."""
    area = [(b[2] - b[0]) * (b[3] - b[1]) for b in (box, target)]
    w = min(box[2], target[2]) - max(box[0], target[0])
    h = min(box[3], target[3]) - max(box[1], target[1])
    both = max(w, 0) * max(h, 0)
    union = sum(area) - both
    hull = ((max(box[2], target[2]) - min(box[0], target[0]))
            * (max(box[3], target[3]) - min(box[1], target[1])))
    giou = 1 - (both / union - (hull - union) / hull)
    return giou, sum(abs(a - b) for a, b in zip(box, target, strict=True)) / 4


def corners(box, clamp=False):
    cx, cy, w, h = box
    xyxy = [cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2]
    return [min(max(v, 0), 1) for v in xyxy] if clamp else xyxy


OUTSIDE = ([0.9, 0.5, 0.4, 0.4], [0.95, 0.1, 0.5, 0.6])  # prediction and target leave the crop


@pytest.mark.parametrize('clamp', [False, True])
def test_only_the_target_is_clamped(clamp):
    boxes, target = torch.tensor([OUTSIDE[0]]), torch.tensor([OUTSIDE[1]])
    terms = BoxLoss()(boxes, target, clamp_target=clamp)
    giou, l1 = box_loss_by_the_book(corners(OUTSIDE[0]), corners(OUTSIDE[1], clamp))
    assert terms['giou'].item() == pytest.approx(2 * giou, rel=1e-5)
    assert terms['l1'].item() == pytest.approx(5 * l1, rel=1e-5)


def test_track_loss_is_clamped_and_guidance_is_not():
    boxes, target = (torch.tensor([b]) for b in OUTSIDE)
    score = torch.rand(1, 1, 8, 8).clamp(1e-4, 1 - 1e-4)
    track = TrackLoss()(found(boxes, score), target)
    guidance = PredictionGuidanceLoss()(found(boxes, score), found(target))
    clamped = BoxLoss()(boxes, target, clamp_target=True)
    free = BoxLoss()(boxes, target, clamp_target=False)
    assert set(track) == {'loss_track_focal', 'loss_track_giou', 'loss_track_l1'}
    assert set(guidance) == {'loss_guidance_giou', 'loss_guidance_l1'}
    for name in ('giou', 'l1'):
        assert track[f'loss_track_{name}'] == clamped[name]
        assert guidance[f'loss_guidance_{name}'] == free[name]
        assert clamped[name] != free[name]
    # The heat map's box is not clamped, either.
    assert track['loss_track_focal'] == focal_loss(score, target)


def test_weights_of_guidance():
    boxes, target = (torch.tensor([b]) for b in OUTSIDE)
    score = torch.rand(1, 1, 8, 8).clamp(1e-4, 1 - 1e-4)
    loss = PredictionGuidanceLoss(3., iou_weight=1., l1_weight=4., focal_weight=2.)
    giou, l1 = box_loss_by_the_book(*map(corners, OUTSIDE))
    terms = loss(found(boxes, score), found(target))
    assert terms['loss_guidance_giou'].item() == pytest.approx(3 * giou, rel=1e-5)
    assert terms['loss_guidance_l1'].item() == pytest.approx(12 * l1, rel=1e-5)
    assert terms['loss_guidance_focal'].item() == pytest.approx(
        6 * focal_loss(score, target).item())
    with pytest.raises(ValueError, match="focal_weight=2.0 is of the score map, but the student's"):
        loss(found(boxes), found(target))
    with pytest.raises(ValueError, match="the student's head has none, the teacher's none; make"):
        PredictionGuidanceLoss(edge_kl=1.)(found(boxes), found(target))


@pytest.mark.parametrize('target', [[0.52, 0.5, 0.3, 0.4], [0.8, 0.3, 0.2, 0.5]])
def test_ciou_by_the_book(target):
    """The term for the shape counts from an IoU of a half on, as published."""
    box = [0.5, 0.5, 0.4, 0.3]
    own, other = corners(box), corners(target)
    w = max(min(own[2], other[2]) - max(own[0], other[0]), 0)
    h = max(min(own[3], other[3]) - max(own[1], other[1]), 0)
    iou = w * h / (box[2] * box[3] + target[2] * target[3] - w * h)
    distance = (box[0] - target[0])**2 + (box[1] - target[1])**2
    diagonal = ((max(own[2], other[2]) - min(own[0], other[0]))**2
                + (max(own[3], other[3]) - min(own[1], other[1]))**2)
    shape = 4 / math.pi**2 * (
        math.atan(box[2] / box[3]) - math.atan(target[2] / target[3]))**2
    share = shape / (1 - iou + shape) if iou > 0.5 else 0
    expected = 1 - iou + distance / diagonal + share * shape
    boxes, target = (torch.tensor([b]) for b in (box, target))
    track = TrackLoss(iou_weight=3., iou='ciou')(found(boxes), target)
    guidance = PredictionGuidanceLoss(iou_weight=3., iou='ciou')(found(boxes), found(target))
    assert set(track) == {'loss_track_ciou', 'loss_track_l1'}
    assert set(guidance) == {'loss_guidance_ciou', 'loss_guidance_l1'}
    assert track['loss_track_ciou'].item() == pytest.approx(3 * expected, rel=1e-5)
    assert guidance['loss_guidance_ciou'].item() == pytest.approx(3 * expected, rel=1e-5)


@pytest.mark.parametrize('kind', [TrackLoss, PredictionGuidanceLoss])
def test_iou_that_is_none(kind):
    with pytest.raises(ValueError, match=r"iou='diou' is not one of \['giou', 'ciou'\]"):
        kind(iou='diou')


def test_boxes_without_area_have_finite_gradients():
    boxes = torch.tensor([[0.5, 0.5, 0., 0.]], requires_grad=True)
    terms = BoxLoss()(boxes, boxes.detach().clone(), clamp_target=True)
    sum(terms.values()).backward()
    assert boxes.grad.isfinite().all()


# Mimicking

def tokens(x, search, kept=None):
    """Two template tokens, and those of a search grid, or of them those that were kept."""
    return Tokens(x, {'template': (1, 1, 2), 'search': search}, kept=kept)


def test_template_and_search_count_half_each_and_stages_alike():
    torch.manual_seed(0)
    mixed, teacher = torch.randn(2, 2, 3, 7, 4).unbind()  # stages, batch, tokens, channels
    mixed_tokens, teacher_tokens = ([tokens(x, (1, 5)) for x in own] for own in (mixed, teacher))
    loss = StageMimicLoss()(mixed_tokens, teacher_tokens)
    expected = 0.
    for stage in range(2):
        error = (mixed[stage] - teacher[stage])**2
        expected += 0.2 / 2 * (error[:, :2].mean() / 2 + error[:, 2:].mean() / 2)
        assert loss[f'mimic_error_{stage + 1}'] == stage_error(
            mixed_tokens[stage], teacher_tokens[stage])
    assert set(loss) == {'loss_mimic', 'mimic_error_1', 'mimic_error_2'}
    assert loss['loss_mimic'].item() == pytest.approx(expected.item(), rel=1e-6)
    search = StageMimicLoss(0.2, groups=['search'])(mixed_tokens, teacher_tokens)['loss_mimic']
    expected = 0.2 * ((mixed - teacher)**2)[:, :, 2:].mean()
    assert search.item() == pytest.approx(expected.item(), rel=1e-6)


@pytest.mark.parametrize('who', ['teacher', 'mixed', 'both'])
def test_only_positions_that_both_kept_are_compared(who):
    torch.manual_seed(0)
    full = torch.randn(2, 2, 8, 4)  # mixed and teacher, 2 template and 6 search tokens
    kept = [torch.tensor([[0, 2, 4, 5], [1, 2, 3, 4]]), torch.tensor([[0, 1, 2], [3, 4, 5]])]
    stages, present = [], []
    for x, k, eliminates in zip(full, kept, (who != 'teacher', who != 'mixed'), strict=True):
        if eliminates:
            search = x[:, 2:].gather(1, k.unsqueeze(-1).expand(-1, -1, 4))
            stages.append(tokens(torch.cat([x[:, :2], search], 1), (2, 3), k))
            present.append([set(row) for row in k.tolist()])
        else:
            stages.append(tokens(x, (2, 3)))
            present.append([set(range(6))] * 2)
    common = [(b, 2 + i) for b in range(2) for i in present[0][b] & present[1][b]]
    error = (full[0] - full[1])**2
    search = torch.stack([error[place] for place in common]).mean()
    loss = StageMimicLoss(1.)([stages[0]], [stages[1]])['loss_mimic']
    assert loss.item() == pytest.approx((error[:, :2].mean() + search).item() / 2, rel=1e-6)


def test_no_common_position_is_no_error():
    x = torch.randn(1, 4, 4, requires_grad=True)
    one = tokens(x, (2, 2), torch.tensor([[0, 1]]))
    other = tokens(x.detach().clone(), (2, 2), torch.tensor([[2, 3]]))
    loss = StageMimicLoss()([one], [other])['loss_mimic']
    loss.backward()
    assert loss == 0
    assert x.grad.isfinite().all()
