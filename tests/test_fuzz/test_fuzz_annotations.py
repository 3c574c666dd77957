"""Annotations, box files and recorded outputs, of whatever content."""
import io
import json
import shutil
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from data_preparation.lasot import convert_lasot_annotations
from fuzzing import Refused, fuzz, mutated, outcome
from hypothesis import strategies as st
from parity.folders import verify_folder

from mmct.evaluation import evaluate, evaluate_got10k
from mmct.formats import read_annotations, read_boxes, read_results
from mmct.formats.annotations import flags, parse_boxes
from mmct.formats.results import matching_names, read_scores, sequence_names
from mmct.utils.files import MAX_TEXT, safe_name, texts_of_archive

BOXES = b'10,20,30,40\n11.5,20,30,40\n12,-3,30.25,40\n13,20,30,40\n'
FLAGS = b'0,1,0,0\n'
TOOLKIT = {'annos/cat-1.txt': BOXES, 'annos/absent/cat-1.txt': FLAGS.replace(b',', b'\n'),
           'annos/cat-2.txt': BOXES, 'annos/absent/cat-2.txt': FLAGS.replace(b',', b'\n'),
           'annos/att/cat-1.txt': b'0,1,0,0,0,0,1,0,0,0,0,0,1,0\n'}


def tar(files, mode='w') -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode=mode) as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text))
    return content.getvalue()


def zipped(files) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, 'w', zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return content.getvalue()


ARCHIVES = {'tar': tar(TOOLKIT), 'tar.gz': tar(TOOLKIT, 'w:gz'), 'tar.xz': tar(TOOLKIT, 'w:xz'),
            'zip': zipped(TOOLKIT)}


def files_under(folder: Path) -> set:
    return {path for path in folder.rglob('*') if path.is_file()}


@pytest.fixture(scope='module')
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp('annotations')


def check(found) -> None:
    """What was read can be evaluated."""
    if not isinstance(found, Refused):
        for annotation in found.values():
            assert annotation.boxes.shape == (len(annotation.absent), 4)
            assert np.isfinite(annotation.boxes[0]).all()
        scores = evaluate({name: one.boxes for name, one in found.items()}, found)['total']
        assert all(0 <= scores[key] <= 100 for key in ('auc', 'precision', 'norm_precision'))


@fuzz(600, mutated(BOXES))
def test_any_box_file(folder, content):
    path = folder / 'boxes.txt'
    path.write_bytes(content)
    boxes = outcome(read_boxes, path)
    if isinstance(boxes, Refused):
        assert str(path) in boxes
    else:
        assert boxes.shape == (len(boxes), 4)
        assert boxes.dtype == np.float64
        assert len(boxes) <= len(content.splitlines())


@fuzz(300, mutated(BOXES), st.sampled_from(['utf-16', 'utf-8-sig']))
def test_any_encoding(folder, content, encoding):
    """What is read does not depend on how an editor saves it."""
    text = content.decode('latin1').replace('\r', ' ').removeprefix('\xff\xfe')
    found = []
    for own in ('utf-8', encoding):
        (folder / 'boxes.txt').write_bytes(text.encode(own))
        found.append(outcome(read_boxes, folder / 'boxes.txt'))
    np.testing.assert_array_equal(*found)


@fuzz(300, mutated(b'1.0000\n0.5904\n0.7211\n0\n'))
def test_any_file_of_scores(folder, content):
    path = folder / 'cat-1_score.txt'
    path.write_bytes(content)
    scores = outcome(read_scores, path, 4)
    if isinstance(scores, Refused):
        assert str(path) in scores
    else:
        assert scores.shape == (4, )
        assert ((scores >= 0) & (scores <= 1)).all()


@fuzz(300, st.text(max_size=60))
def test_any_text_as_boxes_and_flags(text):
    boxes = outcome(parse_boxes, text, 'file.txt')
    assert isinstance(boxes, Refused) or boxes.shape[1] == 4
    values = outcome(flags, text, 'file.txt', 4)
    assert isinstance(values, Refused) or values.shape == (4, )


@fuzz(300, mutated(BOXES), mutated(FLAGS))
def test_any_lasot_folder(folder, boxes, absent):
    sequence = folder / 'lasot/cat/cat-1'
    sequence.mkdir(parents=True, exist_ok=True)
    (sequence / 'groundtruth.txt').write_bytes(boxes)
    (sequence / 'full_occlusion.txt').write_bytes(absent)
    found = outcome(read_annotations, folder / 'lasot')
    if isinstance(found, Refused):
        assert 'cat-1' in found
    check(found)


@pytest.mark.parametrize('line', ['nan,20,30,40', '11,20,inf,40', 'nan,nan,nan,nan'])
def test_truth_that_is_not_finite_counts_as_not_seen(tmp_path, line):
    scores = []
    for name, second in (('other', line), ('unseen', '11,20,0,0')):
        path = tmp_path / name / 'cat-1/groundtruth.txt'
        path.parent.mkdir(parents=True)
        path.write_text(f'10,20,30,40\n{second}\n12,20,30,40\n13,20,30,40\n')
        boxes = np.array([[10, 20, 30, 40.], [11, 20, 30, 40], [12, 20, 30, 40], [13, 20, 30, 40]])
        truth = read_annotations(tmp_path / name)
        assert np.isfinite(truth['cat-1'].boxes).all()  # a report's page takes nothing else
        scores.append([evaluate({'cat-1': boxes}, truth, convention)['total']
                       for convention in ('published', 'official')]
                      + [evaluate_got10k({'cat-1': boxes}, truth)['total']])
    assert scores[0] == scores[1]
    assert scores[0][0]['op50'] == 75


@fuzz(300, mutated(BOXES))
def test_any_result_file(folder, content):
    (folder / 'cat-1.txt').write_bytes(content)
    found = outcome(read_results, folder, {'cat-1': 4})
    if isinstance(found, Refused):
        assert 'cat-1.txt' in found
    else:
        assert found['cat-1'].shape == (4, 4)
        assert np.isfinite(found['cat-1']).all()


@fuzz(400, st.sampled_from(sorted(ARCHIVES)).flatmap(
    lambda kind: st.tuples(st.just(kind), mutated(ARCHIVES[kind], 4))))
def test_any_archive(folder, archive):
    kind, content = archive
    path, target = folder / f'annos.{kind}', folder / 'converted'
    path.write_bytes(content)
    before = files_under(folder)
    found = outcome(read_annotations, path)
    if isinstance(found, Refused):
        assert str(path) in found
    check(found)
    assert files_under(folder) == before
    converted = outcome(convert_lasot_annotations, path, target)
    assert isinstance(converted, (Refused, int))
    assert {file.relative_to(target).parts[0] for file in files_under(folder) - before} <= {
        'annotations', 'LaSOTBenchmark'}
    shutil.rmtree(target, ignore_errors=True)


NAMES = st.one_of(
    st.text(max_size=12), st.text('./\\ab-1\0\n:~', max_size=10),
    st.sampled_from(['..', '.', '', '/etc/passwd', '../x', 'a/../../x', '..\\x', 'x' * 300,
                     'é' * 150, '\ud800', 'con', '~', '-rf', 'a b', '<b>&amp;</b>']))


@fuzz(600, NAMES)
def test_any_name_stays_in_its_folder(folder, name):
    inside = folder / 'names'
    inside.mkdir(exist_ok=True)
    safe = outcome(safe_name, name)
    if isinstance(safe, Refused):
        assert 'cannot be the name of a file' in safe
        return
    path = inside / f'{safe}.txt'
    assert path.resolve().parent == inside.resolve()
    path.write_text('content')
    assert [file.name for file in inside.iterdir()] == [path.name]
    path.unlink()


@fuzz(200, st.lists(NAMES.filter(lambda name: '\ud800' not in name and '\0' not in name),
                    min_size=1, max_size=3), st.sampled_from(['tar', 'zip']))
def test_any_name_in_an_archive(folder, names, kind):
    content = {f'{name}-1.txt': BOXES for name in names}
    content |= {f'absent/{name}-1.txt': FLAGS.replace(b',', b'\n') for name in names}
    path, target = folder / f'names.{kind}', folder / 'inside/target'
    path.write_bytes((tar if kind == 'tar' else zipped)(content))
    before = files_under(folder)
    outcome(read_annotations, path)
    assert files_under(folder) == before
    outcome(convert_lasot_annotations, path, target)
    assert all(target in file.parents for file in files_under(folder) - before)
    shutil.rmtree(target, ignore_errors=True)


PARTS = st.lists(st.sampled_from([
    'a', 'A', 'b', '1', '-', '_', '.', ' ', 'uav_', '_time', '_score']),
    min_size=1, max_size=4).map(''.join)


class Listed:
    def __init__(self, names):
        self.names, self.num_videos = names, len(names)

    def get_data_info(self, index):
        return {'ann_path': f'{self.names[index]}.txt'}


@fuzz(600, st.lists(PARTS, min_size=1, max_size=5), st.lists(PARTS, max_size=5))
def test_any_names_of_results(names, there):
    """No file is that of two sequences, neither those that are written nor those that are read."""
    written = outcome(sequence_names, Listed(names))
    if not isinstance(written, Refused):
        files = [f'{name}{end}' for name in written for end in ('', '_score', '_time')]
        assert len(files) == len(set(files))
    found = matching_names(names, there)
    assert set(found) <= set(names)
    assert len(set(found.values())) == len(found)
    assert all(found[name] == name for name in names if name in there)


@pytest.mark.parametrize('name', ['at 10.00\u202fAM', 'a\xa0b', 'می\u200cروم', '👩\u200d🚀'])
def test_names_of_any_language(name):
    """macOS writes the first into those of screen recordings."""
    assert safe_name(name) == name


def test_names_that_lead_out_are_refused(folder):
    for name in ('../cat-1', '/etc/passwd', '..', '', 'a/b', 'a\\b', 'a\nb', 'x' * 201):
        with pytest.raises(ValueError, match='cannot be the name of a file'):
            read_results(folder, {name: 4})


def test_links_in_archives_are_passed_by(tmp_path):
    secret = tmp_path / 'secret.txt'
    secret.write_bytes(BOXES)
    with tarfile.open(tmp_path / 'a.tar', 'w') as archive:
        for kind, name in ((tarfile.SYMTYPE, 'a-1.txt'), (tarfile.LNKTYPE, 'b-1.txt')):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, str(secret)
            archive.addfile(member)
    assert list(texts_of_archive(tmp_path / 'a.tar')) == []


def test_text_of_any_length_is_not_unpacked(tmp_path):
    """A few kilobytes that claim, or hold, more than any annotation."""
    with zipfile.ZipFile(tmp_path / 'a.zip', 'w', zipfile.ZIP_DEFLATED) as archive:
        archive.writestr('cat-1.txt', b'0' * (MAX_TEXT + 1))
    member = tarfile.TarInfo('cat-1.txt')
    member.size = 1 << 40
    (tmp_path / 'a.tar').write_bytes(member.tobuf() + bytes(2048))
    for name in ('a.zip', 'a.tar'):
        with pytest.raises(ValueError, match=f'{name} is no folder .*cat-1.txt has'):
            list(texts_of_archive(tmp_path / name))


def test_texts_without_end_are_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr('mmct.utils.files.MAX_TEXTS', 10)
    with zipfile.ZipFile(tmp_path / 'a.zip', 'w') as archive:
        for number in range(4):
            archive.writestr(f'cat-{number}.txt', '1234')
    texts = texts_of_archive(tmp_path / 'a.zip')
    assert [next(texts), next(texts)] == [('cat-0.txt', '1234'), ('cat-1.txt', '1234')]
    with pytest.raises(ValueError, match='its texts have more than 10 bytes'):
        next(texts)


@fuzz(60, st.sampled_from(['meta.json', 'tensors.npz']), st.data())
def test_any_recorded_output(golden, folder, file, data):
    """The reader of reference data: numbers alone, or one line."""
    source, copy = golden('crops'), folder / 'crops'
    copy.mkdir(exist_ok=True)
    contents = {name: (source / name).read_bytes() for name in ('meta.json', 'tensors.npz')}
    contents['meta.json'] = json.dumps(json.loads(contents['meta.json'])[:1]).encode()
    contents[file] = data.draw(mutated(contents[file]))
    for name, content in contents.items():
        (copy / name).write_bytes(content)
    outcome(lambda: list(verify_folder(copy, None)))
