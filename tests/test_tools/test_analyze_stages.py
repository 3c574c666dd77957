"""What the tool suggests, and what it refuses."""
import json
import re

import pytest


def test_division_by_cosine(setup, tool, tmp_path, monkeypatch):
    monkeypatch.setattr('cli.LOG_PERIOD', 0.)
    done = tool('analyze_stages.py', setup.config, setup.teacher, '--stages', 2, 3, '--samples', 9,
                '--batch-size', 2, '--pairs', 'train', '--out', tmp_path)
    assert done.status == 0
    assert 'pairs compared 6/6,' in done.err  # the config has no more
    assert sorted(path.name for path in tmp_path.iterdir()) == ['stages_2.png', 'stages_3.png']
    suggested = re.findall(r'\| suggested *\| (\[.*?\])', done.out)
    assert [len(json.loads(division)) for division in suggested] == [2, 3]
    for division in suggested:
        assert sum(json.loads(division)) == 4
        assert f'student=dict(backbone=dict(division={division}))' in done.out


def test_teacher_sees_its_own_crops_of_the_pairs_that_a_smaller_student_is_validated_on(
        setup, tool, tmp_path):
    crop = 'val_dataloader.dataset.pipeline.3'
    one, other = (
        re.findall(r'\| .*', tool('analyze_stages.py', setup.config, setup.teacher, '--stages', 2,
                                  '--out', tmp_path, '--cfg-options', *options).out)
        for options in ((f'{crop}.type=CropPair', ),
                        (f'{crop}.size=[48,96]', f'{crop}.factor=[1,2]')))
    assert one == other != []


def test_divisions_are_chosen_by_untrained_students(setup, tool, tmp_path, monkeypatch):
    monkeypatch.setattr('cli.LOG_PERIOD', 0.)
    done = tool('analyze_stages.py', setup.config, setup.teacher, '--metric', 'start',
                '--stages', 2, 4, '--out', tmp_path, '--cfg-options',
                'val_dataloader.dataset.pairs_per_epoch=5')
    assert done.status == 0
    assert 'pairs × 3 students of 2 layers 15/15,' in done.err
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        'stages_2_start.png', 'stages_4_start.png']
    rows = re.findall(r'\| (\d)\.([a-z, ]*)\| (\[\d, \d\]) *\| *([\d.]+)', done.out)
    assert [rank for rank, *_ in rows] == ['1', '2', '3']
    assert sorted(division for _, _, division, _ in rows) == ['[1, 3]', '[2, 2]', '[3, 1]']
    assert ['even' in ways for _, ways, *_ in rows] == [row[2] == '[2, 2]' for row in rows]
    scores = [float(score) for *_, score in rows]
    assert scores == sorted(scores, reverse=True)
    assert f'student=dict(backbone=dict(division={rows[0][2]}))' in done.out
    assert '| 1. even, by cosine | [1, 1, 1, 1] |' in done.out


@pytest.mark.parametrize(('options', 'message'), [
    (('--metric', 'start', '--stages', 5), 'error: 5 stages: a teacher of 4 layers has 1 to 4\n'),
    (('--metric', 'start', '--cfg-options', 'val_dataloader=None'),
     'error: the config has no val_dataloader: set one, or take other pairs with --pairs train\n'),
    (('--metric', 'start', '--cfg-options', 'model.student.backbone.num_heads=4'),
     "error: --metric start needs a student whose parts are copies of its teacher's, but "
     "backbone.layers.0.attn.num_heads is 4, the teacher's 2: use --metric cosine, or change the "
     'student\n'),
    (('--stages', 5), 'error: 5 stages: a teacher of 4 layers has 1 to 4\n'),
    (('--device', 'gpu'), 'error: --device gpu is not cpu, cuda or cuda:N\n'),
    (('--samples', 0), 'error: --samples 0 and --batch-size 8 must be positive\n'),
])
def test_what_cannot_be_analysed(setup, tool, tmp_path, options, message):
    done = tool('analyze_stages.py', setup.config, setup.teacher, '--out', tmp_path, *options)
    assert (done.status, done.err) == (2, message)
    assert not list(tmp_path.iterdir())


def test_weights_of_a_student(setup, tool, tmp_path):
    done = tool('analyze_stages.py', setup.config, setup.student, '--out', tmp_path)
    assert done.status == 2
    assert 'has layers: 2, the teacher of the config: 4' in done.err
