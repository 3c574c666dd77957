"""Checkpoints with weights missing, too many, of other shapes and types, not finite, or no
checkpoints at all: converted, extracted and loaded whole, or refused in one line."""
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from fuzzing import Refused, counted, fuzz, mutated, outcome
from hypothesis import strategies as st
from tiny import build, distiller, same_weights, save_teacher, student, tracker

from mmct.checkpoint import (
    CheckpointError,
    convert,
    extract_student,
    load_weights,
    names,
    read_checkpoint,
    save_checkpoint,
    weights_in,
)

SMALL = {'width': 8, 'depth': 2}


class Files(NamedTuple):
    """State dicts by layout, a folder to write to, and the network of the file under mmct's names.
    """
    folder: Path
    states: dict
    networks: dict


def pretrained(state) -> dict:
    """As a masked auto-encoder's, of the backbone of a tracker."""
    backbone = {key.removeprefix('backbone.').replace('layers.', 'blocks.'): value
                for key, value in state.items() if key.startswith('backbone.')}
    tables = [backbone.pop(key) for key in ('pos_embed_z', 'pos_embed_x')]
    return {**backbone, 'pos_embed': torch.cat([tables[1][:, :1], tables[1]], dim=1)}


@pytest.fixture(scope='module')
def files(tmp_path_factory) -> Files:
    folder = tmp_path_factory.mktemp('checkpoints')
    config = tracker(**SMALL)
    teacher = build(config)
    compression = build(distiller(
        save_teacher(folder / 'teacher.pth', config), config,
        student=student(teacher_depth=2, width=8)))
    compression.build_teacher()
    own = teacher.state_dict()
    released = names.to_released(own, False, 'teacher')
    states = {'tracker': own, 'compression': compression.state_dict(), 'released': released,
              'released student': names.to_released(compression.student.state_dict(), True, ''),
              'pretrained': pretrained(own)}
    return Files(folder, states, dict.fromkeys(states, teacher) | {
        'compression': compression.student, 'released student': compression.student})


LAYOUTS = ('tracker', 'compression', 'released', 'released student', 'pretrained')
WRONG = {
    'missing': None,
    'shape': lambda value: torch.zeros(*value.shape, 2),
    'transposed': lambda value: value.T.contiguous() if value.ndim == 2 else value[None],
    'scalar': lambda value: torch.tensor(0.5),
    'empty': lambda value: torch.zeros(0),
    'longer': lambda value: torch.cat([torch.atleast_1d(value)] * 2),
    'whole numbers': lambda value: value.to(torch.int64) if value.is_floating_point()
    else value.float(),
    'bool': lambda value: value.bool(),
    'complex': lambda value: value.to(torch.complex64),
    'half': lambda value: value.half() if value.is_floating_point() else value,
    'double': lambda value: value.double() if value.is_floating_point() else value,
    'not finite': lambda value: torch.full_like(value, float('nan'))
    if value.is_floating_point() else value,
    'infinite': lambda value: torch.full_like(value, -float('inf'))
    if value.is_floating_point() else value,
    'beyond float32': lambda value: torch.full_like(value, 1e300, dtype=torch.float64)
    if value.is_floating_point() else value,
    'sparse': lambda value: value.to_sparse() if value.ndim else value,
    'no memory': lambda value: value.to('meta'),
    'a list': lambda value: value.tolist(),
    'none': lambda value: None,
}
EXTRA = st.sampled_from([
    ('fc.weight', torch.zeros(3)), ('backbone.layers.99.norm1.weight', torch.zeros(8)),
    ('backbone.blocks.7.norm1.weight', torch.zeros(8)), (7, torch.zeros(2)),
    ('backbone.layers.x.norm1.weight', torch.zeros(8)), ('box_head.conv1_tl.0.weight',
                                                         torch.zeros(1)),
    ('student.x', torch.zeros(1)), ('module.backbone.norm.weight', torch.zeros(8)),
    ('', torch.zeros(1)), ('backbone.layers.' + '9' * 50 + '.norm1.weight', torch.zeros(1))])


@st.composite
def changes(draw):
    """(place of a weight in its state dict, what becomes of it), and what is put in."""
    wrong = draw(st.lists(st.tuples(st.integers(0, 10**4), st.sampled_from(sorted(WRONG))),
                          max_size=3))
    return wrong, draw(st.lists(EXTRA, min_size=not wrong, max_size=2))


def spoilt(state, changes) -> dict:
    state = dict(state)
    wrong, extra = changes
    keys = list(state)
    for place, kind in wrong:
        key = keys[place % len(keys)]
        if kind == 'missing':
            state.pop(key, None)
        elif isinstance(state.get(key), torch.Tensor) and not state[key].is_meta:
            value = outcome_of(WRONG[kind], state[key])
            state[key] = value
    return state | dict(extra)


def outcome_of(change, value):
    """A second change of the same weight may not be possible."""
    try:
        return change(value)
    except (RuntimeError, NotImplementedError):
        return value


@fuzz(120, st.sampled_from(LAYOUTS), changes(), st.sampled_from(
    ['load', 'extract', 'mmct', 'released']))
def test_any_state_dict(files, layout, changes, what):
    source, target = files.folder / 'source.pth', files.folder / 'target.pth'
    torch.save({'state_dict': spoilt(files.states[layout], changes)}, source)
    network = files.networks[layout]
    before = {key: value.clone() for key, value in network.state_dict().items()}
    target.unlink(missing_ok=True)
    found = outcome({'load': lambda: load_weights(network, source),
                     'extract': lambda: extract_student(source, target),
                     'mmct': lambda: convert(source, target, 'mmct', 32, 64),
                     'released': lambda: convert(source, target, 'released', 32, 64)}[what])
    if isinstance(found, Refused):
        assert str(source) in found
        assert not target.exists()
        assert same_weights(before, network)  # not half of them
    else:
        written = network.state_dict() if what == 'load' else weights_in(
            read_checkpoint(target), target)
        assert all(value.isfinite().all() for value in written.values())
    network.load_state_dict(before)


def to_own(state):
    kind, layout = names.find(state, 'source.pth')
    if layout is kind.pretrained:
        return kind.from_pretrained(state, 'source.pth', (32, 64))
    return kind.to_own(layout, state, 'source.pth')


@fuzz(500, st.sampled_from(LAYOUTS), changes())
def test_any_names(files, layout, changes):
    """As above, without files: what is understood has the names of a whole network."""
    state = outcome(weights_in, spoilt(files.states[layout], changes), 'source.pth')
    if isinstance(state, Refused):
        assert state.startswith('source.pth')
        return
    own = files.networks[layout].state_dict().keys()
    for direction, result in (
            ('to mmct', outcome(to_own, state)),
            ('to released', outcome(names.to_released, state, True, 'source.pth'))):
        if isinstance(result, Refused):
            assert result.startswith('source.pth')
        elif direction == 'to mmct':
            head = () if layout == 'pretrained' else ('head.', )
            assert result.keys() >= {key for key in own if 'layers.1' not in key
                                     and key.startswith(('backbone.', *head))}
            if layout == 'pretrained':
                assert result['backbone.pos_embed_x'].shape == (1, 16, 8)


@fuzz(200, st.data())
def test_any_checkpoint_file(files, data):
    """Zip and pickle of any content give weights or a line, and run nothing."""
    source = files.folder / 'whole.pth'
    if not source.exists():
        save_checkpoint({'state_dict': {'backbone.layers.0.norm1.weight': torch.ones(4)},
                         'meta': {'student': True}}, source)
    path = files.folder / 'part.pth'
    path.write_bytes(data.draw(mutated(source.read_bytes())))
    content = outcome(read_checkpoint, path)
    if isinstance(content, Refused):
        assert str(path) in content
    else:
        state = outcome(weights_in, content, path)
        assert isinstance(state, Refused) or all(
            isinstance(value, torch.Tensor) for value in state.values())


def test_broken_off_at_every_tenth(files):
    source, path = files.folder / 'long.pth', files.folder / 'part.pth'
    save_checkpoint({'state_dict': files.states['tracker']}, source)
    content = source.read_bytes()
    for tenth in range(10):
        path.write_bytes(content[:len(content) * tenth // 10])
        with pytest.raises(CheckpointError, match='is not a readable checkpoint'):
            read_checkpoint(path)


@pytest.mark.parametrize('kind', ['not finite', 'infinite', 'beyond float32'])
@pytest.mark.parametrize('layout', LAYOUTS)
def test_what_is_not_finite_is_named(files, layout, kind):
    source = files.folder / 'source.pth'
    state = dict(files.states[layout])
    key = next(key for key in state if key.endswith('norm.weight'))
    torch.save({'state_dict': state | {key: WRONG[kind](state[key])}}, source)
    with pytest.raises(CheckpointError, match=f'{key} holds values that are not finite'):
        convert(source, files.folder / 'target.pth', 'mmct', 32, 64)


@pytest.mark.parametrize('layout', LAYOUTS[:-1])
@pytest.mark.parametrize('kind', sorted(WRONG.keys() - {'half', 'double'}))
def test_each_wrong_weight_is_refused(files, layout, kind):
    source, network = files.folder / 'wrong.pth', build(tracker(**SMALL))
    state = dict(files.states[layout])
    key = next(key for key in state if key.endswith('backbone.norm.weight'))
    value = state.pop(key)
    if kind != 'missing':
        state[key] = outcome_of(WRONG[kind], value)
    torch.save({'state_dict': state}, source)
    line = outcome(load_weights, network, source)
    assert isinstance(line, Refused)
    assert 'norm.weight' in line or 'embed_dims' in line
    counted['test_each_wrong_weight_is_refused'] += 1
