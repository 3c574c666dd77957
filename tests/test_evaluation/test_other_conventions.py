"""MMTracking's SOTMetric and GOT-10k's AO and SR, against the originals."""
import json

import numpy as np
import pytest
import torch
from commands import run_tool
from mmtrack.evaluation import SOTMetric

from mmct.evaluation import evaluate, evaluate_got10k
from mmct.formats import Annotation, read_annotations, read_results, read_seconds


def sequence(seed, length=60):
    """Boxes in single precision, with absent frames, boxes without area and some far outside."""
    rng = np.random.default_rng(seed)
    truth = np.column_stack([rng.uniform(-30, 300, (length, 2)), rng.uniform(20, 90, (length, 2))])
    boxes = truth + rng.normal(0, 8, truth.shape)
    boxes[:, 2:] = np.maximum(boxes[:, 2:], 1)
    boxes[[5, 6, 30], 2:] = 0
    truth[[20, 21]] = 0
    truth[25, 2] = 0
    boxes[40] = truth[40]
    absent = rng.random(length) < 0.1
    absent[20] = True
    return boxes.astype(np.float32).astype(float), Annotation(
        truth.astype(np.float32).astype(float), absent)


def corners(boxes):
    boxes = np.float32(boxes)
    boxes[:, 2:] += boxes[:, :2]
    return boxes


def sot_metric(sequences):
    """What MMTracking computes of {name: (boxes, annotation)}."""
    metric = SOTMetric()
    for number, (name, (boxes, annotation)) in enumerate(sequences.items()):
        for i, (box, truth) in enumerate(zip(corners(boxes), corners(annotation.boxes))):
            metric.process({}, [dict(
                instances=[dict(bbox=truth, visible=not annotation.absent[i])],
                pred_track_instances=dict(bboxes=torch.from_numpy(box[None])), frame_id=i,
                video_length=len(boxes), img_path=f'{name}/img/{i}.jpg', video_id=number,
                ori_shape=(240, 320))])
    return metric.compute_metrics(metric.results)


def test_sot_is_what_mmtracking_computes():
    sequences = {f's{i}': sequence(i, 50 + 9 * i) for i in range(4)}
    expected = sot_metric(sequences)
    found = evaluate({name: boxes for name, (boxes, _) in sequences.items()},
                     {name: own for name, (_, own) in sequences.items()}, 'sot')['total']
    assert found['auc'] == pytest.approx(expected['success'], abs=1e-4)
    assert found['precision'] == pytest.approx(expected['precision'], abs=1e-4)
    assert found['norm_precision'] == pytest.approx(expected['norm_precision'], abs=1e-4)
    published = evaluate({name: boxes for name, (boxes, _) in sequences.items()},
                         {name: own for name, (_, own) in sequences.items()})['total']
    assert abs(published['auc'] - found['auc']) > 0.1


def test_best_possible_auc():
    """20 of 21 thresholds can be passed, in frames that show the target."""
    truth = np.tile([10., 20, 30, 40], (100, 1))
    absent = np.arange(100) >= 80
    truth[absent] = 0
    annotations = {'a': Annotation(truth, absent)}
    for convention, best in (('published', 0.8), ('official', 1), ('sot', 0.8)):
        found = evaluate({'a': truth}, annotations, convention)['total']
        assert found['auc'] == pytest.approx(100 * 20 / 21 * best), convention
    # Where there is no box, SOTMetric takes every one for precise.
    assert evaluate({'a': truth + 500}, annotations, 'sot')['total']['precision'] == 20


# GOT-10k

def write_got10k(root, sequences, covers, size=(320, 240)):
    for name, (_, annotation) in sequences.items():
        folder = root / 'val' / name
        folder.mkdir(parents=True)
        np.savetxt(folder / 'groundtruth.txt', annotation.boxes, delimiter=',', fmt='%.4f')
        np.savetxt(folder / 'cover.label', covers[name], fmt='%d')
        np.savetxt(folder / 'absence.label', covers[name] == 0, fmt='%d')
        (folder / 'meta_info.ini').write_text(
            f'[METAINFO]\nanno_fps: 10Hz\nobject_class: cat\nresolution: {size}\n')


def inside(box, size):
    """A box as GOT-10k's toolkit bounds it."""
    x, y = min(max(box[0], 0), size[0]), min(max(box[1], 0), size[1])
    return x, y, min(max(box[2], 0), size[0] - x), min(max(box[3], 0), size[1] - y)


def plain_overlaps(boxes, truth, cover, size):
    """The toolkit's overlaps, frame by frame."""
    found = []
    for i in range(1, len(boxes)):
        if cover[i] == 0:
            continue
        (x, y, w, h), (tx, ty, tw, th) = inside(boxes[i], size), inside(truth[i], size)
        across = max(min(x + w, tx + tw) - max(x, tx), 0)
        down = max(min(y + h, ty + th) - max(y, ty), 0)
        found.append(across * down / max(w * h + tw * th - across * down, 1e-9))
    return np.array(found)


def test_got10k(tmp_path):
    size = (320, 240)
    sequences = {f'GOT-10k_Val_{i:06d}': sequence(i, 50 + 30 * i) for i in range(3)}
    covers = {name: np.where(own.absent, 0, 1 + np.arange(len(own.absent)) % 8)
              for name, (_, own) in sequences.items()}
    write_got10k(tmp_path, sequences, covers, size)
    for name, (boxes, _) in sequences.items():
        (tmp_path / 'results' / name).mkdir(parents=True)
        np.savetxt(tmp_path / 'results' / name / f'{name}_001.txt', boxes, delimiter=',',
                   fmt='%.4f')
    done = run_tool('evaluate.py', tmp_path / 'results', '--annotations', tmp_path / 'val',
                    '--metric', 'got10k', '--json', tmp_path / 'out.json')
    assert done.status == 0, done.err
    found = json.loads((tmp_path / 'out.json').read_text())
    overlaps = {name: plain_overlaps(boxes, own.boxes, covers[name], size)
                for name, (boxes, own) in sequences.items()}
    for name, own in [('total', np.concatenate(list(overlaps.values()))), *overlaps.items()]:
        values = found['total'] if name == 'total' else found['per_sequence'][name]
        assert values['ao'] == pytest.approx(100 * own.mean(), abs=1e-3)
        assert values['sr50'] == pytest.approx(100 * (own > 0.5).mean())
        assert values['sr75'] == pytest.approx(100 * (own > 0.75).mean())
        assert values['frames'] == len(own)
    assert f'{found["total"]["ao"]:.2f}' in done.out


def test_absence_without_cover(tmp_path):
    sequences = {'a': sequence(0)}
    absent = sequences['a'][1].absent
    write_got10k(tmp_path, sequences, {'a': 8 * ~absent})
    (tmp_path / 'val/a/cover.label').unlink()
    annotation = read_annotations(tmp_path)['a']
    assert np.array_equal(annotation.absent, absent)
    assert annotation.size == (320, 240)
    (tmp_path / 'val/a/cover.label').write_text('9\n' * 60)
    with pytest.raises(ValueError, match='cover.label: expected 60 flags 0 to 8'):
        read_annotations(tmp_path)


def test_sequence_that_is_never_seen_is_left_out():
    boxes, annotation = sequence(0)
    hidden = annotation._replace(absent=np.ones(60, bool))
    found = evaluate_got10k({'a': boxes, 'b': boxes}, {'a': annotation, 'b': hidden})
    assert list(found['per_sequence']) == ['a']
    assert found['total']['sequences'] == 1
    with pytest.raises(ValueError, match='none has a second frame'):
        evaluate_got10k({'b': boxes}, {'b': hidden})


# Files

@pytest.mark.parametrize('path', ['a_time.txt', 'times/a_time.txt', 'a/a_time.txt'])
def test_layouts_of_times(tmp_path, path):
    (tmp_path / path).parent.mkdir(exist_ok=True)
    (tmp_path / path).write_text('0.01\n0.02\n')
    assert read_seconds(tmp_path, ['a', 'b'])['a'].tolist() == [0.01, 0.02]
    (tmp_path / path).write_text('0.01,0.03\n0.02,0.04\n')  # of two runs
    assert read_seconds(tmp_path, ['a', 'b'])['a'].tolist() == [0.01, 0.02]
    (tmp_path / path).write_text('fast\n')
    with pytest.raises(ValueError, match='a_time.txt: expected the seconds of a frame a line'):
        read_seconds(tmp_path, ['a'])


def test_boxes_in_both_layouts(tmp_path):
    (tmp_path / 'a').mkdir()
    (tmp_path / 'a/a_001.txt').write_text('1,2,3,4\n')
    (tmp_path / 'b.txt').write_text('5,6,7,8\n')
    found = read_results(tmp_path, {'a': 1, 'b': 1}, ['a', 'b'])
    assert found['a'].tolist() + found['b'].tolist() == [[1, 2, 3, 4], [5, 6, 7, 8]]
