"""Image files: broken off at every tenth of their length, of other types, grey, transparent, 16
bit. Each is read as (H, W, 3) uint8, or is said to be unreadable, in the same way by all."""
import cv2
import numpy as np
import pytest
from drawing.video import VideoFile
from fuzzing import Refused, counted, fuzz, mutated, outcome
from hypothesis import strategies as st

from mmct.datasets.transforms import LoadFrame, LoadPair
from mmct.runtime.frames import FrameError, Frames, Video, decoded, open_video

KINDS = {'colour': (3, np.uint8), 'grey': (1, np.uint8), 'alpha': (4, np.uint8),
         '16 bit': (3, np.uint16), 'grey 16 bit': (1, np.uint16)}
# What each format can hold.
FORMATS = {'.png': KINDS, '.tiff': KINDS, '.webp': ('colour', 'alpha'), '.jpg': ('colour', 'grey'),
           '.bmp': ('colour', 'grey', 'alpha')}


def encoded(ending, kind) -> bytes:
    """An image file of 40×30 pixels."""
    channels, dtype = KINDS[kind]
    noise = np.random.default_rng(0).integers(
        0, np.iinfo(dtype).max, (30, 40, channels), dtype=dtype)
    ok, content = cv2.imencode(ending, noise)
    assert ok
    return content.tobytes()


FILES = {(ending, kind): encoded(ending, kind) for ending, kinds in FORMATS.items()
         for kind in kinds}
NO_IMAGES = {'empty': b'', 'text': b'no image\n', 'zip': b'PK\x03\x04' + bytes(100),
             'a page': b'<html></html>', 'zeros': bytes(1000),
             'gigantic': b'BM' + bytes(8) + (54).to_bytes(4, 'little') + (40).to_bytes(4, 'little')
             + (2**30).to_bytes(4, 'little') * 2 + b'\x01\x00\x18\x00' + bytes(100)}


def read_by_all(folder, ending, content):
    """The frame that the file gives, or None where every reader says that it cannot be read."""
    for file in folder.iterdir():
        file.unlink()
    path = folder / f'frame{ending}'
    path.write_bytes(content)
    frames = [outcome(lambda: list(Frames(folder))[0]),
              outcome(lambda: LoadPair()({'img_path': [str(path)] * 2})['img'][1])]
    results = LoadFrame()({'img_path': str(path)})
    frames.append(Refused(results['load_error']) if 'load_error' in results else results['img'])
    for frame in frames:
        if isinstance(frame, Refused):
            assert f'frame {path} cannot be read' in frame
        else:
            assert frame.dtype == np.uint8
            assert frame.ndim == 3
            assert frame.shape[2] == 3
            assert np.array_equal(frame, frames[0])
    assert len({isinstance(frame, Refused) for frame in frames}) == 1
    return None if isinstance(frames[0], Refused) else frames[0]


@pytest.mark.parametrize(('ending', 'kind'), FILES)
def test_broken_off_at_every_tenth(tmp_path, ending, kind):
    content = FILES[ending, kind]
    whole = read_by_all(tmp_path, ending, content)
    assert whole.shape == (30, 40, 3)
    if 'grey' in kind:
        assert (whole == whole[:, :, :1]).all()
    for tenth in range(10):
        part = read_by_all(tmp_path, ending, content[:len(content) * tenth // 10])
        assert part is None
        counted['test_broken_off_at_every_tenth'] += 1


@pytest.mark.parametrize('ending', FORMATS)
@pytest.mark.parametrize('kind', NO_IMAGES)
def test_no_image(tmp_path, ending, kind):
    assert read_by_all(tmp_path, ending, NO_IMAGES[kind]) is None


@pytest.mark.parametrize('ending', FORMATS)
def test_image_under_another_ending(tmp_path, ending):
    """The content decides, not the name."""
    for (other, kind), content in FILES.items():
        if kind == 'colour':
            assert read_by_all(tmp_path, ending, content).shape == (30, 40, 3), other


@fuzz(250, st.sampled_from(sorted(FILES)).flatmap(
    lambda key: st.tuples(st.just(key[0]), mutated(FILES[key], 3))))
def test_any_image(tmp_path_factory, file):
    frame = read_by_all(tmp_path_factory.mktemp('images', numbered=True), *file)
    assert frame is None or frame.size <= 1 << 30


@fuzz(100, mutated(encoded('.jpg', 'colour')), st.sampled_from(['.mp4', '.avi', '.mkv']))
def test_any_video(tmp_path_factory, content, ending):
    path = tmp_path_factory.mktemp('videos', numbered=True) / f'video{ending}'
    path.write_bytes(content)
    frames = outcome(lambda: list(Frames(path)))
    if isinstance(frames, Refused):
        assert str(path) in frames
    else:
        assert all(frame.ndim == 3 and frame.dtype == np.uint8 for frame in frames)


@pytest.fixture(scope='module')
def containers(tmp_path_factory) -> dict[str, bytes]:
    """Videos of 70 frames, by their endings."""
    folder, found = tmp_path_factory.mktemp('containers'), {}
    noise = np.random.default_rng(0).integers(0, 256, (70, 3, 4, 3), dtype=np.uint8)
    for ending in ('.avi', '.mp4'):
        with VideoFile(folder / f'whole{ending}', 25) as video:
            for frame in noise:
                video.write(cv2.resize(frame, (64, 48)))
        found[ending] = (folder / f'whole{ending}').read_bytes()
    return found


@fuzz(120, st.sampled_from(['.avi', '.mp4']), st.data())
@pytest.mark.filterwarnings('ignore:the index of')
def test_any_container(containers, tmp_path_factory, ending, data):
    """Whatever header and index say, frame i is the i-th that reading in order gives."""
    path = tmp_path_factory.mktemp('videos', numbered=True) / f'video{ending}'
    path.write_bytes(data.draw(mutated(containers[ending], 3)))
    video, frames = Video(path), list(decoded(open_video(path)))
    whole = outcome(lambda: list(video))
    if isinstance(whole, Refused):
        assert ('but others after it' if frames else f'no frame of {path} can be decoded') in whole
    for number in np.random.default_rng(0).permutation(len(frames))[:6]:
        if frames[number] is None:
            with pytest.raises(FrameError, match=f'#{number} cannot be read'):
                video[int(number)]
        else:
            assert np.array_equal(video[int(number)], frames[number])
    with pytest.raises(FrameError, match=f'#{len(frames)} cannot be read'):
        video[len(frames)]


@pytest.mark.parametrize('ending', ['.avi', '.mp4'])
def test_video_broken_off_at_every_tenth(tmp_path, ending):
    """It ends early, or is said to be unreadable."""
    with VideoFile(tmp_path / f'whole{ending}', 25) as video:
        for frame in np.random.default_rng(0).integers(0, 256, (10, 48, 64, 3), dtype=np.uint8):
            video.write(frame)
    content = (tmp_path / f'whole{ending}').read_bytes()
    path = tmp_path / f'part{ending}'
    for tenth in range(11):
        path.write_bytes(content[:len(content) * tenth // 10])
        frames = outcome(lambda: list(Frames(path)))
        assert len(frames) == 10 if tenth == 10 else isinstance(frames, Refused) or len(
            frames) <= 10
        counted['test_video_broken_off_at_every_tenth'] += 1
