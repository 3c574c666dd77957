"""From a teacher to a student that is divided as the teacher's layers suggest."""
import json

import numpy as np
import pytest


def test_analysis_divides_a_student(setup, tool, tmp_path):
    out = tmp_path / 'stages'
    done = tool('analyze_stages.py', setup.config, setup.teacher, '--stages', 2, '--samples', 9,
                '--batch-size', 2, '--pairs', 'train', '--out', out)
    assert (done.status, done.err) == (0, '')
    assert '6/6' in done.out  # the config has no more
    assert sorted(path.name for path in out.iterdir()) == ['stages_2.json', 'stages_2.png']
    content = json.loads((out / 'stages_2.json').read_text())
    division = content.pop('division')
    assert (len(division), sum(division)) == (2, 4)
    similarity = np.array(content.pop('similarity'))
    assert similarity.shape == (5, 5)
    assert similarity == pytest.approx(similarity.T, abs=2e-6)  # six digits are written
    assert content == {'teacher_depth': 4, 'config': str(setup.config), 'metric': 'cosine',
                       'checkpoint': str(setup.teacher), 'pairs': 'train', 'samples': 6}
    assert f'| suggested | {division}' in done.out

    done = tool(
        'train.py', setup.config, '--work-dir', tmp_path / 'work', '--cfg-options',
        f'model.student.backbone.division=[{division[0]},{division[1]}]',
        'train_cfg.max_epochs=1', 'default_hooks.batch_picture.interval=0')
    assert (done.status, done.err) == (0, '')
    first, second = np.cumsum(division) - 1
    assert f"backbone.layers.0.attn: from the teacher's layers.{first}.attn" in done.out
    assert f"backbone.layers.1.attn: from the teacher's layers.{second}.attn" in done.out


def test_divisions_are_chosen_by_untrained_students(setup, tool, tmp_path):
    out = tmp_path / 'stages'
    done = tool('analyze_stages.py', setup.config, setup.teacher, '--metric', 'start',
                '--stages', 2, 4, '--out', out, '--cfg-options',
                'val_dataloader.dataset.pairs_per_epoch=5')
    assert (done.status, done.err) == (0, '')
    assert 'pairs × 3 students of 2 layers' in done.out
    assert '15/15' in done.out
    assert sorted(path.name for path in out.iterdir()) == [
        'stages_2.json', 'stages_2.png', 'stages_4.json', 'stages_4.png']
    content = json.loads((out / 'stages_2.json').read_text())
    assert (content['metric'], content['pairs'], content['samples']) == ('start', 'val', 5)
    starts = content['starts']
    assert sorted(start['division'] for start in starts) == [[1, 3], [2, 2], [3, 1]]
    scores = [start['truth'] for start in starts]
    assert scores == sorted(scores, reverse=True)
    assert content['division'] == starts[0]['division']
    for rank, start in enumerate(starts, 1):
        name = f'{rank}. even' if start['division'] == [2, 2] else f'{rank}.'
        assert f'| {name}' in done.out
        assert f'{start["truth"]:.4f}' in done.out
    assert f'student=dict(backbone=dict(division={starts[0]["division"]}))' in done.out
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
