import copy

import cv2
import numpy as np
import pytest
import torch
from mmengine.optim import OptimWrapper
from mmengine.structures import InstanceData
from mmtrack.registry import MODELS
from mmtrack.structures import TrackDataSample
from tiny import SEARCH, TEMPLATE, build, packed_pairs, tracker

from mmct.runtime import geometry

BOX = (30., 20., 12., 10.)


@pytest.fixture
def model():
    return build(tracker()).eval()


def frame(seed=0, side=(60, 80)):
    return np.random.default_rng(seed).integers(0, 256, (*side, 3), dtype=np.uint8)


def frame_sample(image, number, box=BOX, **meta):
    """A frame as MMTracking's ``inference_sot`` packs it, and its batch of one."""
    x, y, w, h = box
    sample = TrackDataSample(metainfo={'frame_id': number, 'img_path': f'{number}.jpg', **meta})
    sample.gt_instances = InstanceData(bboxes=torch.tensor([[x, y, x + w, y + h]]))
    return {'inputs': {'img': torch.from_numpy(image).permute(2, 0, 1)[None, None]},
            'data_samples': [sample]}


def follow(model, samples):
    """Boxes x, y, w, h, scores, and what went wrong, of one sequence."""
    out = []
    for sample in samples:
        done, = model.predict(**model.data_preprocessor(sample))
        (x1, y1, x2, y2), = done.pred_track_instances.bboxes.tolist()
        out.append(((x1, y1, x2 - x1, y2 - y1), done.pred_track_instances.scores.item(),
                    done.metainfo['failure']))
    return out


# Training

def test_training_step_of_mmengine(model):
    wrapper = OptimWrapper(torch.optim.AdamW(model.parameters(), 1e-3))
    before = copy.deepcopy(model.state_dict())
    logged = model.train().train_step(packed_pairs(), wrapper)
    assert set(logged) == {'loss', 'loss_track_focal', 'loss_track_giou', 'loss_track_l1'}
    assert logged['loss'] == sum(v for k, v in logged.items() if k != 'loss')
    same = [k for k, v in model.state_dict().items() if torch.equal(v, before[k])]
    assert same == []


def test_pairs_are_predicted_in_units_of_the_crop(model):
    data = model.data_preprocessor(packed_pairs())
    maps = model(**data, mode='tensor')
    assert torch.equal(model(**data, mode='predict')[:, 0], model.head.decode(maps))


# Tracking

def test_one_step_by_the_book(model):
    """Crop, normalise RGB, window, decode, map back, clip; the score is the network's own."""
    first, second = frame(0), frame(1)
    model.init(first, BOX)
    boxes = [BOX]
    for image in (second, frame(2)):
        crops = [geometry.crop_square(first, BOX, 2., TEMPLATE)[0]]
        crop, scale = geometry.crop_square(image, boxes[-1], 4., SEARCH)
        mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
        template, search = (torch.from_numpy(
            ((cv2.cvtColor(c, cv2.COLOR_BGR2RGB) / 255 - mean) / std).transpose(2, 0, 1)[None]
        ).float() for c in (*crops, crop))
        with torch.no_grad():
            maps = model.outputs_of(template[:, None], search)
        window = geometry.hann_window(SEARCH // 16)
        box, score = geometry.decode_center(
            **{name: value[0].numpy() for name, value in maps.items()}, window=window)
        box = geometry.map_back(box, boxes[-1], scale, SEARCH)
        boxes.append(geometry.clip_box(box, 60, 80))
        ours = model.track(image)
        assert ours[0] == pytest.approx(boxes[-1], abs=1e-3)
        assert ours[1] == pytest.approx(score, abs=1e-5)


def test_sequence_as_mmtracking_runs_it(model):
    frames = [frame(i) for i in range(4)]
    results = follow(model, [frame_sample(f, i) for i, f in enumerate(frames)])
    assert results[0] == (pytest.approx(BOX), -1, None)
    model.init(frames[0], BOX)
    for (box, score, failure), image in zip(results[1:], frames[1:], strict=True):
        expected = model.track(image)
        assert box == pytest.approx(expected[0])
        assert score == pytest.approx(expected[1])
        assert failure is None


def test_template_box_of_the_first_frame(monkeypatch):
    """An unjittered template shows its target in the middle, half a pixel off, as published."""
    elimination = {'layers': [1], 'keep_ratio': [0.5], 'template_range': 'GT_BOX'}
    model, given = build(tracker(elimination=elimination)).eval(), []
    encode = model.encode
    monkeypatch.setattr(model, 'encode', lambda templates, boxes: given.append(boxes) or encode(
        templates, boxes))
    model.init(frame(), (30., 20., 16., 16.))
    assert [boxes.tolist() for boxes in given] == [[[[7.5, 7.5, 16, 16]]]]
    model.track(frame(1))


def test_margin_and_factors_of_the_config():
    config = tracker()
    config['test_cfg'] = {'margin': 25, 'search_factor': 3.}
    model = build(config).eval()
    expected = {'template_factor': 2., 'search_factor': 3., 'margin': 25}
    assert expected.items() <= model.test_cfg.items()
    model.init(frame(), BOX)
    for i in range(5):
        x, y, w, h = model.track(frame(i))[0]
        assert w >= 25
        assert h >= 25
        assert x <= 80 - 25
        assert y <= 60 - 25


def test_exact_crops_of_the_config():
    exact = build(dict(tracker(), test_cfg=dict(exact_crops=True)))
    assert (exact.info.exact_crops, build(tracker()).info.exact_crops) == (True, False)
    with pytest.raises(ValueError, match="test_cfg.exact_crops='no' must be True or False"):
        build(dict(tracker(), test_cfg=dict(exact_crops='no')))


# What goes wrong

@pytest.mark.parametrize(('box', 'reason'), [
    ((30, 20, 0, 10), 'has no area'),
    ((30, 20, float('nan'), 10), 'is not finite'),
    ((200, 20, 12, 10), 'lies outside the frame'),
])
def test_first_box_that_cannot_be_tracked(model, box, reason):
    with pytest.raises(ValueError, match=f'first box .* {reason}'):
        model.init(frame(), box)
    results = follow(model, [frame_sample(frame(i), i, box) for i in range(3)])
    assert [r[:2] for r in results] == [((0, 0, 0, 0), 0)] * 3
    failure, = {r[2] for r in results}
    assert failure.startswith('frame 0: first box ')
    assert reason in failure


@pytest.mark.parametrize('broken', [0, 2])
def test_unreadable_frame_ends_its_sequence_only(model, broken):
    def samples(sequence, **meta):
        return [frame_sample(frame(i), i, **(meta if i == broken else {})) for i in range(4)]

    good = follow(model, samples(1))
    bad = follow(model, samples(2, load_error='frame a.jpg cannot be read'))
    assert bad[:broken] == good[:broken]
    reason = f'frame {broken}: frame a.jpg cannot be read'
    assert bad[broken:] == [((0, 0, 0, 0), 0, reason)] * (4 - broken)
    assert follow(model, samples(3)) == good


def test_other_protocols_are_refused(model):
    model.test_cfg['test_mode'] = 'VOT'
    with pytest.raises(ValueError, match="test_mode='VOT': OSTrack runs OPE only"):
        follow(model, [frame_sample(frame(), 0)])


def test_search_size_in_the_config():
    with pytest.raises(ValueError, match='search_size=100 is not a positive multiple') as caught:
        MODELS.build(tracker(search_size=100))
    assert '\n' not in str(caught.value)
