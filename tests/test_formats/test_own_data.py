"""Own data: folders of frames and video files with box files beside them."""
import re
import shutil

import cv2
import numpy as np
import pytest
from commands import run_tool
from data_preparation.layouts import layout_of
from drawing.video import VideoFile
from mmengine.config import Config
from mmtrack.registry import DATASETS, TRANSFORMS

from mmct.datasets.sources import annotation_of, build_checked
from mmct.datasets.transforms.load import FrameReader
from mmct.deploy.calibration import samples_of_config
from mmct.formats import read_annotations, read_results, sequence_names
from mmct.formats.layouts import own, with_missing
from mmct.runtime.frames import frame_of_video, in_order, recorded_length

LENGTH = 40


def scene(number):
    """A frame that says which it is in black and white stripes, the bits of its number; above
    them wanders a square."""
    frame = np.full((48, 64, 3), 90, np.uint8)
    frame[10:20, 5 + number:17 + number] = 0, 0, 255
    for bit in range(8):
        frame[24:, 8 * bit:8 * bit + 8] = 255 * (number >> bit & 1)
    return frame


def number_of(frame):
    """What a decoded frame, of any size, says."""
    stripes = frame[len(frame) * 2 // 3:].reshape(-1, 8, frame.shape[1] // 8, 3)
    return sum(1 << bit for bit in range(8) if stripes[:, bit].mean() > 127)


def box_text(length=LENGTH, delimiter=','):
    return ''.join(delimiter.join(map(str, (5 + i, 10, 12, 10))) + '\n' for i in range(length))


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    """A folder of frames, two videos, one of them with its first box alone, and what is none."""
    root = tmp_path_factory.mktemp('own')
    (root / 'a').mkdir()
    for i in range(LENGTH):
        cv2.imwrite(str(root / f'a/frame{i}.png'), scene(i))
    (root / 'a/notes.md').write_text('not a frame')
    (root / 'a.txt').write_text(box_text(delimiter='\t'))
    for name, boxes in (('b.mp4', box_text(delimiter=' ')), ('c.avi', box_text(1))):
        with VideoFile(root / name, 25) as video:
            for i in range(LENGTH):
                video.write(scene(i))
        (root / name).with_suffix('.txt').write_text(boxes)
    (root / 'd').mkdir()
    return root


def test_frames_in_their_order(files):
    dataset = DATASETS.build({'type': 'FolderDataset', 'data_root': str(files), 'test_mode': True})
    assert [dataset.get_len_per_video(i) for i in range(3)] == [LENGTH] * 3
    loader = TRANSFORMS.build({'type': 'LoadFrame'})
    for video in range(3):
        for i in range(LENGTH):
            sample = dataset.prepare_test_data(video, i)
            found = loader(dict(sample))
            assert 'load_error' not in found
            assert number_of(found['img']) == i
            assert found['ori_shape'] == (48, 64)
            instance, = sample['instances']
            if i == 0 or video < 2:
                np.testing.assert_array_equal(instance['bbox'], [5 + i, 10, 17 + i, 20])
            else:
                assert np.isnan(instance['bbox']).all()


@pytest.mark.parametrize('name', ['b.mp4', 'c.avi'])
def test_any_frame_of_a_video(files, name):
    reader = FrameReader()
    for i in [0, 1, 2, 30, 7, 7, 8, 39, 0, 38, 12, 11]:
        assert number_of(reader.read(f'{files / name}#{i}')) == i
    for wrong in (f'{files / name}#{LENGTH}', f'{files}/none.mp4#0', str(files / name)):
        with pytest.raises(OSError, match=f'frame {re.escape(wrong)} cannot be read'):
            reader.read(wrong)
    assert number_of(reader.read(f'{files / name}#{LENGTH - 1}')) == LENGTH - 1


@pytest.mark.parametrize(('path', 'expected'), [
    ('a/b.mp4#12', ('a/b.mp4', 12)), ('a#1/b.MOV#0', ('a#1/b.MOV', 0)), ('a/b.jpg', None),
    ('b.3gp#1', ('b.3gp', 1)), ('b.ts#1', ('b.ts', 1)), ('b.wmv#1', ('b.wmv', 1)),
    ('a.mp4#1/b.jpg', None), ('a/b.mp4', None)])
def test_names_of_frames(path, expected):
    assert frame_of_video(path) == expected


def test_numbers_count_as_numbers():
    assert in_order(['10.jpg', '2.jpg', 'a1', '1.jpg', '²', '01.jpg']) == [
        '01.jpg', '1.jpg', '2.jpg', '10.jpg', 'a1', '²']


def test_pairs_to_train_on(files):
    """Frame and box of a pair belong together, whatever they were read from."""
    dataset = DATASETS.build({
        'type': 'PairDataset', 'pairs_per_epoch': 20, 'pipeline': [{'type': 'LoadPair'}],
        'datasets': [{'type': 'FolderDataset', 'data_root': str(files)}]})
    seen = set()
    for i in range(20):
        pair = dataset[i]
        for path, frame, box in zip(pair['img_path'], pair['img'], pair['boxes']):
            assert number_of(frame) == round(box[0]) - 5, path
            assert frame.shape == (48, 64, 3)
            seen.add(path.split('#')[0].replace(str(files), '')[:3])
    assert seen == {'/a/', '/b.'}  # of c the first box alone is known


def test_absent_targets_are_not_drawn(files, tmp_path):
    shutil.copytree(files / 'a', tmp_path / 'a')
    lines = box_text().splitlines()
    lines[10:20] = ['0,0,0,0'] * 5 + ['nan,nan,nan,nan'] * 5
    (tmp_path / 'a.txt').write_text('\n'.join(lines))
    dataset = DATASETS.build({
        'type': 'PairDataset', 'pairs_per_epoch': 40, 'pipeline': [],
        'datasets': [{'type': 'FolderDataset', 'data_root': str(tmp_path)}]})
    drawn = {int(box[0]) - 5 for i in range(40) for box in dataset[i]['boxes']}
    assert len(drawn) > 15
    assert not drawn & set(range(10, 20))


@pytest.mark.parametrize(('names', 'texts'), [
    (('full_occlusion.txt', 'out_of_view.txt'), ('0,0,1,1,' + '0,' * 7 + '0', '0,' * 11 + '1')),
    (('cover.label', 'absence.label'), ('8\n8\n0\n0\n' + '3\n' * 7 + '0\n', '0\n' * 12)),
    (('absence.label', ), ('0\n0\n1\n1\n' + '0\n' * 7 + '1\n', ))])
def test_flags_of_data_sets_in_own_data(tmp_path, names, texts):
    """Frames that are flagged show no target, though they have a box."""
    root = own_data(tmp_path / 'own', lines(BOXES))
    (root / 'kite.txt').rename(root / 'kite/groundtruth.txt')
    for name, text in zip(names, texts):
        (root / 'kite' / name).write_text(text)
    dataset = build_checked({'type': 'FolderDataset', 'data_root': str(root), 'test_mode': True})
    absent = annotation_of(dataset, 0).absent
    assert np.flatnonzero(absent).tolist() == [2, 3, 11]
    assert (absent == read_annotations(root)['kite'].absent).all()
    assert np.flatnonzero(~dataset.get_ann_infos_from_video(0)['visible']).tolist() == [2, 3, 11]
    (root / 'kite' / names[0]).write_text('0\n' * 7)
    with pytest.raises(ValueError, match=f'{names[0]}: expected 12 flags'):
        build_checked({'type': 'FolderDataset', 'data_root': str(root), 'test_mode': True})


def test_a_first_box_alone_is_not_judged(files, tmp_path):
    for name in 'abc':
        (tmp_path / f'{name}.txt').write_text(box_text())
    done = run_tool('evaluate.py', tmp_path, '--annotations', files)
    assert done.status == 0, done.err
    assert done.out.startswith('left out, their annotation is a first box alone: c\n')
    assert 'all 2 sequences' in done.out
    assert f'{2 * LENGTH} frames' in done.out
    (tmp_path / 'first').mkdir()
    shutil.copy(files / 'c.txt', tmp_path / 'first')
    done = run_tool('evaluate.py', tmp_path, '--annotations', tmp_path / 'first')
    assert (done.status, done.err) == (
        2, 'error: no sequence to evaluate: none has a box for more than its first frame\n')


def test_calibration(files):
    crop = {'type': 'CropPair', 'size': [32, 64], 'factor': [2, 4], 'center_jitter': [0, 0],
            'scale_jitter': [0, 0]}
    samples = list(samples_of_config(Config({'val_dataloader': {'dataset': {
        'type': 'PairDataset', 'pairs_per_epoch': 6,
        'pipeline': [{'type': 'LoadPair'}, crop, {'type': 'PackPair'}],
        'datasets': [{'type': 'FolderDataset', 'data_root': str(files)}]}}}), 6))
    assert [(sample.templates.shape, sample.search.shape) for sample in samples] == [
        ((1, 32, 32, 3), (64, 64, 3))] * 6
    for sample in samples:
        x, y, w, h = sample.boxes[0]
        assert sample.memory is None
        assert (x + w / 2, y + h / 2) == pytest.approx((15.5, 15.5), abs=1)


@pytest.fixture(scope='module')
def given_out(tmp_path_factory):
    """Folders of sequences as OTB100 and UAV123 give them out: {name: numbers of its frames}."""
    root = tmp_path_factory.mktemp('given_out')
    (root / 'uav/anno/UAV123/att').mkdir(parents=True)
    for folder, numbers, files in (
            ('otb/Basketball/img', range(1, 9), {'otb/Basketball/groundtruth_rect.txt': 8}),
            ('otb/BlurCar3/img', range(1, 9), {'otb/BlurCar3/groundtruth_rect.txt': 6}),
            ('otb/Jogging/img', range(1, 6), {'otb/Jogging/groundtruth_rect.1.txt': 5,
                                              'otb/Jogging/groundtruth_rect.2.txt': 5}),
            ('otb/Own', range(1, 5), {'otb/Own.txt': 4}),
            ('uav/data_seq/UAV123/bike1', range(1, 6), {'uav/anno/UAV123/bike1.txt': 5}),
            ('uav/data_seq/UAV123/car16', range(413, 420), {
                'uav/anno/UAV123/car16_2.txt': 5,
                'uav/anno/UAV123/bird1_1.txt': 5})):  # whose video is not there
        (root / folder).mkdir(parents=True)
        for number in numbers:
            cv2.imwrite(str(root / folder / f'{number:06d}.png'), scene(number % 256))
        for file, boxes in files.items():
            (root / file).write_text(box_text(boxes, '\t'))
    return root


@pytest.mark.parametrize(('folder', 'firsts'), [
    ('otb', {'Basketball': 1, 'BlurCar3': 3, 'Jogging_1': 1, 'Jogging_2': 1, 'Own': 1}),
    ('uav', {'bike1': 1, 'car16_2': 415})])
def test_sequences_as_data_sets_give_them_out(given_out, folder, firsts):
    root = given_out / folder
    dataset = DATASETS.build({'type': 'FolderDataset', 'data_root': str(root), 'test_mode': True})
    assert sequence_names(dataset) == list(firsts)
    lengths = {name: len(boxes.boxes) for name, boxes in read_annotations(root).items()
               if name in firsts}
    loader = TRANSFORMS.build({'type': 'LoadFrame'})
    for video, (name, first) in enumerate(firsts.items()):
        assert lengths[name] == dataset.get_len_per_video(video)
        for i in range(lengths[name]):
            sample = loader(dataset.prepare_test_data(video, i))
            assert number_of(sample['img']) == (first + i) % 256
            np.testing.assert_array_equal(
                sample['instances'][0]['bbox'], [5 + i, 10, 17 + i, 20])
    done = run_tool('check_dataset.py', 'own', root)
    assert done.status == 0, done.out
    assert f'own: {len(firsts)} of {len(firsts)} sequences are complete\n' in done.out


def test_frames_that_are_missing_in_a_part_of_a_video(given_out, tmp_path):
    root = shutil.copytree(given_out / 'uav', tmp_path / 'uav')
    for number in range(420, 423):  # of a part that follows
        shutil.copy(root / 'data_seq/UAV123/car16/000419.png',
                    root / f'data_seq/UAV123/car16/{number:06d}.png')
    DATASETS.build({'type': 'FolderDataset', 'data_root': str(root)})
    (root / 'data_seq/UAV123/car16/000416.png').unlink()
    with pytest.raises(ValueError, match='car16_2.txt: 1 of 5 frames are missing, the first is '
                       'number 416; expected'):
        DATASETS.build({'type': 'FolderDataset', 'data_root': str(root)})
    assert '1 of 5 frames are missing, the first is number 416' in run_tool(
        'check_dataset.py', 'own', root).out


@pytest.mark.parametrize(('form', 'count'), [('img{:04d}.png', 10), ('{:04d}.png', 14)])
def test_two_targets_of_another_number_of_frames(tmp_path, form, count):
    """As in OTB100: no part of the video follows, whose frames would come in between."""
    (tmp_path / 'Jogging/img').mkdir(parents=True)
    for number in range(1, 13):
        cv2.imwrite(str(tmp_path / 'Jogging/img' / form.format(number)), scene(number))
    for target in (1, 2):
        (tmp_path / f'Jogging/groundtruth_rect.{target}.txt').write_text(box_text(count))
    dataset = DATASETS.build({'type': 'FolderDataset', 'data_root': str(tmp_path)})
    assert sequence_names(dataset) == ['Jogging_1', 'Jogging_2']


def test_own_names_like_those_of_parts(tmp_path):
    """Of UAV123's: frames from 1 on are this sequence's own."""
    root = own_data(tmp_path / 'own', lines(BOXES), name='car16_2')
    dataset = DATASETS.build({'type': 'FolderDataset', 'data_root': str(root), 'test_mode': True})
    assert dataset.get_img_infos_from_video(0)['img_paths'][0].endswith('/0001.png')
    (root / 'car16_2/0005.png').unlink()
    assert '1 of 12 frames are missing' in run_tool('check_dataset.py', 'own', root).out


@pytest.mark.parametrize('box', ['nan,nan,nan,nan', '1,2,0,4', ''])
def test_a_first_box_that_is_none(tmp_path, box):
    root = own_data(tmp_path / 'own', f'{box}\n{lines(BOXES[1:])}')
    done = run_tool('check_dataset.py', 'own', root)
    assert (done.status, done.err) == (1, '')
    assert 'the first box, with which a test begins, is [' in done.out


@pytest.mark.parametrize('other', ['kite.TXT', 'kite.csv'])
def test_boxes_with_another_ending(tmp_path, other):
    root = own_data(tmp_path / 'own', lines(BOXES))
    (root / 'kite.txt').rename(root / other)
    for picture in ('kite.jpg', 'kite.png'):  # of what the videos show, for people
        (root / picture).touch()
    with pytest.raises(ValueError, match=fr'NAME.txt; without are kite \(there is {other}\)'):
        DATASETS.build({'type': 'FolderDataset', 'data_root': str(root)})
    assert f'annotation kite.txt is missing (there is {other})' in run_tool(
        'check_dataset.py', 'own', root).out


def test_results_of_parts_of_videos_to_train_on(given_out, tmp_path):
    for name in ('bike1', 'car16_2'):
        (tmp_path / f'{name}.txt').write_text(box_text(5))
    dataset = DATASETS.build({'type': 'FolderDataset', 'data_root': str(given_out / 'uav'),
                              'annotations': str(tmp_path)})
    assert [dataset.get_len_per_video(i) for i in range(2)] == [5, 5]
    assert dataset.get_img_infos_from_video(1)['img_paths'][0].endswith('000415.png')


def test_tracked_videos_are_no_data(tmp_path):
    for name in ('a.mp4', 'a.tracked.mp4'):
        (tmp_path / name).touch()
    assert [sequence.frames for sequence in own(tmp_path).values()] == ['a.mp4']


def test_the_checker_knows_own_data(files, tmp_path):
    done = run_tool('check_dataset.py', 'own', files, '--decode')
    assert done.status == 1
    assert 'own: 3 of 4 sequences are complete' in done.out
    lines = [line for line in done.out.splitlines() if line.startswith('| own ')]
    assert len(lines) == 2
    assert all('| d ' in line for line in lines)
    shutil.copytree(files, tmp_path / 'own')
    (tmp_path / 'own/b.txt').write_text(box_text(LENGTH + 2))
    (tmp_path / 'own/a/frame3.png').unlink()
    (tmp_path / 'own/d').rmdir()
    shutil.copytree(files / 'a', tmp_path / 'own/e')
    (tmp_path / 'own/e.txt').write_text(box_text(LENGTH - 3))
    done = run_tool('check_dataset.py', 'own', tmp_path / 'own')
    assert f'{LENGTH} frames for {LENGTH + 2} boxes' in done.out
    assert f'1 of {LENGTH} frames are missing, the first is frame3.png' in done.out
    assert f'{LENGTH} frames for {LENGTH - 3} boxes; those after the last box are not' in done.out
    assert layout_of('own').present(files)[''][1].name == 'b'


@pytest.mark.parametrize(('make', 'message'), [
    (lambda root: root.rmdir(), 'FolderDataset: folder .* is missing; set data_root'),
    (lambda root: None, 'has no sequence: expected folders of frames or video files'),
    (lambda root: ((root / 'a').mkdir(), (root / 'a.txt').write_text('1,2,3\n')),
     'a.txt: expected four numbers x,y,w,h a line; line 1 is')])
def test_mistakes(tmp_path, make, message):
    root = tmp_path / 'own'
    root.mkdir()
    make(root)
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        DATASETS.build({'type': 'FolderDataset', 'data_root': str(root)})


# What does not belong together

def own_data(root, boxes, count=12, name='kite'):
    """A folder of frames and its boxes, as :func:`doubtful` reads them."""
    (root / name).mkdir(parents=True)
    for i in range(count):
        cv2.imwrite(str(root / name / f'{i + 1:04d}.png'), scene(i))
    (root / f'{name}.txt').write_text(boxes)
    return root


def lines(boxes):
    return ''.join(','.join(f'{value:.5g}' for value in box) + '\n' for box in boxes)


BOXES = np.array([[20 + 2 * i, 22 + i, 15, 12] for i in range(12)], float)


@pytest.mark.parametrize(('text', 'said'), [
    (lines(np.hstack([BOXES[:, :2], BOXES[:, :2] + BOXES[:, 2:]])), 'corners x1,y1,x2,y2: as '),
    (lines(BOXES / (64, 48, 64, 48)), 'parts of the frame: each is at most a pixel'),
    (lines(BOXES * 5), 'pixels of frames of another size: 12 of 12 lie outside 64 x 48'),
    (lines(BOXES[:6]), '12 frames for 6 boxes; are there masks or other pictures'),
    (lines(np.repeat(BOXES, 2, axis=0)), '12 frames for 24 boxes; are there 2 boxes a frame')])
def test_boxes_that_are_not_those_of_the_frames(tmp_path, text, said):
    root = own_data(tmp_path / 'own', text)
    for training in (False, True):
        with pytest.raises(ValueError, match=f'kite.txt: {said}'):
            DATASETS.build({'type': 'FolderDataset', 'data_root': str(root),
                            'test_mode': not training})
    done = run_tool('check_dataset.py', 'own', root)
    assert done.status == 1
    assert said in done.out


@pytest.mark.parametrize(('text', 'said'), [
    (lines(BOXES[:10]), '12 frames for 10 boxes; those after the last box are not used'),
    (lines(BOXES * (1, 1, -1, 1)), 'no box has an area; expected x,y,w,h in pixels'),
    (lines([*BOXES, *BOXES[:2]]), '12 frames for 14 boxes')])
def test_what_may_be_wrong_is_said(tmp_path, text, said, monkeypatch):
    root, logged = own_data(tmp_path / 'own', text), []
    monkeypatch.setattr('mmct.datasets.listed.print_log', lambda text, *_: logged.append(text))
    DATASETS.build({'type': 'FolderDataset', 'data_root': str(root)})
    assert logged == [f'FolderDataset: 1 of 1 sequences are doubtful, which tools/check_dataset.py '
                      f'own {root} names, such as kite.txt: {said}']
    assert said in run_tool('check_dataset.py', 'own', root).out


@pytest.mark.parametrize('lacking', [(5, ), (1, ), (3, 9)])
def test_frames_that_are_missing(tmp_path, lacking):
    """The others keep their boxes, which their numbers tell."""
    root = own_data(tmp_path / 'own', lines(BOXES))
    for number in lacking:
        (root / f'kite/{number:04d}.png').unlink()
    dataset = DATASETS.build({'type': 'FolderDataset', 'data_root': str(root), 'test_mode': True})
    loader = TRANSFORMS.build({'type': 'LoadFrame'})
    found = [loader(dataset.prepare_test_data(0, i)) for i in range(12)]
    for i, frame in enumerate(found):
        assert i + 1 in lacking if 'load_error' in frame else number_of(frame['img']) == i
    assert sum('load_error' in frame for frame in found) == len(lacking)
    said = f'{len(lacking)} of 12 frames are missing, the first is {lacking[0]:04d}.png'
    assert said in run_tool('check_dataset.py', 'own', root).out


def test_every_second_frame_is_missing(tmp_path):
    """Left out, surely, and not to be drawn in vain in training."""
    root = own_data(tmp_path / 'own', lines(BOXES))
    for number in range(1, 12, 2):
        (root / f'kite/{number:04d}.png').unlink()
    with pytest.raises(ValueError, match='kite.txt: 6 of 12 frames are missing, the first is 0001'):
        DATASETS.build({'type': 'FolderDataset', 'data_root': str(root)})


@pytest.mark.parametrize('numbers', [range(1, 12), range(2, 13, 2), [1, 2, 30]])
def test_numbers_that_do_not_tell_what_is_missing(numbers):
    names = [f'{number}.jpg' for number in numbers]
    assert with_missing(names, 14) == names


def test_no_sequence_has_frames(tmp_path):
    root = own_data(tmp_path / 'own', lines(BOXES))
    for file in (root / 'kite').iterdir():
        file.rename(file.with_suffix('.gif'))
    with pytest.raises(ValueError, match=r'no sequence of .*own has frames, such as .*own/kite; '):
        DATASETS.build({'type': 'FolderDataset', 'data_root': str(root), 'test_mode': True})


def test_the_only_video_does_not_know_how_long_it_is(tmp_path):
    """Nor do those that a browser records; here it is one JPEG after the other."""
    (tmp_path / 'kite.mp4').write_bytes(b''.join(
        cv2.imencode('.jpg', scene(i))[1].tobytes() for i in range(LENGTH)))
    (tmp_path / 'kite.txt').write_text(box_text())
    assert recorded_length(tmp_path / 'kite.mp4') == 0
    dataset = DATASETS.build({
        'type': 'FolderDataset', 'data_root': str(tmp_path), 'test_mode': True})
    frame = TRANSFORMS.build({'type': 'LoadFrame'})(dataset.prepare_test_data(0, 20))
    assert number_of(frame['img']) == 20


def test_masks_beside_frames_of_which_the_first_alone_is_labelled(tmp_path, monkeypatch):
    root, logged = own_data(tmp_path / 'own', lines(BOXES[:1])), []
    monkeypatch.setattr('mmct.datasets.listed.print_log', lambda text, *_: logged.append(text))
    DATASETS.build({'type': 'FolderDataset', 'data_root': str(root), 'test_mode': True})
    assert not logged
    for file in list((root / 'kite').iterdir()):
        shutil.copy(file, file.with_name(f'{file.stem}_mask.png'))
    DATASETS.build({'type': 'FolderDataset', 'data_root': str(root), 'test_mode': True})
    said = '24 frames of 12 numbers; are there masks or other pictures beside the frames?'
    assert said in logged[0]
    assert said in run_tool('check_dataset.py', 'own', root).out


def test_masks_of_all_frames_but_one(tmp_path):
    root = own_data(tmp_path / 'own', lines(BOXES))
    for file in sorted((root / 'kite').iterdir())[1:]:
        shutil.copy(file, file.with_name(f'mask_{file.stem}.png'))
    said = '23 frames of 12 numbers; are there masks or other pictures beside the frames?'
    with pytest.raises(ValueError, match=re.escape(said)):
        DATASETS.build({'type': 'FolderDataset', 'data_root': str(root)})
    assert said in run_tool('check_dataset.py', 'own', root).out


def test_frames_of_different_sizes(tmp_path, monkeypatch):
    root, logged = own_data(tmp_path / 'own', lines(BOXES)), []
    monkeypatch.setattr('mmct.datasets.listed.print_log', lambda text, *_: logged.append(text))
    cv2.imwrite(str(root / 'kite/0003.png'), np.zeros((24, 32, 3), np.uint8))
    said = 'kite | 1 of 12 frames have another size than 64 x 48 pixels, the first is 0003.png'
    assert re.sub(' +', ' ', run_tool('check_dataset.py', 'own', root, '--decode').out).count(said)
    DATASETS.build({'type': 'FolderDataset', 'data_root': str(root)})
    assert not logged  # not each frame is looked at
    cv2.imwrite(str(root / 'kite/0012.png'), np.zeros((24, 32, 3), np.uint8))
    DATASETS.build({'type': 'FolderDataset', 'data_root': str(root)})
    said = 'frames of different sizes: 0012.png has 32 x 24, 0001.png has 64 x 48 pixels'
    assert said in logged[0]
    assert said in run_tool('check_dataset.py', 'own', root).out


def test_labels_of_half_the_size_in_all_sequences(tmp_path, monkeypatch):
    logged = []
    monkeypatch.setattr('mmct.datasets.listed.print_log', lambda text, *_: logged.append(text))
    for name, scale in (('a', 2), ('b', 2), ('c', 2), ('d', 1)):
        root = own_data(tmp_path / 'own', lines(BOXES / scale), name=name)
        DATASETS.build({'type': 'FolderDataset', 'data_root': str(root)})
        done = run_tool('check_dataset.py', 'own', root)
        said = 'pixels of frames of another size: all 3 lie in the upper left quarter of their'
        assert (name == 'c') == bool(logged) == (said in done.out)
        assert done.status == 0
        assert all(said in line for line in logged)
        logged.clear()


def test_frames_in_a_folder_within(tmp_path, monkeypatch):
    root, logged = own_data(tmp_path / 'own', lines(BOXES)), []
    monkeypatch.setattr('mmct.datasets.listed.print_log', lambda text, *_: logged.append(text))
    (root / 'kite').rename(root / 'img')
    (root / 'kite').mkdir()
    (root / 'img').rename(root / 'kite/img')
    dataset = DATASETS.build({'type': 'FolderDataset', 'data_root': str(root)})
    assert dataset.get_img_infos_from_video(0)['img_paths'][1] == str(root / 'kite/img/0002.png')
    assert not logged
    (root / 'kite.mp4').touch()
    assert 'kite.mp4 beside it is not used' in run_tool('check_dataset.py', 'own', root).out
    (root / 'kite.mp4').unlink()
    (root / 'kite/img').rename(root / 'kite/pictures')
    dataset = DATASETS.build({'type': 'FolderDataset', 'data_root': str(root)})
    assert dataset.get_img_infos_from_video(0)['img_paths'][0] == str(
        root / 'kite/pictures/0001.png')
    assert not logged
    for hidden in ('.thumbnails', '.img'):
        shutil.copytree(root / 'kite/pictures', root / 'kite' / hidden)
    assert own(root)['kite'].frames == 'kite/pictures'
    (root / 'kite.mp4').touch()  # whose masks they may be
    assert own(root)['kite'].frames == 'kite.mp4'
    (root / 'kite.txt').rename(root / 'kite/groundtruth.txt')  # of the frames in that folder
    with pytest.warns(UserWarning, match='kite.mp4 is passed by: its frames are in'):
        assert own(root)['kite'].frames == 'kite/pictures'
    (root / 'kite/groundtruth.txt').rename(root / 'kite.txt')
    (root / 'kite.mp4').unlink()
    shutil.copytree(root / 'kite/pictures', root / 'kite/masks')  # which may be the frames
    own_data(root, lines(BOXES), name='ball')
    DATASETS.build({'type': 'FolderDataset', 'data_root': str(root)})
    assert 'kite.txt: no frames in kite' in logged[0]


def test_a_blank_line_is_a_frame_without_the_target(tmp_path):
    text = lines(BOXES).splitlines()
    text[3:6] = ['', ',,,', '']
    root = own_data(tmp_path / 'own', '\n'.join(text) + '\n\n')
    dataset = DATASETS.build({'type': 'FolderDataset', 'data_root': str(root)})
    found = dataset.get_ann_infos_from_video(0)
    assert found['visible'].tolist() == [True] * 3 + [False] * 3 + [True] * 6
    assert found['bboxes'][6, 0] == BOXES[6, 0]
    assert read_annotations(root)['kite'].boxes[[3, 6]].tolist() == [[0] * 4, BOXES[6].tolist()]
    # Twice as many line ends as lines, as some programs make them, are no frames.
    (root / 'kite.txt').write_text('\n\n'.join(lines(BOXES).splitlines()))
    assert len(read_annotations(root)['kite'].boxes) == 12


def test_blank_lines_before_the_boxes(tmp_path):
    """They are frames without the target if there are as many frames as lines, and nothing else
    if there are as many as boxes."""
    root = own_data(tmp_path / 'own', '\n\n' + lines(BOXES))
    assert read_annotations(root)['kite'].boxes[0].tolist() == BOXES[0].tolist()
    (root / 'kite.txt').write_text('\n\n' + lines(BOXES[2:]))
    dataset = DATASETS.build({'type': 'FolderDataset', 'data_root': str(root)})
    found = dataset.get_ann_infos_from_video(0)
    assert found['visible'].tolist() == [False] * 2 + [True] * 10
    assert found['bboxes'][2, 0] == BOXES[2, 0]
    with pytest.raises(ValueError, match='kite.txt: the first box .* is not finite'):
        read_annotations(root)
    with pytest.raises(ValueError, match='kite.txt, line 1: .* is no box'):
        read_results(root, {'kite': 12})
    assert read_results(root, {'kite': 10})['kite'][0].tolist() == BOXES[2].tolist()


@pytest.mark.parametrize('name', ['2023.10', 'v1.5', 'a.mp4'])
def test_folders_whose_names_have_dots(tmp_path, name):
    root = own_data(tmp_path / 'own', lines(BOXES), name=name)
    dataset = DATASETS.build({'type': 'FolderDataset', 'data_root': str(root), 'test_mode': True})
    assert sequence_names(dataset) == [name] == list(read_annotations(root))
    assert list(read_results(root, {name: 12})) == [name]
    assert dataset.get_img_infos_from_video(0)['img_paths'][1] == str(root / name / '0002.png')
    assert run_tool('check_dataset.py', 'own', root, '--decode').status == 0


def test_a_video_beside_its_own_frames_is_not_used(files, tmp_path):
    root = own_data(tmp_path / 'own', lines(BOXES))
    shutil.copy(files / 'b.mp4', root / 'kite.mp4')
    with pytest.warns(UserWarning, match='kite.mp4 is passed by: its frames are in .*kite'):
        dataset = DATASETS.build({'type': 'FolderDataset', 'data_root': str(root)})
    assert [dataset.get_data_info(i)['video_path'] for i in range(dataset.num_videos)] == ['kite']
    done = run_tool('check_dataset.py', 'own', root)
    assert (done.status, 'kite.mp4 beside it is not used' in done.out) == (1, True)
    shutil.rmtree(root / 'kite')
    (root / 'kite').mkdir()  # without a frame
    dataset = DATASETS.build({'type': 'FolderDataset', 'data_root': str(root)})
    assert dataset.get_data_info(0)['video_path'] == 'kite.mp4'


def test_levels_of_a_video_in_own_data(tmp_path):
    video = cv2.VideoWriter(
        str(tmp_path / 'heat.avi'), cv2.CAP_FFMPEG, cv2.VideoWriter_fourcc(*'FFV1'), 30, (64, 48),
        [cv2.VIDEOWRITER_PROP_DEPTH, cv2.CV_16U, cv2.VIDEOWRITER_PROP_IS_COLOR, 0])
    for _ in range(3):
        frame = np.full((48, 64), 3000, np.uint16)
        frame[10:20, 5:17] = 3200
        video.write(frame)
    video.release()
    for levels, expected in ((None, [11, 12]), ([3000, 3255], [0, 200])):
        reader = FrameReader(levels)
        for number in (2, 0, 1):
            found = reader.read(f'{tmp_path}/heat.avi#{number}')
            assert found.shape == (48, 64, 3)
            assert abs(np.unique(found).astype(int) - expected).max() <= 1
