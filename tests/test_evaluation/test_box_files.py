"""tools/evaluate.py and what it is made of, against plain loops and recorded metrics."""
import csv
import json
import math
import re
import subprocess
import sys
import tarfile
import warnings
import zipfile

import numpy as np
import pytest
from commands import ROOT, run_tool

from mmct.evaluation import METRICS, evaluate
from mmct.formats import (
    ATTRIBUTES,
    Annotation,
    dataset_of,
    read_annotations,
    read_boxes,
    read_results,
    read_seconds,
)
from mmct.formats.annotations import parse_boxes
from mmct.formats.sequences import names_of


def sequence(seed, length=60):
    """Predicted boxes and an annotation, with absent frames and boxes without area in both."""
    rng = np.random.default_rng(seed)
    truth = np.column_stack([rng.uniform(0, 300, (length, 2)), rng.uniform(20, 90, (length, 2))])
    boxes = truth + rng.normal(0, 8, truth.shape)
    boxes[:, 2:] = np.maximum(boxes[:, 2:], 1)
    boxes[[5, 6, 30], 2:] = 0
    boxes[12, 3] = 0
    absent = rng.random(length) < 0.1
    absent[[0, 20]] = False
    truth[20, 2:] = 0  # seen, but without area
    return boxes, Annotation(truth, absent, frozenset(ATTRIBUTES[seed % 3::3]))


def plain(boxes, annotation, official, dataset='lasot'):
    """The published analysis, frame by frame."""
    boxes = [list(box) for box in boxes]
    for i in range(1, len(boxes)):
        unknown = dataset == 'uav123' and not annotation.boxes[i].any()
        if (boxes[i][2] == 0 or boxes[i][3] == 0) and not unknown:
            boxes[i] = boxes[i - 1]
    boxes = np.nan_to_num(boxes).tolist()
    boxes[0] = list(annotation.boxes[0])
    overlaps, pixels, relatives = [], [], []
    for (x, y, w, h), (tx, ty, tw, th), absent in zip(boxes, annotation.boxes.tolist(),
                                                      annotation.absent):
        if official and absent:
            continue
        if absent or tw <= 0 or th <= 0:
            overlaps.append(-1)
            pixels.append(-1 if dataset == 'uav123' else math.inf)
            relatives.append(math.inf if absent and dataset == 'lasot' else -1)
            continue
        across = max(min(x + w - 1, tx + tw - 1) - max(x, tx) + 1, 0)
        down = max(min(y + h - 1, ty + th - 1) - max(y, ty) + 1, 0)
        overlaps.append(across * down / (w * h + tw * th - across * down))
        dx = x + 0.5 * (w - 1) - tx - 0.5 * (tw - 1)
        dy = y + 0.5 * (h - 1) - ty - 0.5 * (th - 1)
        pixels.append(math.hypot(dx, dy))
        relatives.append(math.hypot(dx / tw, dy / th))
    count = len(overlaps)
    success = [sum(o > 0.05 * i for o in overlaps) / count for i in range(21)]
    return dict(auc=100 * sum(success) / 21, op50=100 * success[10], op75=100 * success[15],
                precision=100 * sum(p <= 20 for p in pixels) / count,
                norm_precision=100 * sum(r <= 0.2 for r in relatives) / count)


@pytest.mark.parametrize('convention', ['published', 'official'])
def test_metrics_are_those_of_plain_loops(convention):
    sequences = {f's{i}': sequence(i, 40 + 7 * i) for i in range(4)}
    before = sequences['s0'][0].copy()
    found = evaluate({name: boxes for name, (boxes, _) in sequences.items()},
                     {name: annotation for name, (_, annotation) in sequences.items()}, convention)
    assert np.array_equal(sequences['s0'][0], before)
    expected = {name: plain(*own, convention == 'official') for name, own in sequences.items()}
    for name, values in expected.items():
        own = dict(found['per_sequence'][name])
        assert (own.pop('sequences'), own.pop('frames')) == (1, len(sequences[name][0]))
        assert own == pytest.approx(values)
    for key in values:
        assert found['total'][key] == pytest.approx(np.mean([v[key] for v in expected.values()]))
    assert found['total']['frames'] == sum(len(boxes) for boxes, _ in sequences.values())
    with_first = [n for n, (_, a) in sequences.items() if 'IV' in a.attributes]
    assert found['per_attribute']['IV']['sequences'] == len(with_first) == 2
    assert found['per_attribute']['IV']['auc'] == pytest.approx(
        np.mean([expected[n]['auc'] for n in with_first]))


@pytest.mark.parametrize('dataset', ['lasot', 'lasot_ext', 'uav123'])
def test_published_figures_by_data_set(dataset):
    """What the published analysis makes of frames without the target, in each data set."""
    boxes, annotation = sequence(0)
    truth = annotation.boxes
    truth[[30, 31, 40]], boxes[[30, 31, 32]] = 0, 0
    boxes[-5:] = np.nan  # filled up
    found = evaluate({'a': boxes}, {'a': annotation}, dataset=dataset)['total']
    expected = plain(boxes, annotation, False, dataset)
    assert {key: found[key] for key in expected} == pytest.approx(expected)


def test_perfect_boxes_where_the_target_is_not_seen():
    truth, absent = np.tile([100., 100, 40, 60], (20, 1)), np.arange(20) >= 15
    for dataset, precision, norm_precision in (('lasot', 75, 75), ('lasot_ext', 75, 100),
                                               ('uav123', 100, 100), ('otb100', 75, 75)):
        found = evaluate({'s': truth}, {'s': Annotation(truth, absent)}, dataset=dataset)['total']
        assert (found['precision'], found['norm_precision']) == (precision, norm_precision)
    with pytest.raises(ValueError, match='uav is not one of the data sets'):
        evaluate({'s': truth}, {'s': Annotation(truth, absent)}, dataset='uav')


def test_the_data_set_is_told_by_its_names(tmp_path):
    truth = np.tile([100., 100, 40, 60], (20, 1))
    truth[15:] = 0

    def precision(names):
        annotations = {name: Annotation(truth, np.zeros(20, bool)) for name in names}
        return evaluate(dict.fromkeys(names, truth), annotations)['total']['precision']

    assert precision(names_of('uav123')) == 100
    assert precision(names_of('uav123')[:12]) == 100
    assert precision([*names_of('uav123'), 'mine']) == 75
    assert precision(['car2', 'boat1']) == 75  # these may be anybody's
    assert dataset_of(['car2'], tmp_path / 'annotations/UAV123') == 'uav123'
    assert dataset_of(['car2'], tmp_path) is None
    assert dataset_of(f'uav_{name}' for name in names_of('uav123')) == 'uav123'
    assert dataset_of([f'atv-{i}' for i in range(1, 11)]) == 'lasot_ext'
    assert dataset_of(names_of('lasot_test')) == 'lasot'


def test_tool_says_whose_published_figures_these_are(tmp_path):
    truth = [[100, 100, 40, 60]] * 15
    write(tmp_path / 'uav123/car2.txt', truth + [['NaN'] * 4] * 5)
    write(tmp_path / 'results/car2.txt', truth * 2)
    for args, place, precision, whose in (
            ([], 'uav123', '100.00', 'published convention of uav123'),
            (['--dataset', 'lasot'], 'uav123', '75.00', 'published convention of lasot'),
            ([], 'other', '75.00', 'published convention\n'),
            (['--metric', 'official'], 'other', '75.00', 'official convention\n')):
        if place == 'other' and (tmp_path / 'uav123').exists():
            (tmp_path / 'uav123').rename(tmp_path / 'other')
        done = run_tool('evaluate.py', tmp_path / 'results', '--annotations', tmp_path / place,
                        '--fit', *args)
        assert (done.status, done.err) == (0, '')
        assert precision in done.out
        assert whose in done.out


def test_perfect_boxes():
    _, annotation = sequence(0)
    clean = Annotation(annotation.boxes[1:20].round(), np.zeros(19, bool), frozenset())
    found = evaluate({'a': clean.boxes}, {'a': clean})['total']
    assert found['auc'] == pytest.approx(100 * 20 / 21)  # no overlap is above 1
    assert found['precision'] == found['norm_precision'] == found['op75'] == 100


def test_recorded_metrics(reference, tmp_path):
    with tarfile.open(reference / 'golden/eval_lasot20.tar.xz') as archive:
        archive.extractall(tmp_path, filter='data')
    folder = tmp_path / 'eval20'
    recorded = json.loads((folder / 'metrics.json').read_text())
    done = run_tool('evaluate.py', folder, '--annotations',
                    reference / 'lasot/annos_test.tar.xz', '--json', tmp_path / 'out.json')
    assert done.status == 0, done.err
    assert done.err.startswith('warning: these are 20 of 280 sequences: ')
    found = json.loads((tmp_path / 'out.json').read_text())
    for name, values in [('total', recorded['total']), *recorded['per_sequence'].items()]:
        own = found['total'] if name == 'total' else found['per_sequence'][name]
        for key in values.keys() & own.keys():
            assert own[key] == pytest.approx(values[key], abs=0.001), (name, key)


# Files

def write(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('\n'.join(','.join(map(str, line)) for line in values) + '\n')


@pytest.fixture
def layouts(tmp_path):
    """The same two annotations in each layout."""
    for i, name in enumerate(('cat-1', 'dog-2')):
        _, (boxes, absent, codes, _) = sequence(i)
        own = tmp_path / 'lasot' / name.split('-')[0] / name
        write(own / 'groundtruth.txt', boxes)
        write(own / 'full_occlusion.txt', [absent.astype(int)])
        write(own / 'out_of_view.txt', [np.zeros(len(absent), int)])
        write(tmp_path / f'toolkit/annos/{name}.txt', boxes)
        write(tmp_path / f'toolkit/annos/absent/{name}.txt', absent.astype(int)[:, None])
        write(tmp_path / f'toolkit/annos/att/{name}.txt',
              [[int(code in codes) for code in ATTRIBUTES]])
    with tarfile.open(tmp_path / 'annos.tar.xz', 'w:xz') as archive:
        archive.add(tmp_path / 'toolkit/annos', 'annos')
    with zipfile.ZipFile(tmp_path / 'annos.zip', 'w') as archive:
        for file in (tmp_path / 'toolkit').rglob('*.txt'):
            archive.write(file, file.relative_to(tmp_path / 'toolkit'))
    return tmp_path


@pytest.mark.parametrize('kind', ['lasot', 'toolkit', 'toolkit/annos', 'annos.tar.xz', 'annos.zip'])
def test_layouts_of_annotations(layouts, kind):
    found = read_annotations(layouts / kind)
    assert list(found) == ['cat-1', 'dog-2']
    for i, annotation in enumerate(found.values()):
        _, expected = sequence(i)
        np.testing.assert_allclose(annotation.boxes, expected.boxes)
        assert np.array_equal(annotation.absent, expected.absent)
        assert annotation.attributes == (frozenset() if kind == 'lasot' else expected.attributes)


@pytest.mark.parametrize('text', [
    '1,2,3,4\n5,6,7,8.5\n', '1\t2\t3\t4\n5\t6\t7\t8.5', '1 2 3 4\r\n5 6 7 8.5',
    '1;2;3;4\n5;6;7;8.5', '1; 2; 3; 4;\n5; 6; 7; 8.5;\n',
    '1, 2, 3, 4\n5, 6, 7, 8.5\n\n', '\ufeff1,2,3,4\n5\t6\t7\t8.5', '\n1,2,3,4,\n5,6,7,8.5'])
def test_separators(text):
    assert parse_boxes(text, 'a').tolist() == [[1, 2, 3, 4], [5, 6, 7, 8.5]]


@pytest.mark.parametrize(('text', 'message'), [
    ('', 'a.txt: expected four numbers x,y,w,h a line; it is empty'),
    ('1,2,3,4\n1,2,3', "a.txt: expected four numbers x,y,w,h a line; line 2 is '1,2,3'"),
    ('1,2,3,4\n1,2,x,4', "a.txt: expected four numbers x,y,w,h a line; line 2 is '1,2,x,4'"),
    ('1,2,3,4\n1;2;3;4', "a.txt: expected four numbers x,y,w,h a line; line 2 is '1;2;3;4'"),
    ('1,5;2;3;4', "line 1 is '1,5;2;3;4'; write decimals with a point"),
    ('1,2,3,4\n10,5\t2\t3\t4', r"line 2 is '10,5\\t2\\t3\\t4'; write decimals with a point")])
def test_files_that_hold_no_boxes(tmp_path, text, message):
    (tmp_path / 'a.txt').write_text(text)
    with pytest.raises(ValueError, match=message):
        read_boxes(tmp_path / 'a.txt')


@pytest.mark.parametrize('encoding', ['utf-8', 'utf-8-sig', 'utf-16', 'utf-16-le'])
def test_encodings(tmp_path, encoding):
    """As editors, spreadsheets and PowerShell write them; in archives, too."""
    text = ('\ufeff' if encoding == 'utf-16-le' else '') + '1,2,3,4\r\n5,6,7,8.5\r\n'
    (tmp_path / 'a.txt').write_bytes(text.encode(encoding))
    assert read_boxes(tmp_path / 'a.txt').tolist() == [[1, 2, 3, 4], [5, 6, 7, 8.5]]
    with zipfile.ZipFile(tmp_path / 'a.zip', 'w') as archive:
        archive.write(tmp_path / 'a.txt', 'annos/a.txt')
    assert read_annotations(tmp_path / 'a.zip')['a'].boxes.tolist() == [[1, 2, 3, 4],
                                                                       [5, 6, 7, 8.5]]


def test_file_that_is_no_text(tmp_path):
    (tmp_path / 'a.txt').write_bytes(bytes(range(256)))
    with pytest.raises(ValueError, match='a.txt is not a text file'):
        read_boxes(tmp_path / 'a.txt')


@pytest.fixture
def results(layouts):
    """Result files of both sequences."""
    for i, name in enumerate(('cat-1', 'dog-2')):
        write(layouts / f'results/{name}.txt', sequence(i)[0])
    return layouts


def evaluated(folder, *args):
    return run_tool('evaluate.py', folder / 'results', '--annotations', folder / 'toolkit', *args)


def test_tool(results):
    done = evaluated(results, '--metric', 'official', '--json', results / 'out.json')
    assert done.status == 0, done.err
    found = json.loads((results / 'out.json').read_text())
    expected = np.mean([plain(*sequence(i), True)['auc'] for i in range(2)])
    assert found['total']['auc'] == pytest.approx(expected)
    assert f'| {expected:.2f}' in done.out.replace('   ', ' ').replace('  ', ' ')
    assert '120 frames, official convention' in done.out


def test_all_figures_have_two_decimals(results):
    for i in range(2):
        write(results / f'results/{("cat-1", "dog-2")[i]}.txt', sequence(i)[1][0])
    done = evaluated(results, '--metric', 'official')
    assert '| 100.00 |' in ' '.join(done.out.split()), done.out


def test_one_file_for_two_tables(results):
    done = evaluated(results, '--csv', results / 'out', '--json', results / 'out')
    assert done.status == 2
    assert f'error: --csv and --json are both {results}/out; give each a file' in done.err
    assert not (results / 'out').exists()


@pytest.mark.parametrize('metric', ['published', 'got10k'])
def test_figures_by_sequence(results, metric):
    done = evaluated(results, '--metric', metric, '--per-sequence', '--csv', results / 'out.csv',
                     '--json', results / 'out.json')
    assert (done.status, done.err) == (0, '')
    found = json.loads((results / 'out.json').read_text())
    figure, title = ('ao', 'AO') if metric == 'got10k' else ('auc', 'AUC')
    with open(results / 'out.csv', newline='') as file:
        rows = {row['sequence']: row for row in csv.DictReader(file)}
    assert list(rows) == ['cat-1', 'dog-2', '']
    for name, row in rows.items():
        own = found['per_sequence'][name] if name else found['total']
        assert float(row[title]) == own[figure]
        assert int(row['frames']) == own['frames']
    lines = [line.replace(' ', '') for line in done.out.splitlines()]
    order = sorted(found['per_sequence'], key=lambda name: found['per_sequence'][name][figure])
    shown = [line for line in lines if line.startswith(('|cat-1', '|dog-2'))]
    assert [line.split('|')[1] for line in shown] == order
    assert f'|{float(rows[order[0]][title]):.2f}|' in shown[0]


def test_missing_results(results):
    (results / 'results/cat-1.txt').unlink()
    done = evaluated(results)
    assert (done.status, done.err) == (
        0, f'warning: these are 1 of 2 sequences: {results}/results lacks the result files of '
        'cat-1; test these sequences, or name those that you want with --sequences\n')
    assert 'all 1 sequences' in done.out
    done = evaluated(results, '--sequences', 'cat-1', 'dog-2')
    assert (done.status, done.err) == (
        2, f'error: {results}/results lacks the result files of cat-1; test these sequences\n')
    (results / 'results/dog-2.txt').unlink()
    done = evaluated(results)
    assert (done.status, done.err) == (
        2, f'error: {results}/results has no result file of any annotated sequence, such as '
        'cat-1.txt\n')
    for folder in ('.old/lasot_test', 'run/.old', 'run/lasot_test'):  # hidden ones are passed by
        write(results / 'results' / folder / 'cat-1.txt', sequence(0)[0])
    assert evaluated(results).err.endswith(
        f'such as cat-1.txt; they are in {results}/results/run/lasot_test\n')


@pytest.mark.parametrize(('names', 'files'), [
    (('bike1', 'car1_2'), ('uav_bike1', 'uav_car1_2')), (('Gymnastics', ), ('nfs_Gymnastics', )),
    (('Car1', 'Jogging_1', 'Jogging_2'), ('Car1', 'Jogging-1', 'Jogging.2')),
    (('Basketball', ), ('basketball', )), (('airplane-1', ), ('lasot_airplane_1', )),
    (('a', 'uav_a'), ('uav_a', 'nfs_a')), (('uav_bike1', ), ('bike1', ))])
def test_names_of_other_toolkits(names, files, tmp_path):
    for file in files:
        write(tmp_path / f'{file}.txt', [(1, 2, 3, 4)] * 3)
        write(tmp_path / f'{file}_time.txt', [(1, )] * 3)
        write(tmp_path / f'runs/{file}/{file}_001.txt', [(1, 2, 3, 4)] * 3)
    for folder in (tmp_path, tmp_path / 'runs'):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter('always')
            found = read_results(folder, dict.fromkeys(names, 3))
        if 'uav_a' in names:  # nfs_a may be of the one or the other
            assert list(found) == ['uav_a']
            assert caught == []
            continue
        assert list(found) == list(names)
        said, = (str(warning.message) for warning in caught)
        renamed = [(name, file) for name, file in zip(names, files) if name != file]
        assert f'for those of {len(renamed)} sequences' in said
        assert f'{renamed[0][1]}' in said
        assert said.endswith(f'.txt for {renamed[0][0]}')
    if 'uav_a' not in names:
        assert list(read_seconds(tmp_path, names)) == list(names)


@pytest.mark.parametrize(('names', 'files'), [
    (('cat-1', 'cat_1'), ('Cat-1', )), (('bike1', ), ('uav_bike1', 'nfs_bike1')),
    (('bike1', ), ('boat1', ))])
def test_names_that_fit_several_or_none(names, files, tmp_path):
    for file in files:
        write(tmp_path / f'{file}.txt', [(1, 2, 3, 4)] * 3)
        write(tmp_path / f'{file}_time.txt', [(1, )] * 3)
    with pytest.raises(FileNotFoundError, match=f'such as {names[0]}.txt; there are '
                       f'{sorted(files)[0]}.txt.*, which fit no sequence clearly'):
        read_results(tmp_path, dict.fromkeys(names, 3))
    write(tmp_path / 'other.txt', [(1, 2, 3, 4)] * 3)
    with pytest.raises(FileNotFoundError, match=f'result files of {names[0]}; there are '):
        read_results(tmp_path, dict.fromkeys((*names, 'other'), 3), [names[0]])


def test_tool_says_which_names_it_takes(results):
    (results / 'results/cat-1.txt').rename(results / 'results/Cat_1.txt')
    done = evaluated(results)
    assert (done.status, done.err) == (
        0, f'warning: {results}/results: files of other names are taken for those of 1 sequences, '
        'such as Cat_1.txt for cat-1\n')
    assert 'all 2 sequences' in done.out


def test_one_frame_too_many_is_cut(results):
    before = evaluated(results).out
    path = results / 'results/cat-1.txt'
    path.write_text(path.read_text() + '1,2,3,4\n')
    assert evaluated(results).out == before


@pytest.mark.parametrize(('change', 'message'), [
    (lambda text: text[:len(text) // 2].rpartition('\n')[0], 'the run was broken off'),
    (lambda text: text * 2, 'cat-1.txt has 120 boxes, the annotation 60: it is of another version'),
    (lambda text: text.replace(text.split('\n')[3], '1,nan,3,4'), 'cat-1.txt, line 4: [1.0, nan, '),
    (lambda text: text.replace(text.split('\n')[3], '1,2,-3,4'), 'cat-1.txt, line 4: [1.0, 2.0, '),
    (lambda text: 'no boxes', 'expected four numbers')])
def test_broken_results(results, change, message):
    path = results / 'results/cat-1.txt'
    path.write_text(change(path.read_text()))
    done = evaluated(results)
    assert done.status == 1
    assert done.err.startswith('left out: ')
    assert done.err.count('\n') == 1
    assert message in done.err
    assert 'all 1 sequences' in done.out
    (results / 'results/dog-2.txt').write_text('no boxes')
    done = evaluated(results)
    assert (done.status, done.err.splitlines()[-1]) == (2, 'error: no sequence is left to evaluate')


@pytest.mark.parametrize('metric', METRICS)
def test_boxes_in_python(metric):
    """Whole numbers, as OpenCV's trackers give them, are not made of the first annotated box."""
    truth = np.array([[10.5 + i, 20.25, 30.75, 24.5] for i in range(9)])
    annotations = {'kite': Annotation(truth, np.zeros(9, bool))}
    boxes = truth.round().astype(int)
    found = METRICS[metric]({'kite': boxes.astype(float)}, annotations)
    for same in (boxes, boxes.tolist(), boxes.astype(np.float32)):
        assert METRICS[metric]({'kite': same}, annotations) == found
    for name, other, said in (('kite', boxes[:1], r'\(9, 4\)'), ('boat', boxes, 'none')):
        with pytest.raises(ValueError, match=f'{name} have the shape .*; annotated are {said}$'):
            METRICS[metric]({name: other}, annotations)


def test_boxes_of_a_tracker_that_diverged(results):
    path = results / 'results/cat-1.txt'
    lines = path.read_text().splitlines()
    found = set()
    for far in ('1e6', '1e200', '1e308'):
        path.write_text('\n'.join([*lines[:40], *[f'{far},{far},{far},{far}'] * 20]))
        with warnings.catch_warnings():
            warnings.simplefilter('error')
            done = evaluated(results)
        assert (done.status, done.err) == (0, '')
        found.add(done.out)
    assert len(found) == 1


def test_files_of_another_length_can_be_fitted(results):
    path, boxes = results / 'results/cat-1.txt', sequence(0)[0]
    lines = path.read_text().splitlines()
    path.write_text('\n'.join(lines[:40]))
    filled = evaluated(results, '--fit')
    assert (filled.status, filled.err) == (0, '')
    write(path, [*boxes[:40], *[[9000, 9000, 1, 1]] * 20])  # failures, not the last box before
    assert evaluated(results).out == filled.out
    for metric in ('official', 'sot'):
        assert evaluated(results, '--metric', metric, '--fit').status == 0
    path.write_text('\n'.join(lines))
    whole = evaluated(results).out
    path.write_text('\n'.join(lines * 2))
    assert evaluated(results, '--fit').out == whole != filled.out


def test_bad_annotations(results, tmp_path):
    done = evaluated(results, '--sequences', 'cow-1')
    assert 'has no sequence named cow-1' in done.err
    (tmp_path / 'a.tar').write_text('x')
    for name, message in (('none', 'none does not exist'),
                          ('a.tar', 'is no folder and not a readable .tar or .zip')):
        done = run_tool('evaluate.py', results / 'results', '--annotations', tmp_path / name)
        assert (done.status, message in done.err) == (2, True)
    (tmp_path / 'toolkit/annos/absent/cat-1.txt').write_text('0\n1\n')
    done = evaluated(results)
    assert 'absent/cat-1.txt: expected 60 flags 0 to 1, got 2 values' in done.err


@pytest.mark.parametrize('form', ['%.18e', '%.1f', '%d'])
def test_flags_as_numpy_writes_them(results, form):
    """As training reads them."""
    expected = evaluated(results).out
    for path in (results / 'toolkit/annos/absent').glob('*.txt'):
        flags = np.loadtxt(path, delimiter=',')
        np.savetxt(path, flags, form)
    assert evaluated(results).out == expected
    for odd in ('2', '01'):
        path.write_text(f'{odd},{",".join("0" * 59)}')
        assert f"got 60 values, such as '{odd}'" in evaluated(results).err


def test_nothing_heavy_is_loaded(results):
    """Importing MMTracking would take longer than all of LaSOT does."""
    code = f"""
import runpy, sys
sys.path.insert(0, {str(ROOT / 'tools')!r})
sys.argv = ['evaluate.py', {str(results / 'results')!r}, '--annotations',
            {str(results / 'toolkit')!r}]
try:
    runpy.run_path({str(ROOT / 'tools/evaluate.py')!r}, run_name='__main__')
except SystemExit as end:
    assert not end.code
import os
print('loaded', sorted({{'torch', 'mmengine', 'mmtrack'}} & sys.modules.keys()),
      'MMCT_BRIDGE' in os.environ)
"""
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith('loaded [] False\n')


def test_a_sequence_may_be_named_like_what_lies_beside_boxes(tmp_path):
    boxes = '10,10,5,5\n11,10,5,5\n'
    for name, text in (('a', boxes), ('a_time', boxes), ('a_score', '1\n0.5\n'),
                       ('b', boxes), ('b_time', '0.01\n0.02\n'), ('b_score', boxes)):
        (tmp_path / f'{name}.txt').write_text(text)
    assert sorted(read_annotations(tmp_path)) == ['a', 'a_time', 'b', 'b_score']


@pytest.mark.parametrize(('path', 'text', 'said'), [
    ('b.txt', '1,2,3,4\n1,2,3\n', "b.txt: expected four numbers x,y,w,h a line; line 2 is '1,2,3'"),
    ('absent/b.txt', '0\n0\n0\n', 'absent/b.txt: expected 2 flags 0 to 1, got 3 values'),
    ('README.txt', 'boxes\n', 'README.txt: expected four numbers x,y,w,h a line; line 1 is '),
    ('b/groundtruth.txt', '', 'groundtruth.txt: expected four numbers x,y,w,h a line; it is empty'),
    ('b/out_of_view.txt', '0,0,0\n', 'out_of_view.txt: expected 2 flags 0 to 1, got 3 values'),
])
def test_a_bad_annotation_refuses_no_other(tmp_path, path, text, said):
    folders = path.startswith('b/')
    for name in 'ab':
        file = tmp_path / 'annos' / (f'{name}/groundtruth.txt' if folders else f'{name}.txt')
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text('10,20,30,40\n' * 2)
        (tmp_path / f'{name}.txt').write_text('10,20,30,40\n' * 2)
    (tmp_path / 'annos' / path).parent.mkdir(exist_ok=True)
    (tmp_path / 'annos' / path).write_text(text)
    problems = {}
    others = ['a', 'b'] if path == 'README.txt' else ['a']
    assert list(read_annotations(tmp_path / 'annos', problems)) == others
    assert said in ''.join(problems.values())
    with pytest.warns(UserWarning, match='1 of . annotations are left out: .*' + re.escape(said)):
        assert list(read_annotations(tmp_path / 'annos')) == others
    done = run_tool('evaluate.py', tmp_path, '--annotations', tmp_path / 'annos')
    assert said in done.err
    assert f'all {len(others)} sequences' in done.out
    assert done.status == (path != 'README.txt')


def test_boxes_in_both_layouts(tmp_path):
    (tmp_path / 'a').mkdir()
    for file in ('a.txt', 'a/a_001.txt'):
        (tmp_path / file).write_text('1,2,3,4\n' * 3)
    with pytest.raises(ValueError, match='has the boxes of a twice, in a/a_001.txt and a.txt; '):
        read_results(tmp_path, {'a': 3})
    (tmp_path / 'a/a_001.txt').unlink()
    (tmp_path / 'a.txt').rename(tmp_path / 'a.TXT')
    assert list(read_results(tmp_path, {'a': 3})) == ['a']


def test_an_archive_of_folders_of_sequences(tmp_path):
    with zipfile.ZipFile(tmp_path / 'a.zip', 'w') as archive:
        archive.writestr('bus/bus-2/groundtruth.txt', '10,20,30,40\n')
    with pytest.raises(ValueError, match='has folders of sequences, such as bus/bus-2; unpack it'):
        read_annotations(tmp_path / 'a.zip')


def test_what_lies_beside_annotations(tmp_path):
    """Litter, sentences and other data sets' attributes are passed by, linked folders are not."""
    for name, text in (('bus-2', '10,20,30,40\n'), ('absent/bus-2', '0\n'), ('att/bus-2', '0,1\n'),
                       ('nlp/bus-2', 'a bus\n'), ('texts/bus-2', 'a bus\n'), ('._bus-2', '\0')):
        path = tmp_path / f'annos/{name}.txt'
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text)
    with zipfile.ZipFile(tmp_path / 'a.zip', 'w') as archive:
        archive.write(tmp_path / 'annos/bus-2.txt', 'annos/bus-2.txt')
        archive.writestr('__MACOSX/annos/._bus-2.txt', b'\xff')
    with pytest.warns(UserWarning, match='attributes of 1 sequences are left out.*got 2 values'):
        assert list(read_annotations(tmp_path / 'annos')) == ['bus-2']
    assert list(read_annotations(tmp_path / 'a.zip')) == ['bus-2']
    (tmp_path / 'lasot').mkdir()
    for name in ('bus', 'cat'):
        write(tmp_path / f'disk/{name}/{name}-2/groundtruth.txt', [(1, 2, 3, 4)])
        (tmp_path / f'lasot/{name}').symlink_to(tmp_path / f'disk/{name}')
    (tmp_path / 'disk/bus/all').symlink_to(tmp_path / 'lasot')
    assert list(read_annotations(tmp_path / 'lasot')) == ['bus-2', 'cat-2']


@pytest.mark.parametrize(('name', 'text'), [('classes', 'kite\n'), ('kite/1', '0 .5 .5 .1 .1\n')])
def test_other_texts_in_own_data(tmp_path, name, text):
    (tmp_path / 'kite').mkdir()
    write(tmp_path / 'kite.txt', [(1, 2, 3, 4)])
    (tmp_path / f'{name}.txt').write_text(text)
    (tmp_path / 'README.txt').write_bytes('数据'.encode('gbk'))
    write(tmp_path / 'no_frames.txt', [(1, 2, 3, 4)])
    assert list(read_annotations(tmp_path)) == ['kite', 'no_frames']


@pytest.mark.parametrize(('form', 'said'), [
    (lambda x, y, w, h: (x, y, x + w, y + h), 'corners x1,y1,x2,y2'),
    (lambda x, y, w, h: (x + w / 2, y + h / 2, w, h), 'centres cx,cy,w,h'),
    (lambda x, y, w, h: (x / 640, y / 480, w / 640, h / 480), 'parts of the frame'),
    (lambda x, y, w, h: (x / 2, y / 2, w / 2, h / 2), 'pixels of frames of another size')])
def test_results_in_another_convention(tmp_path, form, said):
    """Their first box is the annotated one, so it tells."""
    for name, boxes in (('a', [(200, 150, 60, 40)] * 4), ('b', [(300, 90, 50, 50)] * 4)):
        write(tmp_path / f'annos/{name}.txt', boxes)
        write(tmp_path / f'results/{name}.txt', [form(*box) for box in boxes])
    args = tmp_path / 'results', '--annotations', tmp_path / 'annos'
    done = run_tool('evaluate.py', *args)
    assert done.status == 2
    assert f'the first boxes of 2 of 2 sequences are {said}, such as ' in done.err
    assert 'of a, which is annotated 200,150,60,40; expected x,y,w,h in pixels' in done.err
    write(tmp_path / 'results/b.txt', [(301, 90, 49, 50)] * 4)
    done = run_tool('evaluate.py', *args)
    assert done.status == 0
    assert done.err.startswith(f'warning: {tmp_path}/results: the first boxes of 1 of 2 ')


@pytest.mark.parametrize(('form', 'said'), [
    (lambda x, y, w, h: (x, y, x + w, y + h), 'corners x1,y1,x2,y2'),
    (lambda x, y, w, h: (x + w / 2, y + h / 2, w, h), 'centres cx,cy,w,h'),
    (lambda x, y, w, h: (y, x, h, w), 'y,x,h,w'),
    (lambda x, y, w, h: (y, x, y + h, x + w), 'corners y1,x1,y2,x2'),
    (lambda x, y, w, h: (x, y, w, h), None),
    (lambda x, y, w, h: (x + 150, y + 100, w, h), None)])
def test_found_boxes_in_another_convention(tmp_path, form, said):
    """The first box is a copy of what the tracker was given; the others are as it finds them."""
    for number, name in enumerate('ab'):
        truth = [(200 + 3 * i, 90 + 40 * number, 60, 40 + i) for i in range(12)]
        write(tmp_path / f'annos/{name}.txt', truth)
        write(tmp_path / f'results/{name}.txt',
              [truth[0], *(form(x + 2, y - 1, w, h) for x, y, w, h in truth[1:])])
    done = run_tool('evaluate.py', tmp_path / 'results', '--annotations', tmp_path / 'annos')
    assert done.status == 0
    if said is None:
        assert done.err == ''
    else:
        assert done.err.startswith(f'warning: {tmp_path}/results: the boxes after the first may be '
                                   f'{said}: so they overlap with the annotated ones by 0.9')
