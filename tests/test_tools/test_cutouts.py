"""tools/make_cutouts.py and what it writes."""
import json

import cv2
import numpy as np
import pytest
from commands import run_tool
from pycocotools import mask as coco
from synthetic_videos.cutouts import cut_out, read_outlines
from synthetic_videos.photos import Photos
from synthetic_videos.writer import write_videos

SIZE = 160, 200  # height, width


def picture(seed):
    coarse = np.random.default_rng(seed).integers(0, 256, (20, 25, 3), dtype=np.uint8)
    return cv2.resize(coarse, SIZE[::-1], interpolation=cv2.INTER_CUBIC)


def square(x, y, side):
    return [[x, y, x + side, y, x + side, y + side, x, y + side]]


def write_coco(folder, outlines, **more):
    """A picture for each list of annotations; returns the annotation file."""
    images, annotations = [], []
    (folder / 'images').mkdir(parents=True)
    for i, own in enumerate(outlines):
        cv2.imwrite(str(folder / 'images' / f'{i}.png'), picture(i))
        images.append(dict(id=i, file_name=f'{i}.png', height=SIZE[0], width=SIZE[1]))
        annotations += [dict(id=len(annotations) + k, image_id=i, bbox=[0, 0, 9, 9], **one)
                        for k, one in enumerate(own)]
    file = folder / 'instances.json'
    file.write_text(json.dumps(dict(images=images, annotations=annotations, **more)))
    return file


def test_a_thing_is_cut_out_along_its_outline():
    cut = cut_out(picture(0), square(40, 30, 60))
    height, width = cut.shape[:2]
    assert abs(height - 60) <= 2
    assert abs(width - 60) <= 2
    assert np.array_equal(cut[10:50, 10:50, :3], picture(0)[40:80, 50:90])
    assert (cut[10:50, 10:50, 3] == 255).all()
    # No rim of the old background: the outermost pixels are nearly clear.
    assert cut[0, :, 3].max() < 128
    assert cut[:, -1, 3].max() < 128


@pytest.mark.parametrize('compressed', [False, True])
def test_run_lengths_are_masks_too(compressed):
    mask = np.zeros(SIZE, np.uint8)
    mask[30:91, 40:101] = 1
    runs = coco.encode(np.asfortranarray(mask))
    if compressed:
        runs['counts'] = runs['counts'].decode()
    else:
        flat = mask.flatten(order='F')
        changes = np.flatnonzero(np.diff(flat)) + 1
        runs['counts'] = np.diff([0, *changes, flat.size]).tolist()
    cut = cut_out(picture(0), runs)
    assert cut.shape == (61, 61, 4)
    assert np.array_equal(cut[5:55, 5:55, :3], picture(0)[35:85, 45:95])


def test_run_lengths_of_a_picture_of_unknown_size(tmp_path):
    """As numbers that have a point, as of other languages than Python."""
    column = [60., 100.]
    thing = dict(size=SIZE, counts=[50 * 160 + 30., *column * 59, 60., 90 * 160 + 70.])
    file = write_coco(tmp_path, [[dict(segmentation=thing)]])
    content = json.loads(file.read_text())
    content['images'][0].update(height=0, width=0)
    file.write_text(json.dumps(content))
    done = run_tool('make_cutouts.py', file, tmp_path / 'images', tmp_path / 'out')
    assert done.out.startswith('1 cut-outs of 1 photographs')


@pytest.mark.parametrize('outline', [
    square(40, 30, 30), square(0, 30, 60), square(140, 30, 60), square(40, 100, 60),
    [*square(20, 20, 20), *square(130, 110, 20)]],
    ids=['small', 'left border', 'right border', 'lower border', 'mostly hidden'])
def test_what_is_no_whole_thing_is_left_out(outline):
    assert cut_out(picture(0), outline) is None


def test_the_tool_writes_what_the_generator_takes(tmp_path):
    crowd = dict(segmentation=square(40, 30, 60), iscrowd=1)
    file = write_coco(tmp_path, [[dict(segmentation=square(40, 30, 60)), crowd]] * 12)
    out = tmp_path / 'photos'
    done = run_tool('make_cutouts.py', file, tmp_path / 'images', out, '--scenes')
    assert '12 cut-outs of 12 photographs' in done.out
    assert len(list((out / 'cutouts').iterdir())) == len(list((out / 'scenes').iterdir())) == 12
    stamps = [len(Photos(split, str(out)).stamps) for split in ('train', 'test')]
    assert sum(stamps) == 12
    assert min(stamps) > 0


def test_a_photograph_that_is_gone_is_a_warning(tmp_path):
    file = write_coco(tmp_path, [[dict(segmentation=square(40, 30, 60))]] * 3)
    (tmp_path / 'images/1.png').unlink()
    (tmp_path / 'images/2.png').write_bytes(b'no picture')
    done = run_tool('make_cutouts.py', file, tmp_path / 'images', tmp_path / 'out')
    assert 'warning: 2 of 3 photographs' in done.err
    assert 'the first is 1.png' in done.err
    assert '1 cut-outs of 1 photographs' in done.out


@pytest.mark.parametrize('change', ['smaller', 'turned'])
def test_a_photograph_of_another_size_is_left_out(tmp_path, change):
    """Its outlines would cut out something else."""
    file = write_coco(tmp_path, [[dict(segmentation=square(40, 30, 60))]] * 2)
    changed = cv2.resize(picture(1), (150, 120)) if change == 'smaller' else \
        cv2.rotate(picture(1), cv2.ROTATE_90_CLOCKWISE)
    cv2.imwrite(str(tmp_path / 'images/1.png'), changed)
    done = run_tool('make_cutouts.py', file, tmp_path / 'images', tmp_path / 'out')
    assert 'warning: 1 of 2 photographs' in done.err
    assert 'not of the width and height in instances.json, the first is 1.png' in done.err
    assert [path.name for path in (tmp_path / 'out/cutouts').iterdir()] == ['0_0.png']


@pytest.mark.parametrize('part', [[], [50, 50], [50, 50, 90, 90]])
def test_points_and_lines_are_no_outlines(part):
    outline = square(40, 30, 60)
    assert np.array_equal(cut_out(picture(0), [part, *outline]), cut_out(picture(0), outline))
    assert cut_out(picture(0), [part]) is None


def test_an_outline_without_the_list_around_it():
    outline = square(40, 30, 60)
    assert np.array_equal(cut_out(picture(0), outline[0]), cut_out(picture(0), outline))


@pytest.mark.parametrize('change', [
    {'image_id': 9}, {'segmentation': [[50, 'x', 90, 50, 90, 90]]}, {'segmentation': 'x'},
    {'segmentation': [[2e5, 50, 90, 50, 90, 90]]}, {'segmentation': {'size': [160, 200]}},
    {'segmentation': {'size': [160, 200], 'counts': ['5', 31995]}},
    {'segmentation': {'size': [80, 100], 'counts': [0, 8000]}}])
def test_an_annotation_that_is_none(tmp_path, change):
    thing = dict(segmentation=square(40, 30, 60))
    file = write_coco(tmp_path, [[thing], [thing]])
    content = json.loads(file.read_text())
    content['annotations'][1].update(change)
    file.write_text(json.dumps(content))
    done = run_tool('make_cutouts.py', file, tmp_path / 'images', tmp_path / 'out')
    assert done.status == 0
    assert done.err.startswith(f'warning: {file}: 1 annotations are left out: ')
    assert [path.name for path in (tmp_path / 'out/cutouts').iterdir()] == ['0_0.png']


@pytest.mark.parametrize('name', ['a', 'é' * 100, '10.00\u202fAM'])
def test_names_of_cutouts_stay_in_their_folder(tmp_path, name):
    file = write_coco(tmp_path, [[dict(segmentation=square(40, 30, 60))]])
    (tmp_path / 'images/0.png').rename(tmp_path / f'images/{name}.png')
    content = json.loads(file.read_text())
    content['images'][0]['file_name'] = f'{name}.png'
    content['annotations'][0]['id'] = '../../1'
    file.write_text(json.dumps(content))
    done = run_tool('make_cutouts.py', file, tmp_path / 'images', tmp_path / 'out')
    assert done.status == 0
    assert [path.name for path in (tmp_path / 'out/cutouts').iterdir()] == [
        f'{name}_.._.._1.png']


def test_scenes_of_one_name_in_two_folders(tmp_path):
    file = write_coco(tmp_path, [[dict(segmentation=square(40, 30, 60))]] * 2)
    content = json.loads(file.read_text())
    for i, image in enumerate(content['images']):
        image['file_name'] = f'{i}/a.png'
        (tmp_path / f'images/{i}').mkdir()
        (tmp_path / f'images/{i}.png').rename(tmp_path / 'images' / image['file_name'])
    file.write_text(json.dumps(content))
    run_tool('make_cutouts.py', file, tmp_path / 'images', tmp_path / 'out', '--scenes')
    assert {path.name for path in (tmp_path / 'out/scenes').iterdir()} == {'0_a.png', '1_a.png'}


def test_a_file_without_outlines_is_refused(tmp_path):
    file = write_coco(tmp_path, [[dict(segmentation=[])], [{}]])
    with pytest.raises(ValueError, match='none of its 2 annotations has an outline'):
        read_outlines(file)


@pytest.mark.parametrize('text', ['[1, 2]', '{"images": []}', 'not JSON',
                                  '{"images": [{"id": 1}], "annotations": '
                                  '[{"image_id": 2, "segmentation": [[1]]}]}'])
def test_what_is_not_coco_is_refused(tmp_path, text):
    (tmp_path / 'a.json').write_text(text)
    with pytest.raises(ValueError, match='a.json is not a COCO annotation file'):
        read_outlines(tmp_path / 'a.json')


def test_nothing_to_cut_out_is_one_line(tmp_path):
    file = write_coco(tmp_path, [[dict(segmentation=square(40, 30, 30))]])
    done = run_tool('make_cutouts.py', file, tmp_path / 'images', tmp_path / 'out')
    assert done.status == 2
    assert 'nothing of 40 pixels or more could be cut out of 1 photographs' in done.err
    assert not (tmp_path / 'out').exists()


def test_photographs_of_which_none_can_be_used_are_refused(tmp_path):
    folder = tmp_path / 'photos'
    folder.mkdir()
    (folder / 'a.jpg').write_bytes(b'no picture')
    cv2.imwrite(str(folder / 'b.png'), picture(0)[:20])
    with pytest.raises(ValueError, match='none of its 2 photographs can be used, the first is a'):
        write_videos(tmp_path / 'out', {'train': (1, 20)}, (160, 120), 0, photos=str(folder))
    assert not (tmp_path / 'out').exists()
