"""Clips of ODTrack: windows, repetitions, order; how often the published sampler draws a frame."""
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mmtrack.registry import DATASETS
from parity.odtrack import DEVIATIONS, verify_sampling
from test_sampling import CROP, PIPELINE

from mmct.datasets import collate_pairs, sampling
from mmct.datasets.sampling import make_sampling, sample_odtrack

CLIP = {'type': 'odtrack', 'num_templates': 3, 'num_searches': 2}


def build(*datasets, pipeline=PIPELINE, **kwargs):
    return DATASETS.build({'type': 'PairDataset', 'datasets': list(datasets), 'pipeline': pipeline,
                           'sampling': {**CLIP, **kwargs}})


def draws(visible, length, count=4000, **options):
    rng = np.random.default_rng(0)
    return [sample_odtrack(rng, np.array(visible), length, **options) for _ in range(count)]


@st.composite
def videos(draw):
    """Numbers of templates and search frames, and a video with enough frames for them."""
    templates, searches = draw(st.integers(1, 5)), draw(st.integers(1, 4))
    least = 2 * (templates + searches) + 1
    length = draw(st.integers(max(20, least), 500))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    count = max(least, int(draw(st.floats(0.01, 1)) * length))
    return templates, searches, length, np.sort(rng.choice(length, count, replace=False))


@settings(derandomize=True, database=None, deadline=None, max_examples=200)
@given(videos(), st.integers(2, 500), st.integers(0, 2**32))
def test_any_clip(video, max_gap, seed):
    num_templates, num_searches, length, visible = video
    templates, searches = sample_odtrack(
        np.random.default_rng(seed), visible, length, max_gap, num_templates, num_searches)
    assert (len(templates), len(searches)) == (num_templates, num_searches)
    assert set(templates + searches) <= set(visible.tolist())
    assert templates == sorted(templates)
    assert searches == sorted(searches)
    assert all(frame < templates[-1] for frame in templates[:-1])
    assert templates[-1] < searches[0]
    assert num_templates - 1 <= templates[-1] < length - num_searches


def test_windows():
    clips = draws(range(1000), 1000, 20000)
    assert {base - own for (*others, base), _ in clips for own in others} == set(range(1, 401))
    assert {own - base for (*_, base), searches in clips for own in searches} == set(range(1, 400))
    bases = [templates[-1] for templates, _ in clips]
    assert (min(bases), max(bases)) == (2, 997)
    assert all(type(frame) is int for clip in clips[:9] for frames in clip for frame in frames)


def test_repetitions_are_allowed_and_the_base_stays_last():
    clips = Counter((tuple(templates), tuple(searches))
                    for templates, searches in draws([0, 1, 2, 3], 5, 8000, max_gap=9))
    # Base 2 alone has room for others on either side.
    assert set(clips) == {(pair + (2, ), (3, 3)) for pair in ((0, 0), (0, 1), (1, 1))}
    assert clips[(0, 1, 2), (3, 3)] == pytest.approx(4000, rel=0.06)


def test_both_windows_grow_together():
    """Base 1 lacks a search frame, base 30 another template, until they are 29 away."""
    clips = draws([0, 1, 30, 31, 100], 101, 400, max_gap=4, num_templates=2, num_searches=1)
    found = {(*templates, *searches) for templates, searches in clips}
    assert found >= {(0, 1, 30), (1, 30, 31), (0, 30, 31)}
    clips = draws([0, 60, 120], 121, 20, max_gap=4, num_templates=2, num_searches=1)
    assert clips == [([0, 60], [120])] * 20


def test_frequencies_of_the_published_sampler(golden):
    videos = json.loads((golden('odtrack') / 'sampling.json').read_text())
    rows = list(verify_sampling(videos))
    assert len(rows) == 24
    assert [row for row in rows if not row.passed] == []


@pytest.mark.parametrize(('name', 'wrong'), [
    ('max_gap', {'max_gap': 21}), ('without widening', {'GAP_STEP': 400}),
    ('searches', {'num_searches': 2})])
def test_another_sampler_shows(golden, monkeypatch, name, wrong):
    videos = json.loads((golden('odtrack') / 'sampling.json').read_text())
    if 'GAP_STEP' in wrong:
        monkeypatch.setattr(sampling, 'GAP_STEP', wrong['GAP_STEP'])
        videos = {'sparse_widening': videos['sparse_widening']}
    elif 'max_gap' in wrong:
        videos = {'dense': {**videos['dense'], **wrong}}
    else:
        videos = {'one_template': {**videos['one_template'], 'num_search': 2}}
    assert max(row.error for row in verify_sampling(videos)) > DEVIATIONS


# By config

def test_an_image_gives_itself():
    own = make_sampling({'type': 'odtrack', 'num_templates': 2, 'num_searches': 4, 'max_gap': 30})
    assert own.min_visible == 13
    assert own.frames(np.random.default_rng(0), np.zeros(1, int), 1) == ([0] * 2, [0] * 4)
    assert make_sampling(CLIP).min_visible == 11


@pytest.mark.parametrize(('change', 'message'), [
    ({'num_templates': 0}, r'sampling.num_templates=0 must be in \[1, 64\]'),
    ({'num_searches': 1.5}, 'sampling.num_searches=1.5'), ({'max_gap': 1}, 'sampling.max_gap=1'),
    ({'gap': 3}, r"'odtrack' has no such setting; it has \['max_gap', 'num_templates', 'num_sea")])
def test_settings_that_make_no_sense(change, message):
    with pytest.raises(ValueError, match=message):
        make_sampling({**CLIP, **change})


def test_a_clip_longer_than_any_video(lasot):
    lasot.add('cat-1', images=False)
    with pytest.raises(ValueError, match='all 1 have fewer than 20 frames or 47 visible ones; give'
                       ' longer videos, or the sampling shorter clips than of 23 frames'):
        build(lasot.config, num_searches=20)


def test_clips_are_packed(lasot):
    """Search crops are around their own targets, each in its own way."""
    dataset = build(lasot.add('cat-1').config)
    batch = collate_pairs([dataset[i] for i in range(4)])
    clip = batch['inputs']['clip']
    assert clip.templates.shape == (4, 3, 3, 32, 32)
    assert clip.searches.shape == (4, 2, 3, 64, 64)
    assert clip.template_boxes.shape == (4, 3, 4)
    assert clip.gt_boxes.shape == (4, 2, 4)
    for paths in batch['img_path']:
        frames = [int(Path(path).stem) for path in paths]
        assert sorted(frames) == frames
    boxes = clip.gt_boxes
    assert (boxes[:, 0] - boxes[:, 1]).abs().amin(dim=1).max() > 0.1 / 64


def test_one_bad_crop_and_the_whole_clip_is_drawn_again(lasot):
    """Frames whose box lies outside give crops of padding only."""
    lasot.add('cat-1')
    dataset = build(lasot.config, pipeline=[
        {'type': 'LoadPair'}, {**CROP, 'center_jitter': [0, 0], 'scale_jitter': [0, 0]},
        {'type': 'PackPair'}])
    target = dataset.sources[0].videos[0][1]
    target[3::4, :2] = 1e4
    found = {int(Path(path).stem) - 1 for i in range(20)
             for path in dataset[i]['img_path']}
    assert len(found) > 10
    assert all(frame % 4 != 3 for frame in found)
