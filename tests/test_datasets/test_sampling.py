"""Which frames make a sample: windows, slots, visibility; positives and negatives of a score."""
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmtrack.registry import DATASETS

from mmct.datasets import collate_pairs
from mmct.datasets.sampling import (
    make_sampling,
    sample_mixformer,
    sample_pair,
    sample_sutrack,
    sample_trident,
)
from mmct.datasets.transforms.load import middle_box

CROP = {'type': 'CropPair', 'size': [32, 64], 'factor': [2, 5], 'center_jitter': [0, 4.5],
        'scale_jitter': [0, 0.5]}
PIPELINE = [{'type': 'LoadPair'}, {'type': 'GrayPair', 'prob': 0.05},
            {'type': 'FlipPair', 'prob': 0.5}, CROP, {'type': 'BrightenCrops', 'jitter': 0.2},
            {'type': 'FlipCrops', 'prob': 0.5}, {'type': 'PackPair'}]


def build(*datasets, kind='mixformer', pipeline=PIPELINE, **kwargs):
    return DATASETS.build({'type': 'PairDataset', 'datasets': list(datasets), 'pipeline': pipeline,
                           'sampling': {'type': kind}, **kwargs})


def draws(sample, visible, length, count=4000, **windows):
    """The frames of many draws: templates, then search frames."""
    rng = np.random.default_rng(0)
    for _ in range(count):
        templates, searches = sample(rng, np.array(visible), length, **windows)
        yield *templates, *searches


@st.composite
def videos(draw, least):
    """Length of a video and the frames with the target, ``least`` of them or more."""
    length = draw(st.one_of(st.integers(20, 60), st.integers(20, 3000)))
    share = draw(st.floats(0.01, 1))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    count = max(least, int(share * length))
    return length, np.sort(rng.choice(length, count, replace=False)).astype(np.int32)


def property_test(least):
    return lambda test: settings(derandomize=True, database=None, deadline=None, max_examples=200)(
        given(videos(least), st.integers(2, 250), st.integers(0, 2**32))(test))


# Pairs

def test_pairs_are_drawn_as_ever():
    """Recorded before there were other samplings: trained pairs depend on each draw."""
    rng = np.random.default_rng(7)
    assert [sample_pair(rng, np.arange(0, 900, 3), 900) for _ in range(8)] == [
        ([849], [882]), ([615], [795]), ([519], [675]), ([750], [786]), ([48], [108]),
        ([255], [429]), ([819], [822]), ([447], [612])]
    rng = np.random.default_rng(8)
    visible = np.array([2, 5, 6, 300, 700, 999])
    assert [sample_pair(rng, visible, 1000) for _ in range(8)] == [
        ([5], [6]), ([5], [6]), ([2], [5]), ([2], [5]), ([5], [6]), ([5], [6]), ([2], [5]),
        ([5], [6])]
    assert rng.random() == 0.25714524855112975


@property_test(5)
def test_any_pair(video, max_gap, seed):
    length, visible = video
    (template, ), (search, ) = sample_pair(np.random.default_rng(seed), visible, length, max_gap)
    assert {template, search} <= set(visible.tolist())
    assert template < search


def test_search_frame_follows_within_the_gap():
    pairs = list(draws(sample_pair, range(400), 400))
    assert {search - template for template, search in pairs} == set(range(1, 200))
    assert {template for template, _ in pairs} >= {0, 398} - {399}
    assert max(search for _, search in pairs) == 399


def test_search_frames_are_equally_likely():
    gaps = Counter(search - template for template, search in draws(
        sample_pair, range(5), 5, 40000, max_gap=3) if template == 0)
    assert set(gaps) == {1, 2}
    assert gaps[1] == pytest.approx(gaps[2], rel=0.06)


def test_only_visible_frames_and_never_the_last_as_template():
    pairs = list(draws(sample_pair, [3, 4, 9, 17, 19], 20))
    assert {template for template, _ in pairs} == {3, 4, 9, 17}
    assert {search for _, search in pairs} == {4, 9, 17, 19}


def test_template_may_be_the_last_visible_frame_but_is_then_drawn_again():
    # Frame 9 is drawn as a template, has no successor, and each such draw widens the window.
    assert {(0, 9), (8, 9), (0, 8)} == set(draws(sample_pair, [0, 8, 9], 20, max_gap=9))


def test_window_grows_until_there_is_a_search_frame():
    assert set(draws(sample_pair, [0, 300], 400, 50)) == {(0, 300)}


# MixFormerV2

@property_test(7)
def test_any_clip(video, max_gap, seed):
    length, visible = video
    (base, earlier), (search, ) = sample_mixformer(
        np.random.default_rng(seed), visible, length, max_gap)
    assert {base, earlier, search} <= set(visible.tolist())
    assert 0 <= earlier < base < search < length


def test_windows_of_a_clip():
    clips = list(draws(sample_mixformer, range(1000), 1000, 20000))
    assert {base - earlier for base, earlier, _ in clips} == set(range(1, 201))
    assert {search - base for base, _, search in clips} == set(range(1, 200))
    bases = [base for base, _, _ in clips]
    assert min(bases) >= 1
    assert max(bases) <= 998
    assert min(earlier for _, earlier, _ in clips) == 0
    assert max(search for _, _, search in clips) == 999


def test_frames_of_a_clip_are_equally_likely():
    clips = Counter(draws(sample_mixformer, range(4), 4, 40000))
    # Of base 1 the earlier frame is given, of base 2 the search frame.
    assert clips == {(1, 0, 2): pytest.approx(10000, rel=0.05),
                     (1, 0, 3): pytest.approx(10000, rel=0.05),
                     (2, 0, 3): pytest.approx(10000, rel=0.05),
                     (2, 1, 3): pytest.approx(10000, rel=0.05)}


def test_base_is_not_the_first_or_last_frame_but_may_be_the_first_visible_one():
    # Frames 5 and 15 are drawn as bases, lack a neighbour, and each such draw widens the windows.
    clips = set(draws(sample_mixformer, [5, 10, 15], 20, 400, max_gap=2))
    assert clips == {(10, 5, 15)}


def test_both_windows_grow_together():
    """From base 100 the next frame is out of reach by 11, from base 310 the one before by 10."""
    clips = set(draws(sample_mixformer, [0, 1, 100, 310, 311, 312, 313], 314))
    assert {base for base, _, _ in clips} == {1, 100, 310, 311, 312}
    assert {clip[1:] for clip in clips if clip[0] == 100} <= {
        (earlier, search) for earlier in (0, 1) for search in (310, 311, 312, 313)}
    assert {clip[1] for clip in clips if clip[0] == 310} == {100}


# The score's

@property_test(7)
def test_any_clip_of_the_score(video, max_gap, seed):
    length, visible = video
    (first, online), (search, ) = sample_trident(
        np.random.default_rng(seed), visible, length, max_gap)
    assert {first, search} <= set(visible.tolist())
    assert 0 <= online < length
    if first >= search:
        assert search <= online < search + max_gap
    else:
        assert search - max_gap <= online < search


def test_windows_of_the_score():
    clips = list(draws(sample_trident, range(0, 1000, 2), 1000, 40000))
    gaps = {late: {online - search for first, online, search in clips
                   if (first >= search) == late} for late in (False, True)}
    assert gaps == {False: set(range(-200, 0)), True: set(range(200))}
    assert {first for first, _, _ in clips} == {search for _, _, search in clips} == set(
        range(0, 1000, 2))
    assert {online % 2 for _, online, _ in clips} == {0, 1}  # visible or not


# SUTrack

@property_test(1)
def test_any_clip_around_a_base(video, max_gap, seed):
    length, visible = video
    templates, searches = sample_sutrack(
        np.random.default_rng(seed), visible, length, max_gap, num_templates=1 + seed % 3)
    assert (len(templates), len(searches)) == (1 + seed % 3, 1)
    frames = templates + searches
    assert set(frames) <= set(visible.tolist())
    assert frames in (sorted(frames), sorted(frames, reverse=True))
    assert max(frames) - min(frames) < 2 * max_gap


def test_windows_around_a_base():
    clips = list(draws(sample_sutrack, range(3000), 3000, 16000, num_templates=1))
    gaps = Counter(abs(first - search) for first, search in clips)
    assert max(gaps) > 700
    assert max(gaps) < 800
    assert gaps[0] > 0  # the same frame may be template and search frame
    rising = sum(first < search for first, search in clips)
    falling = sum(first > search for first, search in clips)
    assert rising == pytest.approx(falling, rel=0.03)
    # Of bases 0 … 2999 all frames but those near the ends are as likely.
    middle = [sum(lo <= frame < lo + 200 for clip in clips for frame in clip)
              for lo in range(400, 2600, 200)]
    assert np.std(middle) < 0.05 * np.mean(middle)


def test_clips_around_a_base_by_chance():
    """Two frames in reach of each other, three draws: each way as often as it should."""
    clips = Counter(draws(sample_sutrack, [3, 7], 30, 40000))
    # Drawn are 0 to 3 times the second frame; both orders of what differs.
    eighth = pytest.approx(5000, rel=0.07)
    assert clips == {
        (3, 3, 3): eighth, (7, 7, 7): eighth,
        (3, 3, 7): pytest.approx(7500, rel=0.07), (7, 3, 3): pytest.approx(7500, rel=0.07),
        (3, 7, 7): pytest.approx(7500, rel=0.07), (7, 7, 3): pytest.approx(7500, rel=0.07)}


def test_reach_of_a_base():
    """max_gap frames before it are in reach, max_gap after it are not."""
    clips = set(draws(sample_sutrack, [0, 10], 30, 2000, max_gap=10, num_templates=1))
    # From base 10 both are seen, from base 0 only itself.
    assert clips == {(0, 0), (10, 10), (0, 10), (10, 0)}
    assert set(draws(sample_sutrack, [0, 10], 30, 400, max_gap=9, num_templates=1)) == {
        (0, 0), (10, 10)}
    counts = Counter(draws(sample_sutrack, [0, 10], 30, 20000, max_gap=10, num_templates=1))
    assert counts[0, 0] == pytest.approx(12500, rel=0.05)  # ½ of base 0, ¼ of those of base 10


# By config

@pytest.mark.parametrize(('kind', 'templates', 'least'), [
    ('pair', 1, 5), ('mixformer', 2, 7), ('trident', 2, 7), ('sutrack', 2, 7)])
def test_an_image_gives_itself(kind, templates, least):
    sampling = make_sampling({'type': kind, 'max_gap': 30})
    assert sampling.min_visible == least
    rng = np.random.default_rng(0)
    assert sampling.frames(rng, np.zeros(1, int), 1) == ([0] * templates, [0])
    assert rng.random() == np.random.default_rng(0).random()
    frames = [sampling.frames(rng, np.arange(400), 400) for _ in range(300)]
    assert max(abs(a - b) for a, b in [(own[-1], found) for own, (found, ) in frames]) <= 59


@pytest.mark.parametrize(('config', 'message'), [
    ('pair', r"sampling='pair' must be a dict"),
    ({'type': 'quartet'}, r"sampling.type='quartet' is not one of \['pair', 'mixformer', 'tri"),
    ({'max_gap': 3}, 'sampling.type=None is not'),
    ({'type': 'pair', 'gap': 3}, r"sampling.gap: 'pair' has no such setting; it has \['max_gap'\]"),
    ({'type': 'pair', 'max_gap': 1}, r'sampling.max_gap=1 must be in \[2, inf\)'),
    ({'type': 'mixformer', 'num_templates': 3}, "'mixformer' has no such setting"),
    ({'type': 'sutrack', 'num_templates': 65},
     r'sampling.num_templates=65 must be in \[1, 64\], a whole number')])
def test_samplings_that_are_not_there(config, message):
    with pytest.raises(ValueError, match=message):
        make_sampling(config)


@pytest.mark.parametrize(('number', 'least'), [(1, 5), (3, 9)])
def test_number_of_templates(number, least):
    sampling = make_sampling({'type': 'sutrack', 'num_templates': number})
    assert (sampling.num_templates, sampling.min_visible) == (number, least)
    rng = np.random.default_rng(0)
    assert sampling.frames(rng, np.zeros(1, int), 1) == ([0] * number, [0])
    templates, searches = sampling.frames(rng, np.arange(90), 90)
    assert (len(templates), len(searches)) == (number, 1)


def test_more_frames_have_to_be_visible_than_of_pairs(lasot, warnings):
    lasot.add('cat-1', images=False).add('cat-2', hidden=range(6, 30), images=False)
    assert len(build(lasot.config, kind='pair').sources[0].videos) == 2
    dataset = build(lasot.config)
    assert [index for index, _, _ in dataset.sources[0].videos] == [0]
    assert warnings[-1].endswith('fewer than 20 frames or 7 visible ones: cat/cat-2/img (6 of 30)')


# Clips

def frames_of(sample):
    return [int(Path(path).stem) - 1 for path in sample['img_path']]


@pytest.mark.parametrize('kind', ['mixformer', 'trident'])
def test_a_clip_is_a_function_of_its_place(lasot, kind):
    lasot.add('cat-1', hidden=range(3)).add('cat-2')
    one, other = (build(lasot.config, kind=kind) for _ in range(2))
    for place in reversed([(seed, epoch, 3) for seed in (0, 1) for epoch in (0, 1)]):
        a, b = one[place], other[place]
        assert a['img_path'] == b['img_path']
        for one_part, other_part in zip(a['inputs']['clip'], b['inputs']['clip'], strict=True):
            assert one_part is other_part is None or torch.equal(one_part, other_part)
    assert one[0]['img_path'] != one[1]['img_path']


def test_clips_are_packed(lasot):
    dataset = build(lasot.add('cat-1').config)
    batch = collate_pairs([dataset[i] for i in range(3)])
    clip = batch['inputs']['clip']
    assert clip.templates.shape == (3, 2, 3, 32, 32)
    assert clip.searches.shape == (3, 1, 3, 64, 64)
    assert clip.templates.is_contiguous()
    assert clip.template_boxes.shape == (3, 2, 4)
    assert clip.gt_boxes.shape == (3, 1, 4)
    assert {boxes.dtype for boxes in (clip.template_boxes, clip.gt_boxes)} == {torch.float32}
    assert clip.labels is None
    for boxes, paths in zip(clip.template_boxes, batch['img_path'], strict=True):
        base, earlier, search = (int(Path(path).stem) for path in paths)
        assert earlier < base < search
        # Templates are not jittered: centre of the crop, half as wide as the crop.
        x, y, w, h = boxes.numpy().T
        # 15.5 pixels from the left, or from the right.
        np.testing.assert_allclose(np.abs([x + w / 2 - 16, y + h / 2 - 16]), 0.5, rtol=1e-4)
        np.testing.assert_allclose(w * h, 16 * 16, rtol=0.1)


def test_slots_hold_the_frames_in_order(lasot):
    """Each crop shows its own frame, whatever its place."""
    plain = [{'type': 'LoadPair'}, {**CROP, 'center_jitter': [0, 0], 'scale_jitter': [0, 0]},
             {'type': 'PackPair'}]
    lasot.add('cat-1')
    packed = build(lasot.config, pipeline=plain)[0]
    clip = packed['inputs']['clip']
    dataset = build(lasot.config, kind='pair', pipeline=plain)
    base, earlier, search = packed['img_path']
    for i, paths in ((0, (base, search)), (1, (earlier, search))):
        boxes = dict(zip(frames_of({'img_path': paths}),
                         dataset.sources[0].videos[0][1][frames_of({'img_path': paths})]))
        pair = dataset.run({'rng': np.random.default_rng(0), 'img_path': list(paths),
                            'boxes': list(boxes.values())})
        pair = pair['inputs']['clip']
        assert torch.equal(clip.templates[i], pair.templates[0])
        assert torch.equal(clip.template_boxes[i], pair.template_boxes[0])
        assert torch.equal(clip.searches, pair.searches)


def test_templates_are_mirrored_independently(lasot):
    """By themselves, not the whole clip, which is mirrored as one."""
    steps = [{'type': 'LoadPair'}, {**CROP, 'center_jitter': [0, 0], 'scale_jitter': [0, 0]},
             {'type': 'FlipCrops', 'prob': 0.5}, {'type': 'PackPair'}]
    lasot.add('cat-1')
    plain, mirrored = (build(lasot.config, pipeline=pipeline)
                       for pipeline in (steps[:2] + steps[3:], steps))
    seen = Counter()
    for i in range(60):
        one, other = (own[i]['inputs']['clip'].templates for own in (plain, mirrored))
        flips = [torch.equal(a.flip(-1), b) for a, b in zip(one, other)]
        assert all(flip or torch.equal(a, b) for flip, a, b in zip(flips, one, other))
        seen[tuple(flips)] += 1
    assert len(seen) == 4


def test_image_clips(coco):
    clip = build(coco.config, pipeline=[])[0]
    assert clip['num_templates'] == 2
    assert len(set(clip['img_path'])) == 1
    assert len(clip['img_path']) == 3
    assert all(np.array_equal(box, clip['boxes'][0]) for box in clip['boxes'])


# Positives and negatives

def trident(*datasets, **kwargs):
    return build(*datasets, kind='trident', pipeline=[], **kwargs)


def test_half_show_the_target(lasot):
    dataset = trident(lasot.add('cat-1', hidden=range(8, 14), images=False).config)
    samples = [dataset[i] for i in range(600)]
    assert np.mean([sample['labels'][0] for sample in samples]) == pytest.approx(0.5, abs=0.06)
    for sample in samples:
        _, _, search = frames_of(sample)
        assert len(sample['labels']) == 1
        assert sample['labels'][0] == (search not in range(8, 14))
        assert (sample['boxes'][2] is None) == (search in range(8, 14))
        assert frames_of(sample)[0] not in range(8, 14)
    negatives = {frames_of(sample)[2] for sample in samples if not sample['labels'][0]}
    assert negatives == set(range(8, 14))
    assert {frames_of(sample)[1] for sample in samples} & set(range(8, 14))


def test_a_video_that_always_shows_its_target_takes_its_negatives_elsewhere(lasot, coco):
    lasot.add('cat-1', images=False)
    dataset = trident(lasot.config, coco.config)
    kinds = Counter()
    for i in range(400):
        sample = dataset[i]
        image = [str(coco.root) in path for path in sample['img_path']]
        assert image[0] == image[1]
        assert sample['boxes'][2] is not None
        if sample['labels'][0]:
            assert image[0] == image[2]
        else:
            kinds[image[0], image[2]] += 1
        if image[2]:
            assert tuple(sample['boxes'][2]) in {(10, 10, 20, 20), (30, 20, 10, 30)}
    assert len(kinds) == 4  # the data set is drawn anew, from all of them
    assert min(kinds.values()) > 25


def test_box_of_a_frame_without_the_target():
    assert middle_box(100, 60) == (43, 26, 12, 7)
    assert middle_box(1280, 720) == (560, 315, 160, 90)


def test_labels_and_boxes_are_packed(lasot):
    steps = [step for step in PIPELINE if step['type'] != 'CropPair']
    crop = {**CROP, 'center_jitter': [0, 0], 'scale_jitter': [0, 0]}
    dataset = build(lasot.add('cat-1', hidden=range(8, 14)).config, kind='trident',
                    pipeline=[*steps[:3], crop, *steps[3:]])
    labels = Counter()
    for i in range(40):
        clip = dataset[i]['inputs']['clip']
        assert clip.labels.dtype == torch.float32
        assert clip.labels.shape == (1, )
        labels[clip.labels.item()] += 1
        (_, _, w, h), = clip.gt_boxes.tolist()
        if not clip.labels[0]:
            # Frames are 80 x 60: the middle box has their shape, not the target's.
            assert w / h == pytest.approx(10 / 7, abs=0.01)
    assert set(labels) == {0., 1.}
    clip = collate_pairs([dataset[i] for i in range(2)])['inputs']['clip']
    assert clip.templates.shape == (2, 2, 3, 32, 32)
    assert clip.labels.shape == (2, 1)


def test_an_empty_box_of_an_online_template_redraws_the_whole_sample(lasot):
    lasot.add('cat-1', hidden=range(8, 14))
    path = lasot.root / 'cat/cat-1/groundtruth.txt'
    lines = path.read_text().split()
    lines[8:14] = ['0,0,0,0'] * 6
    path.write_text('\n'.join(lines))
    dataset = build(lasot.config, kind='trident', pipeline=[*PIPELINE])
    seen = [frames_of(dataset[i]) for i in range(60)]
    assert not {online for _, online, _ in seen} & set(range(8, 14))
    assert {search for _, _, search in seen} & set(range(8, 14))
