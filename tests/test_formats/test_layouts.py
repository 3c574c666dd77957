"""Each data set in small, in its own layout, through converter, checker and the real classes."""
import re
import shutil
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
from cli import DATASETS
from commands import run_tool
from data_preparation.check import check_sequence
from data_preparation.infos import write_infos
from data_preparation.layouts import LAYOUTS, layout_of
from mmengine.config import Config
from mmtrack.registry import DATASETS as CLASSES

from mmct.datasets.sources import build_checked
from mmct.formats import read_annotations, sequence_name, sequence_names, to_be_tested
from mmct.formats.sequences import names_in_infos, names_of

FRAME = cv2.imencode('.jpg', np.full((48, 64, 3), 90, np.uint8))[1].tobytes()
SETS = ['lasot', 'lasot_ext', 'tnl2k', 'trackingnet', 'got10k', 'uav123', 'nfs', 'otb100',
        'vot']


def put(file, content=FRAME):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content) if isinstance(content, bytes) else file.write_text(content)


def frames(folder, template, numbers):
    for number in numbers:
        put(folder / (template % number))


def boxes(length, delimiter=',', first=10):
    return ''.join(delimiter.join(map(str, (first + i, 12, 9, 8))) + '\n' for i in range(length))


def lasot_video(folder, length=4):
    frames(folder / 'img', '%08d.jpg', range(1, length + 1))
    put(folder / 'groundtruth.txt', boxes(length))
    put(folder / 'full_occlusion.txt', ','.join('0' * length))
    put(folder / 'out_of_view.txt', ','.join('0' * (length - 1) + '1'))


def lasot(root):
    lasot_video(root / 'LaSOTBenchmark/airplane/airplane-1')
    lasot_video(root / 'LaSOTBenchmark/airplane/airplane-2', 3)
    return {'airplane-1': 4}


def lasot_ext(root):
    lasot_video(root / 'atv/atv-10')
    return {'atv-10': 4}


def tnl2k(root):
    folder = root / 'TNL2K_test_subset/Fish_01-Done'
    for name in ('2.png', '10.jpg', 'a_11.jpg'):
        put(folder / 'imgs' / name)
    put(folder / 'groundtruth.txt', boxes(3))
    put(folder / 'language.txt', 'the fish')
    return {'Fish_01-Done': 3}


def trackingnet(root):
    for chunk, count in (('TEST', 1), ('TRAIN_3', 5)):
        frames(root / chunk / 'frames/a-b_0', '%d.jpg', range(5))
        put(root / chunk / 'anno/a-b_0.txt', boxes(count))
    return {'a-b_0': 5}


def got10k(root):
    for split, count in (('test', 1), ('train', 5), ('val', 5)):
        folder = root / split / f'GOT-10k_{split.title()}_000001'
        frames(folder, '%08d.jpg', range(1, 6))
        put(folder / 'groundtruth.txt', boxes(count))
        put(root / split / 'list.txt', f'{folder.name}\n')
        if count == 5:
            put(folder / 'absence.label', '0\n' * 4 + '1\n')
            put(folder / 'cover.label', '8\n' * 3 + '0\n8\n')
    put(root / 'train/got10k_vot_train_split.txt', '0\n')
    return {'GOT-10k_Test_000001': 5}


def uav123(root):
    frames(root / 'data_seq/UAV123/bird1', '%06d.jpg', [1, 2, 3, *range(775, 779)])
    frames(root / 'data_seq/UAV123/car1_s', '%06d.jpg', range(1, 4))
    put(root / 'anno/UAV123/bird1_1.txt', boxes(3))
    put(root / 'anno/UAV123/bird1_2.txt', boxes(3) + 'NaN,NaN,NaN,NaN\n')
    put(root / 'anno/UAV123/car1_s.txt', boxes(3))
    put(root / 'anno/UAV123/att/bird1_1.txt', ','.join('0' * 12))
    return {'bird1_1': 3, 'bird1_2': 4, 'car1_s': 3}


def nfs(root):
    for name, lines in (('bee', 5), ('cup', 40), ('dog', 6)):
        frames(root / name / '30' / name, '%05d.jpg', range(1, 6))
        put(root / name / f'30/{name}.txt', ''.join(
            f'0 {10 + i} 12 {19 + i} 20 {i + 1} 0 0 0 "it"\n' for i in range(lines)))
    return {'bee': 5, 'cup': 5, 'dog': 5}


def otb100(root):
    for name, start, file, delimiter in (
            ('Boy', 1, 'groundtruth_rect', ','), ('David', 300, 'groundtruth_rect', '\t'),
            ('Jogging', 1, 'groundtruth_rect.2', ' '), ('Tiger1', 1, 'groundtruth_rect', ',')):
        frames(root / f'data/{name}/img', '%04d.jpg', range(start, start + 8))
        put(root / f'data/{name}/{file}.txt', boxes(8, delimiter))
    frames(root / 'data/Board/img', '%05d.jpg', range(1, 4))
    put(root / 'data/Board/groundtruth_rect.txt', boxes(3))
    return {'Board': 3, 'Boy': 8, 'David': 8, 'Jogging_2': 8, 'Tiger1': 3}


def vot(root):
    for name, folder in (('ball', 'color/'), ('car', '')):
        frames(root / name, f'{folder}%08d.jpg', range(1, 4))
        put(root / name / 'groundtruth.txt', boxes(1) + '11,12,20,12.5,20,20,12,20\n' +
            '12 16 16 20 21 16 17 12\n')
    put(root / 'list.txt', 'car\nball\n')
    return {'ball': 3, 'car': 3}


def vasttrack(root):
    folder = root / 'unisot_train_final_backup/Air Hockey/Air Hockey-1'
    frames(folder / 'imgs', '%05d.jpg', range(1, 6))
    put(folder / 'Groundtruth.txt', boxes(4) + '0,0,0,0\n')
    return {'Air Hockey-1': 5}


def infos(root, name):
    return write_infos(root, name, layout_of(name))


@cache
def parsed(name):
    return Config.fromfile(DATASETS / f'{name}_test.py').test_dataloader.dataset


def built(root, name, **changes):
    """The data set of a config."""
    dataset = CLASSES.build({**parsed(name), 'data_root': str(root), 'pipeline': [], **changes})
    dataset.full_init()
    return dataset


@pytest.mark.parametrize('name', SETS)
def test_configs_read_what_the_converter_writes(tmp_path, name):
    lengths = globals()[name](tmp_path)
    infos(tmp_path, name)
    dataset = built(tmp_path, name)
    names = sequence_names(dataset)
    assert {own: dataset.get_len_per_video(i) for i, own in enumerate(names)} == lengths
    secret = LAYOUTS[name].splits.get('test') and LAYOUTS[name].splits['test'].secret
    for i, own in enumerate(names):
        for frame in range(lengths[own]):
            sample = dataset.prepare_test_data(i, frame)
            assert cv2.imread(sample['img_path']).shape == (48, 64, 3)
            instance, = sample['instances']
            if frame and secret:
                assert 'bbox' not in instance
            elif not np.isnan(instance['bbox']).any():
                first = 15 if own == 'Tiger1' else 10
                step = 8 if own == 'cup' else 1
                np.testing.assert_array_equal(
                    instance['bbox'], [x := first + step * frame, 12, x + 9, 20])
    assert len(dataset) == sum(lengths.values())


@pytest.mark.parametrize(('name', 'file'), [
    ('nfs', 'bee/30/bee.txt'), ('otb100', 'data/Boy/groundtruth_rect.txt')])
def test_a_blank_line_is_a_frame_without_the_target(tmp_path, name, file):
    globals()[name](tmp_path)
    lines = (tmp_path / file).read_text().splitlines()
    lines[2] = ''
    put(tmp_path / file, '\n'.join(lines))
    infos(tmp_path, name)
    dataset = built(tmp_path, name)
    boxes = dataset.get_bboxes_from_video(sequence_names(dataset).index(
        {'nfs': 'bee', 'otb100': 'Boy'}[name]))
    assert len(boxes) == len(lines)
    assert np.isnan(boxes[2]).all()
    assert boxes[[1, 3], 0].tolist() == [11, 13]


def test_boxes_of_otb100_with_decimals(tmp_path):
    otb100(tmp_path)
    put(tmp_path / 'data/Board/groundtruth_rect.txt', '10.5,12,9,8\n' * 3)
    infos(tmp_path, 'otb100')
    dataset = built(tmp_path, 'otb100')
    boxes = dataset.get_bboxes_from_video(sequence_names(dataset).index('Board'))
    assert boxes.tolist() == [[10.5, 12, 9, 8]] * 3


@pytest.mark.parametrize(('name', 'places'), [
    ('lasot', ['LaSOTBenchmark/cat/._cat-1', 'LaSOTBenchmark/__MACOSX/cat-9']),
    ('tnl2k', ['TNL2K_test_subset/__MACOSX', 'TNL2K_test_subset/.cache']),
    ('vasttrack', ['unisot_train_final_backup/__MACOSX/Air Hockey',
                   'unisot_train_final_backup/Air Hockey/.cache'])])
def test_what_macos_leaves_is_no_sequence(tmp_path, name, places):
    globals()[name](tmp_path)
    before = layout_of(name).present(tmp_path)
    for place in places:
        (tmp_path / place).mkdir(parents=True)
    assert layout_of(name).present(tmp_path) == before


def test_another_picture_among_the_frames_of_a_secret_sequence(tmp_path):
    name, = trackingnet(tmp_path)
    cv2.imwrite(str(tmp_path / f'TEST/frames/{name}/thumb.jpg'), np.zeros((9, 9, 3), np.uint8))
    assert [left_out for _, left_out in infos(tmp_path, 'trackingnet').values()] == [[], []]


def test_the_validation_videos_of_got10k_have_all_boxes(tmp_path):
    got10k(tmp_path)
    infos(tmp_path, 'got10k')
    dataset = built(tmp_path, 'got10k_val')
    instances = [dataset.prepare_test_data(0, frame)['instances'][0] for frame in range(5)]
    assert [own['bbox'][0] for own in instances] == [10, 11, 12, 13, 14]
    assert [own['visible'] for own in instances] == [True, True, True, False, True]
    annotation, = read_annotations(tmp_path / 'val').values()
    assert (~annotation.absent).tolist() == [own['visible'] for own in instances]


@pytest.mark.parametrize(('name', 'folder'), [
    ('uav123', 'annotations/uav123'), ('nfs', 'annotations/nfs'), ('otb100', 'annotations/otb100'),
    ('tnl2k', 'TNL2K_test_subset'), ('lasot_ext', '.')])
def test_evaluation_reads_the_annotations(tmp_path, name, folder):
    lengths = globals()[name](tmp_path)
    infos(tmp_path, name)
    found = read_annotations(tmp_path / folder)
    if name == 'otb100':
        assert found.pop('Tiger1').boxes[0, 0] == 15
        del lengths['Tiger1']
    assert {own: len(annotation.boxes) for own, annotation in found.items()} == lengths
    assert all(own.boxes[0].tolist() == [10, 12, 9, 8] for own in found.values())


@pytest.mark.parametrize(('name', 'kind', 'file', 'length'), [
    ('lasot', 'LaSOTDataset', 'lasot_train_infos.txt', 3),
    ('got10k', 'GOT10kDataset', 'got10k_train_infos.txt', 5),
    ('got10k', 'GOT10kDataset', 'got10k_train_vot_infos.txt', 5),
    ('trackingnet', 'TrackingNetDataset', 'trackingnet_train_infos.txt', 5),
    ('vasttrack', 'ListedSOTDataset', 'vasttrack_train_infos.txt', 5)])
def test_training_sets(tmp_path, name, kind, file, length):
    globals()[name](tmp_path)
    infos(tmp_path, name)
    prefix = LAYOUTS[name].prefix
    dataset = built(tmp_path, 'lasot', type=kind, test_mode=False,
                    ann_file=f'annotations/{file}', data_prefix={'img_path': prefix})
    assert dataset.num_videos == 1
    found = dataset.get_ann_infos_from_video(0)
    assert len(found['bboxes']) == length
    assert found['visible'].sum() == length - {
        'lasot': 1, 'got10k': 2, 'trackingnet': 0, 'vasttrack': 1}[name]
    paths = dataset.get_img_infos_from_video(0)['img_paths']
    assert [cv2.imread(path).shape for path in paths] == [(48, 64, 3)] * length


def test_lists_of_sequences():
    assert {name: len(names_of(name)) for name in (
        'lasot_test', 'nfs', 'otb100', 'uav123')} == {
        'lasot_test': 280, 'nfs': 100, 'otb100': 100, 'uav123': 123}
    assert len(set(names_of('uav123'))) == 123
    assert len(LAYOUTS['lasot_ext'].splits[''].find(None)) == 150
    assert len(LAYOUTS['lasot'].splits['train'].find(Path('nowhere'))) == 1120


def test_training_videos_are_not_to_be_tested():
    test = names_of('lasot_test')
    assert to_be_tested([*test, 'airplane-2'], test[:3]) == test
    assert to_be_tested([*test, 'airplane-2'], ['airplane-1', 'airplane-2'])[-1] == 'airplane-2'
    assert to_be_tested(['airplane-1', 'airplane-2'], ['airplane-1']) == [
        'airplane-1', 'airplane-2']


def test_the_list_beside_the_videos_says_which_are_to_be_tested(tmp_path):
    infos = tmp_path / 'annotations/lasot_test_infos.txt'
    infos.parent.mkdir()
    infos.write_text('header\n' + '\n'.join(
        f'cat/cat-{i}/img,cat/cat-{i}/groundtruth.txt,1,9' for i in (2, 3)))
    annotated = ['cat-1', 'cat-2', 'cat-3']
    for tested, expected in ((['cat-2'], annotated[1:]), (['cat-1', 'cat-2'], annotated)):
        assert to_be_tested(annotated, tested, tmp_path / 'LaSOTBenchmark') == expected
    assert to_be_tested(annotated[:2], ['cat-2'], tmp_path / 'LaSOTBenchmark') == annotated[:2]


def test_the_list_of_lasot_is_that_of_the_toolkit(reference):
    assert sorted(names_of('lasot_test')) == sorted(
        read_annotations(reference / 'lasot/annos_test.tar.xz'))


@pytest.mark.parametrize(('path', 'name'), [
    ('cat/cat-1/groundtruth.txt', 'cat-1'), ('data/Jogging/groundtruth_rect.2.txt', 'Jogging_2'),
    ('x/Ant-1/Groundtruth.txt', 'Ant-1'), ('anno/UAV123/bird1_2.txt', 'bird1_2'),
    ('a.txt', 'a'), ('v1.0.txt', 'v1.0'), ('x/groundtruth-2.txt', 'groundtruth-2')])
def test_names(path, name):
    assert sequence_name(path) == name


def test_boxes_around_polygons(tmp_path):
    vot(tmp_path)
    assert list(infos(tmp_path, 'vot').values()) == [(2, [])]
    found = read_annotations(tmp_path / 'annotations/vot')
    assert found['car'].boxes.tolist() == [[10, 12, 9, 8], [11, 12, 9, 8], [12, 12, 9, 8]]
    for text in ('m10,20,5,5,0,1,2', '1,2,3,4,5,6,7', 'a,b,c,d', '', '10,12,9,8,0,1',
                 '100,5\t80,5\t20,0\t30,0', '100,5,80,5,20,0,30,0', '10,12,9,8,0,1,0,0',
                 '1,-1,100,80,20,30,1,-1,-1,-1'):  # flags, decimal commas, MOT's lines
        put(tmp_path / 'car/groundtruth.txt', text)
        (_, (problem, )), = infos(tmp_path, 'vot').values()
        assert 'car: ' in problem
        assert 'expected a polygon' in problem


# What is missing

def problems(root, name, key='', decode=False):
    layout = layout_of(name)
    split = layout.splits[key]
    found = {own.name: check_sequence(root, layout, own, split.secret, decode)
             for own in layout.present(root)[key]}
    return {own: texts for own, texts in found.items() if texts}


@pytest.mark.parametrize('name', SETS)
def test_nothing_is_missing(tmp_path, name):
    complete = globals()[name](tmp_path)
    for key in layout_of(name).present(tmp_path):
        if key in ('', 'test', 'val'):
            assert not problems(tmp_path, name, key, decode=True).keys() & complete.keys()


def test_missing_of_lasot(tmp_path):
    lasot(tmp_path)
    folder = tmp_path / 'LaSOTBenchmark/airplane/airplane-1'
    (folder / 'img/00000002.jpg').unlink()
    (folder / 'img/00000004.jpg').unlink()
    (folder / 'out_of_view.txt').unlink()
    put(folder / 'full_occlusion.txt', '0,0')
    found = problems(tmp_path, 'lasot', 'test')
    assert found['airplane-1'] == [
        'full_occlusion.txt has 2 values for 4 boxes', 'out_of_view.txt is missing',
        '2 of 4 frames are missing, the first is 00000002.jpg']
    assert found['bear-2'] == ['no frames in bear/bear-2/img',
                               'annotation bear/bear-2/groundtruth.txt is missing']
    assert len(found) == 280
    found = problems(tmp_path, 'lasot', 'train')
    assert len(found) == 1119
    assert 'airplane-2' not in found
    assert 'no frames in zebra/zebra-20/img' in found['zebra-20']


def test_annotations_that_cannot_be_read(tmp_path):
    lengths = uav123(tmp_path)
    put(tmp_path / 'anno/UAV123/bird1_1.txt', '1,2,3\n')
    put(tmp_path / 'anno/UAV123/car1_s.txt', b'\xff\xfa')
    found = problems(tmp_path, 'uav123')
    assert 'annotation cannot be read: ' in found['bird1_1'][0]
    assert 'car1_s.txt is not a text file' in found['car1_s'][0]
    (file, (count, left_out)), = infos(tmp_path, 'uav123').items()
    assert count == len(lengths) - 2
    assert [text.split(':')[0] for text in left_out] == ['bird1_1', 'car1_s']
    assert len(file.read_text().splitlines()) == 2


def test_frames_that_are_fewer_than_boxes_fail_alone(tmp_path):
    tnl2k(tmp_path)
    infos(tmp_path, 'tnl2k')
    (tmp_path / 'TNL2K_test_subset/Fish_01-Done/imgs/10.jpg').unlink()
    assert problems(tmp_path, 'tnl2k') == {'Fish_01-Done': ['2 frames for 3 boxes']}
    paths = built(tmp_path, 'tnl2k').get_img_infos_from_video(0)['img_paths']
    assert [path.rpartition('/')[2] for path in paths] == [
        '2.png', 'a_11.jpg', '(number 3 of 3 is missing)']


def test_gaps_where_the_ground_truth_is_secret(tmp_path):
    got10k(tmp_path)
    (tmp_path / 'test/GOT-10k_Test_000001/00000003.jpg').unlink()
    assert problems(tmp_path, 'got10k', 'test') == {
        'GOT-10k_Test_000001': ['1 of 5 frames are missing, the first is 00000003.jpg']}


def test_broken_frames_are_found_by_decoding_alone(tmp_path):
    lasot_ext(tmp_path)
    for number, content in ((2, b''), (3, FRAME[:40]), (4, FRAME[:-20])):
        put(tmp_path / f'atv/atv-10/img/{number:08d}.jpg', content)
    assert 'atv-10' not in problems(tmp_path, 'lasot_ext')
    assert problems(tmp_path, 'lasot_ext', decode=True)['atv-10'] == [
        '3 of 4 frames cannot be decoded, the first is 00000002.jpg']


# The commands

def test_commands(tmp_path):
    otb100(tmp_path)
    done = run_tool('convert_dataset.py', 'otb100', tmp_path)
    assert done.status == 1
    assert f'5 sequences written to {tmp_path}/annotations/otb100_infos.txt' in done.out
    assert 'left out: Basketball: ' in done.out
    done = run_tool('check_dataset.py', 'otb100', tmp_path)
    assert done.status == 1
    assert '94 of 100 sequences have no frames: Basketball, Biker, ' in done.out
    assert 'otb100: 5 of 100 sequences are complete' in done.out
    uav123(tmp_path)
    done = run_tool('check_dataset.py', 'uav123', tmp_path)
    assert 'uav123: 3 of 123 sequences are complete' in done.out
    assert '120 of 123 sequences are missing' in done.out
    lasot_video(tmp_path / 'LaSOTBenchmark/airplane/airplane-2')
    done = run_tool('check_dataset.py', 'lasot', tmp_path)
    assert done.out.splitlines()[-2:] == [
        'lasot train: 1 of 1120 sequences are complete', 'lasot test: nothing is there']
    assert len(done.out.splitlines()) < 9  # a part is summed up
    assert '1119 of 1120 sequences have no frames: ' in done.out
    assert 'airplane-2 ' not in done.out
    got10k(tmp_path)
    done = run_tool('check_dataset.py', 'got10k', tmp_path, '--split', 'train_vot', '--decode')
    assert done.status == 0
    assert done.out.splitlines()[-1] == 'got10k train_vot: 1 of 1 sequences are complete'


@pytest.mark.parametrize(('tool', 'args', 'message'), [
    ('check_dataset.py', ['lsot', '.'], 'lsot is not one of the data sets lasot, lasot_ext, '),
    ('convert_dataset.py', ['lsot', '.'], 'lsot is not one of the data sets lasot, lasot_ext, '),
    ('convert_dataset.py', ['own', '.'], 'own data needs no info file'),
    ('check_dataset.py', ['lasot', 'nowhere'], 'nowhere has no sequence in the layout expected, '
     'nowhere/LaSOTBenchmark/airplane/airplane-1/')])
def test_mistakes(tool, args, message):
    done = run_tool(tool, *args)
    assert done.status == 2
    line, = done.err.splitlines()
    assert message in line


class Listed:
    """A data set of sequences whose frames and boxes lie there."""

    def __init__(self, *places):
        self.places, self.num_videos = places, len(places)

    def get_data_info(self, index):
        return {'video_path': self.places[index], 'ann_path': f'{self.places[index]}.txt'}


@pytest.mark.parametrize(('places', 'message'), [
    (('x/kite', 'bus', 'y/kite'),
     r'kite \(x/kite\) and kite \(y/kite\) would share the result file kite.txt'),
    (('a_time', 'a'), r'a_time \(a_time\) and a \(a\) would share the result file a_time.txt'),
    (('b', 'b_score'), r'b \(b\) and b_score \(b_score\) would share the result file b_score.txt'),
])
def test_sequences_whose_results_would_be_one_file(places, message):
    with pytest.raises(ValueError, match=f'^Listed: the sequences {message}; give their '):
        sequence_names(Listed(*places))


def test_names_that_only_look_alike():
    assert sequence_names(Listed('a', 'a_times', 'A', 'b_time')) == ['a', 'a_times', 'A', 'b_time']


def test_annotations_called_alike(tmp_path):
    for place in ('one/kite', 'two/kite', 'two/bus'):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / 'groundtruth.txt').write_text('1,2,3,4\n')
    with pytest.raises(ValueError, match=(
            f'^{tmp_path}: two sequences are called kite: {tmp_path}/one/kite and '
            f'{tmp_path}/two/kite; rename one')):
        read_annotations(tmp_path)
    assert sorted(read_annotations(tmp_path / 'two')) == ['bus', 'kite']
    shutil.rmtree(tmp_path / 'one')
    (tmp_path / 'one').symlink_to(tmp_path / 'two')  # the same is no other
    assert sorted(read_annotations(tmp_path)) == ['bus', 'kite']


def test_toolkit_annotations_called_alike(tmp_path):
    for place in ('UAV123/bike1', 'UAV20L/bike1', 'UAV123/old/bike1'):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / f'{place}.txt').write_text('1,2,3,4\n')
    with pytest.raises(ValueError, match='two sequences are called bike1: UAV123/bike1.txt and '
                                         'UAV20L/bike1.txt; rename one, or give the folder of'):
        read_annotations(tmp_path)
    # Nearer to the top counts, as before.
    assert list(read_annotations(tmp_path / 'UAV123')) == ['bike1']


def test_a_comma_in_the_name_of_a_sequence(tmp_path):
    folder = tmp_path / 'TNL2K_test_subset/Fish, red "1"'
    frames(folder / 'imgs', '%d.png', range(1, 4))
    put(folder / 'groundtruth.txt', boxes(3))
    infos(tmp_path, 'tnl2k')
    dataset = built(tmp_path, 'tnl2k')
    assert sequence_names(dataset) == ['Fish, red "1"']
    assert cv2.imread(dataset.get_img_infos_from_video(0)['img_paths'][2]) is not None
    (tmp_path / 'annotations/tnl2k_infos.txt').rename(
        tmp_path / 'annotations/tnl2k_test_infos.txt')
    assert to_be_tested(['Fish, red "1"', 'other'], ['Fish, red "1"'],
                        tmp_path / 'TNL2K_test_subset') == ['Fish, red "1"']
    lasot_video(tmp_path / 'LaSOTBenchmark/air,plane/air,plane-3')
    _, (count, left_out) = infos(tmp_path, 'lasot').popitem()
    assert count == 0
    assert 'air,plane-3: its path has a comma, at which MMTracking splits' in '\n'.join(left_out)


@pytest.mark.parametrize('change', [
    lambda text: b'\xef\xbb\xbf' + text, lambda text: text.replace(b',', b'\t'),
    lambda text: text.replace(b'\n', b'\r\n'), lambda text: text.replace(b',', b';'),
    lambda text: text.replace(b'11,12,9,8', b'-nan(ind),-nan(ind),-nan(ind),-nan(ind)'),
    lambda text: text.replace(b'11,12,9,8', b'')])
def test_texts_of_windows_in_the_data_sets_of_mmtracking(tmp_path, change):
    lasot(tmp_path)
    for file in (tmp_path / 'LaSOTBenchmark/airplane/airplane-1').glob('*.txt'):
        file.write_bytes(change(file.read_bytes()))
    infos(tmp_path, 'lasot')
    file = tmp_path / 'annotations/lasot_test_infos.txt'
    file.write_bytes(b'\xef\xbb\xbf' + file.read_bytes())
    found = built(tmp_path, 'lasot').get_ann_infos_from_video(0)
    seen = b'11' in change(b'11,12,9,8')
    assert found['visible'].tolist() == [True, seen, True, False]
    np.testing.assert_array_equal(found['bboxes'][::2, 0], [10, 12])
    assert read_annotations(tmp_path)['airplane-1'].absent.tolist() == [False] * 3 + [True]
    for text, line in (('1,2,3,4\n1,2;3,4\n', "line 2 is '1,2;3,4'"),
                       ('1,5;2,5;3;4\n' * 4, "line 1 is '1,5;2,5;3;4'; write decimals with a po")):
        put(tmp_path / 'LaSOTBenchmark/airplane/airplane-1/groundtruth.txt', text)
        with pytest.raises(ValueError, match=f'groundtruth.txt: expected .*; {line}'):
            built(tmp_path, 'lasot').get_ann_infos_from_video(0)


@pytest.mark.parametrize('name', ['lasot', 'uav123', 'nfs'])
def test_lists_that_others_write(tmp_path, name):
    lengths = globals()[name](tmp_path)
    infos(tmp_path, name)
    file = tmp_path / parsed(name).ann_file
    comment, text = file.read_text().split('\n', 1)
    for changed in (text, f'{comment}\n\n{text}\n\n', text.replace(',', ', '),
                    text.replace(',', '\t'), text.replace(',', ';'), text.replace('\n', '\r')):
        file.write_text(changed)
        dataset = built(tmp_path, name)
        assert [dataset.get_len_per_video(i) for i in range(dataset.num_videos)] == list(
            lengths.values())
        assert names_in_infos(file) == sequence_names(dataset)
    for changed, said in ((f'{text}\na,b,1', "line .*: expected folder of frames,.* got 'a,b,1'"),
                          (comment, 'it lists no sequence')):
        file.write_text(changed)
        with pytest.raises(ValueError, match=said):
            built(tmp_path, name)
        assert names_in_infos(file) == []


@pytest.mark.parametrize(('text', 'said'), [
    (boxes(3), 'groundtruth.txt has 3 boxes, annotations/lasot_test_infos.txt says 4 frames'),
    ('\n' + boxes(3), 'groundtruth.txt has 3 boxes, annotations/lasot_test_infos.txt says 4 fr'),
    ('0.1,0.2,0.3,0.4\n' * 4, 'groundtruth.txt: parts of the frame: each is at most a pixel wide'),
    ('100,12,9,8\n' * 4, 'groundtruth.txt: pixels of frames of another size: 4 of 4 lie outside')])
def test_boxes_that_are_not_those_of_the_frames(tmp_path, monkeypatch, text, said):
    """In a layout of MMTracking's, which many give to data of their own."""
    lasot(tmp_path)
    infos(tmp_path, 'lasot')
    monkeypatch.chdir(tmp_path)
    config = dict(parsed('lasot'), data_root='', pipeline=[], lazy_init=False, test_mode=True)
    assert build_checked(config).num_videos == 1
    put(tmp_path / 'LaSOTBenchmark/airplane/airplane-1/groundtruth.txt', text)
    with pytest.raises(ValueError, match='LaSOTDataset: airplane/airplane-1/' + said):
        build_checked(config)
    with pytest.raises(ValueError, match='LaSOTDataset: airplane/airplane-1/groundtruth.txt'):
        build_checked({**config, 'test_mode': False})
    if 'boxes' not in said:
        assert said.partition(': ')[2] in problems(tmp_path, 'lasot', 'test')['airplane-1'][0]


def test_masks_beside_frames_of_any_names(tmp_path):
    tnl2k(tmp_path)
    infos(tmp_path, 'tnl2k')
    config = dict(parsed('tnl2k'), data_root=str(tmp_path), pipeline=[], lazy_init=False)
    assert build_checked(config).num_videos == 1
    folder = tmp_path / 'TNL2K_test_subset/Fish_01-Done/imgs'
    for name in ('2.png', '10.jpg', 'a_11.jpg'):
        put(folder / f'mask_{name}')
    said = '6 frames of 3 numbers; are there masks or other pictures beside the frames?'
    with pytest.raises(ValueError, match=re.escape(said)):
        build_checked(config)
    assert problems(tmp_path, 'tnl2k') == {'Fish_01-Done': [said]}
    _, (count, left_out) = infos(tmp_path, 'tnl2k').popitem()
    assert (count, said in left_out[0]) == (0, True)


def test_names_with_spaces_in_the_lists_of_data_sets(tmp_path):
    vot(tmp_path)
    (tmp_path / 'car').rename(tmp_path / 'red car')
    put(tmp_path / 'list.txt', '\ufeffred car\r\nball\r\n')
    assert [one.name for one in layout_of('vot').present(tmp_path)['']] == ['ball', 'red car']


def test_flags_that_are_not_those_of_the_boxes(tmp_path):
    lasot(tmp_path)
    infos(tmp_path, 'lasot')
    config = dict(parsed('lasot'), data_root=str(tmp_path), pipeline=[], lazy_init=False)
    for file, said in (('full_occlusion.txt', 'flags beside airplane/airplane-1/groundtruth.txt '
                        'cannot be used: operands could not be broadcast'),
                       ('out_of_view.txt', 'has 4 boxes, and flags beside it for 3 frames')):
        put(tmp_path / 'LaSOTBenchmark/airplane/airplane-1' / file, '0,0,0')
        with pytest.raises(ValueError, match=said):
            build_checked(config)
