"""One reader of frames: one order, and a video's frame is that of reading in order."""
import queue
import struct
import threading
import time
import warnings
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from drawing.video import VideoFile

from mmct.runtime import frames as module
from mmct.runtime.frames import (
    FrameError,
    Frames,
    Video,
    count_frames,
    frame_size,
    in_order,
    read_image,
)

APPLE = b'\0\5\x16\7\0\2\0\0Mac OS X        \0\2\xb0\xff'  # what macOS puts into ._NAME
LENGTH = 90


def picture(number: int) -> np.ndarray:
    """A frame that says its number in eight stripes, a bit each."""
    bits = [number >> bit & 1 for bit in range(8)]
    return np.repeat(np.uint8(255) * np.uint8(bits), 8)[None, :, None].repeat(48, 0).repeat(3, 2)


def number_of(frame: np.ndarray) -> int:
    return sum(1 << bit for bit in range(8) if frame[:, 8 * bit:8 * bit + 8].mean() > 127)


@pytest.fixture(scope='module')
def file(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp('video') / 'a.mp4'
    with VideoFile(path, 25) as video:
        for i in range(LENGTH):
            video.write(picture(i))
    return path


OPENCV = cv2.VideoCapture


class Lying:
    """OpenCV's reader of a file whose index is wrong, and what it was asked to do."""

    def __init__(self, path: str) -> None:
        self.video, self.shift, self.done = OPENCV(path), -3, Lying.log
        self.done.append('open')

    log: list = []

    def __getattr__(self, name: str) -> object:
        return getattr(self.video, name)

    def set(self, key: int, number: float) -> bool:
        self.done.append('set')
        return self.video.set(key, number + self.shift)

    def grab(self) -> bool:
        self.done.append('grab')
        return self.video.grab()

    def retrieve(self) -> tuple:
        self.done.append('retrieve')
        return self.video.retrieve()

    def read(self) -> tuple:
        return self.grab() and self.retrieve()


@pytest.fixture
def lying(monkeypatch) -> list:
    monkeypatch.setattr(module.cv2, 'VideoCapture', Lying, raising=True)
    monkeypatch.setattr(Lying, 'log', [])
    return Lying.log


def test_folders_are_in_order_of_numbers(tmp_path):
    for i in range(1, 13):
        cv2.imwrite(str(tmp_path / f'{i}.png'), picture(i))
        (tmp_path / f'._{i}.png').write_bytes(APPLE)
    frames = Frames(tmp_path)
    assert [number_of(frame) for frame in frames] == list(range(1, 13))
    assert [number_of(frame) for frame in frames] == list(range(1, 13))
    assert [number_of(frames[i]) for i in (9, 1)] == [10, 2]
    assert frames.length == count_frames(tmp_path) == 12
    files = Frames(tmp_path / f'{i}.png' for i in (3, 2))
    assert [number_of(frame) for frame in files] == [3, 2] == [number_of(frame) for frame in files]


def test_any_order_gives_the_frames_of_reading_in_order(file):
    frames = Frames(file)
    whole = list(frames)
    assert [number_of(frame) for frame in whole] == list(range(LENGTH))
    order = np.random.default_rng(0).permutation(LENGTH)
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        for i in (*order, *range(40, LENGTH)):
            np.testing.assert_array_equal(frames[int(i)], whole[i])
    for wrong in (LENGTH, LENGTH + 100, -1):
        with pytest.raises(OSError, match=f'a.mp4#{wrong} cannot be read'):
            frames[wrong]
    np.testing.assert_array_equal(frames[LENGTH - 1], whole[-1])


def test_an_index_that_leads_elsewhere_is_found_out(file, lying):
    video = Video(file)
    with pytest.warns(UserWarning, match='index of .* leads to other frames'):
        assert number_of(video[70]) == 70
    assert [number_of(video[i]) for i in (10, 60, 89, 0)] == [10, 60, 89, 0]
    assert count_frames(file) == LENGTH
    with pytest.raises(OSError, match='a.mp4#90 cannot be read'):
        video[LENGTH]


@pytest.mark.parametrize('lie', [lambda number: 0.8 * number, lambda number: number + 50,
                                 lambda number: 0, lambda number: 1.3 * number])
def test_what_a_lying_index_costs(tmp_path, lying, monkeypatch, lie):
    """Frames near where it leads, not all from the beginning; always the right ones."""
    length = 250
    with VideoFile(tmp_path / 'long.mp4', 25) as writer:
        for i in range(length):
            writer.write(picture(i))
    monkeypatch.setattr(Lying, 'set', lambda self, key, number: self.video.set(
        key, min(int(lie(number)), length - 1)))
    video = Video(tmp_path / 'long.mp4')
    with pytest.warns(UserWarning, match='leads to other frames'):
        assert number_of(video[240]) == 240
    order = [int(i) for i in np.random.default_rng(1).permutation(length)]
    lying.clear()
    assert [number_of(video[i]) for i in order] == order
    if lie(100):
        assert lying.count('grab') < 85 * length  # from the beginning it would be 125 a frame


def test_frames_in_order_cost_what_decoding_costs(file, lying):
    video = Video(file)
    for i in (0, 1, 2, 10, 30):
        video[i]
    read = ['grab', 'retrieve']
    assert lying == ['open', *read, *read, *read, *['grab'] * 7, *read, *['grab'] * 19, *read]


class Damaged:
    """OpenCV's reader of a file whose frame 20 cannot be decoded."""

    def __init__(self, path: str) -> None:
        self.video, self.next = OPENCV(path), 0

    def __getattr__(self, name: str) -> object:
        return getattr(self.video, name)

    def set(self, key: int, number: float) -> bool:
        self.next = int(number)
        return self.video.set(key, number)

    def grab(self) -> bool:
        self.next += 1
        return self.video.grab() and self.next != 21


class HoldingBack(Damaged):
    """The same by a decoder that holds two frames back, where the end of the file is cut off."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.failed = set()

    def grab(self) -> bool:
        if self.next in (18, LENGTH - 2) and self.next not in self.failed:
            self.failed.add(self.next)
            return False
        for _ in range(1 + (self.next == 20)):
            self.next += 1
            found = self.video.grab()
        return found


@pytest.mark.parametrize('reader', [Damaged, HoldingBack])
def test_a_broken_frame_in_a_video(file, monkeypatch, reader):
    """It keeps its number, the others theirs, and reading in order says that it is broken."""
    monkeypatch.setattr(cv2, 'VideoCapture', reader)
    assert count_frames(file) == LENGTH
    frames = iter(Frames(file))
    assert [number_of(next(frames)) for _ in range(20)] == list(range(20))
    with pytest.raises(FrameError, match='a.mp4#20 cannot be read.*, but others after it'):
        next(frames)
    for numbers in ((25, ), (19, 21, 22), (70, 21, 60), (0, 89)):
        video = Video(file)
        assert [number_of(video[i]) for i in numbers] == list(numbers)
        with pytest.raises(FrameError, match='a.mp4#20 cannot be read'):
            video[20]
        assert number_of(video[24]) == 24
    with pytest.raises(FrameError):
        video[LENGTH]


def test_streams_are_handed_to_opencv(tmp_path):
    for i in range(3):
        cv2.imwrite(str(tmp_path / f'img_{i}.png'), picture(9 * i))
    assert [number_of(frame) for frame in Frames(str(tmp_path / 'img_%d.png'))] == [0, 9, 18]
    for name in ('http://127.0.0.1:1/v.mp4', '/dev/null', str(tmp_path / 'none_%d.png')):
        with pytest.raises(ValueError, match='cannot be opened'):
            Frames(name)
    with pytest.raises(FileNotFoundError, match='does not exist'):
        Frames(tmp_path / 'none.mp4')
    for number in (97, '97', np.int64(97)):
        with pytest.raises(ValueError, match='^camera 97 cannot be opened$'):
            Frames(number)
    frame = picture(0)
    for nothing in (None, '', 0., [frame], np.stack([frame]), iter([frame]), b'v.mp4'):
        with pytest.raises(ValueError, match='has no frames; give a video file, a folder of im'):
            Frames(nothing)


class Camera:
    """A camera whose next frame is there when the test lets it come."""

    def __init__(self, source: int | str) -> None:
        self.coming, self.waiting = queue.Queue(), threading.Semaphore(0)
        Camera.opened = self

    def isOpened(self) -> bool:  # noqa: N802  OpenCV's name
        return True

    def get(self, key: int) -> float:
        return 30. if key == cv2.CAP_PROP_FPS else -1.

    def read(self) -> tuple[bool, np.ndarray | None]:
        self.waiting.release()
        number = self.coming.get(timeout=60)
        return number is not None, None if number is None else picture(number)

    def send(self, *numbers: int | None) -> None:
        """Let frames come, and wait until they have been read."""
        for number in numbers:
            self.coming.put(number)
        for _ in numbers:
            assert self.waiting.acquire(timeout=60)


@pytest.fixture
def camera(monkeypatch) -> type[Camera]:
    monkeypatch.setattr(module.cv2, 'VideoCapture', Camera)
    return Camera


@pytest.mark.parametrize('source', [0, '1', 'rtsp://camera/1'])
def test_each_frame_of_a_live_source_is_the_newest(camera, source):
    frames = Frames(source)
    assert frames.live
    assert frames.length is None
    stream = iter(frames)
    assert camera.opened.waiting.acquire(timeout=60)  # it reads before anybody asks
    camera.opened.send(1, 2)
    assert number_of(next(stream)) == 2
    assert frames.skipped == 0  # what was there before the first is no loss
    camera.opened.send(3)
    assert number_of(next(stream)) == 3
    camera.opened.send(4, 5, 6, 7)
    assert number_of(next(stream)) == 7
    assert frames.skipped == 3
    camera.opened.coming.put(8)
    camera.opened.coming.put(None)
    assert number_of(next(stream)) == 8
    assert list(stream) == []
    assert frames.skipped == 3


def test_every_frame_of_a_live_source(camera):
    frames = Frames(0, every=True)
    for number in (1, 2, 3, None):
        camera.opened.coming.put(number)
    assert [number_of(frame) for frame in frames] == [1, 2, 3]


def test_a_camera_is_left_alone_when_its_frames_are_forgotten(camera):
    frames = Frames(0)
    stream = iter(frames)
    camera.opened.waiting.acquire(timeout=60)
    before = threading.active_count()
    del frames, stream
    camera.opened.coming.put(1)
    for _ in range(600):
        if threading.active_count() < before:
            return
        time.sleep(0.1)
    raise AssertionError('its thread reads on')


@pytest.mark.parametrize('name', ['{folder}/a.mp4', 'file://{folder}/a.mp4'])
def test_no_frame_of_a_file_is_skipped(file, name):
    frames = Frames(name.format(folder=file.parent))
    assert not frames.live
    slow = []
    for frame in frames:
        slow.append(number_of(frame))
        time.sleep(0.001)
    assert (slow, frames.skipped) == (list(range(LENGTH)), 0)


@pytest.mark.parametrize('name', ['a.png', 'a.tiff'])
@pytest.mark.parametrize('channels', [(), (3, )])
def test_levels_of_frames_of_16_bits(tmp_path, name, channels):
    frame = np.full((64, 48, *channels), 3020, np.uint16)
    frame[20:40, 20:40], frame[0, 0], frame[0, 1] = 3220, 2000, 5000
    cv2.imwrite(str(tmp_path / name), frame)
    found = read_image(tmp_path / name, levels=(3000, 3255))
    assert (found.shape, found.dtype) == ((64, 48, 3), np.uint8)
    assert [found[0, 0, 0], found[0, 1, 0], found[30, 30, 1], found[50, 10, 2]] == [0, 255, 220, 20]
    assert len(np.unique(read_image(tmp_path / name)[2:])) < 3
    assert np.array_equal(Frames(tmp_path, (3000, 3255))[0], found)
    assert np.array_equal(next(iter(Frames(tmp_path, (3000, 3255)))), found)
    for reduced, size in ((cv2.IMREAD_REDUCED_COLOR_2, (32, 24)), (cv2.IMREAD_COLOR, (64, 48))):
        assert read_image(tmp_path / name, reduced, (3000, 3255)).shape == (*size, 3)


def test_a_tiff_of_several_pages(tmp_path):
    cv2.imwritemulti(str(tmp_path / 'stack.tif'), [np.zeros((48, 64, 3), np.uint8)] * 3)
    with pytest.raises(ValueError, match='stack.tif has 3 pages, of which only the first would'):
        Frames(tmp_path / 'stack.tif')


@pytest.mark.parametrize('ending', ['jp2', 'pgm', 'ppm'])
def test_frames_in_rare_formats(tmp_path, ending):
    """Where there are others, they are something else, such as depth."""
    (tmp_path / 'kite').mkdir()
    shape = (48, 64) if ending == 'pgm' else (48, 64, 3)
    for i in range(3):
        cv2.imwrite(str(tmp_path / f'kite/{i}.{ending}'), np.full(shape, 80 * i, np.uint8))
    assert [frame.max() for frame in Frames(tmp_path / 'kite')] == [0, 80, 160]
    assert frame_size(tmp_path / f'kite/0.{ending}') == (64, 48)
    cv2.imwrite(str(tmp_path / 'kite/0.png'), np.zeros((48, 64), np.uint8))
    assert Frames(tmp_path / 'kite').length == 1


def test_a_folder_without_images(tmp_path):
    (tmp_path / 'kite/img').mkdir(parents=True)
    with pytest.raises(ValueError, match=r'kite has no images \(.jpg, .*.webp\)$'):
        Frames(tmp_path / 'kite')
    (tmp_path / 'kite/.img').mkdir()
    for folder in ('.img', 'img'):
        cv2.imwrite(str(tmp_path / f'kite/{folder}/1.png'), np.zeros((48, 64), np.uint8))
    with pytest.raises(ValueError, match=r'kite has no images .*; .*/kite/img has$'):
        Frames(tmp_path / 'kite')


def test_levels_of_8_bits_and_none(tmp_path):
    cv2.imwrite(str(tmp_path / 'a.png'), np.full((8, 8), 90, np.uint8))
    assert np.all(read_image(tmp_path / 'a.png', levels=(3000, 3255)) == 90)
    for levels in ((3255, 3000), (1, 1), (1, ), 'ab', (0, float('nan'))):
        with pytest.raises(ValueError, match='levels'):
            Frames(tmp_path, levels)


@pytest.mark.parametrize('kind', ['int16', 'float32', 'float64'])
def test_tiffs_of_signed_and_real_numbers(tmp_path, kind):
    values = np.array([[-20, 0, 10, 20, 40]], kind)
    cv2.imwrite(str(tmp_path / 'a.tiff'), values)
    found = read_image(tmp_path / 'a.tiff', levels=(-20, 20))
    assert found.shape == (1, 5, 3)
    assert found[0, :, 0].tolist() == [0, 128, 191, 255, 255]
    with pytest.raises(OSError, match=f'a.tiff has {kind} values; set levels'):
        read_image(tmp_path / 'a.tiff')


@pytest.mark.parametrize(('names', 'why'), [
    (['0.125', '0.25', '0.5', '1', '1.5', '10.0'], 'decimals are'),
    (['1403636579.063555584', '1403636579.763555583', '1403636579.763555584'], 'of any length'),
    (['1.8', '1.9', '1.10', '1.11', '2.1'], 'a number with decimals does not end in 0'),
    (['2023.9.5', '2023.10.5'], 'a date is none')])
def test_order_of_names_with_points(names, why):
    assert in_order(f'{name}.png' for name in reversed(names)) == [f'{name}.png' for name in names]


def test_a_phone_held_upright(tmp_path, monkeypatch):
    """Turned by its file's header, also where OpenCV starts without turning, as 4.11 does."""
    path = tmp_path / 'phone.mp4'
    video = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'mp4v'), 25, (64, 32))
    for _ in range(3):
        video.write(np.zeros((32, 64, 3), np.uint8))
    video.release()
    content = path.read_bytes()
    matrix = content.index(b'tkhd') + 44  # ISO 14496-12, 8.3.2, version 0
    turned = struct.pack('>9i', 0, 1 << 16, 0, -1 << 16, 0, 0, 32 << 16, 0, 1 << 30)
    path.write_bytes(content[:matrix] + turned + content[matrix + 36:])

    def unturned(*args):
        capture = OPENCV(*args)
        capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 0)
        return capture

    monkeypatch.setattr(module.cv2, 'VideoCapture', unturned)
    assert next(iter(Frames(path))).shape == (64, 32, 3)
    assert Frames(path)[1].shape == (64, 32, 3)


def test_a_codec_that_is_not_decoded_is_named(file, monkeypatch):
    class Undecoded(Lying):
        """As OpenCV 4.10 to 4.13 and 5.0 open AV1."""

        def get(self, key):
            return cv2.VideoWriter.fourcc(*'AV01') if key == cv2.CAP_PROP_FOURCC else \
                self.video.get(key)

        def grab(self):
            return False

        def read(self):
            return False, None

    monkeypatch.setattr(module.cv2, 'VideoCapture', Undecoded)
    for read in (lambda frames: list(frames), lambda frames: frames[0]):
        with pytest.raises(FrameError, match='codec AV01'):
            read(Frames(file))


def test_levels_of_a_pattern(tmp_path):
    for i in range(2):
        cv2.imwrite(str(tmp_path / f'{i}.png'), np.full((8, 8), 3000, np.uint16))
    with pytest.raises(ValueError, match='levels cannot be applied to the pattern .*%d.png'):
        Frames(str(tmp_path / '%d.png'), levels=(0, 3000))
    assert len(list(Frames(str(tmp_path / '%d.png')))) == 2
    assert next(iter(Frames(tmp_path, levels=(0, 3000))))[0, 0, 0] == 255


def test_much_sound_between_two_frames(tmp_path):
    """As in a recording of a screen on which nothing changes for minutes."""
    av = pytest.importorskip('av', reason='the extra video is not installed')
    path = tmp_path / 'a.mkv'
    with av.open(str(path), 'w') as file:
        video, sound = file.add_stream('mpeg4', 25), file.add_stream('pcm_s16le', 8000)
        video.width, video.height, video.pix_fmt, sound.layout = 64, 48, 'yuv420p', 'mono'
        for number, time in enumerate((0, 2500, 2501)):
            frame = av.VideoFrame.from_ndarray(picture(number), format='bgr24')
            frame.pts, frame.time_base = time, Fraction(1, 25)
            file.mux(video.encode(frame))
            for i in range(5000 if number == 0 else 0):  # of 20 ms
                packet = av.Packet(bytes(320))
                packet.stream, packet.pts, packet.dts = sound, 160 * i, 160 * i
                packet.time_base = Fraction(1, 8000)
                file.mux(packet)
        file.mux(video.encode(None))
    assert [number_of(frame) for frame in Video(path)] == [0, 1, 2]
    assert count_frames(path) == 3
