"""Exported trackers do what PyTorch does, on every backend."""
import copy
import importlib.util
import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from disc import BOX, moving_disc
from tiny import build, student, tracker
from toy import toy_teacher

from mmct.api import fuse_for_inference
from mmct.deploy import export_tracker
from mmct.deploy.calibration import Sample, noise, samples_of_video
from mmct.deploy.export import check, compare
from mmct.models.layers import PatchEmbed
from mmct.models.torch_network import TorchNetwork
from mmct.runtime import Tracker, open_network, update_many
from mmct.runtime.backends import step_inputs
from mmct.runtime.network import EXPORT, FOUND, METADATA

onnxruntime = pytest.importorskip('onnxruntime', reason='the extra deploy is not installed')
pytest.importorskip('openvino', reason='the extra deploy is not installed')

ROOT = Path(__file__).parents[2]
FORMATS = {'onnx': '.onnx', 'openvino': '.xml'}
STUDENTS = {
    'plain': student(), 'drop path': student(drop_path_rate=0.5),
    'separable': student(block={'type': 'SeparableBlock'}),
    'stem': student(patch_embed={'type': 'ConvStem'}), 'corner': tracker('CornerHead')}


@pytest.fixture(scope='module')
def model():
    return fuse_for_inference(build(tracker()))


@pytest.fixture(scope='module')
def files(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp('exported')
    for kind, suffix in FORMATS.items():
        export_tracker(model, folder / f'tracker{suffix}', kind)
    return folder


@pytest.fixture(scope='module')
def exported(tmp_path_factory):
    """Function that writes a network once for each kind of file."""
    known = {}

    def export(name, network, kind):
        if (name, kind) not in known:
            path = tmp_path_factory.mktemp('exported') / f'{name}{FORMATS[kind]}'
            known[name, kind] = export_tracker(network, path, kind)
        return known[name, kind]

    return export


# Without drop path, the graph that OpenVINO is given is that of 'plain'.
@pytest.mark.parametrize(('name', 'kind'), [
    (name, kind) for name in STUDENTS for kind in FORMATS
    if (name, kind) != ('drop path', 'openvino')])
def test_outputs_are_pytorchs(name, kind, tmp_path):
    network = fuse_for_inference(build(STUDENTS[name]))
    written = export_tracker(network, tmp_path / f'x{FORMATS[kind]}', kind)
    assert max(written.agreement.values()) < 1e-5
    assert not any(module.training for module in network.modules())
    errors = compare(open_network(written.path), TorchNetwork(network), count=3)
    assert errors.keys() == (
        {'box', 'score'} if name == 'corner' else {'score', 'size', 'offset'})
    assert max(errors.values()) < 1e-5


@pytest.mark.parametrize('fails', [False, True])
def test_weights_are_as_before(fails, tmp_path, monkeypatch):
    """A graph has the channels of its first weights in another order than the tracker."""
    network = fuse_for_inference(build(STUDENTS['stem']))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    if fails:
        monkeypatch.setattr(torch.onnx, 'export', lambda *args, **kwargs: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            export_tracker(network, tmp_path / 'x.onnx', 'onnx')
    else:
        export_tracker(network, tmp_path / 'x.onnx', 'onnx')
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_an_embedding_that_cannot_reverse_its_channels(tmp_path, monkeypatch):
    monkeypatch.delattr(PatchEmbed, 'reverse_channels')
    network = fuse_for_inference(build(STUDENTS['plain']))
    written = export_tracker(network, tmp_path / 'x.onnx')
    assert max(compare(open_network(written.path), TorchNetwork(network)).values()) < 1e-5


@pytest.mark.parametrize('suffix', FORMATS.values())
def test_arrays_that_change_or_lie_otherwise(files, suffix):
    """What is given again is read again, however it lies in memory."""
    network = open_network(files / f'tracker{suffix}')
    first, other = noise(network.info, 2)
    encoded = [{name: value.copy() for name, value in network.encode(*own).items()}
               for own in ((first.templates, first.boxes), (other.templates, other.boxes))]
    expected = [network.step([templates], own.search[None].copy())
                for templates, own in zip(encoded, (first, other))]
    crops = np.empty((1, *first.search.shape), np.uint8)
    wide = np.empty((1, *first.search.shape[:2], 6), np.uint8)[..., ::2]
    locked = np.stack([first.search, other.search])
    locked.flags.writeable = False
    for _ in range(2):
        for index, (templates, own) in enumerate(zip(encoded, (first, other))):
            crops[:], wide[:] = own.search, own.search
            for given in (crops, wide, locked[index:index + 1]):
                outputs = network.step([templates], given)
                for name, value in expected[index].items():
                    np.testing.assert_array_equal(outputs[name], value)


@pytest.mark.parametrize('suffix', FORMATS.values())
def test_boxes_of_a_video_are_pytorchs(model, files, suffix):
    frames = moving_disc(12)
    boxes = []
    for source in (TorchNetwork(model), files / f'tracker{suffix}'):
        follower = Tracker(source)
        follower.init(frames[0], BOX)
        boxes.append([follower.update(frame) for frame in frames[1:]])
    for (box, score), (expected, expected_score) in zip(*boxes, strict=True):
        assert box == pytest.approx(expected, abs=0.01)
        assert score == pytest.approx(expected_score, abs=1e-4)


def test_openvino_runs_onnx_files_too(files):
    frames = moving_disc(3)
    boxes = []
    for backend in ('onnxruntime', 'openvino'):
        follower = Tracker(files / 'tracker.onnx', backend=backend)
        follower.init(frames[0], BOX)
        boxes.append([follower.update(frame)[0] for frame in frames[1:]])
    assert np.allclose(*boxes, atol=0.01)


@pytest.mark.parametrize('source', ['torch', '.onnx', '.xml'])
def test_several_targets_in_one_batch(model, files, source):
    network = TorchNetwork(model) if source == 'torch' else open_network(
        files / f'tracker{source}')
    frames = moving_disc(6)
    boxes = [BOX, (20., 30., 30., 18.), (90., 60., 12., 30.)]
    alone, together = ([Tracker(network) for _ in boxes] for _ in range(2))
    for one, other, box in zip(alone, together, boxes, strict=True):
        one.init(frames[0], box)
        other.init(frames[0], box)
    for frame in frames[1:]:
        expected = [follower.update(frame) for follower in alone]
        for (box, score), (other, other_score) in zip(
                expected, update_many(together, frame), strict=True):
            assert box == pytest.approx(other, abs=0.01)
            assert score == pytest.approx(other_score, abs=1e-4)
    assert update_many([], frames[0]) == []
    with pytest.raises(ValueError, match=r'needs trackers of one network.*Tracker\(first.network'):
        update_many([alone[0], Tracker(TorchNetwork(model))], frames[0])


@pytest.mark.parametrize(('threads', 'kinds'), [
    (1, [(1, 1), (2, 1), (4, 1), (8, 1)]), (2, [(1, 1), (1, 2), (2, 2), (4, 2)])])
def test_openvino_compiles_a_few_kinds(files, threads, kinds, monkeypatch):
    """However many targets there are, and their order stays."""
    network, compiled = open_network(files / 'tracker.xml', threads=threads), []
    core = pytest.importorskip('openvino').Core
    compile_model = core.compile_model

    def noted(self, model, device, options):
        compiled.append((model.inputs[0].partial_shape[0].get_length(),
                         options.get('NUM_STREAMS', 1)))
        return compile_model(self, model, device, options)

    monkeypatch.setattr(core, 'compile_model', noted)
    frames = moving_disc(2)
    for number in (3, 7, 11):
        alone, together = ([Tracker(network) for _ in range(number)] for _ in range(2))
        for followers in (alone, together):
            for i, follower in enumerate(followers):
                follower.init(frames[0], (20. + 5 * i, 30., 30., 18. + i))
        for (box, score), (other, other_score) in zip(
                [own.update(frames[1]) for own in alone], update_many(together, frames[1]),
                strict=True):
            assert box == pytest.approx(other, abs=0.01)
            assert score == pytest.approx(other_score, abs=1e-4)
    assert sorted(compiled) == kinds


def test_onnxruntime_runs_batches_of_eight_at_most(files, monkeypatch):
    network, sizes = open_network(files / 'tracker.onnx', threads=1), []
    run = onnxruntime.InferenceSession.run

    def noted(self, names, inputs):
        sizes.append(len(inputs.get('search', ())))
        return run(self, names, inputs)

    frames = moving_disc(2)
    alone, together = ([Tracker(network) for _ in range(19)] for _ in range(2))
    for followers in (alone, together):
        for i, follower in enumerate(followers):
            follower.init(frames[0], (20. + 4 * i, 30., 30., 18. + i))
    expected = [follower.update(frames[1])[0] for follower in alone]
    monkeypatch.setattr(onnxruntime.InferenceSession, 'run', noted)
    found = [box for box, _ in update_many(together, frames[1])]
    np.testing.assert_allclose(found, expected, rtol=0, atol=0.01)
    assert sizes == [8, 8, 3]


class Maps:
    """A network by its maps."""

    def __init__(self, network):
        self.network, self.info = network, network.info

    def encode(self, *templates):
        return self.network.encode(*templates)

    def step(self, *inputs):
        return self.network.step(*inputs)


def test_openvino_reads_the_box_off_as_numpy_does(files):
    """To the bit."""
    network = open_network(files / 'tracker.xml')
    frames, boxes = moving_disc(9), []
    for own in (Maps(network), network):
        follower = Tracker(own)
        follower.init(frames[0], BOX)
        boxes.append([follower.update(frame) for frame in frames[1:]])
    assert boxes[0] == boxes[1]
    sample, = noise(network.info, 1)
    encoded = network.encode(sample.templates, sample.boxes)
    found = network.lanes(1)[0].step([encoded], sample.search[None])
    assert {name: value.shape for name, value in found.items()} == {FOUND: (1, 6)}


@pytest.mark.parametrize('suffix', FORMATS.values())
def test_a_target_that_fails_in_its_thread(files, suffix):
    """All stay where they were, and go on."""
    network, frames = open_network(files / f'tracker{suffix}', threads=2), moving_disc(3)
    followers = [Tracker(network) for _ in range(5)]
    for i, follower in enumerate(followers):
        follower.init(frames[0], (20. + 5 * i, 30., 30., 18. + i))
    before = [follower.box for follower in followers]
    followers[3].box = 1, 1, 1e6, 1e6
    with pytest.raises(ValueError, match='gives a crop of'):
        update_many(followers, frames[1])
    followers[3].box = before[3]
    assert [follower.box for follower in followers] == before
    expected = [copy.deepcopy(follower).update(frames[1])[0] for follower in followers]
    found = [box for box, _ in update_many(followers, frames[1])]
    np.testing.assert_allclose(found, expected, rtol=0, atol=0.01)


@pytest.mark.parametrize('source', ['torch', '.onnx', '.xml'])
def test_trackers_of_one_network_in_threads(model, files, source):
    network = TorchNetwork(model) if source == 'torch' else open_network(
        files / f'tracker{source}')
    frames = moving_disc(60)

    def follow(box):
        follower = Tracker(network)
        follower.init(frames[0], box)
        return [follower.update(frame) for frame in frames[1:]]

    boxes = [BOX, (20., 30., 30., 18.), (90., 60., 12., 30.)]
    alone = list(map(follow, boxes))
    with ThreadPoolExecutor(len(boxes)) as threads:
        assert list(threads.map(follow, boxes)) == alone


@pytest.mark.parametrize('precision', ['fp32', 'fp16'])
@pytest.mark.parametrize('opset', [14, 17])
def test_for_runtimes_of_earlier_years(model, precision, opset, tmp_path):
    onnx = pytest.importorskip('onnx')
    path = tmp_path / 'old.onnx'
    export_tracker(model, path, 'onnx', precision, opset=opset)
    for file in tmp_path.iterdir():
        assert {own.domain: own.version for own in onnx.load(file).opset_import}[''] == opset
    errors = compare(open_network(path), TorchNetwork(model))
    assert max(errors.values()) < (1e-5 if precision == 'fp32' else 2e-2)


@pytest.mark.parametrize(('kind', 'opset', 'message'), [
    ('onnx', 13, r'opset=13 must be in \[14, 20\], a whole number'),
    ('onnx', 21, r'opset=21 must be in \[14, 20\], a whole number'),
    ('openvino', 17, 'opset=17 is of ONNX files; leave it out for format openvino')])
def test_opsets_that_are_none(model, kind, opset, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        export_tracker(model, tmp_path / f'x{FORMATS[kind]}', kind, opset=opset)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(('option', 'known'), [
    ({'format': 'tflite'}, 'onnx, openvino'), ({'precision': 'bf16'}, 'fp32, fp16, int8')])
def test_formats_and_precisions_that_are_none(model, option, known, tmp_path):
    (name, value), = option.items()
    with pytest.raises(ValueError, match=f"^{name}='{value}' is not one of {known}$"):
        export_tracker(model, tmp_path / 'x.onnx', **option)


def test_what_the_file_says(model, files):
    for suffix in FORMATS.values():
        info = open_network(files / f'tracker{suffix}').info
        assert info.to_json() == model.info.to_json()
    assert (model.info.template_size, model.info.search_size, model.info.grid) == (32, 64, 4)


# Memory and several templates

class Noted:
    """A network that keeps what it encodes, and the memories that it hands on, target by target."""

    def __init__(self, network):
        self.network, self.info, self.encoded, self.memories = network, network.info, [], []

    def encode(self, crops, boxes):
        self.encoded.append(self.network.encode(crops, boxes))
        return self.encoded[-1]

    def step(self, encoded, crops, memories=None):
        found = self.network.step(encoded, crops, memories)
        self.memories.append(found.get('next_memory'))
        return found


@pytest.fixture(scope='module')
def toy():
    return build(toy_teacher()).eval()


@pytest.mark.parametrize('kind', FORMATS)
def test_a_tracker_with_memory_and_several_templates(toy, exported, kind):
    """Two templates, one of them renewed, and a token from frame to frame, alone and in a batch."""
    model, frames = toy, moving_disc(9)
    written = exported('toy', toy, kind)
    assert written.agreement.keys() == {'box', 'score', 'next_memory'}
    network = open_network(written.path)
    assert network.info == model.info
    assert network.info.memory == (1, 16)
    assert network.info.templates == {'type': 'FirstAndLast', 'interval': 3}
    targets = [BOX, (20., 30., 30., 18.)]
    networks = [Noted(own) for own in (network, network, TorchNetwork(model))]
    alone, together, reference = ([Tracker(own) for _ in targets] for own in networks)
    for followers in (alone, together, reference):
        for follower, box in zip(followers, targets, strict=True):
            follower.init(frames[0], box)
    for frame in frames[1:]:
        batch = update_many(together, frame)
        for i in range(len(targets)):
            box, score = reference[i].update(frame)
            for other, other_score in (alone[i].update(frame), batch[i]):
                assert other == pytest.approx(box, abs=0.01)
                assert other_score == pytest.approx(score, abs=1e-4)
    *exported, expected = (np.concatenate(own.memories) for own in networks)
    for memories in exported:
        np.testing.assert_allclose(memories, expected, rtol=0, atol=1e-4)
    assert np.abs(expected[-1] - expected[-2]).max() > 1e-3


@pytest.fixture(scope='module')
def cached():
    return build({**toy_teacher(), 'type': 'CachedToyTracker'}).eval()


@pytest.mark.parametrize('kind', FORMATS)
def test_templates_that_are_encoded_as_many_tensors(cached, exported, kind):
    frames = moving_disc(8)
    network = open_network(exported('cached', cached, kind).path)
    reference = TorchNetwork(cached)
    sample, = noise(cached.info, 1)
    found, expected = (net.encode(sample.templates, sample.boxes) for net in (network, reference))
    assert {name: value.shape for name, value in found.items()} == {
        'key.0': (1, 2, 4, 8), 'value.0': (1, 2, 4, 8), 'mean': (1, 2, 8)}
    for name, value in found.items():
        np.testing.assert_allclose(value, expected[name], rtol=0, atol=1e-5)
    targets = [BOX, (20., 30., 30., 18.)]
    noted = Noted(network)
    alone, together, torches = ([Tracker(own) for _ in targets] for own in (
        noted, network, reference))
    for followers in (alone, together, torches):
        for follower, box in zip(followers, targets, strict=True):
            follower.init(frames[0], box)
    for frame in frames[1:]:
        batch = update_many(together, frame)
        for i in range(len(targets)):
            box, score = torches[i].update(frame)
            for other, other_score in (alone[i].update(frame), batch[i]):
                assert other == pytest.approx(box, abs=0.01)
                assert other_score == pytest.approx(score, abs=1e-4)
    # Templates changed after the third frame, and were encoded anew.
    for before, after in zip(noted.encoded[:2], noted.encoded[-2:], strict=True):
        assert not np.allclose(before['mean'], after['mean'], atol=1e-4)


def test_encoded_templates_of_one_target_are_not_copied():
    encoded = {'key': np.zeros((1, 2)), 'value': np.ones((1, 3))}
    crops, memory = np.zeros((1, 4, 4, 3), np.uint8), np.zeros((1, 1, 2))
    inputs = step_inputs([encoded], crops, [memory])
    assert inputs.keys() == {'key', 'value', 'search', 'memory'}
    assert all(inputs[name] is value for name, value in (
        *encoded.items(), ('search', crops), ('memory', memory)))
    inputs = step_inputs([encoded, encoded], crops, None)
    assert [value.shape for value in inputs.values()] == [(2, 2), (2, 3), (1, 4, 4, 3)]


@pytest.mark.parametrize('kind', FORMATS)
def test_the_two_files_belong_together(cached, toy, exported, kind, tmp_path):
    suffix, models = FORMATS[kind], {'cached': cached, 'toy': toy}
    if kind == 'openvino':
        models['narrow'] = build(toy_teacher(8)).eval()
    paths = [tmp_path / f'{i}{suffix}' for i in range(len(models))]
    for i, (name, model) in enumerate(models.items()):
        for path in exported(name, model, kind).path.parent.iterdir():
            shutil.copy(path, tmp_path / path.name.replace(name, str(i), 1))
    for path in tmp_path.glob('1.template.*'):
        shutil.copy(path, tmp_path / path.name.replace('1', '0', 1))
    with pytest.raises(ValueError, match=rf'0.template{suffix} is not of the tracker of 0{suffix}: '
                                         r'it encodes templates as .*template_tokens.*, not as '
                                         r'.*key.0.*; keep the two files') as found:
        open_network(paths[0])
    assert '\n' not in str(found.value)
    if kind == 'openvino':  # ONNX does not say all sizes
        for path in tmp_path.glob('2.template.*'):
            shutil.copy(path, tmp_path / path.name.replace('2', '1', 1))
        with pytest.raises(ValueError, match=r'1.template.xml is not of the tracker of 1.xml'):
            open_network(paths[1])


@pytest.mark.parametrize('kind', FORMATS)
def test_a_file_of_another_export(model, files, kind, tmp_path):
    """Of the same shapes: only what is in it tells it from the right one."""
    suffix, other = FORMATS[kind], fuse_for_inference(build(tracker(), seed=1))
    export_tracker(other, tmp_path / f'other{suffix}', kind)
    names = ['.template.onnx'] if kind == 'onnx' else ['.template.bin', '.template.xml', '.bin']
    for name in names:
        for file in files.glob(f'tracker*{suffix}'):
            for own in {file, file.with_suffix('.bin')}:
                if own.is_file():
                    shutil.copy(own, tmp_path)
        path = tmp_path / f'tracker{suffix}'
        assert open_network(path)
        shutil.copy(tmp_path / f'other{name}', tmp_path / f'tracker{name}')
        for backend in {'onnx': ['onnxruntime', 'openvino']}.get(kind, ['openvino']):
            with pytest.raises(ValueError, match='was written with other files than those beside '
                                                 rf'it \(tracker.template{suffix}') as found:
                open_network(path, backend=backend)
            assert '\n' not in str(found.value)


def test_a_file_that_is_written_anew_while_it_is_open(model, files, tmp_path, monkeypatch):
    """Several targets need another session of it, which may not be of another network."""
    for file in files.glob('tracker*.onnx'):
        shutil.copy(file, tmp_path)
    monkeypatch.chdir(tmp_path)
    frames = moving_disc(2)
    trackers = []
    for _ in range(2):
        network = open_network('tracker.onnx', threads=2)
        trackers.append([Tracker(network), Tracker(network)])
        for own in trackers[-1]:
            own.init(frames[0], BOX)
    monkeypatch.chdir(tmp_path.parent)
    assert len(update_many(trackers[0], frames[1])) == 2
    export_tracker(fuse_for_inference(build(tracker(), seed=1)), tmp_path / 'tracker.onnx', 'onnx')
    with pytest.raises(ValueError, match='tracker.onnx is another export than when it was opened'):
        update_many(trackers[1], frames[1])
    assert len(update_many(trackers[0], frames[1])) == 2


@pytest.mark.parametrize('kind', FORMATS)
def test_files_that_another_tool_has_written_anew(model, files, kind, tmp_path):
    """Other bytes of the same networks; only without the id there is nothing to tell that by."""
    names = [f'tracker.template{FORMATS[kind]}', f'tracker{FORMATS[kind]}']
    if kind == 'onnx':
        ort = pytest.importorskip('onnxruntime')
        for name in names:
            options = ort.SessionOptions()
            options.optimized_model_filepath = str(tmp_path / name)
            options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
            ort.InferenceSession(files / name, options, providers=['CPUExecutionProvider'])
    else:
        openvino = pytest.importorskip('openvino')
        for name in names:
            openvino.save_model(openvino.Core().read_model(files / name), tmp_path / name, False)
    for name in names:
        own = Path(name).with_suffix('.onnx' if kind == 'onnx' else '.bin')
        assert (tmp_path / own).read_bytes() != (files / own).read_bytes()
    check(open_network(tmp_path / names[1]), TorchNetwork(model), ())
    for name in names[:1] if kind == 'onnx' else ():
        onnx = pytest.importorskip('onnx')
        bare = onnx.load(tmp_path / name)
        del bare.metadata_props[:]
        onnx.save(bare, tmp_path / name)
        for backend in ('onnxruntime', 'openvino'):
            with pytest.raises(ValueError, match='rewritten without its metadata; in the latter '
                                                 "case give it the entry 'mmct_export' of"):
                open_network(tmp_path / names[1], backend=backend)


def test_files_of_a_version_without_ids(files, tmp_path):
    onnx = pytest.importorskip('onnx')
    path, template = tmp_path / 'tracker.onnx', tmp_path / 'tracker.template.onnx'
    models = {file: onnx.load(files / file.name) for file in (template, path)}
    for file, model in models.items():
        kept = {own.key: own.value for own in model.metadata_props if own.key != EXPORT}
        onnx.helper.set_model_props(model, kept)
        onnx.save(model, file)
    for backend in ('onnxruntime', 'openvino'):
        assert open_network(path, backend=backend)
    shutil.copy(files / template.name, template)
    for backend in ('onnxruntime', 'openvino'):
        with pytest.raises(ValueError, match='was written with other files than those beside it'):
            open_network(path, backend=backend)


def test_a_kill_between_the_files(model, files, monkeypatch, tmp_path):
    """Whichever of them is new, the pair is refused."""
    other = fuse_for_inference(build(tracker(), seed=1))
    for kind, suffix in FORMATS.items():
        folder, path = tmp_path / kind, tmp_path / kind / f'tracker{suffix}'
        shutil.copytree(files, folder)
        moved, move = [], Path.replace

        def killed(self, target):
            if moved and folder in Path(target).parents:  # noqa: B023
                raise KeyboardInterrupt
            moved.append(target)  # noqa: B023
            return move(self, target)  # noqa: B023

        with monkeypatch.context() as patch:
            patch.setattr(Path, 'replace', killed)
            with pytest.raises(KeyboardInterrupt):
                export_tracker(other, path, kind)
        assert moved
        with pytest.raises(ValueError, match='was written with other files than those beside it'):
            open_network(path)


@pytest.mark.parametrize('kind', FORMATS)
def test_int8_of_several_templates_and_memory(kind, tmp_path):
    pytest.importorskip('nncf')
    model, frames = build(toy_teacher(depth=1)).eval(), moving_disc(9)
    samples = samples_of_video(model, frames, BOX, 4)
    assert [sample.templates.shape for sample in samples] == [(2, 16, 16, 3)] * 4
    # The second template was renewed after the third frame, memory in each.
    assert np.array_equal(samples[0].templates[0], samples[0].templates[1])
    assert not np.array_equal(*samples[-1].templates)
    assert not samples[0].memory.any()
    assert samples[1].memory.any()
    path = tmp_path / f'int8{FORMATS[kind]}'
    written = export_tracker(model, path, kind, 'int8', samples, bias='fast')
    assert written.agreement['IoU'] >= 0.7
    with pytest.raises(ValueError, match=r'samples have \[1\] templates, the tracker takes 2$'):
        export_tracker(model, path, kind, 'int8',
                       [sample._replace(templates=sample.templates[:1]) for sample in samples])


def test_few_crops_of_a_long_video_are_kept(model):
    """However long it is, less than twice as many as are asked for."""
    frames = np.random.default_rng(0).integers(0, 256, (40, 96, 128, 3), np.uint8)
    searches = [sample.search for sample in samples_of_video(model, frames, BOX, 100)]
    kept = samples_of_video(model, frames, BOX, 4)
    assert [next(i for i, search in enumerate(searches) if np.array_equal(search, sample.search))
            for sample in kept] == [0, 8, 16, 32]  # of every eighth


@pytest.mark.parametrize('part', ['memory', 'templates'])
def test_memory_and_templates_count(part, tmp_path):
    """A network that forgets them finds other boxes."""
    class Forgetting(TorchNetwork):
        def encode(self, crops, boxes):
            if part == 'templates':
                crops = np.stack([crops[0], crops[0]])
            return super().encode(crops, boxes)

        def step(self, encoded, crops, memories):
            if part == 'memory':
                memories = [np.zeros_like(memory) for memory in memories]
            return super().step(encoded, crops, memories)

    model, frames = build(toy_teacher()).eval(), moving_disc(6)
    boxes = []
    for kind in (TorchNetwork, Forgetting):
        follower = Tracker(kind(model))
        follower.init(frames[0], BOX)
        boxes.append(np.array([follower.update(frame)[0] for frame in frames[1:]]))
    # The first memory is made in the first step, the first new template after the third.
    same = 1 if part == 'memory' else 3
    assert np.array_equal(boxes[0][:same], boxes[1][:same])
    assert not np.allclose(boxes[0][same], boxes[1][same], atol=1e-4)


def test_ports_of_a_tracker_without_memory(files):
    step = onnxruntime.InferenceSession(files / 'tracker.onnx')
    assert {port.name for port in step.get_inputs()} == {'template_tokens', 'search'}
    assert [port.name for port in step.get_outputs()] == ['score', 'size', 'offset']
    assert open_network(files / 'tracker.onnx').info.memory == (0, 0)


def test_a_file_of_the_format_before(files, tmp_path):
    """Which had one template for ever, and named the mean and deviation of its pixels."""
    onnx = pytest.importorskip('onnx')
    for path in files.glob('*.onnx'):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    path = tmp_path / 'tracker.onnx'
    model = onnx.load(path)
    entry, = (entry for entry in model.metadata_props if entry.key == METADATA)
    values = json.loads(entry.value)
    del values['templates'], values['memory']
    entry.value = json.dumps({**values, 'mean': [0.5] * 3, 'std': [0.2] * 3})
    onnx.save(model, path)
    for backend in ('onnxruntime', 'openvino'):
        with pytest.raises(ValueError) as caught:  # noqa: PT011
            open_network(path, backend=backend)
        assert str(caught.value) == (
            f"{path} does not say what tracking needs to know ('templates'); give a file written "
            'by tools/export.py of this version')


def test_bf16_is_openvinos_to_choose(files):
    frames = moving_disc(4)
    follower = Tracker(files / 'tracker.xml', precision='bf16', threads=1)
    follower.init(frames[0], BOX)
    assert np.isfinite(follower.update(frames[1])[0]).all()
    with pytest.raises(ValueError, match='onnxruntime computes in fp32, not in bf16; backends '
                                         'that do: torch, compile, openvino$'):
        Tracker(files / 'tracker.onnx', precision='bf16')


def test_weights_beside_an_exported_file(files):
    with pytest.raises(ValueError, match=r'tracker.onnx holds its own weights, so other.pth would '
                                         'not be used'):
        Tracker(files / 'tracker.onnx', 'other.pth')


@pytest.mark.parametrize('kind', FORMATS)
def test_half_precision(model, files, kind, tmp_path):
    path = tmp_path / f'half{FORMATS[kind]}'
    whole = files / f'tracker{FORMATS[kind]}'
    assert 0 < max(export_tracker(model, path, kind, 'fp16').agreement.values()) < 2e-2
    weights = [p.with_suffix('.bin') if kind == 'openvino' else p for p in (path, whole)]
    assert weights[0].stat().st_size < 0.75 * weights[1].stat().st_size
    assert open_network(path).info.precision == 'fp16'


@pytest.mark.parametrize('kind', FORMATS)
def test_int8(kind, tmp_path):
    pytest.importorskip('nncf')
    network = fuse_for_inference(build(student(division=1)))
    rng = np.random.default_rng(0)
    box = np.float32([[8, 8, 16, 16]])
    samples = []
    for _ in range(4):
        template, search = (
            cv2.resize(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8), (size, size))
            for size in (32, 64))
        samples.append(Sample(template[None], box, search))
    path = tmp_path / f'int8{FORMATS[kind]}'
    written = export_tracker(network, path, kind, 'int8', samples)
    assert 0.7 <= written.agreement['IoU'] < 1
    text = path.read_bytes()
    assert b'QuantizeLinear' in text or b'FakeQuantize' in text
    if kind == 'onnx':
        assert not quantized_softmaxes(path)
    with pytest.raises(ValueError, match='int8 needs crops to calibrate with'):
        export_tracker(network, path, kind, 'int8')


def quantized_softmaxes(path: Path) -> list[str]:
    """Softmaxes between integers, which ONNX Runtime up to 1.28 makes one whose largest share, 1,
    wraps to 0."""
    nodes = pytest.importorskip('onnx').load(path).graph.node
    source = {name: node.op_type for node in nodes for name in node.output}
    users = {name: [node.op_type for node in nodes if name in node.input] for name in source}
    assert 'Softmax' in source.values()
    return [node.op_type for node in nodes if node.op_type == 'QLinearSoftmax' or (
        node.op_type == 'Softmax' and source.get(node.input[0]) == 'DequantizeLinear'
        and 'QuantizeLinear' in users[node.output[0]])]


@pytest.mark.parametrize('patch_embed', [{}, {'patch_embed': {'type': 'ConvStem'}}])
def test_position_tables_are_resized_before_the_export(patch_embed, tmp_path):
    """OpenVINO's Resize knows no antialias, converters have others of their own."""
    onnx = pytest.importorskip('onnx')
    teacher = build(tracker(**patch_embed))
    smaller = build(student(template_size=16, search_size=48, **patch_embed))
    smaller.backbone.init_from_teacher(teacher.backbone)
    path = tmp_path / 'smaller.onnx'
    export_tracker(fuse_for_inference(smaller), path)
    for file in (path, path.with_suffix('.template.onnx')):
        assert not {node.op_type for node in onnx.load(file).graph.node} & {'Resize', 'Upsample'}


def test_a_file_that_is_wrong_is_not_written(model, tmp_path, monkeypatch):
    path = tmp_path / 'x.onnx'
    path.write_text('what was there before')
    other = fuse_for_inference(build(tracker(), seed=9))
    monkeypatch.setattr('mmct.deploy.export.TorchNetwork', lambda _: TorchNetwork(other))
    with pytest.raises(ValueError, match='does not do what the tracker does: .* nothing was writ'):
        export_tracker(model, path)
    assert path.read_text() == 'what was there before'
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize('output', ['score', 'size', 'offset'])
def test_one_output_that_is_not_finite_is_refused(model, output):
    class Overflowing(TorchNetwork):
        def step(self, *args):
            return {**super().step(*args), output: np.full(1, np.nan, np.float32)}

    with pytest.raises(ValueError, match=f"does not do what the tracker does: .*'{output}': nan"):
        check(Overflowing(model), TorchNetwork(model), [])


def test_int8_that_strays_is_refused(model, monkeypatch):
    other = TorchNetwork(fuse_for_inference(build(tracker(), seed=9)))
    other.info = other.info._replace(precision='int8')
    with pytest.raises(ValueError, match=r'at least 0.7 is needed; more or other calibration'):
        check(other, TorchNetwork(model), noise(other.info, 3))


# What cannot be


@pytest.mark.parametrize(('name', 'kwargs', 'error', 'message'), [
    ('none.onnx', {}, FileNotFoundError, 'none.onnx does not exist'),
    ('tracker.pt', {}, ValueError, r"no backend for files '.pt'; known are \['.onnx', '.py', '.*"
     'for a checkpoint give its config, too, or what tools/export.py CONFIG CHECKPOINT '),
    ('tracker.onnx', {'backend': 'tensorflow'}, ValueError, "backend='tensorflow' is not one of"),
    ('tracker.xml', {'backend': 'onnxruntime'}, ValueError, 'runs files .onnx, got .*tracker.xml'),
    ('other.onnx', {}, ValueError, 'other.onnx cannot be read by ONNX Runtime: '),
    ('other.xml', {}, ValueError, 'other.xml cannot be read by OpenVINO: '),
    ('alone.onnx', {}, FileNotFoundError, 'alone.template.onnx does not exist; it is written besi'),
    ('tracker.template.onnx', {}, ValueError, 'does not say what tracking needs to know'),
    ('tracker.template.xml', {}, ValueError, 'does not say what tracking needs to know'),
])
def test_files_that_cannot_be_run(files, tmp_path, name, kwargs, error, message):
    for path in files.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / 'other.onnx').write_text('no network')
    (tmp_path / 'other.xml').write_text('no network')
    (tmp_path / 'alone.onnx').write_bytes((files / 'tracker.onnx').read_bytes())
    with pytest.raises(error, match=message) as caught:
        Tracker(tmp_path / name, **kwargs)
    assert '\n' not in str(caught.value)


def test_update_before_init(model):
    with pytest.raises(ValueError, match=r'needs init\(frame, box\) before update'):
        Tracker(TorchNetwork(model)).update(moving_disc(1)[0])


# A device without PyTorch

LIGHT = """
import sys
import numpy as np
from mmct.runtime import Tracker
frames = np.load(sys.argv[1])
for path in sys.argv[2:]:
    tracker = Tracker(path)
    tracker.init(frames[0], (48, 48, 24, 24))
    print(*(value for frame in frames[1:] for value in tracker.update(frame)[0]))
try:
    Tracker(sys.argv[0], 'weights.pth')
except ImportError as error:
    print(error)
"""


def light_packages(folder):
    """A folder of packages with numpy, OpenCV and the backends alone."""
    folder.mkdir()
    for package in ('numpy', 'cv2', 'onnxruntime', 'openvino'):
        home = Path(importlib.util.find_spec(package).origin).parent
        for path in (home, *home.parent.glob(f'{package}*.libs'),
                     *home.parent.glob('opencv_python*.libs')):
            if not (folder / path.name).exists():
                (folder / path.name).symlink_to(path)
    return folder


def test_runs_without_pytorch(model, files, tmp_path):
    frames = np.stack(moving_disc(5))
    np.save(tmp_path / 'frames.npy', frames)
    paths = [files / f'tracker{suffix}' for suffix in FORMATS.values()]
    (tmp_path / 'light.py').write_text(LIGHT)
    done = subprocess.run(
        [sys.executable, '-S', tmp_path / 'light.py', tmp_path / 'frames.npy', *paths],
        env={'PYTHONPATH': f'{light_packages(tmp_path / "packages")}:{ROOT}'},
        capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    reference = Tracker(TorchNetwork(model))
    reference.init(frames[0], (48, 48, 24, 24))
    expected = [value for frame in frames[1:] for value in reference.update(frame)[0]]
    *boxes, last = done.stdout.strip().split('\n')
    assert len(boxes) == 2
    for line in boxes:
        assert [float(value) for value in line.split()] == pytest.approx(expected, abs=0.01)
    assert last == ("backend torch needs the package torch; install it alone, or with pip install "
                    "-e '.[lite]' in the folder of mmct")


def test_precision_of_autocast(model):
    frames = moving_disc(2)
    boxes = []
    for dtype in (None, torch.bfloat16):
        follower = Tracker(TorchNetwork(model, dtype=dtype))
        follower.init(frames[0], BOX)
        boxes.append(follower.update(frames[1]))
    assert boxes[0] != boxes[1]
    assert np.isfinite(boxes[1][0]).all()
