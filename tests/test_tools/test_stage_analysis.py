"""Similarity of a teacher's layers, and the divisions that it suggests."""
import copy
import itertools

import cv2
import numpy as np
import pytest
import torch
from analysis.divisions import best_division, even_division, stage_change, total_change
from analysis.layer_similarity import layer_similarity
from analysis.pictures import draw_divisions
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import build, clip_of, embedded, packed_pairs, tracker
from toy import SEARCH, TEMPLATE, toy_teacher

SEEDS = st.integers(0, 2**32 - 1)


# Similarities

def test_similarity_of_a_trackers_layers():
    model = build(tracker()).eval()
    batches = [packed_pairs(3, seed=i) for i in range(3)]
    seen, states = [], [[] for _ in range(5)]
    found = layer_similarity(model, batches, seen.append)
    assert seen == [3, 3, 3]
    with torch.no_grad():
        for i in range(3):
            tokens = embedded(model, clip_of(model, packed_pairs(3, seed=i)))
            for j, layer in enumerate([lambda t: t, *model.backbone.layers]):
                tokens = layer(tokens)
                states[j].append(tokens.x.flatten(0, 1))
    states = [torch.cat(state) for state in states]
    assert states[0].shape == (9 * 20, 32)
    expected = [[torch.nn.functional.cosine_similarity(one, other).mean().item()
                 for other in states] for one in states]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert np.diag(found) == pytest.approx(1)


def test_groups_of_tokens_count_alike():
    """Of a tracker with a single query token beside many others."""
    model = build(toy_teacher()).eval()
    batches = []
    for seed in range(2):
        clip = packed_pairs(2, TEMPLATE, SEARCH, seed)['inputs']['clip']
        clip = clip._replace(templates=clip.templates.repeat(1, 2, 1, 1, 1))
        batches.append({'inputs': {'clip': clip}})
    names = ('query', 'first', 'second', 'search')
    alone = {name: layer_similarity(model, copy.deepcopy(batches), groups=[name])
             for name in names}
    found = layer_similarity(model, copy.deepcopy(batches), groups=names)
    np.testing.assert_allclose(found, np.mean(list(alone.values()), axis=0), atol=1e-6)
    together = layer_similarity(model, copy.deepcopy(batches))
    expected = sum(alone[name] * tokens for name, tokens in zip(names, (1, 4, 4, 16))) / 25
    np.testing.assert_allclose(together, expected, atol=1e-6)
    with pytest.raises(ValueError, match=r"no groups \['template'\] of tokens, only \['query', '"):
        layer_similarity(model, batches, groups=['template'])


def test_what_cannot_be_compared():
    elimination = {'layers': [1], 'keep_ratio': [0.5], 'template_range': 'ALL'}
    with pytest.raises(ValueError, match='leave out elimination'):
        layer_similarity(build(tracker(elimination=elimination)).eval(), [packed_pairs()])
    model = build(tracker()).eval()
    with torch.no_grad():
        model.backbone.layers[2].mlp.fc1.bias.fill_(float('nan'))
    with pytest.raises(ValueError, match='tokens are not finite'):
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
    assert changes[found] == pytest.approx(min(changes.values()), abs=1e-12)
    for division, change in changes.items():
        assert total_change(similarity, division) == pytest.approx(change, abs=1e-9)


@given(st.integers(1, 30), st.data())
def test_even_steps_are_divided_evenly(depth, data):
    """Equal distances on a line: no stage is then longer than another by more than a layer."""
    number = data.draw(st.integers(1, depth))
    places = np.arange(depth + 1)
    similarity = 1 - 1e-4 * (places[:, None] - places)**2
    found = best_division(similarity, number)
    assert tuple(sorted(found, reverse=True)) == even_division(depth, number)


def test_a_jump_gets_a_stage_of_its_own():
    side = np.array([0, 0, 0, 1, 1, 1, 1])  # the third of six layers changes everything
    similarity = np.where(side[:, None] == side, 0.99, 0.2)
    np.fill_diagonal(similarity, 1)
    assert best_division(similarity, 3) == (2, 1, 3)
    assert stage_change(similarity, 2, 3) == pytest.approx(0.8)
    assert stage_change(similarity, 0, 2) == pytest.approx(0.01 * 6 / 3)


@pytest.mark.parametrize(('number', 'sizes'), [(1, (12,)), (4, (3,) * 4), (5, (3, 3, 2, 2, 2))])
def test_even_divisions(number, sizes):
    assert even_division(12, number) == sizes


@pytest.mark.parametrize('number', [0, 13])
def test_divisions_that_are_none(number):
    with pytest.raises(ValueError, match=f'{number} stages: a teacher of 12 layers has 1 to 12'):
        even_division(12, number)


def test_picture_shows_both_divisions(tmp_path):
    states = unit_states(0, 6)
    file = tmp_path / 'new' / 'stages.png'
    draw_divisions(file, states @ states.T, (1, 2, 3), (2, 2, 2), 'title')
    picture = cv2.imread(str(file)).astype(int)
    red = (np.abs(picture - (40, 39, 214)).max(axis=2) < 20).sum()
    # Three squares of 1, 2 and 3 layers: 24 sides of a cell of about 46 pixels, two wide.
    assert 2000 < red < 9000
    assert not list(file.parent.glob('.*'))
