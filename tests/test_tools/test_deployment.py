"""tools/export.py and tools/demo_video.py, on the weights that come with mmct."""
import os
import re
import resource
import shutil
import signal
import sys
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
import pytest
from commands import ROOT, run_tool
from drawing.video import VideoFile

from mmct.runtime import Tracker
from mmct.runtime.frames import Frames, count_frames, recorded_length

pytest.importorskip('onnxruntime', reason='the extra deploy is not installed')
pytest.importorskip('openvino', reason='the extra deploy is not installed')

CONFIG = ROOT / 'configs' / 'demo' / 'ostrack_tiny.py'
WEIGHTS = ROOT / 'configs' / 'demo' / 'ostrack_tiny.pth'
SMALL = [ROOT / f'configs/ct_vittrack_fast{ending}' for ending in ('.py', '.pth')]
BOX = (60, 50, 40, 30)


@pytest.fixture(scope='module')
def pictures(tmp_path_factory):
    """A folder of frames: a red rectangle moves over a soft background."""
    folder = tmp_path_factory.mktemp('frames')
    rng = np.random.default_rng(0)
    background = cv2.resize(rng.integers(60, 200, (6, 8, 3), dtype=np.uint8), (240, 180))
    for i in range(8):
        frame = background.copy()
        x, y, w, h = BOX
        cv2.rectangle(frame, (x + 3 * i, y), (x + 3 * i + w, y + h), (30, 30, 220), -1)
        cv2.imwrite(str(folder / f'{i:04d}.png'), frame)
    return folder


@pytest.fixture(params=['av', 'cv2'])
def writer(request, monkeypatch):
    """What writes videos: PyAV, or OpenCV as on a device without it."""
    if request.param == 'av':
        pytest.importorskip('av', reason='the extra video is not installed')
    else:
        monkeypatch.setitem(sys.modules, 'av', None)
    return request.param


@pytest.fixture(scope='module')
def exported(tmp_path_factory):
    out = tmp_path_factory.mktemp('exported') / 'tracker.onnx'
    done = run_tool('export.py', CONFIG, WEIGHTS, out)
    assert done.status == 0, done.err
    assert 'tracker.onnx and tracker.template.onnx, fp32; largest error against PyTorch' in done.out
    return out


def draw(*args):
    return run_tool('demo_video.py', *args)


@pytest.mark.parametrize('name', ['out.mp4', 'out.webm', 'out.avi'])
def test_video_of_a_folder(writer, exported, pictures, tmp_path, name):
    box = ','.join(map(str, BOX))
    done = draw(pictures, exported, '--box', box, '--out', tmp_path / name, '--boxes',
                tmp_path / 'boxes.txt')
    assert done.status == 0, done.err
    assert '8 frames, ' in done.out
    boxes = np.loadtxt(tmp_path / 'boxes.txt', delimiter=',')
    assert boxes.shape == (8, 4)
    assert boxes[0].tolist() == list(BOX)
    # The box follows, and is drawn.
    assert abs(boxes[-1, 0] + boxes[-1, 2] / 2 - (BOX[0] + 21 + 20)) < 12
    frames = list(Frames(tmp_path / name))
    assert len(frames) == 8
    x, y, w, h = boxes[-1].round().astype(int)
    edge = frames[-1][y + h // 2, max(x - 1, 0):x + 2].astype(int)
    assert (edge[:, 1] - edge[:, 2]).max() > 60
    assert [path.name for path in sorted(tmp_path.iterdir())] == sorted(['boxes.txt', name])


def test_config_and_checkpoint_give_the_same(exported, pictures, tmp_path):
    files = [tmp_path / 'one.txt', tmp_path / 'other.txt']
    box = ','.join(map(str, BOX))
    for file, model in zip(files, ((exported, ), (CONFIG, '--checkpoint', WEIGHTS)), strict=True):
        done = draw(pictures, *model, '--box', box, '--boxes', file, '--out', tmp_path / 'o.avi')
        assert done.status == 0, done.err
    assert np.allclose(*(np.loadtxt(file, delimiter=',') for file in files), atol=0.01)


def test_a_device_without_rich(exported, pictures, tmp_path, monkeypatch):
    """NumPy, OpenCV and a backend are enough."""
    for name in ('rich', 'rich.progress'):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setattr('cli.PERIOD', 0.)
    done = draw(pictures, exported, '--box', '60,50,40,30', '--out', tmp_path / 'o.avi')
    assert done.status == 0, done.err
    assert len(list(Frames(tmp_path / 'o.avi'))) == 8
    lines = done.err.splitlines()
    assert len(lines) == 8
    assert re.fullmatch(r'tracking 3/8, 0:00:\d\d left', lines[2])


def test_a_package_that_a_device_lacks(tmp_path, monkeypatch):
    (tmp_path / 'a.txt').write_text('1,2,3,4\n5,6,7,8\n')
    monkeypatch.setitem(sys.modules, 'tabulate', None)
    done = run_tool('evaluate.py', tmp_path, '--annotations', tmp_path)
    assert (done.status, done.err) == (
        2, 'error: tabulate is not installed, which this tool needs: run pip install tabulate, or '
        "for all tools pip install -e '.[lite]' in the folder of mmct\n")


def test_help_and_data_sets_on_a_device(tmp_path, monkeypatch):
    """Command lines are parsed before anything of the extra `lite` is imported."""
    for name in ('jinja2', 'matplotlib', 'rich', 'rich.progress', 'scipy', 'tabulate'):
        monkeypatch.setitem(sys.modules, name, None)
    for file in sorted((ROOT / 'tools').glob('*.py')):
        if file.stem != 'cli':
            assert run_tool(file.name, '--help').status == 0, file
    (tmp_path / 'a').mkdir()
    cv2.imwrite(str(tmp_path / 'a/1.png'), np.zeros((9, 9, 3), np.uint8))
    (tmp_path / 'a.txt').write_text('1,2,3,4\n')
    done = run_tool('check_dataset.py', 'own', tmp_path)
    assert done.status == 0, done.err
    assert 'own: 1 of 1 sequences are complete' in done.out


def test_a_score_that_is_none(pictures, exported):
    for lost in ('nan', '1.5', '-0.1', 'inf'):
        done = draw(pictures, exported, '--box', '1,2,30,40', f'--lost={lost}')
        assert (done.status, done.err.count('\n')) == (2, 1)
        assert f'error: --lost={float(lost)} must be in [0, 1]' in done.err


def test_one_image(pictures, exported, tmp_path):
    done = draw(pictures / '0003.png', exported, '--box', '1,2,30,40', '--out', tmp_path / 'o.avi')
    assert done.status == 0
    assert done.err == (f'warning: {pictures}/0003.png has one frame, so nothing was tracked; give '
                        'a video, or the folder of all frames\n')


def test_no_windows_in_opencv(pictures, exported, monkeypatch):
    def refuse(*args):
        raise cv2.error('The function is not implemented')

    monkeypatch.setenv('DISPLAY', ':0')
    monkeypatch.setattr(cv2, 'namedWindow', refuse)
    done = draw(pictures, exported, '--show', '--box', '1,2,30,40')
    assert (done.status, done.err.count('\n')) == (2, 1)
    assert 'error: --show and --select need an OpenCV with windows' in done.err


@pytest.mark.parametrize('threads', ['-1', '0', 'two', '1.5'])
def test_threads_of_a_command_line(pictures, exported, threads):
    done = draw(pictures, exported, '--box', '1,2,30,40', f'--threads={threads}')
    assert done.status == 2
    assert f'expected a whole number from 1 on, got {threads!r}' in done.err


@pytest.mark.parametrize('option', ['--show', '--select'])
def test_windows_need_a_screen(exported, pictures, tmp_path, monkeypatch, option):
    monkeypatch.setattr(sys, 'platform', 'linux')
    for name in ('DISPLAY', 'WAYLAND_DISPLAY', 'QT_QPA_PLATFORM'):
        monkeypatch.delenv(name, raising=False)
    done = draw(pictures, exported, option, *(['--box', '1,2,30,40'] if option == '--show' else ()))
    assert done.status == 2
    assert 'need a screen, and there is none' in done.err


@pytest.mark.parametrize('name', ['int8.onnx', 'int8.xml'])
def test_int8_of_a_video(pictures, tmp_path, name):
    box = ','.join(map(str, BOX))
    # Calibrating takes as long as there are layers.
    done = run_tool('export.py', *SMALL, tmp_path / name, '--precision', 'int8',
                    '--bias-correction', 'fast', '--calibration', pictures, '--box', box,
                    '--samples', 4)
    assert done.status == 0, done.err
    assert 'int8; mean IoU with PyTorch on the calibration crops: IoU' in done.out
    follower = Tracker(tmp_path / name)
    frames = list(Frames(pictures))
    follower.init(frames[0], BOX)
    for frame in frames[1:]:
        (x, _, w, _), score = follower.update(frame)
    assert abs(x + w / 2 - (BOX[0] + 21 + 20)) < 12
    assert 0 < score < 1


@pytest.mark.parametrize(('args', 'message'), [
    (('nowhere.mp4', '{model}', '--box', '1,2,3,4'), 'nowhere.mp4 does not exist; give a video'),
    (('{empty}', '{model}', '--box', '1,2,3,4'), 'has no images (.jpg, '),
    (('{text}', '{model}', '--box', '1,2,3,4'), 'video {text} cannot be opened'),
    (('{pictures}', '{model}', '--box', '1,2,3'), "expected X,Y,W,H in pixels, got '1,2,3'"),
    (('{pictures}', '{model}', '--box', '500,2,30,30'), 'lies outside the frame'),
    (('{pictures}', '{model}'), 'one of the arguments --box --select is required'),
    (('{pictures}', '{model}', '--box', '1,2,30,40', '--out', '{empty}/x.gif'),
     'x.gif: a video ends in .mp4 or .webm or .avi'),
    (('{pictures}', '{model}', '--box', '1,2,30,40', '--out', '{empty}/x.avi', '--boxes',
      '{empty}/../empty/x.avi'), '--out and --boxes are both {empty}/x.avi; give each a file of'),
    (('{pictures}', '{model}', '--box', '1,2,30,40', '--precision', 'bf16'), 'not in bf16'),
    (('{pictures}', 'none.onnx', '--box', '1,2,30,40'), 'none.onnx does not exist'),
])
def test_what_cannot_be_drawn(exported, pictures, tmp_path, args, message):
    places = dict(model=exported, pictures=pictures, empty=tmp_path / 'empty',
                  text=tmp_path / 'text.mp4')
    places['empty'].mkdir()
    places['text'].write_text('no video')
    done = draw(*(arg.format(**places) for arg in args))
    assert done.status == 2
    assert message.format(**places) in done.err
    assert not list(places['empty'].iterdir())


@pytest.mark.parametrize('option', ['--out', '--boxes'])
def test_the_video_itself_is_not_written_to(exported, pictures, tmp_path, option):
    file = tmp_path / 'a.mp4'
    assert draw(pictures, exported, '--box', '1,2,30,40', '--out', file).status == 0
    (tmp_path / 'link.mp4').symlink_to(file)
    before = file.read_bytes()
    done = draw(file, exported, '--box', '1,2,30,40', option, tmp_path / 'link.mp4')
    assert done.status == 2
    assert f'{option} {tmp_path}/link.mp4 is the video that is tracked in' in done.err
    assert file.read_bytes() == before


def test_the_model_itself_is_not_written_to(exported, pictures, tmp_path):
    model = shutil.copy(exported, tmp_path / 'tracker.onnx')
    done = draw(pictures, model, '--box', '1,2,30,40', '--boxes', model)
    assert done.status == 2
    assert f'--boxes {model} is the model, which would be lost; give another file' in done.err
    assert model.read_bytes() == exported.read_bytes()


def test_a_first_box_that_may_be_corners(exported, pictures, tmp_path):
    done = draw(pictures, exported, '--box', '130,90,200,150', '--out', tmp_path / 'a.mp4')
    assert done.status == 0
    assert 'warning: --box may be corners x1,y1,x2,y2: as x,y,w,h 1 of 1 reach beyond ' in done.err
    done = draw(pictures, exported, '--box', '.25,.3,.2,.2', '--out', tmp_path / 'a.mp4')
    assert (done.status, 'is given in parts of the frame' in done.err) == (2, True)


def test_a_frame_that_cannot_be_read(exported, pictures, tmp_path):
    """What was tracked up to there is kept."""
    (tmp_path / 'in').mkdir()
    for i, path in enumerate(sorted(pictures.iterdir())):
        content = path.read_bytes()[:None if i < 3 else 40]
        (tmp_path / f'in/{i + 8}.png').write_bytes(content)
    out = tmp_path / 'out'
    args = tmp_path / 'in', exported, '--box', '60,50,40,30', '--out', out / 'o.mp4'
    done = draw(*args, '--boxes', out / 'o.txt')
    assert done.status == 2
    assert done.err.endswith(f'error: frame {tmp_path / "in/11.png"} cannot be read\n')
    assert len(np.loadtxt(out / 'o.txt', delimiter=',')) == len(list(Frames(out / 'o.mp4'))) == 3
    (out / 'o.mp4').unlink()
    (tmp_path / 'in/8.png').write_bytes(b'')
    assert draw(*args).status == 2
    assert [path.name for path in out.iterdir()] == ['o.txt']


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_run_that_is_told_to_end(exported, pictures, tmp_path, monkeypatch, number):
    update, left = Tracker.update, [None] * 4

    def interrupted(self, frame):
        if not left:
            os.kill(os.getpid(), number)
        left.pop()
        return update(self, frame)

    monkeypatch.setattr(Tracker, 'update', interrupted)
    done = draw(pictures, exported, '--box', '60,50,40,30', '--out', tmp_path / 'o.avi', '--boxes',
                tmp_path / 'o.txt')
    assert (done.status, done.err) == (128 + number, '')
    assert 'interrupted after 5 frames, ' in done.out
    assert len(np.loadtxt(tmp_path / 'o.txt', delimiter=',')) == 5
    assert len(list(Frames(tmp_path / 'o.avi'))) == 5


def test_told_to_end_between_video_and_boxes(exported, pictures, tmp_path, monkeypatch):
    write, left = VideoFile.write, [None] * 4

    def interrupted(self, frame):
        write(self, frame)
        if not left:
            raise KeyboardInterrupt
        left.pop()

    monkeypatch.setattr(VideoFile, 'write', interrupted)
    done = draw(pictures, exported, '--box', '60,50,40,30', '--out', tmp_path / 'o.avi', '--boxes',
                tmp_path / 'o.txt')
    assert (done.status, done.err) == (130, '')
    assert len(np.loadtxt(tmp_path / 'o.txt', delimiter=',')) == 5
    assert len(list(Frames(tmp_path / 'o.avi'))) == 5


def test_told_to_end_before_a_frame_is_written(exported, pictures, tmp_path, monkeypatch):
    """It is written then, since its boxes are, too."""
    write, left = VideoFile.write, [None] * 4

    monkeypatch.setattr(VideoFile, 'write', lambda self, frame: (
        signal.raise_signal(signal.SIGINT) if not left else left.pop(), write(self, frame)))
    done = draw(pictures, exported, '--box', '60,50,40,30', '--out', tmp_path / 'o.avi', '--boxes',
                tmp_path / 'o.txt')
    assert (done.status, done.err) == (130, '')
    assert len(np.loadtxt(tmp_path / 'o.txt', delimiter=',')) == 5
    assert len(list(Frames(tmp_path / 'o.avi'))) == 5


@pytest.mark.parametrize(('name', 'room'), [('o.mp4', 2_000), ('o.webm', 2_000), ('o.avi', 9_000)])
def test_a_full_disk_under_a_video(writer, exported, pictures, tmp_path, name, room):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        done = draw(pictures, exported, '--box', '60,50,40,30', '--out', tmp_path / name, '--boxes',
                    tmp_path / 'o.txt')
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert done.status == 2
    said = 'File too large' if writer == 'av' and name != 'o.avi' else '8 frames were given, '
    assert done.err.splitlines()[-1].startswith(
        f'error: {tmp_path / name} cannot be written: {said}')
    assert [path.name for path in tmp_path.iterdir()] == ['o.txt']
    assert len(np.loadtxt(tmp_path / 'o.txt', delimiter=',')) == 8


WRITER = cv2.VideoWriter


class WithoutCodecs:
    """OpenCV's writer in a build that has only these codecs."""

    def __init__(self, monkeypatch, *codecs: str) -> None:
        self.known, self.asked = {cv2.VideoWriter_fourcc(*codec): codec for codec in codecs}, []
        monkeypatch.setattr(cv2, 'VideoWriter', self.open)

    def open(self, path, codec, *args):
        self.asked.append(self.known.get(codec))
        if codec in self.known:
            return WRITER(path, codec, *args)
        return WRITER(path, 0, *args)


@pytest.mark.parametrize(('name', 'codecs', 'used', 'said'), [
    ('o.mp4', ('vp09', 'mp4v'), 'mp4v', 'browsers do not play this video (MPEG-4 Part 2); pip '
     'install av, and they do'),
    ('o.webm', ('VP80', 'VP90'), 'VP80', 'OpenCV takes long for this video (VP8); pip install av, '
     'and it does not'),
    ('o.webm', ('VP90', ), 'VP90', None), ('o.avi', ('MJPG', ), 'MJPG', None)])
def test_codecs_of_videos(tmp_path, monkeypatch, recwarn, capfd, name, codecs, used, said):
    """Of an OpenCV that has these, without PyAV; a warning says what is amiss."""
    monkeypatch.setitem(sys.modules, 'av', None)
    asked = WithoutCodecs(monkeypatch, *codecs).asked
    with VideoFile(tmp_path / name, 25) as video:
        write_greys(video)
    assert [codec for codec in asked if codec] == [used]
    assert greys(tmp_path / name) == pytest.approx(range(40), abs=0.9)  # none is another
    assert capfd.readouterr().err == ''
    assert [str(warning.message) for warning in recwarn] == [
        f'{tmp_path / name}: {said}'] * (said is not None)


def write_greys(video: VideoFile, size: tuple[int, int] = (48, 64)) -> None:
    for i in range(40):
        video.write(np.full((*size, 3), 20 + 5 * i, np.uint8))


def greys(path: Path) -> list[float]:
    """The numbers of frames of :func:`write_greys`."""
    return [(frame.mean() - 20) / 5 for frame in Frames(path)]


@pytest.mark.parametrize(('name', 'codec'), [('o.mp4', 'h264'), ('o.webm', 'VP90')])
@pytest.mark.parametrize('size', [(48, 64), (49, 63)])
def test_codecs_of_pyav(tmp_path, recwarn, name, codec, size):
    pytest.importorskip('av', reason='the extra video is not installed')
    with VideoFile(tmp_path / name, 25) as video:
        write_greys(video, size)
    assert greys(tmp_path / name) == pytest.approx(range(40), abs=0.9)
    found = int(cv2.VideoCapture(str(tmp_path / name)).get(cv2.CAP_PROP_FOURCC))
    assert found.to_bytes(4, 'little').decode() == codec
    assert next(iter(Frames(tmp_path / name))).shape == (48, size[1] // 2 * 2, 3)
    assert not recwarn


def test_a_pyav_without_h264(tmp_path, monkeypatch):
    av = pytest.importorskip('av', reason='the extra video is not installed')
    monkeypatch.setattr(av, 'codecs_available', {'libvpx-vp9'})
    with VideoFile(tmp_path / 'o.mp4', 25) as video:
        write_greys(video)
    assert greys(tmp_path / 'o.mp4') == pytest.approx(range(40), abs=0.9)


def test_browsers_play_the_video(writer, browser, exported, pictures, tmp_path):
    for name in ('o.mp4', 'o.webm') if writer == 'av' else ('o.webm', ):
        done = draw(pictures, exported, '--box', '60,50,40,30', '--out', tmp_path / name)
        assert done.status == 0, done.err
        (tmp_path / 'page.html').write_text(f'<video muted src="{name}"></video>')
        tab = browser.new_page()
        tab.goto((tmp_path / 'page.html').as_uri())
        video = "document.querySelector('video')"
        tab.wait_for_function(f'{video}.error || {video}.readyState > 2')
        assert tab.evaluate(f'{video}.error') is None
        assert tab.evaluate(f'{video}.videoWidth') == 240
        tab.close()


@pytest.mark.parametrize(('fps', 'written'), [
    (29.97003, 29.97), (59.943, 59.943), (119.973, 119.97), (211.222, 211.22), (240.003, 240),
    (0., 30), (np.nan, 30), (np.inf, 30), (-1., 30), (0.02, 0.1), (1001., 1000), (90000., 1000)])
@pytest.mark.parametrize('ending', ['mp4', 'avi', 'webm'])
def test_rates_of_videos(writer, tmp_path, recwarn, ending, fps, written):
    """MPEG-4 has fractions of 16 bits, and OpenCV's writer refuses what it does not round so."""
    path = tmp_path / f'o.{ending}'
    with VideoFile(path, fps) as video:
        for _ in range(3):
            video.write(np.zeros((48, 64, 3), np.uint8))
    assert cv2.VideoCapture(str(path)).get(cv2.CAP_PROP_FPS) == pytest.approx(written, 1e-3)
    assert len(list(Frames(path))) == 3
    said = [str(warning.message) for warning in recwarn if 'pip install' not in str(warning)]
    assert said == [
        f'{path}: {fps:g} frames a second are written as {written:g}, which is the nearest rate '
        'that fits'] * (not abs(fps - written) <= 0.001)


@pytest.mark.filterwarnings('ignore:.*pip install av')
@pytest.mark.parametrize('name', ['a:b', '%d', '-dash', 'a, b', '#3', 'rtsp:x', 'v1.5'])
def test_names_of_videos(writer, tmp_path, monkeypatch, name):
    """Relative ones too, of which FFmpeg takes some for protocols."""
    monkeypatch.chdir(tmp_path)
    for ending in ('mp4', 'avi', 'webm'):
        path = Path(f'{name}.{ending}')
        with VideoFile(path, 25) as video:
            for i in range(3):
                video.write(np.full((48, 64, 3), 80 * i, np.uint8))
        assert [path.name for path in tmp_path.iterdir()] == [path.name]
        assert len(list(Frames(path))) == count_frames(path) == recorded_length(path) == 3
        path.unlink()


@pytest.mark.filterwarnings('ignore:.*pip install av')
@pytest.mark.parametrize('ending', ['mp4', 'avi'])
def test_told_to_end_as_a_frame_is_written(writer, tmp_path, ending):
    """Whenever that is, no frame before it is lost."""
    def end(number, frame) -> None:
        raise KeyboardInterrupt

    before, noise = signal.signal(signal.SIGALRM, end), np.random.default_rng(0).integers(
        0, 20, (240, 320, 3), np.uint8)
    frames = [noise + np.uint8(20 + 5 * i) for i in range(40)]
    try:
        for wait in np.geomspace(0.001, 0.2, 12):
            path = tmp_path / f'{wait}.{ending}'
            with VideoFile(path, 25) as video, suppress(KeyboardInterrupt):
                video.write(frames[0])
                signal.setitimer(signal.ITIMER_REAL, wait)
                for number in range(1, 1000):  # Python loses what is raised in a destructor
                    video.write(frames[number % 40])
            found = greys(path)
            assert len(found) in (number, number + 1)
            assert np.diff(found) % 40 == pytest.approx(1, abs=0.4)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_what_no_codec_takes_is_said(writer, tmp_path):
    with pytest.raises(OSError, match='o.mp4 cannot be written'), \
            VideoFile(tmp_path / 'o.mp4', 25) as video:
        video.write(np.zeros((1, 1, 3), np.uint8))
    assert not list(tmp_path.iterdir())


def test_a_picture_larger_than_h264_takes(tmp_path):
    av = pytest.importorskip('av', reason='the extra video is not installed')
    if 'libx264' not in av.codecs_available:
        pytest.skip('this PyAV has no x264')
    with pytest.raises(OSError, match='o.mp4 cannot be written: '), \
            VideoFile(tmp_path / 'o.mp4', 25) as video:
        video.write(np.zeros((60, 17_000, 3), np.uint8))
    assert not list(tmp_path.iterdir())


def test_a_stream(exported, pictures, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = draw(pictures / '%04d.png', exported, '--box', '60,50,40,30')
    assert done.status == 0, done.err
    assert '8 frames, ' in done.out
    assert [path.name for path in tmp_path.iterdir()] == ['_04d.png.tracked.mp4']
    before = set(pictures.parent.iterdir())
    done = draw(pictures, exported, '--box', '60,50,40,30')
    assert done.status == 0, done.err
    assert (tmp_path / f'{pictures.name}.tracked.mp4').is_file()
    assert set(pictures.parent.iterdir()) == before  # nothing is written into the data
    shutil.copytree(pictures, tmp_path / 'cat-1/img')
    assert draw(tmp_path / 'cat-1/img', exported, '--box', '60,50,40,30').status == 0
    assert (tmp_path / 'cat-1.tracked.mp4').is_file()
    for name in ('imgs', 'color'):  # TNL2K's and VOT's
        shutil.copytree(pictures, tmp_path / f'of {name}' / name)
        assert draw(tmp_path / f'of {name}' / name, exported, '--box', '60,50,40,30').status == 0
        assert (tmp_path / f'of_{name}.tracked.mp4').is_file()
    done = draw('http://127.0.0.1:1/v.mp4', exported, '--box', '60,50,40,30')
    assert (done.status, done.err.splitlines()[-1]) == (
        2, 'error: video http://127.0.0.1:1/v.mp4 cannot be opened')


@pytest.mark.parametrize(('args', 'message'), [
    (('x.xml', '--format', 'onnx'), 'x.xml: a file of format onnx ends in .onnx'),
    (('x.onnx', '--precision', 'int8', '--calibration', '.'), 'needs the box of a target in its'),
    (('x.onnx', '--calibration', '.', '--box', '1,2,3,4'),
     '--calibration and --box are for --precision int8, not for fp32'),
])
def test_what_cannot_be_exported(tmp_path, args, message):
    done = run_tool('export.py', CONFIG, WEIGHTS, tmp_path / args[0], *args[1:])
    assert done.status == 2
    assert message in done.err
    assert not list(tmp_path.iterdir())


def test_frames_of_another_size_fit_the_video(tmp_path):
    with VideoFile(tmp_path / 'x.avi', 10) as video:
        for size in ((40, 60), (80, 100)):
            video.write(np.full((*size, 3), 128, np.uint8))
    assert [frame.shape for frame in Frames(tmp_path / 'x.avi')] == [(40, 60, 3)] * 2


# The test of a tracker by an exported file

@pytest.mark.parametrize('name', ['student.onnx', 'student.xml'])
def test_evaluation_of_an_exported_file(setup, tmp_path, name):
    file = tmp_path / name
    done = run_tool('export.py', setup.config, setup.student, file)
    assert done.status == 0, done.err
    boxes = []
    for i, weights in enumerate((setup.student, file)):
        done = run_tool('test.py', setup.config, weights, '--work-dir', tmp_path / f'work{i}',
                        '--results', tmp_path / f'boxes{i}')
        assert (done.status, done.err) == (0, '')
        boxes.append(np.loadtxt(tmp_path / f'boxes{i}' / 'cat-1.txt', delimiter=','))
    np.testing.assert_allclose(*boxes, atol=0.1)


def test_evaluation_of_a_file_of_another_tracker(exported, setup, tmp_path):
    done = run_tool('test.py', setup.config, exported, '--work-dir', tmp_path, '--cfg-options',
                    'model.student.test_cfg.search_factor=3.')
    assert done.status == 2
    assert done.err == ('error: the file is not of the tracker of this config: search factor 4.0, '
                        'not 3.0\n')
    done = run_tool('test.py', setup.config, exported, '--precision', 'bf16', '--work-dir',
                    tmp_path)
    assert 'backend onnxruntime computes in fp32, not in bf16' in done.err


@pytest.mark.parametrize(('option', 'value'), [
    ('--precision', 'bf16'), ('--backend', 'openvino'), ('--threads', 1)])
def test_options_of_exported_files_for_weights(setup, tmp_path, option, value):
    done = run_tool('test.py', setup.config, setup.student, option, value, '--work-dir',
                    tmp_path / 'work')
    assert (done.status, done.err) == (
        2, f'error: {option} is for exported files only, and {setup.student} is not one: leave it '
        'out, or give a file of tools/export.py\n')
    assert not (tmp_path / 'work').exists()
