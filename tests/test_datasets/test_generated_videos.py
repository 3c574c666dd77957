import os

import cv2
import numpy as np
import pytest
from mmtrack.registry import DATASETS

import mmct  # noqa: F401
from mmct.datasets.generated import Video, write_videos, writer
from mmct.datasets.generated.objects import THINGS, look_alike, make_thing
from mmct.datasets.generated.textures import PHOTOS

SIZE = 160, 120


def make(index, split='train', length=40):
    return Video(3, split, index, length, SIZE)


def test_a_video_depends_on_its_key_alone():
    first, again, other = (list(make(i, length=6)) for i in (0, 0, 1))
    assert all((a.image == b.image).all() and a.box == b.box for a, b in zip(first, again))
    assert not (first[0].image == other[0].image).all()


def test_splits_are_disjoint():
    train, val, test = (next(iter(make(0, split))).image for split in ('train', 'val', 'test'))
    assert not (train == val).all()
    assert not (val == test).all()
    assert not set(PHOTOS['train']) & set(PHOTOS['test'])


@pytest.mark.parametrize('index', range(12))
def test_the_target_can_be_followed(index):
    frames = list(make(index))
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
    shown = [frame for frame, gone in zip(frames, absent) if not gone]
    centres = np.array([(f.box[0] + f.box[2] / 2, f.box[1] + f.box[3] / 2) for f in shown])
    sides = np.sqrt([f.box[2] * f.box[3] for f in shown])
    jumps = np.abs(np.diff(centres, axis=0)).max(axis=1)
    # A search region reaches twice the side from the centre.
    assert np.median(jumps / sides[1:]) < 0.5


def test_the_first_frame_shows_the_whole_target():
    for index in range(12):
        video = make(index, 'test', length=4)
        x, y, w, h = next(iter(video)).box
        assert min(x, y) >= 0
        assert x + w <= SIZE[0]
        assert y + h <= SIZE[1]
        assert w * h > 0.15 * video.target.size[0] ** 2


@pytest.mark.parametrize('kind', THINGS)
def test_every_kind_of_thing_can_be_drawn_and_recoloured(kind):
    rng = np.random.default_rng(0)
    thing = make_thing(rng, 'train', 5, 40, kind)
    other = look_alike(rng, 'train', 5, 40, thing)
    for time in range(5):
        for each in (thing, other):
            picture, centre = each.draw(time)
            colours, opacity = picture[..., :3], picture[..., 3:]
            assert opacity.max() == 255
            assert (colours <= opacity.astype(int) + 1).all()  # multiplied by opacity
            assert all(0 < c < n for c, n in zip(centre, picture.shape[1::-1]))
            # As large as asked for, from whatever side it is seen.
            assert 0.35 < np.sqrt(opacity.size) / each.nominal < 2


@pytest.mark.parametrize('index', range(6))
def test_boxes_are_where_the_picture_changes(index):
    with_target, without = make(index, length=10), make(index, length=10)
    for video in (with_target, without):
        video.look.apply = lambda rng, image, time: image
        video.target.shadow, video.target.shutter = None, 0
        video.front, video.poles, video.event = [], None, None
    without.target.place = lambda time: (None, 0, 0)
    checked = 0
    for frame, empty in zip(with_target, without):
        changed = np.abs(frame.image.astype(int) - empty.image).max(axis=2) > 24
        if frame.occluded or frame.out_of_view or changed.sum() < 20:
            continue
        x, y, w, h = cv2.boundingRect(changed.astype(np.uint8))
        bx, by, bw, bh = frame.box
        assert x >= bx - 2
        assert y >= by - 2
        assert x + w <= bx + bw + 2
        assert y + h <= by + bh + 2
        checked += 1
    assert checked


def write(root, count=2, workers=1, length=24, split='train'):
    write_videos(root, {split: (count, length)}, SIZE, seed=1, workers=workers)


def contents(root):
    return {path.relative_to(root): path.read_bytes()
            for path in sorted(root.rglob('*')) if path.is_file()}


def test_workers_make_no_difference(tmp_path):
    write(tmp_path / 'one', workers=1)
    write(tmp_path / 'two', workers=2)
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


def test_other_settings_are_refused(tmp_path):
    write(tmp_path, count=1)
    with pytest.raises(ValueError, match='made with .*24.*asked for are .*30'):
        write(tmp_path, count=1, length=30)


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
        assert len(infos['bboxes']) == 24
        assert infos['visible'].sum() >= 21
        paths = dataset.get_img_infos_from_video(index)['img_paths']
        assert all(cv2.imread(path).shape == (120, 160, 3) for path in paths)
