import argparse
import gzip
import os
import pickle
import sys
import tarfile
import warnings
import zipfile
from collections import Counter, OrderedDict, defaultdict, deque
from datetime import datetime
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer

from mmct.checkpoint import CheckpointError, read_checkpoint, save_checkpoint, weights_in

NET = {'a.weight': torch.arange(6.).view(2, 3), 'a.bias': torch.zeros(2)}


@pytest.fixture
def training_code(monkeypatch):
    """A training code that is there while a checkpoint is written, and gone afterwards."""
    names = ['lib', 'lib.train', 'lib.train.admin', 'lib.train.admin.stats']
    modules = {name: ModuleType(name) for name in names}
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)

    def define(base, name, **fields):
        cls = type(name, (base, ), {'__module__': names[-1], **fields})
        setattr(modules[names[-1]], name, cls)
        return cls

    define.forget = lambda: [monkeypatch.delitem(sys.modules, name) for name in names]
    return define


def test_mmengine_goes_on_reading_what_it_logged(tmp_path):
    """It reads its own checkpoints by torch.load, before and after mmct reads one."""
    history = HistoryBuffer()
    history.update(np.float64(0.5))
    torch.save({'state_dict': NET, 'message_hub': {'loss': history}}, tmp_path / 'epoch_1.pth')
    for read in (torch.load, read_checkpoint, torch.load):
        logged = read(tmp_path / 'epoch_1.pth')['message_hub']['loss']
        assert logged.current() == 0.5


def test_foreign_objects_beside_the_weights(tmp_path, training_code):
    meter = training_code(object, 'AverageMeter')()
    meter.history, meter.avg = [1., 2.], 1.5
    settings = training_code(object, 'Settings')()
    settings.net = {'depth': 12, 'stages': [3, 3, 3, 3]}
    slotted = training_code(object, 'Slotted', __slots__=('value', ))()
    slotted.value = 3
    names = training_code(set, 'Names')(['a', 'b'])

    def actor():
        pass

    actor.__module__, actor.__qualname__ = 'lib.train.admin.stats', 'actor'
    sys.modules['lib.train.admin.stats'].actor = actor
    state = {'epoch': 500, 'net': OrderedDict(NET), 'actor': actor, 'settings': settings,
             'stats': OrderedDict(train=OrderedDict(loss=meter, slotted=slotted)), 'names': names}
    torch.save(state, tmp_path / 'trained.pth.tar')
    training_code.forget()
    content = read_checkpoint(tmp_path / 'trained.pth.tar')
    assert content['epoch'] == 500
    weights = weights_in(content, 'trained')
    assert weights.keys() == NET.keys()
    assert all(torch.equal(weights[key], NET[key]) for key in NET)
    # Nothing was kept of the foreign objects, and nothing of their code was asked for.
    assert vars(content['stats']['train']['loss']) == {}
    assert 'lib' not in sys.modules


def test_weights_under_another_name():
    """As PyTorch's tutorials save them; of two, nobody knows which."""
    content = {'epoch': 3, 'model_state_dict': NET, 'optimizer_state_dict': {'state': {0: {}}}}
    for beside in ({}, {'loss': torch.tensor(0.5)}, {'model': {'depth': 12}}):
        assert weights_in(content | beside, 'trained').keys() == NET.keys()
        with pytest.raises(CheckpointError, match='holds no weights: .*ema.*model_state_dict'):
            weights_in(content | beside | {'ema': NET}, 'trained')
    for beside in ({'mean': torch.zeros(3)}, {key: value + 1 for key, value in NET.items()}):
        weights = weights_in({**NET, 'beside': beside}, 'bare')
        assert all(torch.equal(weights[key], NET[key]) for key in NET)


@pytest.mark.parametrize(('kind', 'said'), [
    ('gzip', r"no file of torch.save begins with b'\\x1f\\x8b"),
    ('json', "no file of torch.save begins with b'{\"a\": 1}'"),
    ('rar', "no file of torch.save begins with b'Rar!"),
    ('tar', 'an archive of other files; unpack it'),
    ('zip', 'an archive of other files; unpack it')])
def test_files_that_torch_has_not_written(tmp_path, kind, said):
    file, packed = tmp_path / 'net.pth', tmp_path / 'packed.pth'
    torch.save({'net': NET}, file)
    if kind in ('json', 'rar'):
        packed.write_text('{"a": 1}' if kind == 'json' else 'Rar!\x1a\7\0')
    elif kind == 'gzip':
        packed.write_bytes(gzip.compress(file.read_bytes()))
    else:
        with (tarfile.open(packed, 'w') if kind == 'tar' else zipfile.ZipFile(packed, 'w')) as new:
            (new.add if kind == 'tar' else new.write)(file, 'net.pth')
    with pytest.raises(CheckpointError, match=f'^{packed} .*{said}'):
        read_checkpoint(packed)


def test_weights_under_two_names():
    """The first are read, without a word if they are the same."""
    others = {key: value + 1 for key, value in NET.items()}
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        weights_in({'net': NET, 'state_dict': dict(NET), 'model': {'depth': 12}}, 'trained')
        with pytest.raises(CheckpointError, match='not finite'):
            weights_in({'net': {'a': torch.tensor(float('nan'))}}, 'trained')
    with pytest.warns(UserWarning, match='trained holds weights under "state_dict", which are '
                                         'read, and others under "net"'):
        weights = weights_in({'net': NET, 'state_dict': others}, 'trained')
    assert all(torch.equal(weights[key], others[key]) for key in NET)


@pytest.mark.parametrize('imported', [True, False])
@pytest.mark.parametrize('base', [object, dict])
def test_settings_of_a_training_code(tmp_path, training_code, imported, base):
    """Whether the code happens to be imported or not."""
    settings = training_code(base, 'Settings')()
    settings.lr = 1e-4
    if base is dict:
        settings['lr'] = 1e-4
    torch.save({'net': NET, 'settings': settings}, tmp_path / 'trained.pth.tar')
    if not imported:
        training_code.forget()
    content = read_checkpoint(tmp_path / 'trained.pth.tar')
    assert weights_in(content, '').keys() == NET.keys()
    assert type(content['settings']).__name__ in ('ForeignObject', 'OrderedDict')


def test_a_function_of_an_imported_code_is_refused(tmp_path, training_code):
    def actor():
        pass

    actor.__module__, actor.__qualname__ = 'lib.train.admin.stats', 'actor'
    sys.modules['lib.train.admin.stats'].actor = actor
    torch.save({'net': NET, 'actor': actor}, tmp_path / 'trained.pth.tar')
    with pytest.raises(CheckpointError, match='asks for lib.train.admin.stats.actor, which is not'):
        read_checkpoint(tmp_path / 'trained.pth.tar')


@pytest.mark.parametrize('beside', [
    argparse.Namespace(lr=1e-4, stages=[3, 3]), SimpleNamespace(lr=1e-4), Path('a/b'),
    datetime(2020, 1, 1), defaultdict(list, loss=[1.]), defaultdict(float), deque([1, 2], 3),
    Counter(a=1)], ids=lambda value: type(value).__name__)
def test_plain_containers_beside_the_weights_are_inert(tmp_path, beside):
    torch.save({'net': NET, 'args': beside}, tmp_path / 'a.pth')
    content = read_checkpoint(tmp_path / 'a.pth')
    assert weights_in(content, '').keys() == NET.keys()
    assert not hasattr(content['args'], 'lr')


class Malice:
    """Writes a file when it is unpickled."""

    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize('place', ['beside', 'among the weights', 'instead'])
@pytest.mark.parametrize('call', ['system', 'eval', 'open', 'torch'])
def test_malice_is_refused_and_named(tmp_path, place, call):
    marker, file = tmp_path / 'marker', tmp_path / 'evil.pth'
    evil = Malice(*{
        'system': (os.system, f'touch {marker}'),
        'eval': (eval, f"open({str(marker)!r}, 'w')"),
        'open': (open, str(marker), 'w'),
        'torch': (torch.save, {}, str(marker)),
    }[call])
    torch.save({'beside': {'net': NET, 'stats': evil}, 'instead': evil,
                'among the weights': {'net': {**NET, 'b': evil}}}[place], file)
    with pytest.raises(CheckpointError, match=rf'^{file} is refused: it .*') as caught:
        read_checkpoint(file)
    name = {'system': 'system', 'eval': 'eval', 'open': 'open', 'torch': 'save'}[call]
    assert name in str(caught.value)
    assert '\n' not in str(caught.value)
    assert not marker.exists()
    # The file is as bad as it seems.
    torch.load(file, weights_only=False)
    assert marker.exists()


def test_malice_in_the_old_format(tmp_path):
    marker, file = tmp_path / 'marker', tmp_path / 'evil.pth'
    torch.save({'net': NET, 'stats': Malice(os.system, f'touch {marker}')}, file,
               _use_new_zipfile_serialization=False)
    with pytest.raises(CheckpointError, match='evil.pth is refused: .*system'):
        read_checkpoint(file)
    assert not marker.exists()


def test_plain_checkpoints_of_the_old_format(tmp_path):
    torch.save({'net': NET}, tmp_path / 'old.pth', _use_new_zipfile_serialization=False)
    assert weights_in(read_checkpoint(tmp_path / 'old.pth'), '').keys() == NET.keys()


@pytest.mark.parametrize('cut', [0, 1, 100, 0.5, -1])
def test_truncated_file(tmp_path, cut):
    file = tmp_path / 'cut.pth'
    torch.save({'net': {'a': torch.zeros(1000)}}, file)
    data = file.read_bytes()
    file.write_bytes(data[:int(cut * len(data)) if isinstance(cut, float) else cut])
    with pytest.raises(CheckpointError, match=f'^{file} is ') as caught:
        read_checkpoint(file)
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize('data', [
    b'no checkpoint', b'\x89PNG\r\n\x1a\n', b'\x80\x02.', b'PK\x03\x04',
    pickle.dumps({'net': [1, 2]}, protocol=2),
], ids=['text', 'image', 'no pickle', 'no zip', 'pickle'])
def test_other_files(tmp_path, data):
    file = tmp_path / 'other.pth'
    file.write_bytes(data)
    with pytest.raises(CheckpointError, match=f'^{file} ') as caught:
        weights_in(read_checkpoint(file), file)
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize(('data', 'said'), [
    (b'<!DOCTYPE html><html><head><title>Google Drive - Quota exceeded', 'a web page, such as'),
    (b'\n<html lang="en">', 'a web page, such as'),
    (b'version https://git-lfs.github.com/spec/v1\noid sha256:0\n', 'a pointer of Git LFS')])
def test_what_servers_give_in_place_of_a_file(tmp_path, data, said):
    file = tmp_path / 'weights.pth'
    file.write_bytes(data)
    with pytest.raises(CheckpointError, match=f'^{file} is {said}.*; download the file itself'):
        read_checkpoint(file)


def test_a_whole_network(tmp_path):
    torch.save({'model': torch.nn.Linear(2, 2)}, tmp_path / 'whole.pth')
    with pytest.raises(CheckpointError, match='a whole network, .*as torch.save writes a state_'):
        read_checkpoint(tmp_path / 'whole.pth')


def test_no_file(tmp_path):
    with pytest.raises(FileNotFoundError, match='none.pth does not exist'):
        read_checkpoint(tmp_path / 'none.pth')
    with pytest.raises(CheckpointError, match='is a folder; give a file, such as .*/epoch_500.pth'):
        read_checkpoint(tmp_path)
    for number in (9, 10):
        (tmp_path / f'epoch_{number}.pth').touch()
    with pytest.raises(CheckpointError, match='is a folder; give a file, such as .*/epoch_10.pth'):
        read_checkpoint(tmp_path)


def test_no_weights(tmp_path):
    torch.save([1, 2], tmp_path / 'list.pth')
    with pytest.raises(CheckpointError, match='holds a list, expected a dict'):
        read_checkpoint(tmp_path / 'list.pth')
    with pytest.raises(CheckpointError, match=r"no weights: .*got the keys \['epoch', 'lr'\]"):
        weights_in({'epoch': 1, 'lr': 0.1}, 'file.pth')


@pytest.mark.parametrize('key', ['state_dict', 'net', 'model', None])
def test_weights_are_found(key):
    assert weights_in({key: NET, 'epoch': 1} if key else NET, '').keys() == NET.keys()


@pytest.mark.parametrize('prefix', ['module.', '_orig_mod.', 'module._orig_mod.'])
def test_prefixes_of_wrappers_go(prefix):
    state = {prefix + key: value for key, value in NET.items()}
    assert weights_in({'net': state}, '').keys() == NET.keys()
    # Of all or of none: one name more is another weight.
    assert weights_in({'net': {**NET, 'module.a.bias': NET['a.bias']}}, '').keys() == {
        *NET, 'module.a.bias'}


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float64])
def test_weights_are_in_full_precision(dtype):
    norm = torch.nn.BatchNorm2d(2)
    state = {key: value.to(dtype) for key, value in norm.state_dict().items()}
    found = weights_in({'net': state}, '')
    assert {key: value.dtype for key, value in found.items()} == {
        key: value.dtype for key, value in norm.state_dict().items()}


def test_batch_norms_without_counts_get_them():
    norm = torch.nn.BatchNorm2d(2)
    state = norm.state_dict(prefix='bn.')
    del state['bn.num_batches_tracked']
    assert weights_in({'net': state}, '')['bn.num_batches_tracked'] == 0


def test_files_are_written_whole_or_not_at_all(tmp_path):
    file = tmp_path / 'new' / 'a.pth'
    save_checkpoint({'net': NET}, file)
    old = file.read_bytes()
    with pytest.raises(Exception, match='local object'):  # that no Python can pickle
        save_checkpoint({'net': lambda: None}, file)
    assert file.read_bytes() == old
    save_checkpoint({'net': {}}, file)
    assert read_checkpoint(file) == {'net': {}}


def test_a_torchscript_file_is_a_program(tmp_path):
    torch.jit.script(torch.nn.Linear(2, 2)).save(str(tmp_path / 'a.pt'))
    with pytest.raises(CheckpointError, match='a.pt is a TorchScript file, which is a program; '):
        read_checkpoint(tmp_path / 'a.pt')
