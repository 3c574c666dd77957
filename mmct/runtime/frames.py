"""Frames of folders, video files, cameras and streams: all that reads frames reads them here."""
import os
import re
import threading
import warnings
import weakref
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property, partial
from numbers import Integral
from pathlib import Path

import cv2
import numpy as np

from ..utils.checks import check_numbers
from ..utils.files import IMAGES, RARE_IMAGES, VIDEOS, image_names, in_order, names_in

VIDEO_FRAME = re.compile(rf'(.+(?:{"|".join(map(re.escape, VIDEOS))}))#(\d+)', re.IGNORECASE)
TRIES = 8  # to come near a frame by an index that lies
BROKEN = 32  # frames in a row that a damaged file lacks at most, before others that are whole
NEAR = 32  # frames ahead; decoding them is about as fast as looking for a place in the file

# Packets of sound between two frames; OpenCV gives up after 4096, 90 seconds of AAC. It reads this
# once, with its first frame.
os.environ.setdefault('OPENCV_FFMPEG_READ_ATTEMPTS', str(2**20))


class FrameError(OSError):
    """A frame cannot be read."""


def frame_of_video(path: str) -> tuple[str, int] | None:
    """Video file and frame number of VIDEO#NUMBER, None for a path of an image."""
    match = VIDEO_FRAME.fullmatch(path)
    return match and (match[1], int(match[2]))


def recorded_length(path: Path) -> int:
    """Number of images in a folder, or of frames as a video file's header says, which may be
    wrong; 0 if there are none."""
    if not path.is_file():
        return len(image_names(path))
    return max(int(open_video(path).get(cv2.CAP_PROP_FRAME_COUNT)), 0)


def count_frames(path: Path) -> int:
    """Number of images in a folder, or of frames of a video file up to the last that can be
    decoded, whatever its header says: it is decoded for that. 0 if there are none."""
    if not path.is_file():
        return len(image_names(path))
    return sum(1 for _ in grabbed(open_video(path)))


def frame_size(path: str | Path) -> tuple[int, int] | None:
    """Width and height in pixels of an image file, of a JPEG up to 7 more, or of the frames of a
    video file or VIDEO#NUMBER; None if it cannot be read."""
    video, _ = frame_of_video(str(path)) or (path, 0)
    try:
        if not str(video).lower().endswith((*IMAGES, *RARE_IMAGES)):
            height, width = next(iter(Video(video))).shape[:2]
            return width, height
        scale = 8 if str(path).lower().endswith(('.jpg', '.jpeg')) else 1  # eight times as fast
        height, width = read_image(path, cv2.IMREAD_REDUCED_COLOR_8 if scale > 1 else
                                   cv2.IMREAD_COLOR, (0, 1)).shape[:2]
        return scale * width, scale * height
    except (FrameError, StopIteration):
        return None


def read_image(path: str | Path, flags: int = cv2.IMREAD_COLOR,
               levels: Sequence[float] | None = None) -> np.ndarray:
    """Read an image file as (H, W, 3) uint8 BGR; grey becomes colour, 16 bit 8, alpha is left out.
    FrameError if it cannot be read.

    Args:
        flags: how OpenCV decodes it.
        levels: of a frame of more than 8 bits, the levels that become 0 and 255, such as those of
            a thermal camera's 14 bits that a scene has; those between are spread evenly. None for
            the whole range of 16 bits, which leaves of few levels only one; a TIFF of signed or
            real numbers needs them. 8 bits stay as they are.
    """
    frame = None
    try:
        # Not cv2.imread, which fills up a JPEG that was broken off with grey, and says nothing.
        content = np.fromfile(path, np.uint8)
        if str(path).lower().endswith(('.tif', '.tiff')):
            frame = cv2.imdecode(content, cv2.IMREAD_UNCHANGED)
        if frame is None or frame.dtype in (np.uint8, np.uint16):
            frame = cv2.imdecode(content, flags if levels is None else flags | cv2.IMREAD_ANYDEPTH)
    except (OSError, cv2.error):  # the latter if a file is empty, or claims to be gigantic
        frame = None
    if frame is None:
        raise FrameError(f'frame {path} cannot be read')
    return in_8_bits(frame, levels, path)


def in_8_bits(frame: np.ndarray, levels: Sequence[float] | None, source: str | Path) -> np.ndarray:
    """A frame (H, W) or (H, W, 1, 3 or 4) of any numbers as (H, W, 3) uint8, see
    :func:`read_image`; ``source`` for messages."""
    if frame.dtype != np.uint8:
        if levels is None:
            raise FrameError(f'frame {source} has {frame.dtype} values; set levels, the two that '
                             'become 0 and 255')
        low, high = levels
        spread = (frame.astype(np.float32) - low) * (255 / (high - low))
        frame = np.clip(np.nan_to_num(spread), 0, 255).round().astype(np.uint8)
    frame = np.atleast_3d(frame)
    return np.repeat(frame, 3, axis=2) if frame.shape[2] == 1 else frame[..., :3]


def check_levels(name: str, levels: object) -> None:
    """See that levels of frames, the setting ``name``, are None or two finite numbers, the lower
    one first."""
    if levels is not None:
        check_numbers(name, levels, '[-1e9, 1e9]', 2)
        if levels[0] >= levels[1]:
            raise ValueError(f'{name}={levels!r} must be the lower level, then the higher one')


class Video:
    """Frames of a video file by number: frame i is the i-th that reading from the beginning gives.

    That is not always the frame to which the file's header and index lead: unevenly timed files,
    those of a browser and MPEG streams have none, or wrong ones. So a frame that was looked up is
    compared, by its checksum, with that of reading in order. For the checksums the whole file is
    decoded, once, when the first frame is looked up. Where it is another frame, checksums also tell
    which: this and all later frames of the file are reached by decoding from an earlier one to
    which the index leads, or, if there is none, from the beginning.

    Args:
        path: of the file. One that is no video has no frames.
        levels: of grey frames of more than 8 bits, see :func:`read_image`.
    """

    def __init__(self, path: str | Path, levels: Sequence[float] | None = None) -> None:
        self.path, self.levels = path, levels
        self._index_holds, self._capture = True, None

    @cached_property
    def _checksums(self) -> list[int | None]:
        return [None if frame is None else zlib.crc32(frame)
                for frame in decoded(open_video(self.path, self.levels))]

    @cached_property
    def _places(self) -> dict[int, int]:
        """Numbers of the frames that no other is like, by their checksums."""
        alike = Counter(self._checksums)
        return {sum_: i for i, sum_ in enumerate(self._checksums) if alike[sum_] == 1}

    def __iter__(self) -> Iterator[np.ndarray]:
        """Frames (H, W, 3) uint8 BGR from the beginning to the last that can be decoded; FrameError
        for one before it that cannot, or a video of which none can be."""
        capture, empty = open_video(self.path, self.levels), True
        for number, frame in enumerate(decoded(capture)):
            empty = False
            if frame is None:
                raise FrameError(f'frame {self.path}#{number} cannot be read{codec_of(capture)}, '
                                 'but others after it')
            yield in_8_bits(frame, self.levels, self.path)
        if empty and capture.isOpened():
            raise FrameError(f'no frame of {self.path} can be decoded{codec_of(capture)}; write it '
                             'in another codec, such as H.264')

    def __getitem__(self, number: int) -> np.ndarray:
        """Frame (H, W, 3) uint8 BGR of a number from 0; FrameError if there is none."""
        if self._capture is None:
            self._open()
        frame = self._decode(number)
        if self._looked_up and not self._is_right(frame, number):
            if self._index_holds and self._is_whole(number):
                self._index_holds = False
                warnings.warn(f'the index of {self.path} leads to other frames than reading in '
                              'order, so that each is decoded from an earlier one, which is slow; '
                              'write its frames as images', stacklevel=2)
                frame = self._decode(number)
            if not self._is_right(frame, number):
                self._open()
                frame = self._decode(number, jump=False)
        if frame is None:
            codec = codec_of(self._capture)
            self.close()  # nobody knows where the file stands
            raise FrameError(f'frame {self.path}#{number} cannot be read{codec}')
        return in_8_bits(frame, self.levels, self.path)

    def close(self) -> None:
        """Free the decoder; what is known of the file is kept."""
        self._capture = None

    def _open(self) -> None:
        self._capture = open_video(self.path, self.levels)
        self._grabbed = grabbed(self._capture)
        self._next, self._looked_up = 0, False

    def _decode(self, number: int, jump: bool = True) -> np.ndarray | None:
        """The frame at which the file arrives when asked for a number; None if at none."""
        if number < 0:
            return None
        ahead = number - self._next
        if jump and not 0 <= ahead <= NEAR and number > NEAR:
            if number >= len(self._checksums):
                return None
            self._jump(number)
        elif ahead < 0:
            self._open()
        whole = False
        while self._next <= number:
            whole = next(self._grabbed, None)
            if whole is None:
                return None
            self._next += 1
        return self._capture.retrieve()[1] if whole else None

    def _jump(self, number: int) -> None:
        """Go to a number by the index, or, if it lies, to a frame not far before."""
        if self._index_holds:
            self._capture.set(cv2.CAP_PROP_POS_FRAMES, number)
            self._grabbed = grabbed(self._capture)
            self._next, self._looked_up = number, True
            return
        asked = number - NEAR
        for _ in range(TRIES):
            if asked <= 0:
                break
            self._capture.set(cv2.CAP_PROP_POS_FRAMES, asked)
            frame = self._capture.read()[1]
            place = None if frame is None else self._places.get(zlib.crc32(frame))
            if place is not None and number - 2 * NEAR <= place < number:
                self._grabbed = grabbed(self._capture)
                self._next, self._looked_up = place + 1, True
                return
            asked += -2 * NEAR if place is None else number - NEAR - place
        self._open()

    def _is_right(self, frame: np.ndarray | None, number: int) -> bool:
        return frame is not None and self._is_whole(number) \
            and zlib.crc32(frame) == self._checksums[number]

    def _is_whole(self, number: int) -> bool:
        return number < len(self._checksums) and self._checksums[number] is not None


class Frames:
    """Frames (H, W, 3) uint8 BGR, one after the other or by number, from 0.

    Args:
        source: a folder of images, in the order of the numbers in their names; a list of image
            files; a video file, see :class:`Video`; or what OpenCV follows: the number of a
            camera or its path (/dev/video0), the address of a stream (rtsp://…, http://…), or a
            numbered pattern (img_%d.jpg). The latter are read once, one after the other.
        levels: of frames of more than 8 bits, see :func:`read_image`.
        every: give every frame of a camera or stream, too, however late; without it each frame is
            the newest, see :class:`Newest`. Of all else every frame is given.

    Attributes:
        live: whether each frame is the newest: of a camera, or of a stream that knows no length.
        length: number of frames, of a video as its header says (:func:`count_frames` counts
            them); None if nobody knows.
        fps: frames a second as recorded, None for images.

    Raises:
        FileNotFoundError: there is no such file or folder.
        ValueError: it cannot be read as a video, the folder has no images, or the levels are none.
    """

    def __init__(self, source: str | int | Path | Iterable[Path],
                 levels: Sequence[float] | None = None, every: bool = False) -> None:
        check_levels('levels', levels)
        self.live, self._newest = False, None
        source = str(int(source)) if isinstance(source, Integral) else source
        one = isinstance(source, (str, bytes, Path)) or not isinstance(source, Iterable)
        files = [source] if one else list(source)
        if not all(isinstance(file, (str, Path)) and str(file) for file in files):
            raise ValueError(f'{" ".join(repr(source)[:60].split())} has no frames; give a video '
                             'file, a folder of images, a list of image files or the number of a '
                             'camera')
        self._read = partial(read_image, levels=levels)
        self.fps = self._files = self._video = None
        path = Path(source) if isinstance(source, (str, Path)) else None
        if path is None:
            self._files = files
        elif path.is_dir():
            self._files = [path / name for name in in_order(image_names(path))]
            if not self._files:
                below = next((f'; {path / name} has' for name in sorted(names_in(path))
                              if image_names(path / name)), '')
                raise ValueError(f'folder {path} has no images ({", ".join(IMAGES)}){below}')
        if self._files is not None:
            self.length = len(self._files)
            return
        if path.suffix.lower() in ('.tif', '.tiff') and path.is_file() and (
                pages := cv2.imcount(str(path))) > 1:
            raise ValueError(f'{path} has {pages} pages, of which only the first would be read; '
                             'write each as a file, and give their folder')
        camera = str(source).isdecimal()
        known = camera or path.exists() or '://' in str(source)
        if not (known or '%' in path.name):
            raise FileNotFoundError(f'{path} does not exist; give a video file, a folder of images '
                                    'or the number of a camera')
        if not known and levels is not None:
            raise ValueError(f'levels cannot be applied to the pattern {source}, whose images '
                             'OpenCV reads in 8 bits; give their folder')
        self._stream = cv2.VideoCapture(int(str(source))) if camera else \
            open_video(path) if path.is_file() else cv2.VideoCapture(str(source))
        if not self._stream.isOpened():
            raise ValueError(f'{"camera" if camera else "video"} {source} cannot be opened')
        count = self._stream.get(cv2.CAP_PROP_FRAME_COUNT)
        fps = self._stream.get(cv2.CAP_PROP_FPS)
        self.length = int(count) if count > 0 and not camera else None
        self.fps = fps if 0 < fps < 1000 else None
        self.live = not every and (camera or path.is_char_device()
                                   or ('://' in str(source) and self.length is None))
        if not camera and path.is_file():
            self._video, self._stream = Video(path, levels), None

    @property
    def skipped(self) -> int:
        """Number of frames of a live source, after the first that was taken, which came and went
        while nobody asked for one."""
        return self._newest.skipped if self._newest else 0

    def __iter__(self) -> Iterator[np.ndarray]:
        """All frames; a video ends with the last that can be decoded. FrameError for an image that
        cannot be read."""
        if self._files is not None:
            return map(self._read, self._files)
        if self.live:
            self._newest = self._newest or Newest(self._stream)
            return self._newest
        return following(self._stream) if self._video is None else iter(self._video)

    def __getitem__(self, number: int) -> np.ndarray:
        """A frame of images or of a video file; FrameError if it cannot be read."""
        return self._read(self._files[number]) if self._video is None else self._video[number]


def open_video(path: str | Path, levels: Sequence[float] | None = None) -> cv2.VideoCapture:
    """A video file; with ``levels``, one that gives grey frames of more than 8 bits as they are."""
    # Absolute, for a colon in the name of a file would make a protocol of what is before it.
    capture = cv2.VideoCapture(str(Path(path).absolute()))
    if not capture.get(cv2.CAP_PROP_ORIENTATION_AUTO):  # as OpenCV 4.11 starts, and no other
        capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
    if levels is None:
        return capture
    # FFmpeg's name of the pixels: Y and what else, and the bits in the last byte.
    kind = (int(capture.get(cv2.CAP_PROP_CODEC_PIXEL_FORMAT)) & 0xffffffff).to_bytes(4, 'little')
    if kind[:1] == b'Y' and 8 < kind[3] <= 16 and not (
            kind == b'Y1\0\x10' and capture.set(cv2.CAP_PROP_CONVERT_RGB, 0)):
        raise ValueError(f'levels cannot be applied to {path}: of videos, OpenCV gives only grey '
                         f'ones of 16 bits as they are, this has {kind[3]}, or colours; write its '
                         'frames as 16-bit PNG')
    return capture


def codec_of(capture: cv2.VideoCapture) -> str:
    """The codec of a video in words, such as ' (codec AV01)'; nothing if there is none."""
    code = (int(capture.get(cv2.CAP_PROP_FOURCC)) & 0xffffffff).to_bytes(4, 'little')
    name = code.decode('ascii', 'replace').strip('\0 ')
    return f' (codec {name})' if name.isprintable() and name else ''


class Newest:
    """Frames of an open camera or stream, which do not wait: each is the newest when it is asked
    for, and none is given twice. A thread reads, from now on and until this is forgotten, so that
    no buffer of camera or network fills up with frames that are late."""

    def __init__(self, capture: cv2.VideoCapture) -> None:
        self.skipped, self._taken, self._ended, self._frame = 0, False, False, None
        self._changed = threading.Condition()
        # A daemon, as a camera that hangs must not keep the program from its end.
        threading.Thread(target=self._read, args=(capture, weakref.ref(self)), daemon=True).start()

    @staticmethod
    def _read(capture: cv2.VideoCapture, owner: 'weakref.ref[Newest]') -> None:
        frame = True
        while frame is not None:
            frame = capture.read()[1]
            own = owner()
            if own is None:
                break
            own._put(frame)
            del own

    def _put(self, frame: np.ndarray | None) -> None:
        with self._changed:
            if frame is None:
                self._ended = True  # the last frame is still to be taken
            else:
                self.skipped += self._taken and self._frame is not None
                self._frame = frame
            self._changed.notify_all()

    def __iter__(self) -> 'Newest':
        return self

    def __next__(self) -> np.ndarray:
        with self._changed:
            self._changed.wait_for(lambda: self._ended or self._frame is not None)
            frame, self._frame = self._frame, None
            if frame is None:
                raise StopIteration
            self._taken = True
            return frame


def following(stream: cv2.VideoCapture) -> Iterator[np.ndarray]:
    """Frames (H, W, 3) uint8 BGR of a camera or stream, to its end."""
    while (frame := stream.read()[1]) is not None:
        yield frame


def decoded(capture: cv2.VideoCapture) -> Iterator[np.ndarray | None]:
    """Frames of a video file, (H, W, 3) uint8 BGR, to the last that can be decoded; None for one
    before it that cannot."""
    return (capture.retrieve()[1] if whole else None for whole in grabbed(capture))


def grabbed(capture: cv2.VideoCapture) -> Iterator[bool]:
    """Grab the rest of a video's frames, to the last that can be decoded; False for one before it
    that cannot. A grab that fails is one only where the frames' times leave room for it: a decoder
    that holds frames back fails some too early, and once at the end of a file that was cut off."""
    period, last, failed, broken = 1000 / (capture.get(cv2.CAP_PROP_FPS) or 25), None, 0, 0
    while failed <= BROKEN:
        if not capture.grab():
            failed, broken = failed + 1, broken + 1
            continue
        failed, now = 0, capture.get(cv2.CAP_PROP_POS_MSEC)
        if broken:
            # Times that do not grow are none.
            room = broken if last is None or now <= last else round((now - last) / period) - 1
            for _ in range(min(room, broken)):
                broken -= 1
                yield False
        last = now
        yield True
