import math

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tiny import build, pair_batch, search_map, tracker

from mmct.models.layers import CEBlock, Tokens, box_tokens, centre_tokens
from mmct.models.structures import Clip


def eliminating(template=128, search=256, depth=12, **elimination):
    config = tracker(template_size=template, search_size=search, depth=depth,
                     elimination=elimination)
    return build(config['backbone']).eval()


def embed(model, batch):
    return model.join(model.encode(batch.templates, batch.template_boxes), batch.searches[:, 0])


def run(model, batch):
    """Tokens before each layer and after the last."""
    tokens = [embed(model, batch)]
    for layer in model.layers:
        tokens.append(layer(tokens[-1]))
    return tokens


def test_counts_and_zeros_of_the_default():
    model = eliminating()
    batch = pair_batch(2, 128, 256)
    with torch.no_grad():
        tokens = run(model, batch)
        found = model.finalize(tokens[-1]).search_map()
    counts = [t.length('search') for t in tokens]
    assert counts == [256] * 4 + [180] * 3 + [126] * 3 + [89] * 3
    present = tokens[-1].search_present()
    assert present.sum(1).tolist() == [89, 89]
    assert not torch.equal(*present)
    cells = found.flatten(2).transpose(1, 2)
    assert not cells[~present].any()
    assert cells[present].any(dim=-1).all()
    # What was kept stands at its own place.
    final = model.finalize(tokens[-1]).group('search')
    for b in range(2):
        for token, position in zip(final[b], tokens[-1].kept[b], strict=True):
            assert torch.equal(cells[b, position], token)


def test_positions_are_those_of_the_whole_grid():
    """Where layers change nothing, what is left of the tokens tells their places."""
    model = eliminating()
    for layer in model.layers:
        for branch in (layer.attn.proj, layer.mlp.fc2):
            branch.weight.data.zero_()
            branch.bias.data.zero_()
    first, *_, last = run(model, pair_batch(2, 128, 256))
    assert last.length('search') == 89
    for b in range(2):
        assert torch.equal(last.group('search')[b], first.group('search')[b, last.kept[b]])


def test_one_scheduled_ratio_for_all_layers():
    model = eliminating(keep_ratio=[0.9, 0.7, 0.5], layers=[1, 2, 3], depth=4,
                        template_range='ALL')
    batch = pair_batch(1, 128, 256)

    def counts():
        return [t.length('search') for t in run(model, batch)[2:]]

    assert counts() == [231, 162, 81]
    model.schedule_elimination(0.85)
    assert counts() == [218, 186, 159]
    model.schedule_elimination(1.)
    assert counts() == [256] * 3
    model.schedule_elimination(None)
    assert counts() == [231, 162, 81]


@pytest.mark.parametrize(('template_range', 'focus'), [
    ('CTR_POINT', [27]), ('CTR_REC', [27, 28, 35, 36]), ('ALL', range(64)),
    ('GT_BOX', [18, 19, 26, 27])])
def test_ranking_by_the_book(template_range, focus):
    model = eliminating(layers=[1], keep_ratio=[0.3], depth=2, template_range=template_range)
    batch = pair_batch(2, 128, 256)
    batch.template_boxes[:] = torch.tensor([33., 33, 30, 30])
    with torch.no_grad():
        tokens = model.layers[0](embed(model, batch))
        kept = model.layers[1](tokens).kept
        attn = model.layers[1].attn
        query, key, _ = attn.qkv(model.layers[1].norm1(tokens.x)).chunk(3, -1)
    for b in range(2):
        scores = torch.zeros(256)
        for head in (slice(0, 16), slice(16, 32)):
            for row in focus:
                paid = torch.softmax(key[b, :, head] @ query[b, row, head] / 4, 0)
                scores += paid[64:]
        best = scores.argsort(descending=True)[:math.ceil(0.3 * 256)]
        assert set(kept[b].tolist()) == set(best.tolist())


@pytest.mark.parametrize(('template_range', 'grid', 'rows'), [
    ('CTR_POINT', 7, [3]), ('CTR_POINT', 8, [3]), ('CTR_POINT', 12, [5]), ('CTR_POINT', 14, [6]),
    ('CTR_REC', 7, [3]), ('CTR_REC', 8, [3, 4]), ('CTR_REC', 12, [5, 6]),
    ('ALL', 3, [0, 1, 2])])
def test_centre_tokens(template_range, grid, rows):
    mask = centre_tokens(template_range, grid).view(grid, grid)
    assert mask.nonzero().tolist() == [[r, c] for r in rows for c in rows]


@settings(max_examples=50, deadline=None)
@example(x=0., y=0., w=40., h=8.)  # one row less than the box is high: rows 0 to 6
@example(x=0., y=0., w=40., h=9.)
@example(x=8., y=0., w=8., h=40.)
@example(x=7., y=8., w=2., h=40.)
@given(st.floats(-20, 60), st.floats(-20, 60), st.floats(1, 70), st.floats(1, 70))
def test_tokens_under_the_box(x, y, w, h):
    """Reducing by 16 without antialiasing looks at the four pixels in the middle of a token."""
    expected = [
        int(y) <= 16 * row + dy < int(y + h - 1) and int(x) <= 16 * column + dx < int(x + w - 1)
        for row in range(4) for column in range(4) for dy in (7, 8) for dx in (7, 8)]
    expected = torch.tensor(expected).view(16, 4).any(1)
    box = torch.tensor([[x, y, w, h]], dtype=torch.double)
    if expected.any():
        assert torch.equal(box_tokens(box, 64)[0], expected)
    else:
        with pytest.raises(ValueError, match='covers no token'):
            box_tokens(box, 64)


def test_unequal_boxes_in_a_batch_as_singly():
    model = eliminating(template_range='GT_BOX')
    batch = pair_batch(3, 128, 256)
    batch.template_boxes[:, 0] = torch.tensor(
        [[32., 32, 64, 64], [50, 40, 20, 30], [0, 0, 128, 128]])
    focus = box_tokens(batch.template_boxes[:, 0], 128).sum(1).tolist()
    assert len(set(focus)) == 3
    with torch.no_grad():
        together = search_map(model, batch)
        for i in range(3):
            alone = search_map(model, Clip(*(part[i:i + 1] for part in batch[:4])))
            torch.testing.assert_close(together[i:i + 1], alone)
        # The box matters.
        batch.template_boxes[0] = batch.template_boxes[1].clone()
        assert not torch.equal(search_map(model, batch)[0] == 0, together[0] == 0)


def test_box_that_covers_no_token_is_named():
    model = eliminating(template_range='GT_BOX', depth=12)
    batch = pair_batch(2, 128, 256)
    batch.template_boxes[1] = torch.tensor([60., 60, 2, 2])
    message = r'template box \[60.0, 60.0, 2.0, 2.0\] .* covers no token'
    with pytest.raises(ValueError, match=message):
        search_map(model, batch)


def test_settings_that_nothing_reads():
    with pytest.raises(ValueError, match='elimination has keep_ratios, which nothing reads; exp'):
        build(tracker(elimination={'layers': [1], 'keep_ratios': [0.5]}))


def test_ranking_tokens_are_not_stored():
    model = eliminating()
    assert not [name for name in model.state_dict() if 'centre' in name]


def test_same_weights_as_a_plain_block():
    """A ratio of 1 is the block without elimination."""
    model = eliminating(keep_ratio=[1., 1., 1.])
    plain = build(tracker(template_size=128, search_size=256, depth=12)['backbone']).eval()
    plain.load_state_dict(model.state_dict())
    batch = pair_batch(1, 128, 256)
    assert torch.equal(search_map(model, batch), search_map(plain, batch))


def test_groups_beside_template_and_search_stay():
    block = CEBlock(8, 2, keep_ratio=0.5, centre=centre_tokens('ALL', 2)).eval()
    tokens = Tokens(torch.randn(1, 12, 8), {'search': (2, 3), 'template': (1, 2, 2), 'query': (2,)})
    out = block(tokens)
    assert [out.length(group) for group in out.groups] == [3, 4, 2]
    whole = CEBlock(8, 2, keep_ratio=1., centre=centre_tokens('ALL', 2)).eval()
    whole.load_state_dict(block.state_dict())
    torch.testing.assert_close(out.x[:, 3:], whole(tokens).x[:, 6:])
    torch.testing.assert_close(out.group('search')[0], whole(tokens).x[0, out.kept[0]])
