import copy

import numpy as np
import pytest
import torch
from mmtrack.evaluation import SOTMetric
from mmtrack.registry import METRICS

from mmct.evaluation import METRICS as ALL
from mmct.formats import Annotation
from mmct.models.structures import Clip

OPTIONS = {'metric': 'OPE', 'metric_options': {'only_eval_visible': True}}


class Annotated:
    """Stands for a data set that knows the ground truth of sequences of :func:`sequence`."""

    def __init__(self, sequences):
        self.sequences = {samples[0]['video_id']: samples for samples in sequences}

    def get_data_info(self, number):
        return {'ann_path': f'cat-{number}.txt'}

    def get_bboxes_from_video(self, number):
        x1, y1, x2, y2 = np.array([sample['instances'][0]['bbox']
                                   for sample in self.sequences[number]]).T
        return np.column_stack([x1, y1, x2 - x1, y2 - y1])

    def get_visibility_from_video(self, number):
        return {'visible': np.array([sample['instances'][0]['visible']
                                     for sample in self.sequences[number]])}


def sequence(number, length=12, failure=None, visible=None, noise=3.):
    """What a tracker and the annotations say of a sequence, frame by frame."""
    rng = np.random.default_rng(number)
    samples = []
    for i in range(length):
        box = np.array([20. + i, 15, 40 + i, 35], np.float32)
        guess = np.zeros(4) if failure else (box + rng.normal(0, noise, 4)).round(4)
        samples.append({
            'frame_id': i, 'video_length': length, 'video_id': number, 'failure': failure,
            'img_path': f'cat/cat-{number}/img/{i + 1:08d}.jpg', 'ori_shape': (60, 80),
            'instances': [{'bbox': box, 'visible': True if visible is None else visible[i]}],
            'pred_track_instances': {'bboxes': torch.from_numpy(guess)[None]}})
    return samples


def evaluate(metric, *sequences):
    metric.dataset_meta = {'dataset': Annotated(sequences),
                           'sequences': [f'cat-{number}' for number in range(9)]}
    for samples in sequences:
        for sample in samples:
            metric.process({}, [copy.deepcopy(sample)])
    return metric.evaluate(size=sum(map(len, sequences)))


def one_pass(**options):
    return METRICS.build({'type': 'OnePassMetric', **OPTIONS, **options})


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
    assert ours == pytest.approx(expected, abs=1e-9)
    assert evaluate(one_pass(), *good) == {**ours, 'sot/failed_sequences': 0}


VISIBLE = [i % 3 != 0 for i in range(12)]


@pytest.mark.parametrize('only_visible', [False, True])
def test_frames_without_the_target_are_those_of_mmtracking(only_visible):
    options = {'metric_options': {'only_eval_visible': only_visible}}
    samples = sequence(1, visible=VISIBLE)
    samples[4]['instances'][0]['bbox'][2] = 0  # seen, without area
    expected = evaluate(SOTMetric(**options), samples)
    if only_visible:
        samples[4]['instances'][0]['visible'] = False  # as MMTracking's data sets say
        expected = evaluate(SOTMetric(**options), samples)
    ours = evaluate(one_pass(**options), samples)
    del ours['sot/failed_sequences']
    assert ours == pytest.approx(expected, abs=1e-9)


def test_every_metric_of_evaluation():
    """What tools/evaluate.py knows, a test gives, too."""
    samples = sequence(1, visible=VISIBLE)
    found = evaluate(one_pass(metric=['OPE', *ALL]), samples)
    boxes = np.array([sample['pred_track_instances']['bboxes'][0].numpy() for sample in samples])
    boxes[:, 2:] -= boxes[:, :2]
    truth = Annotation(Annotated([samples]).get_bboxes_from_video(1).astype(float),
                       ~np.array(VISIBLE))
    for name, metric in ALL.items():
        total = metric({'cat-1': boxes.round(4)}, {'cat-1': truth})['total']
        assert {key: found[f'{name}/{key}'] for key in total} == total
    assert found['sot/success'] == found['sot_visible/auc'] < found['official/auc']
    with pytest.raises(ValueError, match="metric='EAO' is not one of OPE, published, official, "):
        one_pass(metric=['OPE', 'EAO'])


def test_hidden_frames_do_not_count():
    samples, far = sequence(1, visible=VISIBLE), sequence(1, visible=VISIBLE)
    for sample, seen in zip(far, VISIBLE, strict=True):
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
    boxes = torch.tensor([[.1, .1, .2, .2], [.1, .1, .2, .2], [.5, .5, .2, .2]])
    targets = torch.tensor([[.1, .1, .2, .2], [.2, .1, .2, .2], [.1, .1, .2, .2]])
    batch = {'inputs': {'clip': Clip(None, None, None, targets[:, None])}}
    metric.process(batch, boxes[:, None])
    assert metric.evaluate(3) == {'pair/iou': pytest.approx((1 + 1 / 3 + 0) / 3)}
    # A clip counts with the mean of its search frames.
    metric.process({'inputs': {'clip': Clip(None, None, None, targets[None])}}, boxes[None])
    assert metric.evaluate(1) == {'pair/iou': pytest.approx((1 + 1 / 3 + 0) / 3)}
