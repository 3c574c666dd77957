"""Similarity of a teacher's layers, and the divisions that it suggests."""
import itertools
import json

import cv2
import numpy as np
import pytest
import torch
from analysis.layer_similarity import METRICS, layer_similarity
from analysis.stage_analysis import (
    best_division,
    draw_divisions,
    even_division,
    stage_change,
    total_change,
    write_division,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import build, embedded, packed_pairs, tracker

SEEDS = st.integers(0, 2**32 - 1)


def representations(seed, count=3, tokens=40, channels=5, mean=0.):
    """Representations that have something in common, (n, C) each."""
    rng = torch.Generator().manual_seed(seed)
    x = [torch.randn(tokens, channels, generator=rng)]
    for _ in range(count - 1):
        x.append(x[-1] + torch.randn(tokens, channels, generator=rng))
    return [one + mean for one in x]


def streamed(metric, x, size=7):
    """The similarity of representations that come in batches, the last one smaller."""
    similarity = METRICS[metric]()
    for i in range(0, len(x[0]), size):
        similarity.update([one[i:i + size] for one in x])
    return similarity.result()


def cka(one, other):
    """By the definition: the cosine of the centred Gram matrices."""
    grams = []
    for x in (one, other):
        x = x.double() - x.double().mean(0)
        grams.append((x @ x.T).flatten())
    return torch.nn.functional.cosine_similarity(*grams, dim=0).item()


# Similarities

@settings(max_examples=25, deadline=None)
@given(SEEDS, st.integers(1, 50), st.sampled_from([0., 1., 100.]))
def test_streamed_cka_is_cka(seed, size, mean):
    x = representations(seed, mean=mean)
    found = streamed('cka', x, size)
    expected = [[cka(one, other) for other in x] for one in x]
    np.testing.assert_allclose(found, expected, atol=2e-6 * max(mean, 1))
    assert ((found > 0) & (found < 1 + 1e-9)).all()


@settings(max_examples=25, deadline=None)
@given(SEEDS)
def test_cka_is_blind_to_rotation_scale_and_shift(seed):
    x = representations(seed)
    rotation = torch.linalg.qr(torch.randn(5, 5, generator=torch.Generator().manual_seed(seed)))[0]
    moved = [x[0] @ rotation, 3 * x[1] + torch.arange(5), x[2]]
    np.testing.assert_allclose(streamed('cka', moved), streamed('cka', x), atol=1e-5)
    # But not to anything linear.
    stretched = x[0] * torch.tensor([1, 1, 1, 1, 20.])
    assert cka(stretched, x[0]) < 0.95
    assert streamed('cka', [stretched, x[0]])[0, 1] == pytest.approx(cka(stretched, x[0]), abs=1e-5)


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.integers(1, 50))
def test_streamed_cosine(seed, size):
    x = representations(seed)
    expected = [[torch.nn.functional.cosine_similarity(one, other).mean().item() for other in x]
                for one in x]
    np.testing.assert_allclose(streamed('cosine', x, size), expected, atol=1e-6)


@pytest.mark.parametrize('metric', METRICS)
def test_similarity_of_a_trackers_layers(metric):
    model = build(tracker()).eval()
    batches = [packed_pairs(3, seed=i) for i in range(3)]
    seen, states = [], [[] for _ in range(5)]
    found = layer_similarity(model, batches, metric, seen.append)
    assert seen == [3, 3, 3]
    with torch.no_grad():
        for i in range(3):
            data = model.data_preprocessor(packed_pairs(3, seed=i))
            tokens = embedded(model, model.unpack(**data))
            for j, layer in enumerate([lambda t: t, *model.backbone.layers]):
                tokens = layer(tokens)
                states[j].append(tokens.x.flatten(0, 1))
    states = [torch.cat(state) for state in states]
    assert states[0].shape == (9 * 20, 32)
    np.testing.assert_allclose(found, streamed(metric, states, 180), atol=1e-5)
    assert found.shape == (5, 5)
    assert np.diag(found) == pytest.approx(1)


def test_what_cannot_be_compared():
    elimination = {'layers': [1], 'keep_ratio': [0.5], 'template_range': 'ALL'}
    with pytest.raises(ValueError, match='leave out elimination'):
        layer_similarity(build(tracker(elimination=elimination)).eval(), [packed_pairs()])
    model = build(tracker()).eval()
    with torch.no_grad():
        model.backbone.layers[2].mlp.fc1.bias.fill_(float('nan'))
    with pytest.raises(ValueError, match='tokens are not finite, or all alike'):
        layer_similarity(model, [packed_pairs()])


# Divisions

def unit_states(seed, depth):
    """States of a walk on the sphere, (L + 1, C)."""
    steps = np.random.default_rng(seed).normal(size=(depth + 1, 6)) * 0.5
    walk = steps.cumsum(0)
    return walk / np.linalg.norm(walk, axis=1, keepdims=True)


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.integers(1, 8), st.data())
def test_best_division_is_the_best_of_all(seed, depth, data):
    number = data.draw(st.integers(1, depth))
    states = unit_states(seed, depth)
    similarity = states @ states.T
    changes = {}
    for cuts in itertools.combinations(range(1, depth), number - 1):
        bounds = [0, *cuts, depth]
        changes[tuple(np.diff(bounds).tolist())] = sum(
            ((states[a:b + 1] - states[a:b + 1].mean(0))**2).sum()
            for a, b in itertools.pairwise(bounds))
    found = best_division(similarity, number)
    assert changes[tuple(found)] == pytest.approx(min(changes.values()), abs=1e-12)
    for division, change in changes.items():
        assert total_change(similarity, list(division)) == pytest.approx(change, abs=1e-9)


@given(st.integers(1, 30), st.data())
def test_even_steps_are_divided_evenly(depth, data):
    """Equal distances on a line: no stage is then longer than another by more than a layer."""
    number = data.draw(st.integers(1, depth))
    places = np.arange(depth + 1)
    similarity = 1 - 1e-4 * (places[:, None] - places)**2
    found = best_division(similarity, number)
    assert sorted(found, reverse=True) == even_division(depth, number)


def test_a_jump_gets_a_stage_of_its_own():
    side = np.array([0, 0, 0, 1, 1, 1, 1])  # the third of six layers changes everything
    similarity = np.where(side[:, None] == side, 0.99, 0.2)
    np.fill_diagonal(similarity, 1)
    assert best_division(similarity, 3) == [2, 1, 3]
    assert stage_change(similarity, 2, 3) == pytest.approx(0.8)
    assert stage_change(similarity, 0, 2) == pytest.approx(0.01 * 6 / 3)


@pytest.mark.parametrize(('number', 'sizes'), [(1, [12]), (4, [3] * 4), (5, [3, 3, 2, 2, 2])])
def test_even_divisions(number, sizes):
    assert even_division(12, number) == sizes


@pytest.mark.parametrize('number', [0, 13])
def test_divisions_that_are_none(number):
    with pytest.raises(ValueError, match=f'{number} stages: a teacher of 12 layers has 1 to 12'):
        even_division(12, number)


def test_picture_shows_both_divisions(tmp_path):
    states = unit_states(0, 6)
    file = tmp_path / 'new' / 'stages.png'
    draw_divisions(file, states @ states.T, [1, 2, 3], [2, 2, 2], 'cosine', 'title')
    picture = cv2.imread(str(file)).astype(int)
    red = (np.abs(picture - (40, 39, 214)).max(axis=2) < 20).sum()
    # Three squares of 1, 2 and 3 layers: 24 sides of a cell of about 46 pixels, two wide.
    assert 2000 < red < 9000
    assert not list(file.parent.glob('.*'))


# The file

def test_the_file_says_what_was_found(tmp_path):
    path = tmp_path / 'stages_3.json'
    write_division(path, np.eye(7), [1, 2, 3], metric='cka')
    content = json.loads(path.read_text())
    assert (content['division'], content['metric']) == ([1, 2, 3], 'cka')
