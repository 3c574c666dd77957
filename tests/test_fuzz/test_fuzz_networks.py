"""Exported files are data: what they say of themselves is checked, and they reach no other file."""
import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import onnxruntime
import pytest
from fuzzing import ANYTHING, Refused, fuzz, mutated, outcome
from hypothesis import strategies as st
from packaging.version import parse
from tiny import build, tracker

from mmct.api import fuse_for_inference
from mmct.deploy import export_tracker
from mmct.runtime import Tracker, open_network
from mmct.runtime.network import METADATA, NetworkInfo

INFO = NetworkInfo(template_size=32, search_size=64, template_factor=2., search_factor=4.,
                   margin=10., grid=4, head='center')


@pytest.fixture(scope='module')
def exported(tmp_path_factory) -> Path:
    """A folder with tracker.onnx and tracker.xml."""
    folder = tmp_path_factory.mktemp('exported')
    model = fuse_for_inference(build(tracker(width=8, depth=1)))
    for name, kind in (('tracker.onnx', 'onnx'), ('tracker.xml', 'openvino')):
        export_tracker(model, folder / name, kind)
    return folder


@pytest.fixture
def copied(exported, tmp_path) -> Path:
    return shutil.copytree(exported, tmp_path / 'copied')


def usable(info) -> None:
    """What was understood can be tracked with."""
    Tracker(SimpleNamespace(info=info))


@fuzz(500, st.sampled_from(NetworkInfo._fields), ANYTHING)
def test_any_value_in_the_metadata(key, value):
    info = outcome(NetworkInfo.from_json, json.dumps(INFO._asdict() | {key: value}), 'file.onnx')
    if isinstance(info, Refused):
        assert 'file.onnx does not say what tracking needs to know' in info
    else:
        usable(info)


@fuzz(300, st.one_of(
    mutated(INFO.to_json().encode()).map(lambda content: content.decode(errors='replace')),
    st.text(), st.none(), st.just('[' * 100000), st.just('{"template_size": 1e400}')))
def test_any_metadata(text):
    info = outcome(NetworkInfo.from_json, text, 'file.onnx')
    if isinstance(info, Refused):
        assert info.startswith('file.onnx does not say what tracking needs to know')
    else:
        usable(info)


def rewrite(path: Path, change) -> None:
    model = onnx.load(path)
    change(model)
    onnx.save(model, path)


@pytest.mark.parametrize('change', [
    {'search_size': 128}, {'head': 'corner'}, {'grid': 10**9}, {'search_size': 10**9},
    {'margin': 0}, {'head': '__class__'}, {'memory': [1]}, {'memory': [1, 8]}, {'memory': [-1, 8]},
    {'templates': []}, {'templates': {'type': 'Any'}}, {'templates': {'type': 'Fixed', 'x': 1}}])
def test_metadata_of_another_network(copied, change):
    def say(model):
        entry, = (entry for entry in model.metadata_props if entry.key == METADATA)
        entry.value = json.dumps(json.loads(entry.value) | change)
    rewrite(copied / 'tracker.onnx', say)
    for backend in ('onnxruntime', 'openvino'):
        with pytest.raises(ValueError, match='tracker.onnx .* written by tools/export.py'):
            open_network(copied / 'tracker.onnx', backend=backend)


def test_files_in_each_others_place(copied):
    """Template and search network swapped, or one of them something else."""
    (copied / 'tracker.onnx').rename(copied / 'x')
    (copied / 'tracker.template.onnx').rename(copied / 'tracker.onnx')
    (copied / 'x').rename(copied / 'tracker.template.onnx')
    with pytest.raises(ValueError, match='does not say what tracking needs to know'):
        open_network(copied / 'tracker.onnx')


@pytest.mark.parametrize('place', ['../secret.bin', '{folder}/secret.bin', 'link.bin', 'none.bin'])
@pytest.mark.parametrize('backend', ['onnxruntime', 'openvino'])
def test_weights_outside_the_folder_are_not_read(copied, place, backend):
    """A model may name files that hold its weights; none that is not its own."""
    if backend == 'onnxruntime' and place != 'none.bin' and (
            parse(onnxruntime.__version__) < parse('1.24')):
        pytest.skip('ONNX Runtime reads weights from any place before 1.24')
    secret = copied.parent / 'secret.bin'
    secret.write_bytes(bytes(1 << 20))
    (copied / 'link.bin').symlink_to(secret)

    def reach_out(model):
        weight = max(model.graph.initializer, key=lambda weight: len(weight.raw_data))
        weight.ClearField('raw_data')
        weight.data_location = onnx.TensorProto.EXTERNAL
        entry = weight.external_data.add()
        entry.key, entry.value = 'location', place.format(folder=copied.parent)
    model = onnx.load(copied / 'tracker.onnx')
    reach_out(model)
    (copied / 'tracker.onnx').write_bytes(model.SerializeToString())
    line = outcome(lambda: run_once(open_network(copied / 'tracker.onnx', backend=backend)))
    assert isinstance(line, Refused)
    assert 'tracker.onnx cannot be read by' in line


def run_once(network) -> dict:
    info = network.info
    template, crops = (np.zeros((1, size, size, 3), np.uint8)
                       for size in (info.template_size, info.search_size))
    return network.step([network.encode(template, np.float32([[8, 8, 16, 16]]))], crops)


@pytest.mark.parametrize('name', ['tracker.onnx', 'tracker.template.onnx', 'tracker.xml',
                                  'tracker.template.xml', 'tracker.bin', 'tracker.template.bin'])
def test_broken_off_at_every_tenth(copied, name):
    path = copied / ('tracker.onnx' if name.endswith('.onnx') else 'tracker.xml')
    content = (copied / name).read_bytes()
    for tenth in range(10):
        (copied / name).write_bytes(content[:len(content) * tenth // 10])
        line = outcome(lambda: run_once(open_network(path)))
        assert isinstance(line, Refused), tenth
        assert str(copied) in line
    (copied / name).write_bytes(content)
    assert run_once(open_network(path)).keys() == {'score', 'size', 'offset'}
