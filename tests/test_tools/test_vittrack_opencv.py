"""OpenCV's ``TrackerVit``: files that are written for it, and its parameters."""
import math

import cv2
import numpy as np
import pytest
import torch
from benchmarks.peers import OpenCvTracker
from commands import ROOT, run_tool
from tiny import build, tracker
from vittrack.opencv import WRONG, mended, parameters
from vittrack.reading import INPUTS, OUTPUTS, read_vittrack
from vittrack.writing import GRID, MEAN, SIZES, STD, write_vittrack
from vittrack_files import SHAPE

from mmct.api import fuse_for_inference
from mmct.checkpoint import save_tracker
from mmct.runtime.geometry import decode_center, hann_window

onnx = pytest.importorskip('onnx', reason='the extra deploy is not installed')
onnxruntime = pytest.importorskip('onnxruntime', reason='the extra deploy is not installed')
if not hasattr(cv2, 'TrackerVit_create'):
    pytest.skip(f'OpenCV {cv2.__version__} has no TrackerVit', allow_module_level=True)

FULL = {**SHAPE, 'template_size': 128, 'search_size': 256}
SMALL = {**SHAPE, 'template_size': 96, 'search_size': 192}
# Shares of the crops that a tracker sees, and the side of its search crop.
MIDDLE = {'middle': (0.75, 0.75, 192), 'coarser': (1., 0.875, 192), 'odd': (0.75, 0.8125, 208)}


@pytest.fixture(scope='module')
def written(tmp_path_factory):
    """{name: (network, file)} of the file's own crops, of smaller ones, and of their middle."""
    folder = tmp_path_factory.mktemp('opencv')
    configs = {'full': tracker(**FULL), 'small': tracker(**SMALL)} | {
        name: tracker(**{**SMALL, 'search_size': size}) | {
            'test_cfg': dict(template_factor=2 * a, search_factor=4 * b)}
        for name, (a, b, size) in MIDDLE.items()}
    models = {name: fuse_for_inference(build(config, seed=1))
              for name, config in configs.items()}
    for name, model in models.items():
        assert write_vittrack(model, folder / f'{name}.onnx') < 1e-4
    return {name: (model, folder / f'{name}.onnx') for name, model in models.items()}


def noise(size: int, seed: int) -> np.ndarray:
    """A normalised crop (1, 3, size, size) with edges, as pictures have them."""
    values = np.random.default_rng(seed).standard_normal((9, 9, 3)).astype(np.float32)
    return cv2.resize(values, (size, size)).transpose(2, 0, 1)[None].copy()


def maps_of_opencv(file, *crops) -> dict[str, np.ndarray]:
    network = cv2.dnn.readNet(str(file))
    for name, crop in zip(INPUTS, crops):
        network.setInput(crop, name)
    return {name: value[0] for name, value in zip(
        OUTPUTS.values(), network.forward(list(OUTPUTS)))}


def test_of_full_crops_the_maps_are_the_networks(written):
    model, file = written['full']
    crops = [noise(size, seed) for seed, size in enumerate(SIZES)]
    template, search = map(torch.from_numpy, crops)
    with torch.inference_mode():
        expected = model.outputs_of(template[:, None], search)
    for name, value in maps_of_opencv(file, *crops).items():
        np.testing.assert_allclose(value, expected[name][0].numpy(), rtol=0, atol=1e-5)


def test_of_smaller_crops_opencv_reads_the_same_box(written):
    model, file = written['small']
    for seed in range(4):
        crops = [noise(size, 2 * seed + i) for i, size in enumerate(SIZES)]
        template, search = (
            torch.from_numpy(cv2.resize(crop[0].transpose(1, 2, 0), (size, size)).transpose(
                2, 0, 1)[None].copy()) for crop, size in zip(crops, (96, 192)))
        with torch.inference_mode():
            own = {name: value[0].numpy() for name, value in model.outputs_of(
                template[:, None], search).items()}
        box, score = decode_center(**own, window=hann_window(12), report='windowed')
        maps = maps_of_opencv(file, *crops)
        assert maps['score'].shape == (1, GRID, GRID)
        found = decode_center(**maps, window=hann_window(GRID), report='windowed')
        np.testing.assert_allclose((*found[0], found[1]), (*box, score), rtol=0, atol=1e-4)


def middle_of(crop: np.ndarray, share: float, size: int) -> torch.Tensor:
    edge = int(crop.shape[-1] * (1 - share) / 2)
    cut = crop[0, :, edge:crop.shape[-1] - edge, edge:crop.shape[-1] - edge].transpose(1, 2, 0)
    return torch.from_numpy(cv2.resize(cut, (size, size)).transpose(2, 0, 1)[None].copy())


@pytest.mark.parametrize('name', MIDDLE)
def test_of_the_middle_opencv_reads_the_same_box(written, name):
    (model, file), (*shares, side) = written[name], MIDDLE[name]
    for seed in range(4):
        crops = [noise(size, 2 * seed + i) for i, size in enumerate(SIZES)]
        template, search = map(middle_of, crops, shares, (96, side))
        with torch.inference_mode():
            own = {key: value[0].numpy() for key, value in model.outputs_of(
                template[:, None], search).items()}
        (x, y, w, h), score = decode_center(**own, window=hann_window(side // 16),
                                            report='windowed')
        found = decode_center(**maps_of_opencv(file, *crops), window=hann_window(GRID),
                              report='windowed')
        share, edge = shares[1], (1 - shares[1]) / 2
        np.testing.assert_allclose(
            (*found[0], found[1]),
            (x * share + edge, y * share + edge, w * share, h * share, score), rtol=0, atol=1e-4)


def test_planes_that_opencv_gives_the_wrong_way_round(written, tmp_path):
    model, file = written['full']
    write_vittrack(model, tmp_path / 'bgr.onnx', bgr=True)
    rng, crops, turned = np.random.default_rng(0), [], []
    for size in SIZES:
        rgb = cv2.resize(rng.random((9, 9, 3), np.float32), (size, size))
        for planes, own in ((rgb, crops), (rgb[..., ::-1], turned)):
            own.append(((planes - MEAN) / STD).transpose(2, 0, 1)[None].astype(np.float32))
    expected = maps_of_opencv(file, *crops)
    for name, value in maps_of_opencv(tmp_path / 'bgr.onnx', *turned).items():
        np.testing.assert_allclose(value, expected[name], rtol=0, atol=1e-4)
    assert np.abs(maps_of_opencv(file, *turned)['score'] - expected['score']).max() > 1e-3


def test_files_hold_what_every_opencv_reads(written):
    """Operators beyond those of the released file, which OpenCV 4.10 and 5.0 were seen to read."""
    known = {'Add', 'Clip', 'Concat', 'Conv', 'Div', 'Erf', 'HardSigmoid', 'MatMul', 'Mul', 'Pow',
             'ReduceMean', 'Relu', 'Reshape', 'Resize', 'Sigmoid', 'Slice', 'Softmax', 'Split',
             'Sqrt', 'Squeeze', 'Sub', 'Transpose', 'Unsqueeze'}
    for name, (_, file) in written.items():
        model = onnx.load(file)
        assert [(one.domain, one.version) for one in model.opset_import] == [('', 14)]
        kinds = [node.op_type for node in model.graph.node]
        assert set(kinds) <= known
        assert kinds.count('Resize') == dict(full=0, small=2, middle=0, coarser=2, odd=0)[name]


def test_a_file_of_full_crops_can_be_read_again(written):
    model, file = written['full']
    again = read_vittrack(file)
    torch.testing.assert_close(again.backbone.pos_embed_x, model.backbone.pos_embed_x)


# What OpenCV's loop has no place for

def config_of(model: dict, tmp_path):
    path, weights = tmp_path / 'config.py', tmp_path / 'weights.pth'
    path.write_text(f'custom_imports = dict(imports=["mmct"])\nmodel = {model}\n')
    save_tracker(build(model).state_dict(), weights, student=False)
    return path, weights


@pytest.mark.parametrize(('model', 'reason'), [
    (tracker('CornerHead'), 'has a corner head, not a center head'),
    (dict(tracker(), test_cfg=dict(search_factor=5.)),
     'cuts crops by the factors (2.0, 5.0), not (2, 4)'),
    (dict(tracker(), test_cfg=dict(search_factor=2.97)),
     '(2.0, 2.97), not (2, 4) or less in whole pixels on both sides'),
    (dict(tracker(search_size=192), test_cfg=dict(search_factor=2.)),
     'has a map of 12 cells a side, more than 8'),
    (tracker(search_size=272), 'has a map of 17 cells a side, more than 16'),
    (dict(tracker(), data_preprocessor=dict(type='PairDataPreprocessor', mean=[.5] * 3)),
     'normalises by other means or deviations than'),
    (dict(tracker(), test_cfg=dict(templates=dict(
        type='BestOfInterval'))), 'has several templates')])
def test_trackers_that_are_refused(model, reason, tmp_path):
    out = tmp_path / 'out' / 'tracker.onnx'
    done = run_tool('export.py', *config_of(model, tmp_path), out, '--layout', 'opencv')
    assert done.status == 2
    assert done.err.count('\n') == 1
    assert "OpenCV's TrackerVit cannot run this tracker" in done.err
    assert reason in done.err
    assert not out.exists()


@pytest.mark.parametrize(('args', 'message'), [
    (['x.xml'], 'x.xml: a file for OpenCV ends in .onnx'),
    (['x.onnx', '--precision', 'fp16'], 'leave out --precision'),
    (['x.onnx', '--opset', 17], 'leave out --precision, --opset and --format')])
def test_options_that_make_no_sense(args, message, tmp_path):
    done = run_tool('export.py', *config_of(tracker(), tmp_path), tmp_path / args[0], *args[1:],
                    '--layout', 'opencv')
    assert done.status == 2
    assert done.err.count('\n') == 1
    assert message in done.err


def test_export(tmp_path):
    out = tmp_path / 'tracker.onnx'
    done = run_tool('export.py', *config_of(tracker(**SMALL), tmp_path), out, '--layout', 'opencv')
    assert done.status == 0, done.err
    assert 'for cv2.TrackerVit' in done.out
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        'config.py', 'tracker.onnx', 'weights.pth']


# TrackerVit itself

def test_the_mended_deviation_is_a_quaternions_inverse():
    k0, k1, k2 = mended(STD)
    square = k0**2 + k1**2 + k2**2
    np.testing.assert_allclose(
        [k0 / square, -k1 / square, -k2 / square], [1 / value for value in STD], rtol=1e-12)


def first_step(file, frame, box) -> tuple[list[int], float]:
    """Box and score of OpenCV's loop in a second frame that is the first again, by ONNX Runtime."""
    x, y, w, h = box
    blobs = []
    for size, factor in zip(SIZES, (2, 4)):
        side = math.ceil(math.sqrt(w * h) * factor)
        left, top = (start + int((length - side) / 2) for start, length in ((x, w), (y, h)))
        crop = np.zeros((side, side, 3), np.uint8)
        rows, columns = np.arange(top, top + side), np.arange(left, left + side)
        inside = np.ix_((rows >= 0) & (rows < len(frame)),
                        (columns >= 0) & (columns < frame.shape[1]))
        crop[inside] = frame[max(top, 0):top + side, max(left, 0):left + side]
        crop = cv2.resize(crop, (size, size)) / 255  # BGR, as OpenCV gives it to this network
        blobs.append(((crop - MEAN) / STD).transpose(2, 0, 1)[None].astype(np.float32))
    maps = onnxruntime.InferenceSession(file).run(list(OUTPUTS), dict(zip(INPUTS, blobs)))
    (cx, cy, w, h), score = decode_center(
        *(value[0] for value in maps), window=hann_window(GRID), report='windowed')
    return [(cx - w / 2) * side + left, (cy - h / 2) * side + top, w * side, h * side], score


def picture(seed: int) -> np.ndarray:
    values = np.random.default_rng(seed).integers(0, 256, (24, 32, 3), np.uint8)
    return cv2.resize(values, (320, 240))


@pytest.mark.parametrize('box', [(120, 80, 60, 50), (-8, 30, 40, 44), (250, 180, 90, 70)])
def test_the_peer_finds_what_onnx_runtime_finds(written, box):
    _, file = written['full']
    frame = picture(0)
    peer = OpenCvTracker(file)
    peer.init(frame, box)
    found, score = peer.update(frame)
    expected, expected_score = first_step(file, frame, box)
    assert score == pytest.approx(expected_score, abs=1e-4)
    assert expected_score > 0.2  # below, TrackerVit gives no box
    np.testing.assert_allclose(found, expected, rtol=0, atol=4)


def test_by_default_opencv_is_wrong_in_these_versions_only(written):
    """What :data:`vittrack.opencv.WRONG` says of the version installed here."""
    _, file = written['full']
    frame, box = picture(0), (120, 80, 60, 50)
    default = cv2.TrackerVit_Params()
    default.net = str(file)
    follower = cv2.TrackerVit_create(default)
    follower.init(frame, box)
    follower.update(frame)
    off = abs(follower.getTrackingScore() - first_step(file, frame, box)[1])
    assert (off > 5e-4) == ('.'.join(cv2.__version__.split('.')[:2]) in WRONG)


@pytest.mark.slow
def test_a_released_network_that_is_written_again_finds_the_same_boxes(reference, tmp_path):
    if not (reference / 'real').is_dir():
        pytest.skip(f'{reference} has no folder real of real videos')
    released = reference / 'golden/vittrack/object_tracking_vittrack_2023sep.onnx'
    again = tmp_path / 'again.onnx'
    write_vittrack(read_vittrack(released), again)
    for truth in sorted((reference / 'real').glob('*.txt')):
        frames = [cv2.imread(str(path)) for path in sorted(truth.with_suffix('').glob('*.jpg'))]
        box = np.genfromtxt(truth, delimiter=',')[0].round().astype(int).tolist()
        followers = [cv2.TrackerVit_create(parameters(file)) for file in (released, again)]
        for follower in followers:
            follower.init(frames[0], box)
        for frame in frames[1:60]:
            one, other = (follower.update(frame)[1] for follower in followers)
            np.testing.assert_allclose(one, other, rtol=0, atol=1, err_msg=truth.stem)


def test_docs_name_the_versions_that_are_wrong():
    text = (ROOT / 'docs/vittrack.md').read_text()
    assert f'| {", ".join(WRONG)} | wrong |' in text
    assert str(tuple(round(value, 5) for value in mended(STD))) in text
    first, *_, last = [version for version in WRONG if version[0] == '4']
    assert f'| {first} to {last}, 5.0 | wrong boxes' in (ROOT / 'docs/versions.md').read_text()
