import numpy as np
import pytest
import torch
from mmtrack.registry import MODELS
from tiny import build, pair_batch, tracker

from mmct.models.heads import CenterMaps, CornerMaps
from mmct.runtime.geometry import decode_center, hann_window


def head(name, channels=16):
    return build({'type': name, 'in_channels': 8, 'channels': channels}).eval()


def random_maps(size=4, grid=6):
    score, offset, box = (torch.randn(size, c, grid, grid) for c in (1, 2, 2))
    return CenterMaps(score.sigmoid(), offset, box.sigmoid())


# Centre head

def test_branches_halve_and_have_their_ranges():
    center = head('CenterHead', channels=32)
    for tower, channels in ((center.score, 1), (center.offset, 2), (center.size, 2)):
        widths = [(layer.conv.in_channels, layer.conv.out_channels) for layer in tower[:4]]
        assert widths == [(8, 32), (32, 16), (16, 8), (8, 4)]
        assert all(layer.conv.bias is not None for layer in tower[:4])
        assert tower[4].weight.shape == (channels, 4, 1, 1)
    with torch.no_grad():
        maps = center(torch.randn(2, 8, 5, 5) * 1e4)
    assert [tuple(m.shape) for m in maps] == [(2, 1, 5, 5), (2, 2, 5, 5), (2, 2, 5, 5)]
    for bounded in (maps.score, maps.size):
        assert bounded.min().item() == pytest.approx(1e-4)
        assert bounded.max().item() == pytest.approx(1 - 1e-4)
    assert maps.offset.abs().max() > 2


def test_decode_as_the_runtime_does():
    torch.manual_seed(0)
    maps = random_maps()
    boxes = head('CenterHead').decode(maps)
    for box, *arrays in zip(boxes, *(m.numpy() for m in maps), strict=True):
        expected, _ = decode_center(arrays[0], arrays[2], arrays[1])
        assert box.tolist() == pytest.approx(expected, rel=1e-6)


def test_one_step_reads_the_windowed_map():
    torch.manual_seed(0)
    center, window = head('CenterHead'), hann_window(6)
    for i in range(4):
        maps = CenterMaps(*(m[i:i + 1] for m in random_maps()))
        outputs = {key: m[0].numpy() for key, m in center.outputs(maps).items()}
        box, score = decode_center(**outputs, window=window)
        cell = int((maps.score[0, 0] * torch.from_numpy(window)).argmax())
        row, column = divmod(cell, 6)
        dx, dy = maps.offset[0, :, row, column].tolist()
        assert box == pytest.approx(
            ((column + dx) / 6, (row + dy) / 6, *maps.size[0, :, row, column].tolist()))
        assert score == maps.score[0, 0, row, column].item()


def test_box_has_a_gradient_at_its_cell_only():
    maps = random_maps(1)
    for m in maps:
        m.requires_grad_()
    head('CenterHead').decode(maps).sum().backward()
    assert maps.score.grad is None
    for m in (maps.offset, maps.size):
        assert (m.grad != 0).sum() == 2
        assert m.grad.flatten(2)[0, :, maps.score.argmax()].all()


def test_width_that_cannot_be_halved():
    with pytest.raises(ValueError, match='channels=20 of the head must be a multiple of 8'):
        MODELS.build({'type': 'CenterHead', 'channels': 20})


# Corner head

def test_corners_by_the_book():
    torch.manual_seed(0)
    maps = CornerMaps(torch.randn(3, 1, 5, 5), torch.randn(3, 1, 5, 5))
    boxes = head('CornerHead').decode(maps)
    for b in range(3):
        corners = []
        for logits in (maps.top_left[b, 0].double(), maps.bottom_right[b, 0].double()):
            total = logits.exp().sum()
            x = y = 0.
            for row in range(5):
                for column in range(5):
                    share = (logits[row, column].exp() / total).item()
                    # The index of a cell, in units of the crop's side (80); no half cell.
                    x += share * column * 16 / 80
                    y += share * row * 16 / 80
            corners += [x, y]
        x1, y1, x2, y2 = corners
        assert boxes[b].tolist() == pytest.approx(
            [(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1], abs=1e-6)


def test_a_sure_corner_is_its_cell():
    top_left, bottom_right = torch.full((2, 1, 1, 4, 4), -1e4)
    top_left[0, 0, 1, 0] = bottom_right[0, 0, 3, 2] = 0
    corner = head('CornerHead')
    maps = CornerMaps(top_left, bottom_right)
    assert corner.decode(maps).tolist() == [[0.25, 0.5, 0.5, 0.5]]
    box, score = (value[0] for value in corner.outputs(maps).values())
    assert np.asarray(box).tolist() == [0.25, 0.5, 0.5, 0.5]
    assert score == 1


@pytest.mark.parametrize('name', ['CenterHead', 'CornerHead'])
def test_a_tracker_learns_with_either_head(name):
    """A few steps on one batch bring the box nearer to the target."""
    model = build(tracker(head=name)).train()
    batch = pair_batch()
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3)
    totals = []
    for _ in range(12):
        maps = model.head(model.backbone(*batch[:3]))
        losses = model.head.loss(maps, batch.gt_boxes)
        assert ('loss_track_focal' in losses) == (name == 'CenterHead')
        totals.append(sum(losses.values()))
        optimizer.zero_grad()
        totals[-1].backward()
        optimizer.step()
    assert totals[-1] < 0.9 * totals[0]
