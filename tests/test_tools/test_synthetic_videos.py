"""tools/make_demo_videos.py and what it makes."""
import importlib.util
import os
import re
import struct
import zlib
from time import monotonic, sleep

import cv2
import numpy as np
import pytest
from commands import ROOT, alive, children_of, run_tool, start_tool
from synthetic_videos import Video, write_videos, writer
from synthetic_videos.photos import TEST, TRAIN, Photos, photos_of
from synthetic_videos.pictures import cutout
from synthetic_videos.things import look_alike, make_thing

import mmct  # noqa: F401  before MMTracking

# isort: split
from mmtrack.registry import DATASETS

SIZE = 160, 120
STEPS = writer.STEPS


def make(index, split='train', length=40, step=None, **kwargs):
    return Video(3, split, index, length, SIZE, step or STEPS[split], **kwargs)


def first_of(kind, split='train', **kwargs):
    """A video with a target of that kind."""
    videos = (make(index, split, **kwargs) for index in range(100))
    return next(video for video in videos if video.category == kind)


# Photographs

def texture(seed, height=90, width=120):
    """(height, width, 3) uint8 of many colours."""
    coarse = np.random.default_rng(seed).integers(0, 256, (12, 12, 3), dtype=np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def cut_free(image):
    """(h, w, 4): an L on a transparent ground, which is no more symmetric than most things are."""
    height, width = image.shape[:2]
    opacity = np.zeros((height, width), np.uint8)
    opacity[10:-10, 10:width // 2] = opacity[-height // 3:-10, 10:-10] = 255
    return np.dstack([image, opacity])


@pytest.fixture(scope='module')
def photos(tmp_path_factory):
    """A folder of 24 photographs of different sizes in two folders, 8 of them of things, and two
    hidden ones."""
    folder = tmp_path_factory.mktemp('photos')
    (folder / '.thumbnails').mkdir()
    for name in ('.thumbnails/0.png', '._0.png'):
        cv2.imwrite(str(folder / name), texture(0, width=100))
    for i in range(24):
        image = texture(i, width=120 + i)
        (folder / str(i % 2)).mkdir(exist_ok=True)
        cv2.imwrite(str(folder / str(i % 2) / f'{i}.png'), image if i % 3 else cut_free(image))
    return folder


def test_photographs_of_a_folder_are_in_one_split_only(photos):
    packages = {split: Photos(split) for split in STEPS}
    own = {split: Photos(split, str(photos)) for split in STEPS}
    widths = {}
    for split in STEPS:
        added = own[split].scenes[len(packages[split].scenes):]
        # A thing is cut out, ten pixels less on either side.
        widths[split] = [scene.shape[1] for scene in added]
        widths[split] += [stamp.shape[1] + 20 for stamp in own[split].stamps]
        assert {stamp.shape[2] for stamp in own[split].stamps} <= {4}
        assert all(scene.shape[2] == 3 for scene in own[split].scenes)
    assert sorted(widths['train'] + widths['test']) == [120 + i for i in range(24)]
    assert widths['val'] == widths['test']
    assert 0 < len(widths['test']) < len(widths['train'])
    assert own['train'].stamps


def test_photographs_of_packages_are_all_there():
    assert not set(TRAIN) & set(TEST)
    for split, names in (('train', TRAIN), ('test', TEST)):
        assert len(Photos(split).scenes) == len(names)


def test_a_package_that_is_missing_is_named(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr('importlib.util.find_spec',
                        lambda name: None if name == 'sklearn' else find(name))
    with pytest.raises(ImportError, match=r'of sklearn are needed.*\[demo\]') as error:
        Photos('train')
    assert error.value.name is None  # so that it ends a tool with one line
    assert 'scikit-learn' in (ROOT / 'setup.py').read_text()


def test_segments_are_parts_of_their_scenes():
    photos = photos_of('train')
    assert len(photos.segments) > 50
    for index, (x, y, w, h), mask in photos.segments:
        height, width = photos.scenes[index].shape[:2]
        assert min(x, y, w, h) >= 0
        assert x + w <= width + 1
        assert y + h <= height + 1
        assert 0.2 < (mask > 0).mean() <= 1


def gigantic_png():
    """A PNG that claims 60 000 × 60 000 pixels."""
    header = b'IHDR' + struct.pack('>IIBBBBB', 60000, 60000, 8, 2, 0, 0, 0)
    return (b'\x89PNG\r\n\x1a\n' + struct.pack('>I', 13) + header
            + struct.pack('>I', zlib.crc32(header)))


def test_odd_files_of_a_folder(tmp_path):
    """What is no photograph is passed by, and what is one in another form becomes BGR."""
    image = texture(0)
    packed = cv2.imencode('.jpg', image)[1].tobytes()
    for name, content in {
            'empty.png': b'', 'text.jpg': b'no image', 'cut.jpg': packed[:len(packed) // 2],
            'gigantic.png': gigantic_png(), 'note.txt': b'no image'}.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / 'folder.png').mkdir()
    flat = np.zeros((90, 120, 4), np.uint8)
    cv2.circle(flat, (60, 45), 40, (20, 200, 30, 255), -1)
    passed_by = {
        'tiny': image[:30], 'long': texture(1, 60, 3000), '16bit': image.astype(np.uint16) * 256,
        'drawing': flat, 'clear': np.zeros((90, 120, 4), np.uint8),
        'speck': np.dstack([image, np.uint8(flat[..., 3] * 0)])}
    passed_by['speck'][40:50, 40:50, 3] = 255
    for name, picture in passed_by.items():
        assert cv2.imwrite(str(tmp_path / f'{name}.png'), picture)
    assert Photos('train').scenes[-1].shape != image.shape
    for split in ('train', 'test'):
        before, after = Photos(split), Photos(split, str(tmp_path))
        assert (len(after.scenes), len(after.stamps)) == (len(before.scenes), 0)
    grey = image[..., 0]
    for seed in range(10):  # names for either split
        cv2.imwrite(str(tmp_path / f'grey{seed}.png'), grey)
        cv2.imwrite(str(tmp_path / f'opaque{seed}.PNG'),
                    np.dstack([image, np.full_like(grey, 255)]))
        write_palette_png(tmp_path / f'palette{seed}.png', grey // 16)
    scenes = [scene for split in ('train', 'test') for scene in Photos(split, str(tmp_path)).scenes
              if scene.shape[:2] == image.shape[:2]]
    assert len(scenes) == 30
    assert all(scene.shape == (90, 120, 3) for scene in scenes)
    assert {scene.tobytes() for scene in scenes} == {
        cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR).tobytes(), image.tobytes(),
        cv2.merge([255 - grey // 16 * 10, grey // 16, grey // 16]).tobytes()}


def write_palette_png(path, indices):
    """(h, w) indices of colours: blue 255 - 10 i, green and red i."""
    def chunk(kind, content):
        return (struct.pack('>I', len(content)) + kind + content
                + struct.pack('>I', zlib.crc32(kind + content)))

    height, width = indices.shape
    colours = bytes(value for i in range(16) for value in (i, i, 255 - 10 * i))
    rows = b''.join(b'\0' + row.tobytes() for row in indices)
    path.write_bytes(
        b'\x89PNG\r\n\x1a\n'
        + chunk(b'IHDR', struct.pack('>IIBBBBB', width, height, 8, 3, 0, 0, 0))
        + chunk(b'PLTE', colours) + chunk(b'IDAT', zlib.compress(rows)) + chunk(b'IEND', b''))


def test_things_on_a_transparent_ground_are_cut_out_as_they_are(tmp_path):
    # Black stays black in any light, and nothing else becomes so.
    thing = cut_free(100 + texture(0) // 2)
    thing[thing[..., 3] == 0, :3] = 0
    for i in range(20):
        cv2.imwrite(str(tmp_path / f'{i}.png'), thing)
    photos = Photos('train', str(tmp_path))
    photos.scenes = [np.zeros((90, 120, 3), np.uint8)]
    photos.segments = []
    rng, found = np.random.default_rng(0), 0
    for _ in range(60):
        cut = cutout(rng, photos, 60)
        if not cut[..., :3].any():
            continue
        height, width = cut.shape[:2]
        mask = cv2.resize(photos.stamps[0][..., 3], (width, height), interpolation=cv2.INTER_AREA)
        assert any((cut[..., 3] == one).all() for one in (mask, mask[:, ::-1]))
        assert cut[cut[..., 3] == 255][:, :3].any(axis=1).all()
        found += 1
    assert 10 < found < 50


# Things

@pytest.mark.parametrize('jointed', [False, True])
@pytest.mark.parametrize('seed', range(6))
def test_every_kind_of_thing_can_be_drawn_and_recoloured(jointed, seed, photos):
    rng = np.random.default_rng(seed)
    thing = make_thing(rng, photos_of('train', str(photos)), 5, 40, jointed)
    assert thing.kind == ('jointed' if jointed else 'cutout')
    before = [thing.draw(time)[0] for time in range(5)]
    other = look_alike(rng, thing)
    for time in range(5):
        for each in (thing, other):
            picture, centre = each.draw(time)
            colours, opacity = picture[..., :3], picture[..., 3:]
            assert opacity.max() > 200
            assert (colours <= opacity.astype(int) + 1).all()  # multiplied by opacity
            assert all(0 < c < n for c, n in zip(centre, picture.shape[1::-1]))
            # As large as asked for, as far as it fills its outline.
            assert 0.35 < np.sqrt((opacity > 127).sum()) / each.nominal < 1.2
        assert (thing.draw(time)[0] == before[time]).all()
        assert (other.draw(time)[0][..., 3] == before[time][..., 3]).all()
    assert any((other.draw(time)[0] != before[time]).any() for time in range(5))


# Videos

def test_a_video_depends_on_its_key_and_photographs_alone(photos):
    first, again, other, own = (list(make(i, length=6, photos=folder)) for i, folder in (
        (0, None), (0, None), (1, None), (0, str(photos))))
    assert all((a.image == b.image).all() and a[1:] == b[1:] for a, b in zip(first, again))
    assert not (first[0].image == other[0].image).all()
    assert any((a.image != b.image).any() for a, b in zip(first, own))


def test_splits_are_disjoint():
    train, val, test = (next(iter(make(0, split))).image for split in STEPS)
    assert (train != val).any()
    assert (val != test).any()
    shown = {split: {scene.tobytes() for scene in make(0, split).photos.scenes} for split in STEPS}
    assert not shown['train'] & (shown['val'] | shown['test'])


def test_a_longer_step_skips_moments():
    """Between two frames lie as many moments as its step has."""
    video = make(0, length=5, step=3)
    assert list(video.times) == [0, 3, 6, 9, 12]
    assert len(list(video)) == 5
    assert video.length == 15


@pytest.mark.parametrize('split', ['train', 'test'])
@pytest.mark.parametrize('index', range(16))
def test_the_target_can_be_followed(index, split, photos):
    frames = list(make(index, split, photos=str(photos) if index % 2 else None))
    absent = [frame.occluded or frame.out_of_view for frame in frames]
    assert sum(absent) <= 0.1 * len(frames)
    assert not absent[0]
    for frame, gone in zip(frames, absent):
        x, y, w, h = frame.box
        assert x >= 0
        assert y >= 0
        assert x + w <= SIZE[0]
        assert y + h <= SIZE[1]
        assert gone or (w > 0 and h > 0)
        assert frame.image.shape == (120, 160, 3)
        assert frame.image.dtype == np.uint8
    shown = [frame for frame, gone in zip(frames, absent) if not gone]
    centres = np.array([(f.box[0] + f.box[2] / 2, f.box[1] + f.box[3] / 2) for f in shown])
    sides = np.sqrt([f.box[2] * f.box[3] for f in shown])
    jumps = np.abs(np.diff(centres, axis=0)).max(axis=1) / STEPS[split]
    # A search region reaches twice the side from the centre.
    assert np.median(jumps / sides[1:]) < 0.5


@pytest.mark.parametrize('size', [(64, 64), (400, 64), (64, 240)])
def test_frames_of_any_shape(size):
    for index in range(4):
        for frame in Video(3, 'train', index, 6, size, 3):
            assert frame.image.shape == (*size[::-1], 3)
            x, y, w, h = frame.box
            assert 0 <= x <= x + w <= size[0]
            assert 0 <= y <= y + h <= size[1]


@pytest.mark.parametrize(('leaves_after', 'fits'), [(0.5, False), (0.95, True)])
def test_a_part_of_the_place_that_the_camera_leaves_is_no_target(leaves_after, fits):
    video = first_of('spot', 'test')
    gone = np.arange(video.length) > leaves_after * video.length
    video.camera.x = video.camera.x[0] + 10 * SIZE[0] * gone
    found = [video.new_spot(video.spot.size) for _ in range(5)]
    assert any(found) == fits
    assert all(spot.away(video.times) == 1 for spot in found if spot)


def test_the_first_frame_shows_the_whole_target():
    for index in range(24):
        video = make(index, 'test', length=4)
        first = next(iter(video))
        x, y, w, h = first.box
        if video.target is None:
            assert w * h == pytest.approx(video.spot.size ** 2, rel=0.3)
            continue
        # Wholly: it would be no larger in a frame with room on all sides.
        video.target.frame_size = 3 * SIZE[0], 3 * SIZE[1]
        video.target.x, video.target.y = (axis + side for axis, side in zip(
            (video.target.x, video.target.y), SIZE))
        sprite, _, _ = video.target.place(0)
        whole = cv2.boundingRect(np.uint8(sprite[..., 3] > 127))[2:]
        assert (w, h) == pytest.approx(whole, abs=1)
        assert not first.occluded


def still(video):
    """Without what changes the picture beside the target and the camera's way."""
    video.look.apply = lambda rng, image, time: image
    video.camera.shutter = 0
    video.behind, video.front, video.event = [], [], None
    if video.target:
        video.target.shutter = 0
    return video


@pytest.mark.parametrize('kind', ['cutout', 'jointed'])
@pytest.mark.parametrize('split', ['train', 'test'])
def test_boxes_are_where_the_picture_changes(kind, split):
    with_target, without = (still(first_of(kind, split, length=10)) for _ in range(2))
    without.target.place = lambda time: (None, 0, 0)
    checked = 0
    for frame, empty in zip(with_target, without):
        assert empty.out_of_view
        assert empty.box == (0, 0, 0, 0)
        changed = np.abs(frame.image.astype(int) - empty.image).max(axis=2) > 24
        if frame.occluded or frame.out_of_view or changed.sum() < 20:
            continue
        x, y, w, h = cv2.boundingRect(changed.astype(np.uint8))
        bx, by, bw, bh = frame.box
        assert x >= bx - 2
        assert y >= by - 2
        assert x + w <= bx + bw + 2
        assert y + h <= by + bh + 2
        # It fills its box, as far as it can be told from the place.
        assert changed.sum() > 0.05 * bw * bh
        checked += 1
    assert checked


def test_boxes_of_parts_of_the_place_go_with_it():
    """The picture in a box is found again where the next frame's box is."""
    checked = 0
    for index in range(60):
        video = make(index, 'test', length=20)
        if video.spot is None or video.spot.size < 15:
            continue
        frames = list(still(video))
        for before, after in zip(frames, frames[1:]):
            (x, y, w, h), (u, v, *other) = (np.int32(frame.box) for frame in (before, after))
            if [w, h] != other or min(x, y, u, v) == 0 or u + w == SIZE[0] or v + h == SIZE[1]:
                continue  # cut off by the frame, or of another size
            found = cv2.matchTemplate(after.image, before.image[y:y + h, x:x + w],
                                      cv2.TM_CCOEFF_NORMED)
            near = found[max(v - 2, 0):v + 3, max(u - 2, 0):u + 3].max()
            assert near > 0.8
            # Bricks and the like are found in other places as well, but hardly better.
            assert near > found.max() - 0.05
            checked += 1
    assert checked > 20


def test_a_part_of_the_place_is_hidden_by_all_that_passes():
    video = first_of('spot', 'test', length=30)
    video.behind = video.behind[:0]
    other = video.new_other(video.spot.size)
    x, y, size = video.way()
    other.size[:] = 3 * size.max()
    # It comes after five frames, and would stay.
    other.x, other.y = np.where(np.arange(30) < 5, 10_000, x), y
    video.behind, video.front, video.event = [other], [], None
    frames = list(video)
    hidden = [frame.occluded for frame in frames]
    assert hidden == [False] * 5 + [True] * 3 + [False] * 22
    w, h = frames[10].box[2:]
    assert w * h > 0


# On disk

def write(root, count=2, workers=1, length=12, split='train', **kwargs):
    write_videos(root, {split: (count, length)}, SIZE, seed=1, workers=workers, **kwargs)


def contents(root):
    return {path.relative_to(root): path.read_bytes()
            for path in sorted(root.rglob('*')) if path.is_file()}


def test_workers_make_no_difference(tmp_path, photos):
    write(tmp_path / 'one', workers=1, photos=str(photos))
    write(tmp_path / 'two', workers=2, photos=str(photos))
    assert contents(tmp_path / 'one') == contents(tmp_path / 'two')


def test_a_killed_run_goes_on(tmp_path):
    write(tmp_path / 'whole')
    write(tmp_path / 'killed', count=1)
    left = next((tmp_path / 'killed' / 'LaSOTBenchmark').glob('*/*'))
    half = left.with_name(f'.{left.name}.part')
    os.rename(left, half)  # killed before the video got its name
    (tmp_path / 'killed/annotations/videos/train-1').unlink()
    next((half / 'img').iterdir()).unlink()
    write(tmp_path / 'killed')
    assert contents(tmp_path / 'whole') == contents(tmp_path / 'killed')


def test_finished_videos_are_not_made_again(tmp_path):
    write(tmp_path, count=1)
    file = next(tmp_path.rglob('00000001.jpg'))
    file.write_bytes(b'mine')
    write(tmp_path, count=2)
    assert file.read_bytes() == b'mine'


def test_other_settings_are_refused(tmp_path, photos):
    write(tmp_path, count=1)
    before = contents(tmp_path)
    with pytest.raises(ValueError, match='made with .*12.*asked for are .*30'):
        write(tmp_path, count=1, length=30)
    with pytest.raises(ValueError, match='asked for are .*photos'):
        write(tmp_path, count=1, photos=str(photos))
    assert contents(tmp_path) == before


def test_videos_of_another_generator_are_refused(tmp_path, monkeypatch):
    write(tmp_path, count=1)
    monkeypatch.setattr(writer, 'GENERATOR', 1)
    with pytest.raises(ValueError, match='asked for are .*generator'):
        write(tmp_path, count=1)


def test_a_full_disk_stops_the_run(tmp_path, monkeypatch):
    monkeypatch.setattr(cv2, 'imwrite', lambda *args: False)
    with pytest.raises(OSError, match='is the disk full'):
        write(tmp_path, count=1)


def test_mmtracking_reads_them(tmp_path):
    write(tmp_path, count=3)
    dataset = DATASETS.build(dict(
        type='LaSOTDataset', data_root=str(tmp_path), pipeline=[], test_mode=True,
        ann_file='annotations/lasot_train_infos.txt', data_prefix=dict(img_path='LaSOTBenchmark')))
    assert dataset.num_videos == 3
    for index in range(3):
        infos = dataset.get_ann_infos_from_video(index)
        assert len(infos['bboxes']) == 12
        assert infos['visible'].sum() >= 11
        paths = dataset.get_img_infos_from_video(index)['img_paths']
        assert all(cv2.imread(path).shape == (120, 160, 3) for path in paths)


# The tool

FEW = ('--train', 1, '--train-frames', 4, '--val', 1, '--val-frames', 4, '--test', 0,
       '--size', '96x64', '--workers', 1)


def test_tool_makes_all_splits(tmp_path, photos):
    done = run_tool('make_demo_videos.py', tmp_path / 'videos', *FEW, '--photos', photos)
    assert (done.status, done.err) == (0, '')
    infos = {split: (tmp_path / f'videos/annotations/lasot_{split}_infos.txt').read_text()
             for split in STEPS}
    assert [len(text.splitlines()) for text in infos.values()] == [2, 2, 1]
    assert cv2.imread(str(next((tmp_path / 'videos').rglob('*.jpg')))).shape == (64, 96, 3)


@pytest.mark.parametrize('option', ['--workers', '--test-frames'])
def test_numbers_from_one_on(tmp_path, option):
    done = run_tool('make_demo_videos.py', tmp_path / 'videos', *FEW, option, 0)
    assert done.status == 2
    assert f"argument {option}: expected a whole number from 1 on, got '0'" in done.err


def test_a_log_says_how_far_the_tool_is(tmp_path, photos, monkeypatch):
    monkeypatch.setattr('cli.LOG_PERIOD', 0.)
    done = run_tool('make_demo_videos.py', tmp_path / 'videos', *FEW, '--photos', photos)
    lines = done.err.splitlines()
    assert [line.partition(',')[0] for line in lines] == [
        'frames of videos 4/8', 'frames of videos 8/8']
    assert re.fullmatch(r'.*, 0:\d\d:\d\d left', lines[0])


def test_a_killed_tool_leaves_no_process(tmp_path):
    process = start_tool('make_demo_videos.py', tmp_path, *FEW[:-1], 2, '--train', 500)
    end = monotonic() + 120
    try:
        while not list(tmp_path.glob('annotations/videos/*')) and monotonic() < end:
            sleep(0.01)
        children = children_of(process.pid)
    finally:
        process.kill()
        process.join()
    assert len(children) >= 2
    end = monotonic() + 120  # a worker that still imports ends after that
    while any(map(alive, children)) and monotonic() < end:
        sleep(0.01)
    assert not any(map(alive, children))


@pytest.mark.parametrize(('folder', 'message'), [
    ('none', 'error: {} is not a folder; photographs are expected there\n'),
    ('empty', 'error: {} has no photographs (.jpg, .jpeg, .png, .webp)\n'),
])
def test_folders_without_photographs(tmp_path, photos, folder, message):
    (tmp_path / 'empty').mkdir()
    (tmp_path / 'empty/note.txt').touch()
    args = 'make_demo_videos.py', tmp_path / 'videos', *FEW, '--photos'
    done = run_tool(*args, tmp_path / folder)
    assert (done.status, done.err) == (2, message.format(tmp_path / folder))
    # Nothing is left that the right folder would be compared with.
    assert not (tmp_path / 'videos').exists()
    assert run_tool(*args, photos).status == 0


@pytest.mark.parametrize('size', ['96', '96x', '32x96', 'x'])
def test_sizes_that_are_none(tmp_path, size):
    done = run_tool('make_demo_videos.py', tmp_path, '--size', size)
    assert done.status == 2
    assert done.err.splitlines()[-1].startswith('make_demo_videos.py: error: argument --size: ')
    assert not list(tmp_path.iterdir())
