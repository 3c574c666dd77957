"""tools/demo_video.py with a window and a mouse, several targets, and live sources."""
import os
import shutil
import subprocess
import sys
import threading

import cv2
import numpy as np
import pytest
from commands import ROOT, run_tool
from drawing.target import draw_target
from drawing.video import VideoFile

from mmct.runtime import Tracker, frames, update_many
from mmct.runtime.frames import Frames

CONFIG = ROOT / 'configs/demo/ostrack_tiny.py'
WEIGHTS = CONFIG.with_suffix('.pth')
BOX, OTHER = (60, 50, 40, 30), (150, 100, 40, 30)
LENGTH = 6


def scene(number: int) -> np.ndarray:
    """A red rectangle that moves right, and a blue one that stays."""
    rng = np.random.default_rng(0)
    frame = cv2.resize(rng.integers(60, 200, (6, 8, 3), dtype=np.uint8), (240, 180))
    for (x, y, w, h), colour in (((60 + 3 * number, *BOX[1:]), (30, 30, 220)),
                                 (OTHER, (220, 60, 30))):
        cv2.rectangle(frame, (x, y), (x + w, y + h), colour, -1)
    return frame


@pytest.fixture(scope='module')
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp('frames')
    for i in range(LENGTH):
        cv2.imwrite(str(folder / f'{i}.png'), scene(i))
    return folder


def track(source, *args):
    return run_tool('demo_video.py', source, CONFIG, '--checkpoint', WEIGHTS, *args)


def text_of(box) -> str:
    return ','.join(map(str, box))


class Screen:
    """OpenCV's windows, and somebody before them: what happens while a picture is shown is what
    ``script`` says of its number, from 0: a key, 'close', or mouse events."""

    def __init__(self, monkeypatch) -> None:
        self.open, self.shown, self.script, self.mouse = {}, [], {}, None
        for name in ('namedWindow', 'imshow', 'waitKey', 'setMouseCallback', 'getWindowProperty',
                     'destroyWindow', 'destroyAllWindows'):
            monkeypatch.setattr(cv2, name, getattr(self, name))
        monkeypatch.setattr(sys, 'platform', 'linux')
        monkeypatch.setenv('DISPLAY', ':0')

    def namedWindow(self, name, *flags) -> None:  # noqa: N802  OpenCV's names
        self.open[name] = True

    def setMouseCallback(self, name, callback) -> None:  # noqa: N802
        self.mouse = callback

    def imshow(self, name, picture) -> None:
        self.open[name] = True
        self.shown.append(picture.copy())

    def waitKey(self, wait) -> int:  # noqa: N802
        assert len(self.shown) < 100, 'it waits for ever'
        for doing in self.script.get(len(self.shown) - 1, ()):
            if doing == 'close':
                self.open = dict.fromkeys(self.open, False)
            elif isinstance(doing, str):
                return ord(doing)
            else:
                self.mouse(*doing, None)
        return -1

    def getWindowProperty(self, name, key) -> float:  # noqa: N802
        if not any(self.open.values()):
            raise cv2.error('NULL guiReceiver (please create a window)')  # as Qt
        return float(self.open.get(name, False))

    def destroyWindow(self, name) -> None:  # noqa: N802
        self.open[name] = False

    def destroyAllWindows(self) -> None:  # noqa: N802
        self.open = dict.fromkeys(self.open, False)


@pytest.fixture
def screen(monkeypatch) -> Screen:
    return Screen(monkeypatch)


def drag(box, flags: int = 0) -> list[tuple]:
    x, y, w, h = box
    return [(cv2.EVENT_LBUTTONDOWN, x, y, flags), (cv2.EVENT_MOUSEMOVE, x + w, y + 1, flags),
            (cv2.EVENT_LBUTTONUP, x + w, y + h, flags)]


@pytest.mark.parametrize('end', ['close', 'q', '\x1b'])
def test_the_window_ends_the_program(screen, pictures, tmp_path, end):
    screen.script = {2: [end]}
    done = track(pictures, '--box', text_of(BOX), '--show', '--out', tmp_path / 'o.avi', '--boxes',
                 tmp_path / 'o.txt')
    assert done.status == 0, done.err
    assert '3 frames, ' in done.out
    assert len(np.loadtxt(tmp_path / 'o.txt', delimiter=',')) == 3
    assert len(list(Frames(tmp_path / 'o.avi'))) == len(screen.shown) == 3


CLOSED = """
import cv2, numpy as np
from drawing.window import WINDOW, Window

window, frame = Window(), np.zeros((90, 160, 3), np.uint8)
window.show(frame)
assert not window.closed
wait = cv2.waitKey
cv2.waitKey = lambda time: wait(time) if cv2.destroyWindow(WINDOW) is None else None
window.show(frame)
assert window.closed
window.close()
"""


@pytest.mark.slow
def test_a_real_window_that_is_closed():
    if not shutil.which('Xvfb'):
        pytest.skip('Xvfb is not installed')
    with subprocess.Popen(['Xvfb', '-displayfd', '1'], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True) as server:
        try:
            environment = {**os.environ, 'DISPLAY': f':{server.stdout.readline().strip()}',
                           'PYTHONPATH': str(ROOT / 'tools')}
            done = subprocess.run([sys.executable, '-c', CLOSED], capture_output=True, text=True,
                                  env=environment, timeout=60, check=False)
        finally:
            server.terminate()
    if 'need an OpenCV with windows' in done.stderr:
        pytest.skip('this OpenCV has no windows')
    assert done.returncode == 0, done.stderr


def test_one_window_for_selection_and_show(screen, pictures, tmp_path):
    screen.script = {1: drag(BOX)}
    done = track(pictures, '--select', '--show', '--boxes', tmp_path / 'o.txt')
    assert done.status == 0, done.err
    assert len(screen.open) == 1
    assert np.loadtxt(tmp_path / 'o.txt', delimiter=',')[0].tolist() == list(BOX)
    assert len(screen.shown) == 2 + LENGTH


def test_selection_alone(screen, pictures, tmp_path):
    screen.script = {0: drag((60, 50, 1, 1)), 1: drag(BOX)}  # a click is no box
    done = track(pictures, '--select', '--out', tmp_path / 'o.avi', '--boxes', tmp_path / 'o.txt')
    assert done.status == 0, done.err
    assert not any(screen.open.values())
    assert np.loadtxt(tmp_path / 'o.txt', delimiter=',')[0].tolist() == list(BOX)
    screen.script, screen.shown = {0: ['close']}, []
    done = track(pictures, '--select', '--out', tmp_path / 'p.avi')
    assert (done.status, done.err) == (2, 'error: no box was drawn; drag one in the window\n')


def test_select_again_and_pause(screen, pictures, tmp_path):
    screen.script = {1: [' '], 4: drag(OTHER), 6: [' ']}
    done = track(pictures, '--box', text_of(BOX), '--show', '--boxes', tmp_path / 'o.txt', '--out',
                 tmp_path / 'o.avi')
    assert done.status == 0, done.err
    assert len(screen.shown) == LENGTH + 5  # pictures 1 to 6 are of the frame of the pause
    boxes = np.loadtxt(tmp_path / 'o.txt', delimiter=',')
    assert boxes.shape == (LENGTH, 4)
    assert boxes[1].tolist() == list(OTHER)
    tracker = Tracker(CONFIG, WEIGHTS)
    whole = list(Frames(pictures))
    tracker.init(whole[1], OTHER)
    np.testing.assert_allclose(boxes[2:], [tracker.update(frame)[0] for frame in whole[2:]],
                               atol=1e-3)
    written = list(Frames(tmp_path / 'o.avi'))[1]  # with the new box
    assert np.abs(written.astype(int) - screen.shown[5].astype(int)).mean() < 5
    assert np.abs(written.astype(int) - screen.shown[4].astype(int)).max() > 60


def rows(path) -> np.ndarray:
    return np.loadtxt(path, delimiter=',')


def test_another_target_by_the_mouse(screen, pictures, tmp_path):
    screen.script = {2: drag(OTHER, cv2.EVENT_FLAG_SHIFTKEY)}
    done = track(pictures, '--box', text_of(BOX), '--show', '--boxes', tmp_path / 'o.txt')
    assert done.status == 0, done.err
    found = rows(tmp_path / 'o.txt')
    assert found[:, :2].tolist() == [[1, 1], [2, 1], *(
        [frame, target] for frame in range(3, LENGTH + 1) for target in (1, 2))]
    assert found[3, 2:].tolist() == [*OTHER, 1, -1, -1, -1]


def test_several_targets(pictures, tmp_path):
    args = '--out', tmp_path / 'o.avi', '--boxes', tmp_path / 'o.txt'
    done = track(pictures, '--box', text_of(BOX), '--box', text_of(OTHER), *args)
    assert done.status == 0, done.err
    found = rows(tmp_path / 'o.txt').reshape(LENGTH, 2, 10)
    assert (found[:, :, 0] == np.arange(1, LENGTH + 1)[:, None]).all()
    assert (found[:, :, 1] == [1, 2]).all()
    first = Tracker(CONFIG, WEIGHTS)
    both = [first, Tracker(first.network)]
    whole = list(Frames(pictures))
    for tracker, box in zip(both, (BOX, OTHER)):
        tracker.init(whole[0], box)
    for frame, lines in zip(whole[1:], found[1:]):
        for (box, score), line in zip(update_many(both, frame), lines):
            np.testing.assert_allclose(line[2:7], [*box, score], atol=1e-3)
    assert len(list(Frames(tmp_path / 'o.avi'))) == LENGTH
    done = track(pictures, '--box', text_of(BOX), '--box', '500,2,30,30', *args)
    assert done.status == 2
    assert 'lies outside the frame' in done.err


def test_a_lost_target_is_drawn_differently(pictures, tmp_path):
    frame = np.zeros((180, 240, 3), np.uint8)
    found, lost = frame.copy(), frame.copy()
    draw_target(found, BOX, 0.4)
    draw_target(lost, BOX, 0.4, lost=True)
    x, y, w, h = BOX
    assert found[y + h // 2, x - 1].any()
    assert not lost[y + h // 2, x - 1].any()
    assert (lost[y - 1, x - 1] == found[y - 1, x - 1]).all()
    files = []
    for score in ('0', '1'):
        files.append(tmp_path / f'{score}.avi')
        done = track(pictures, '--box', text_of(BOX), '--lost', score, '--out', files[-1])
        assert done.status == 0, done.err
    kept, gone = (list(Frames(file))[-1].astype(int) for file in files)
    assert np.abs(kept - gone).max() > 60


class Camera:
    """A camera that has taken three more frames whenever one was tracked."""

    def __init__(self, source) -> None:
        self.number, self.allowed = 0, threading.Semaphore(1)
        self.read_all = threading.Semaphore(0)
        Camera.opened = self

    def isOpened(self) -> bool:  # noqa: N802
        return True

    def get(self, key: int) -> float:
        return 30. if key == cv2.CAP_PROP_FPS else -1.

    def read(self) -> tuple:
        self.read_all.release()
        assert self.allowed.acquire(timeout=60)
        self.number += 1
        return (True, scene(self.number)) if self.number <= 13 else (False, None)


@pytest.mark.parametrize(('args', 'tracked', 'said'), [
    ((), 5, ', 8 skipped to keep up'), (('--every-frame', ), 13, '')])
def test_a_camera_that_is_faster(monkeypatch, tmp_path, args, tracked, said):
    def taken() -> None:
        for _ in range(3):
            Camera.opened.allowed.release()
            if Camera.opened.number == 13:  # the end is not followed by another frame
                return
            assert Camera.opened.read_all.acquire(timeout=60)

    update, capture = Tracker.update, cv2.VideoCapture

    def slow(self, frame):
        found = update(self, frame)
        if not args:
            taken()
        return found

    def start(self, frame, box):
        init(self, frame, box)
        if args:
            for _ in range(20):
                Camera.opened.allowed.release()
        else:
            Camera.opened.read_all.acquire(timeout=60)
            Camera.opened.read_all.acquire(timeout=60)
            taken()

    init = Tracker.init
    monkeypatch.setattr(Tracker, 'update', slow)
    monkeypatch.setattr(Tracker, 'init', start)
    monkeypatch.setattr(frames.cv2, 'VideoCapture',
                        lambda source: Camera(source) if source == 0 else capture(source))
    done = track(0, '--box', text_of(BOX), '--out', tmp_path / 'o.avi', '--boxes',
                 tmp_path / 'o.txt', *args)
    assert done.status == 0, done.err
    assert f'{tracked} frames, ' in done.out
    assert f'(tracking alone){said}; written to' in done.out
    boxes = rows(tmp_path / 'o.txt')
    assert len(boxes) == len(list(Frames(tmp_path / 'o.avi'))) == tracked
    # Each box is of the frame that it was found in.
    assert abs(boxes[-1, 0] + boxes[-1, 2] / 2 - (60 + 3 * 13 + 20)) < 12


def test_the_rate_of_a_live_video(monkeypatch, tmp_path):
    """Frames are as far from one another as they came; the first waited for a selection."""
    times = iter([0, 9, *(9 + 0.1 * i for i in range(1, 20))])
    monkeypatch.setattr('drawing.video.time.monotonic', lambda: next(times))
    for count in (14, 2):
        with VideoFile(tmp_path / 'o.avi', None) as video:
            for i in range(count):
                video.write(scene(i))
        found = Frames(tmp_path / 'o.avi')
        assert len(list(found)) == count
        assert found.fps == pytest.approx(10, abs=0.1)
