import copy

import numpy as np
import pytest
import torch
from mmtrack.evaluation import SOTMetric
from mmtrack.registry import METRICS

OPTIONS = {'metric': 'OPE', 'metric_options': {'only_eval_visible': True}}


def sequence(number, length=12, failure=None, visible=None, noise=3.):
    """What a tracker and the annotations say of a sequence, frame by frame."""
    rng = np.random.default_rng(number)
    samples = []
    for i in range(length):
        box = np.array([20. + i, 15, 40 + i, 35], np.float32)
        guess = np.zeros(4) if failure else box + rng.normal(0, noise, 4)
        samples.append({
            'frame_id': i, 'video_length': length, 'video_id': number, 'failure': failure,
            'img_path': f'cat/cat-{number}/img/{i + 1:08d}.jpg', 'ori_shape': (60, 80),
            'instances': [{'bbox': box, 'visible': True if visible is None else visible[i]}],
            'pred_track_instances': {'bboxes': torch.from_numpy(guess)[None]}})
    return samples


def evaluate(metric, *sequences):
    for samples in sequences:
        for sample in samples:
            metric.process({}, [copy.deepcopy(sample)])
    return metric.evaluate(size=sum(map(len, sequences)))


def one_pass():
    return METRICS.build({'type': 'OnePassMetric', **OPTIONS})


@pytest.mark.parametrize('place', [0, 1, 2])
def test_good_sequences_are_evaluated_as_if_alone(place):
    good = [sequence(1), sequence(2, 20, noise=8.)]
    expected = evaluate(SOTMetric(**OPTIONS), *good)
    assert set(expected) == {'sot/success', 'sot/norm_precision', 'sot/precision'}
    assert 0 < expected['sot/success'] < 100
    mixed = list(good)
    mixed.insert(place, sequence(3, failure='frame 0: first box has no area'))
    ours = evaluate(one_pass(), *mixed)
    assert ours.pop('sot/failed_sequences') == 1
    assert ours == expected
    assert evaluate(one_pass(), *good) == {**expected, 'sot/failed_sequences': 0}


def test_hidden_frames_do_not_count():
    visible = [i % 3 != 0 for i in range(12)]
    samples, far = sequence(1, visible=visible), sequence(1, visible=visible)
    for sample, seen in zip(far, visible, strict=True):
        if not seen:
            sample['pred_track_instances']['bboxes'] += 500
    assert evaluate(one_pass(), far) == evaluate(one_pass(), samples)


def test_failures_are_named(monkeypatch):
    errors = []
    monkeypatch.setattr('mmengine.logging.MMLogger.error', lambda self, text: errors.append(text))
    ours = evaluate(one_pass(), sequence(1), sequence(2, visible=[False] * 12),
                    sequence(3, failure='frame 4: frame a.jpg cannot be read'))
    assert ours['sot/failed_sequences'] == 2
    assert errors == ['sequence cat-2 failed: the target is visible in no frame',
                      'sequence cat-3 failed: frame 4: frame a.jpg cannot be read']


def test_nothing_but_failures():
    assert evaluate(one_pass(), sequence(1, failure='no')) == {'sot/failed_sequences': 1}


def test_pair_iou_by_hand():
    metric = METRICS.build({'type': 'PairIoU'})
    boxes = [[0., 0, 10, 10], [0, 0, 10, 10], [20, 20, 30, 30]]
    targets = [[0., 0, 10, 10], [5, 0, 15, 10], [0, 0, 10, 10]]
    for box, target in zip(boxes, targets, strict=True):
        metric.process({}, [{'pred_track_instances': {'bboxes': torch.tensor([box])},
                             'search_gt_instances': {'bboxes': torch.tensor([target])}}])
    assert metric.evaluate(3) == {'pair/iou': pytest.approx((1 + 1 / 3 + 0) / 3)}
    # A clip counts with the mean of its search frames.
    metric.process({}, [{'pred_track_instances': {'bboxes': torch.tensor(boxes)},
                         'search_gt_instances': {'bboxes': torch.tensor(targets)}}])
    assert metric.evaluate(1) == {'pair/iou': pytest.approx((1 + 1 / 3 + 0) / 3)}
