import pytest
import torch
from tiny import build, pair_batch, predicted, tracker

from mmct.models.layers import Tokens
from mmct.runtime.geometry import decode_center, hann_window


def head(name, channels=16):
    return build({'type': name, 'in_channels': 8, 'channels': channels}).eval()


def tokens(search_map):
    """Finalized tokens whose search group is a map (B, C, n, n), behind a group of others."""
    search = search_map.flatten(2).transpose(1, 2)
    return Tokens(torch.cat([torch.randn_like(search[:, :2]), search], dim=1),
                  {'template': (1, 1, 2), 'search': tuple(search_map.shape[2:])})


def random_maps(size=4, grid=6):
    score, offset, box = (torch.randn(size, c, grid, grid) for c in (1, 2, 2))
    return {'score': score.sigmoid(), 'offset': offset, 'size': box.sigmoid()}


# Centre head

def test_branches_halve_and_have_their_ranges():
    center = head('CenterHead', channels=32)
    for tower, channels in ((center.score, 1), (center.offset, 2), (center.size, 2)):
        widths = [(layer.conv.in_channels, layer.conv.out_channels) for layer in tower[:4]]
        assert widths == [(8, 32), (32, 16), (16, 8), (8, 4)]
        assert all(layer.conv.bias is not None for layer in tower[:4])
        assert tower[4].weight.shape == (channels, 4, 1, 1)
    with torch.no_grad():
        maps = center(tokens(torch.randn(2, 8, 5, 5) * 1e4))
    assert {name: tuple(m.shape) for name, m in maps.items()} == {
        'score': (2, 1, 5, 5), 'offset': (2, 2, 5, 5), 'size': (2, 2, 5, 5)}
    for bounded in (maps['score'], maps['size']):
        assert bounded.min().item() == pytest.approx(1e-4)
        assert bounded.max().item() == pytest.approx(1 - 1e-4)
    assert maps['offset'].abs().max() > 2


def test_decode_as_the_runtime_does():
    torch.manual_seed(0)
    maps = random_maps()
    boxes = head('CenterHead').decode(maps)
    for i, box in enumerate(boxes):
        expected, _ = decode_center(**{name: m[i].numpy() for name, m in maps.items()})
        assert box.tolist() == pytest.approx(expected, rel=1e-6)


def test_one_step_reads_the_windowed_map():
    torch.manual_seed(0)
    window = hann_window(6)
    for i in range(4):
        maps = {name: m[i] for name, m in random_maps().items()}
        box, score = decode_center(
            **{name: m.numpy() for name, m in maps.items()}, window=window)
        cell = int((maps['score'][0] * torch.from_numpy(window)).argmax())
        row, column = divmod(cell, 6)
        dx, dy = maps['offset'][:, row, column].tolist()
        assert box == pytest.approx(
            ((column + dx) / 6, (row + dy) / 6, *maps['size'][:, row, column].tolist()))
        assert score == maps['score'][0, row, column].item()


def test_box_has_a_gradient_at_its_cell_only():
    maps = random_maps(1)
    for m in maps.values():
        m.requires_grad_()
    head('CenterHead').decode(maps).sum().backward()
    assert maps['score'].grad is None
    for m in (maps['offset'], maps['size']):
        assert (m.grad != 0).sum() == 2
        assert m.grad.flatten(2)[0, :, maps['score'].argmax()].all()


# Corner head

@pytest.fixture
def corner_outputs(monkeypatch):
    """What a corner head makes of these logits of both corners."""
    corner = head('CornerHead')

    def outputs(*logits):
        monkeypatch.setattr(corner.predictor, 'get_score_map', lambda search_map: logits)
        found = corner(tokens(torch.zeros(len(logits[0]), 8, *logits[0].shape[2:])))
        assert corner.decode(found) is found['box']
        return found

    return outputs


def test_corners_by_the_book(corner_outputs):
    torch.manual_seed(0)
    maps = torch.randn(3, 1, 5, 5), torch.randn(3, 1, 5, 5)
    found = corner_outputs(*maps)
    boxes, scores = found['box'], found['score']
    for b in range(3):
        corners, peaks = [], []
        for logits in (corner[b, 0].double() for corner in maps):
            total = logits.exp().sum()
            peaks.append((logits.max().exp() / total).item())
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
        assert scores[b].item() == pytest.approx(sum(peaks) / 2)


def test_a_sure_corner_is_its_cell(corner_outputs):
    top_left, bottom_right = torch.full((2, 1, 1, 4, 4), -1e4)
    top_left[0, 0, 1, 0] = bottom_right[0, 0, 3, 2] = 0
    found = corner_outputs(top_left, bottom_right)
    assert found['box'].tolist() == [[0.25, 0.5, 0.5, 0.5]]
    assert found['score'].tolist() == [1]


@pytest.mark.parametrize('name', ['CenterHead', 'CornerHead'])
def test_a_tracker_learns_with_either_head(name):
    """A few steps on one batch bring the box nearer to the target."""
    model = build(tracker(head=name)).train()
    batch = pair_batch()
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3)
    totals = []
    for _ in range(12):
        prediction = predicted(model, batch)
        assert (prediction.score_map is None) == (name == 'CornerHead')
        losses = model.head.loss(prediction, batch.gt_boxes[:, 0])
        assert ('loss_track_focal' in losses) == (name == 'CenterHead')
        totals.append(sum(losses.values()))
        optimizer.zero_grad()
        totals[-1].backward()
        optimizer.step()
    assert totals[-1] < 0.9 * totals[0]
