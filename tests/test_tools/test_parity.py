"""Comparison with the recorded outputs of the published code."""
import json
import re
import runpy
import shutil
import sys

import numpy as np
import pytest
import torch
from parity.folders import KINDS, verify_folder
from parity.ostrack import STUDENT as STUDENT_FILE
from parity.ostrack import TEACHER, VITTRACK
from parity.rows import Row, worst
from parity.tracking import template_rows
from tiny import build
from tiny import tracker as network

from mmct.models.torch_network import images

MAPS = ('pred_boxes', 'score_map', 'size_map', 'offset_map')
LOSSES = ('Loss/giou', 'Loss/l1', 'Loss/location', 'Loss/dst_logit', 'Loss/dst_feat_all',
          'Loss/total')


def verify(folder, sequences=None):
    return {row.item: row for row in verify_folder(folder, sequences)}


@pytest.fixture(scope='module')
def compression(golden):
    return golden('compresstracker_l4')


@pytest.fixture
def copied(compression, tmp_path):
    """A copy of the recorded compression, to be spoilt."""
    folder = tmp_path / 'copy'
    folder.mkdir()
    for file in compression.iterdir():
        shutil.copyfile(file, folder / file.name)
    return folder


def tool(monkeypatch, *args):
    """Exit status of ``tools/verify_parity.py``."""
    monkeypatch.setattr(sys, 'argv', ['verify_parity', *map(str, args)])
    with pytest.raises(SystemExit) as caught:
        runpy.run_path('tools/verify_parity.py', run_name='__main__')
    return caught.value.code or 0


def test_compression(compression):
    rows = verify(compression)
    gates = json.loads((compression / 'meta.json').read_text())['gates']
    assert '1010' in gates
    expected = {f'{who}.{name}' for who in ('teacher', 'student_init', 'student') for name in MAPS}
    expected |= {f'shape of {TEACHER}', 'teacher.stage3', 'mix1010.stage0',
                 'schedule of 500 epochs'}
    for pattern in gates:
        expected |= {f'mix{pattern}.{name}' for name in ('pred_boxes', 'score_map', 'stage3')}
        expected |= {f'mix{pattern} {item}' for item in ('gradient norms', *LOSSES)}
    assert expected <= set(rows)
    tracked = {'boxes on crossing'} & set(rows)
    assert all(row.passed for row in rows.values())
    # Not one is passed for want of comparison, but tracking without its frames.
    assert {name for name, row in rows.items() if row.error is None} == tracked
    assert rows['mix1010 gradient norms'].note.startswith('worst of ')


@pytest.mark.parametrize('name', ['ostrack_ce', 'crops', 'tiny_trained', 'compresstracker_l4',
                                  'vittrack'])
def test_all_that_was_recorded(reference, name):
    rows = verify(reference / 'golden' / name, reference / 'sequences')
    expected = {
        'ostrack_ce': {
            f'{mode}.{ratio}{item}' for mode in ('CTR_POINT', 'CTR_REC', 'GT_BOX', 'ALL')
            for ratio in ('default', '0.85')
            for item in (*(f'.{name}' for name in MAPS), ' removed tokens')
        } | {'keep ratio schedule'},
        'crops': {f'crop {i}' for i in range(16)} | {'crop 3 target', 'heatmap256', 'hann24'},
        'tiny_trained': {'boxes on crossing', 'boxes on tennis'},
        'vittrack': {f'{name} map' for name in ('score', 'size', 'offset')} | {
            f'boxes on {name}' for name in ('bag', 'crossing', 'tennis')},
        'compresstracker_l4': {'boxes on crossing', 'teacher.norm'} | {
            f'mix{gates}.stage{i}' for gates in ('1010', '0001', '1111', '0111', '1000')
            for i in range(4)},
    }[name]
    assert expected <= set(rows)
    assert [row for row in rows.values() if row.error is None or not row.passed] == []


@pytest.mark.parametrize(('file', 'key', 'spoilt', 'fine'), [
    (TEACHER, 'backbone.blocks.4.attn.qkv.weight',
     {'teacher.stage3', 'teacher.score_map', 'mix0001.stage3'},
     {'student.score_map', 'schedule of 20 epochs'}),
    (STUDENT_FILE, 'backbone.distill_blocks.2.mlp.fc1.weight',
     {'student.score_map', 'mix1010.stage3', 'mix1010 gradient norms',
      'mix1010 Loss/dst_feat_all'},
     {'teacher.score_map', 'student_init.score_map', 'mix0001.stage3'}),
    (STUDENT_FILE, 'box_head.conv3_size.0.weight',
     {'student.size_map', 'mix1010 gradient norms'},
     {'student.score_map', 'mix1010.stage3'}),
])
def test_one_weight_changed_by_a_hundredth(copied, file, key, spoilt, fine):
    content = torch.load(copied / file, weights_only=True)
    content['net'][key].mul_(1.01)
    torch.save(content, copied / file)
    rows = verify(copied)
    assert {name for name in spoilt if rows[name].passed} == set()
    assert {name for name in fine if not rows[name].passed} == set()


def test_changed_records_exceed(copied, monkeypatch, capsys):
    meta = json.loads((copied / 'meta.json').read_text())
    meta['head_channels'] += 1
    meta['losses']['1010']['Loss/l1'] *= 1.001
    meta['schedule']['20'][5] += 0.01
    meta['grad_norm']['0001']['backbone.norm.weight'] *= 1.01
    (copied / 'meta.json').write_text(json.dumps(meta))
    tensors = dict(np.load(copied / 'tensors.npz'))
    tensors['teacher.score_map'] = tensors['teacher.score_map'][:1]
    np.savez(copied / 'tensors.npz', **tensors)
    assert tool(monkeypatch, copied) == 1
    out = capsys.readouterr().out
    exceeding = dict(re.findall(r'(?m)^(.+?)  .* EXCEEDS *(.*)$', out))
    assert exceeding.keys() == {f'shape of {TEACHER}', 'mix1010 Loss/l1', 'schedule of 20 epochs',
                                'mix0001 gradient norms', 'teacher.score_map'}
    assert exceeding[f'shape of {TEACHER}'] == 'head_channels'
    assert exceeding['teacher.score_map'].startswith('shape ')
    assert ' agree, 5 exceed, ' in out


def test_the_worst_may_be_nan():
    row = worst('all', [Row('a', 0.5, 1), Row('b', float('nan'), 1), Row('c', 0.1, 1)])
    assert not row.passed
    assert row.note == 'worst of 3: b'


def test_templates_of_a_run():
    policy = {'type': 'BestOfInterval', 'interval': 3}
    scores = [0.6, 0.9, 0.8, 0.2, 0.3, 0.1, 0.7]
    run = {'candidate_frames': [1, 2, 7], 'updates': [
        {'frame': 3, 'from_frame': 2}, {'frame': 6, 'from_frame': 0}]}

    def errors():
        return {row.item: row.error for row in template_rows('here', run, policy, scores)}

    assert errors() == {'candidates here': 0, 'online template here': 0}
    run['candidate_frames'].remove(2)
    run['updates'][0]['from_frame'] = 1
    assert errors() == {'candidates here': 1, 'online template here': 3}


def test_a_folder_is_of_one_kind():
    files = [file for kind in KINDS for file in kind.files]
    assert len(files) == len(set(files))


def test_crops_without_sequences(golden, monkeypatch, capsys):
    assert tool(monkeypatch, golden('crops')) == 0
    out = capsys.readouterr().out
    assert 'largest error' in out
    assert 'EXCEEDS' not in out
    assert 'not compared: give --sequences with crossing/img' in out
    assert ' agree, 0 exceed, 1 not compared' in out


def test_vittrack(monkeypatch, capsys, tmp_path):
    from vittrack_files import SHAPE, write  # skips without the extra deploy

    folder, rng = tmp_path / 'all' / 'vittrack', np.random.default_rng(0)
    folder.mkdir(parents=True)
    file = write(folder / VITTRACK)
    template, search = (rng.integers(0, 256, (2, size, size, 3), dtype=np.uint8)
                        for size in (32, 64))
    tracker = build(network(**SHAPE)).eval()
    own = [images(tracker, torch.from_numpy(crops)) for crops in (template, search)]
    with torch.no_grad():
        maps = tracker.outputs_of(own[0][:, None], own[1])
    tensors = {name: value.numpy() for name, value in maps.items()}
    np.savez(folder / 'tensors.npz', template_bgr=template, search_bgr=search, **tensors)
    # Alone, and among others.
    for path in (folder, folder.parent):
        assert tool(monkeypatch, path) == 0
        assert '3 agree, 0 exceed, 0 not compared' in capsys.readouterr().out
    np.savez(folder / 'tensors.npz', template_bgr=template, search_bgr=search,
             **{**tensors, 'size': tensors['size'] * 1.001})
    assert [row.item for row in verify(folder).values() if not row.passed] == ['size map']
    assert tool(monkeypatch, folder) == 1
    file.write_bytes(b'no network')
    assert tool(monkeypatch, folder) == 2


@pytest.mark.parametrize(('tracks', 'reason'), [
    ((), ' (of no tracker that is known here)'),
    (('crossing', ), ' (not compared: give --sequences with crossing/img or crossing.avi)')])
def test_nothing_to_compare(tmp_path, monkeypatch, capsys, tracks, reason):
    (tmp_path / 'meta.json').write_text('{}')
    for name in tracks:
        (tmp_path / f'track_{name}.json').write_text('{}')
        (tmp_path / 'ostrack.pth.tar').touch()
    assert tool(monkeypatch, tmp_path) == 2
    done = capsys.readouterr()
    assert (done.out, done.err) == ('', f'error: nothing was compared in {tmp_path}{reason}\n')


def test_no_folder(tmp_path, monkeypatch, capsys):
    for folder in (tmp_path, tmp_path / 'none'):
        assert tool(monkeypatch, folder) == 2
        error, = capsys.readouterr().err.splitlines()
        assert f'{folder}/meta.json is missing' in error
