"""Files for the converters of other runtimes, and these runtimes with what comes out of them."""
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from commands import ROOT, run_tool
from tiny import build, tracker
from toy import toy_teacher

from mmct import load_tracker
from mmct.deploy.targets import TARGETS, export_for
from mmct.runtime import Tracker

onnx = pytest.importorskip('onnx', reason='the extra deploy is not installed')
onnxruntime = pytest.importorskip('onnxruntime', reason='the extra deploy is not installed')

STUDENT = [ROOT / f'configs/ct_vittrack_fast{ending}' for ending in ('.py', '.pth')]
ELIMINATION = {'layers': [1, 2], 'keep_ratio': [0.7, 0.7], 'template_range': 'ALL'}


@pytest.fixture(scope='module')
def student():
    return load_tracker(*STUDENT)


def parts_of(folder: Path) -> list[Path]:
    return [folder / name for name in ('x.template.onnx', 'x.onnx')]


def examples(folder: Path) -> list[tuple[Path, dict, dict]]:
    """Each file with inputs, by name, and its outputs: noise, and a memory of zeros."""
    known, found = {}, []
    for part in parts_of(folder):
        session = onnxruntime.InferenceSession(part, providers=['CPUExecutionProvider'])
        rng = np.random.default_rng(1)
        for port in session.get_inputs():
            known.setdefault(port.name, np.float32(
                rng.integers(0, 256 if len(port.shape) == 4 else 1, port.shape)))
        names = [port.name for port in session.get_outputs()]
        inputs = {port.name: known[port.name] for port in session.get_inputs()}
        known.update(zip(names, session.run(names, inputs)))
        found.append((part, inputs, {name: known[name] for name in names}))
    return found


def error(found: np.ndarray, expected: np.ndarray) -> float:
    return np.abs(found.reshape(expected.shape) - expected).max() / np.abs(expected).max()


@pytest.mark.parametrize('name', TARGETS)
def test_files_take_planes_of_one_target(name, student, tmp_path):
    written = export_for(student, tmp_path / 'x.onnx', name)
    assert written.agreement.keys() == {'score', 'size', 'offset'}
    assert max(written.agreement.values()) < 1e-5
    found = {}
    for part in parts_of(tmp_path):
        model = onnx.load(part)
        assert {port.type.tensor_type.elem_type for port in model.graph.input} == {
            onnx.TensorProto.FLOAT}
        found.update({port.name: [size.dim_value for size in port.type.tensor_type.shape.dim]
                      for port in model.graph.input})
    assert found == dict(templates=[1, 3, 96, 96], search=[1, 3, 192, 192],
                         template_tokens=[1, 36, 48])
    with pytest.raises(ValueError, match='tools/export.py without --layout and --target'):
        Tracker(tmp_path / 'x.onnx')


@pytest.mark.parametrize(('model', 'says'), [
    (tracker(elimination=ELIMINATION), 'ncnn is not known to run .*TopK.*, operators of this'),
    (tracker('CornerHead'), 'ncnn is not known to run .*ReduceMax'),
    (dict(tracker(), test_cfg=dict(templates=dict(type='SpreadHistory'))),
     r'a file for ncnn has fixed sizes, and this tracker has 1 to \d+ templates')])
def test_what_ncnn_cannot_run_is_named(model, says, tmp_path):
    with pytest.raises(ValueError, match=says):
        export_for(build(model), tmp_path / 'x.onnx', 'ncnn')
    assert not list(tmp_path.iterdir())


def test_a_memory(tmp_path):
    export_for(build(toy_teacher()), tmp_path / 'x.onnx', 'mnn')
    (_, inputs, _), (_, searched, outputs) = examples(tmp_path)
    assert inputs['templates'].shape == (2, 3, 16, 16)
    assert outputs['next_memory'].shape == searched['memory'].shape


def test_ncnn(student, tmp_path):
    ncnn = pytest.importorskip('ncnn', reason='the package ncnn is not installed')
    pnnx = pytest.importorskip('pnnx', reason='the package pnnx is not installed')
    export_for(student, tmp_path / 'x.onnx', 'ncnn')
    for part, inputs, outputs in examples(tmp_path):
        subprocess.run([Path(pnnx.__file__).with_name('pnnx'), part.name, 'fp16=0'], cwd=tmp_path,
                       check=True, capture_output=True)
        network = ncnn.Net()
        assert network.load_param(str(part.with_suffix('.ncnn.param'))) == 0
        assert network.load_model(str(part.with_suffix('.ncnn.bin'))) == 0
        extractor = network.create_extractor()
        for i, value in enumerate(inputs.values()):
            # A copy: ncnn does not keep the array, and ignores its strides.
            extractor.input(f'in{i}', ncnn.Mat(value, batch_index=0).clone())
        for i, expected in enumerate(outputs.values()):
            found = extractor.extract(f'out{i}')[1].numpy(batch_index=0)
            assert error(np.array(found), expected) < 1e-5


def test_mnn(student, tmp_path):
    MNN = pytest.importorskip('MNN', reason='the package MNN is not installed')
    export_for(student, tmp_path / 'x.onnx', 'mnn')
    for part, inputs, outputs in examples(tmp_path):
        # Not `mnnconvert`, which installs packages and reports to a server.
        subprocess.run([
            sys.executable, '-c', 'import sys, _tools; _tools.mnnconvert(sys.argv)', '-f', 'ONNX',
            '--modelFile', part, '--MNNModel', part.with_suffix('.mnn'), '--bizCode', 'mmct',
            '--useGeluApproximation', '0'], check=True, capture_output=True)
        expr = MNN.expr
        network = MNN.nn.load_module_from_file(
            str(part.with_suffix('.mnn')), list(inputs), list(outputs))
        found = network.forward([expr.const(value, list(value.shape), expr.NCHW)
                                 for value in inputs.values()])
        for own, expected in zip(found, outputs.values(), strict=True):
            # The formula with tanh is 1.7e-3 off.
            assert error(np.array(expr.convert(own, expr.NCHW).read()), expected) < 3e-4


def test_command_line(tmp_path):
    done = run_tool('export.py', *STUDENT, tmp_path / 'x.onnx', '--target', 'ncnn')
    assert done.status == 0, done.err
    assert 'x.onnx and x.template.onnx, for the converter of ncnn; largest error' in done.out
    assert sorted(tmp_path.iterdir()) == sorted(parts_of(tmp_path))
    said = run_tool('export.py', '--help').out
    assert f'--target {{{",".join(sorted(TARGETS))}}}' in said


@pytest.mark.parametrize(('args', 'says'), [
    (['x.xml', '--target', 'mnn'], 'x.xml: a file for the converter of mnn ends in .onnx'),
    (['x.onnx', '--target', 'mnn', '--precision', 'fp16'], '--target mnn writes ONNX in float32'),
    (['x.onnx', '--target', 'mnn', '--opset', 17], 'leave out --precision, --opset and --format'),
    (['x.onnx', '--target', 'mnn', '--layout', 'opencv'], 'not allowed with argument')])
def test_options_that_make_no_sense(args, says, tmp_path):
    done = run_tool('export.py', *STUDENT, tmp_path / args[0], *args[1:])
    assert done.status == 2
    assert says in done.err
    assert not list(tmp_path.iterdir())
