import json
import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmdet.structures.bbox import bbox_cxcywh_to_xyxy
from mmengine.config import Config
from mmengine.runner import Runner
from mmtrack.registry import DATASETS
from torch.utils.data import DataLoader

from mmct.datasets import EpochIndexSampler, collate_pairs
from mmct.datasets.sources import build_source

PIPELINE = [
    {'type': 'LoadPair'},
    {'type': 'GrayPair', 'prob': 0.05},
    {'type': 'FlipPair', 'prob': 0.5},
    {'type': 'CropPair', 'size': [32, 64], 'factor': [2, 4], 'center_jitter': [0, 3],
     'scale_jitter': [0, 0.25]},
    {'type': 'BrightenCrops', 'jitter': 0.2},
    {'type': 'FlipCrops', 'prob': 0.5},
    {'type': 'PackPair'},
]


def build(*datasets, pipeline=PIPELINE, **kwargs):
    return DATASETS.build({'type': 'PairDataset', 'datasets': list(datasets),
                           'pipeline': pipeline, **kwargs})


def same(a, b):
    return all(one is other is None or torch.equal(one, other)
               for one, other in zip(a['inputs']['clip'], b['inputs']['clip'], strict=True))


# Visibility in the four data sets

def only_video(config):
    (index, boxes, visible), = build_source(config, 5).videos
    return boxes, visible.tolist()


def test_lasot_visibility(lasot):
    lasot.add('cat-1', 30, hidden=[2, 3], out=[3, 29], images=False)
    path = lasot.root / 'cat/cat-1/groundtruth.txt'
    lines = path.read_text().split()
    lines[5], lines[6] = '4,4,0,9', '4,4,9,0'
    path.write_text('\n'.join(lines))
    boxes, visible = only_video(lasot.config)
    assert visible == [i for i in range(30) if i not in (2, 3, 5, 6, 29)]
    assert boxes[4].tolist() == [24, 19, 12, 10]


def test_got10k_visibility(tmp_path):
    folder = tmp_path / 'train/GOT-10k_Train_000001'
    folder.mkdir(parents=True)
    boxes = [[10.5, 10, 5, 5]] * 22
    boxes[4] = [10, 10, 0, 5]
    np.savetxt(folder / 'groundtruth.txt', boxes, '%.4f', ',')
    np.savetxt(folder / 'absence.label', [i == 0 for i in range(22)], '%d')
    np.savetxt(folder / 'cover.label', [0 if i == 1 else 8 for i in range(22)], '%d')
    (tmp_path / 'infos.txt').write_text(
        f'header\n{folder.relative_to(tmp_path)},'
        f'{folder.relative_to(tmp_path)}/groundtruth.txt,1,22')
    boxes, visible = only_video({'type': 'GOT10kDataset', 'data_root': str(tmp_path),
                                 'ann_file': 'infos.txt', 'data_prefix': {'img_path': '.'}})
    assert visible == [2, 3, *range(5, 22)]
    assert boxes[2].tolist() == [10.5, 10, 5, 5]


def test_trackingnet_visibility(tmp_path):
    (tmp_path / 'TRAIN_0/anno').mkdir(parents=True)
    boxes = [[10, 10, 5, 5]] * 22
    boxes[7] = [10, 10, 5, 0]
    np.savetxt(tmp_path / 'TRAIN_0/anno/v.txt', boxes, '%.2f', ',')
    (tmp_path / 'infos.txt').write_text(
        'header\nTRAIN_0/frames/v,TRAIN_0/anno/v.txt,0,21')
    source = build_source({'type': 'TrackingNetDataset', 'data_root': str(tmp_path),
                           'ann_file': 'infos.txt', 'data_prefix': {'img_path': '.'}}, 5)
    (_, _, visible), = source.videos
    assert visible.tolist() == [i for i in range(22) if i != 7]
    target = source.draw(np.random.default_rng(0))
    assert Path(target.path(3)) == tmp_path / 'TRAIN_0/frames/v/3.jpg'
    assert target.absent.tolist() == [7]


def test_coco_gives_any_object_but_crowds_twice(coco):
    dataset = build(coco.config, pipeline=[])
    draws = [dataset[i] for i in range(50)]
    assert {tuple(draw['boxes'][0].tolist()) for draw in draws} == {
        (10, 10, 20, 20), (30, 20, 10, 30)}
    assert {Path(path) for draw in draws for path in draw['img_path']} == {coco.root / 'a.jpg'}
    assert all(len(draw['img_path']) == 2 for draw in draws)
    assert all(np.array_equal(*draw['boxes']) for draw in draws)


def change_coco(coco, change):
    file = coco.root / 'a.json'
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))


@pytest.mark.parametrize('change', [
    lambda own: own.pop('bbox'), lambda own: own.update(bbox=[]), lambda own: own.update(bbox=None),
    lambda own: own.update(bbox=[1, 2, 3]), lambda own: own.update(bbox=[1, 2, None, 4]),
    lambda own: own.update(bbox=[1, 2, float('nan'), 4]), lambda own: own.update(bbox=[1, 2, 0, 4]),
    lambda own: own.update(image_id=77), lambda own: own.update(image_id=2)])
def test_objects_of_coco_without_box_or_image_are_left_out(coco, warnings, change):
    change_coco(coco, lambda content: (change(content['annotations'][0]),
                                       content['images'].append({'id': 2})))
    source = build_source(coco.config, 5)
    assert {tuple(source.draw(np.random.default_rng(i)).boxes[0]) for i in range(9)} == {
        (30, 20, 10, 30)}
    said, = warnings
    assert said.startswith(f'SOTCocoDataset: 1 of 2 objects of {coco.root}/a.json left out: ')


@pytest.mark.parametrize(('change', 'message'), [
    (lambda content: content.update(annotations=[]), 'it has no object to train on'),
    (lambda content: content.pop('annotations'), 'it has no object to train on'),
    (lambda content: [own.pop('bbox') for own in content['annotations']], 'no object to train on'),
    (lambda content: [own.update(bbox=[1, 2, 0, 0]) for own in content['annotations']],
     'no object to train on; all 2 have no bbox of four numbers with an area'),
    (lambda content: content['annotations'][0].pop('image_id'), "KeyError: 'image_id'"),
    # Files that were joined.
    (lambda content: content['images'].append({**content['images'][0], 'file_name': 'b.jpg'}),
     'two of its images have the id 1: file_name a.jpg and b.jpg; give each'),
    (lambda content: content['annotations'].append(
        {**content['annotations'][0], 'bbox': [1, 2, 3, 4]}), 'two of its annotations have the id'),
    (lambda content: content['annotations'].append(
        {**content['annotations'][0], 'image_id': 7}), r'have the id 1: image_id 1 and 7')])
def test_coco_files_that_cannot_be_used(coco, change, message):
    change_coco(coco, change)
    with pytest.raises(ValueError, match=f'annotation file .*/a.json cannot be used: .*{message}'):
        build_source(coco.config, 5)


@pytest.mark.parametrize(('form', 'said'), [
    (lambda x, y, w, h: [x, y, x + w, y + h], 'corners x1,y1,x2,y2'),
    (lambda x, y, w, h: [x / 80, y / 60, w / 80, h / 60], 'parts of the frame')])
def test_boxes_of_coco_in_another_convention(coco, form, said):
    def change(content):
        content['annotations'] = [
            {**content['annotations'][0], 'id': i, 'bbox': form(30 + i, 25 + i, 20, 15)}
            for i in range(1, 9)]
    change_coco(coco, change)
    with pytest.raises(ValueError, match=f'a.json cannot be used: its boxes are not x,y,w,h in '
                       f'pixels, but {said}: '):
        build_source(coco.config, 5)


@pytest.mark.parametrize(('size', 'how'), [((80, 60), 'turned'), ((30, 40), 'resized')])
def test_images_of_coco_that_were_changed_after_labelling(coco, warnings, size, how):
    """The boxes are those of the pixels as labelled; such images are left out and counted."""
    pipeline = [{'type': 'LoadPair'}]
    assert build(coco.config, pipeline=pipeline)[0]['img']
    cv2.imwrite(str(coco.root / 'a.jpg'), np.zeros((*size, 3), np.uint8))
    dataset = build(coco.config, pipeline=pipeline)
    with pytest.raises(ValueError, match='could not be read so far: 100'):
        dataset[0]
    assert f'its annotation is of 80x60: it was {how} after labelling' in warnings[-1]


def test_lists_of_sequences_that_are_cut_short(coco, lasot):
    for config, file in ((coco.config, coco.root / 'a.json'),
                         (lasot.add('cat-1', images=False).config, lasot.root / 'infos.txt')):
        file.write_text(file.read_text()[:-20])
        with pytest.raises(ValueError, match=f'annotation file {file} cannot be used: '):
            build_source(config, 5)


# Samples

def test_a_packed_pair(lasot):
    clip = build(lasot.add('cat-1').config)[0]['inputs']['clip']
    assert clip.templates.shape == (1, 3, 32, 32)
    assert clip.searches.shape == (1, 3, 64, 64)
    # The template is not jittered: centre of the crop, half as wide as the crop, in pixels.
    (x, y, w, h), = clip.template_boxes.tolist()
    assert x + w / 2 == pytest.approx(15.5)
    assert y + h / 2 == pytest.approx(15.5)
    assert w * h == pytest.approx(16 * 16, rel=0.1)
    # The search box is in units of the crop, by its centre.
    (cx, cy, w, h), = clip.gt_boxes.tolist()
    assert 0 < w < 1
    assert 0 < h < 1
    assert 0 < cx < 1
    assert 0 < cy < 1


def test_box_covers_the_target(lasot):
    dataset = build(lasot.add('cat-1').config, pipeline=[
        step for step in PIPELINE if step['type'] not in ('GrayPair', 'BrightenCrops')])
    for i in range(40):
        clip = dataset[i]['inputs']['clip']
        crop = clip.searches[0].float()
        (x1, y1, x2, y2), = (bbox_cxcywh_to_xyxy(clip.gt_boxes) * 64).tolist()
        inside = torch.zeros(64, 64, dtype=bool)
        inside[max(0, round(y1) + 2):max(0, round(y2) - 2),
               max(0, round(x1) + 2):max(0, round(x2) - 2)] = True
        red = (crop[2] > 200) & (crop[:2] < 60).all(0)
        if inside.sum() > 20:
            assert red[inside].float().mean() > 0.9
        assert (red & ~inside).sum() < 0.35 * 64 * 64


def test_a_sample_is_a_function_of_its_place(lasot):
    dataset = build(lasot.add('cat-1').add('cat-2').config)
    places = [(seed, epoch, index) for seed in (0, 1) for epoch in (0, 1) for index in range(4)]
    samples = {place: dataset[place] for place in places}
    np.random.seed(1)
    other = build(lasot.config)
    for place in reversed(places):
        assert same(other[place], samples[place])
    for place in places[1:]:
        assert not same(samples[place], samples[places[0]])
    assert same(dataset[2], samples[0, 0, 2])


def test_workers_give_the_same_in_every_epoch(lasot):
    dataset = build(lasot.add('cat-1').config, pairs_per_epoch=6)
    sampler = EpochIndexSampler(dataset, seed=3)
    loader = DataLoader(dataset, 2, sampler=sampler, num_workers=2, persistent_workers=True,
                        collate_fn=collate_pairs)
    for epoch in (0, 1):
        sampler.set_epoch(epoch)
        for i, batch in enumerate(loader):
            for j in range(2):
                alone = dataset[3, epoch, 2 * i + j]
                assert torch.equal(batch['inputs']['clip'].searches[j],
                                   alone['inputs']['clip'].searches)
                assert torch.equal(batch['inputs']['clip'].gt_boxes[j],
                                   alone['inputs']['clip'].gt_boxes)
                assert batch['img_path'][j] == alone['img_path']


@pytest.mark.parametrize('weights', [None, [3, 1]])
def test_datasets_are_mixed_by_weight(lasot, coco, weights):
    dataset = build(lasot.add('cat-1', images=False).config, coco.config, weights=weights,
                    pipeline=[])
    share = np.mean(['lasot' in dataset[i]['img_path'][0] for i in range(3000)])
    assert share == pytest.approx(0.75 if weights else 0.5, abs=0.03)


def test_unusable_pairs_are_drawn_again(lasot):
    dataset = build(lasot.add('cat-1', images=False).config, pipeline=[])
    seen = []

    def every_third(results):
        seen.append(results['img_path'])
        return results if len(seen) % 3 == 0 else None

    dataset.pipeline = [every_third]
    assert dataset[0]['img_path'] == seen[2]
    assert len({tuple(paths) for paths in seen}) == 3


# Bad input

def test_unreadable_frame_is_skipped_and_counted(lasot, warnings):
    lasot.add('cat-1')
    for i in range(2, 31):
        (lasot.root / f'cat/cat-1/img/{i:08d}.jpg').write_bytes(b'no image')
    lasot.add('cat-2')
    dataset = build(lasot.config)
    for i in range(40):
        dataset[i]
    assert warnings[0].startswith('skipped (1 so far): frame ')
    assert 'cat-1/img/000000' in warnings[0]
    assert warnings[0].endswith('of LaSOTDataset cat/cat-1/img')
    assert len(set(warnings)) == len(warnings) == len(dataset.skipped)
    assert sum(dataset.skipped.values()) > len(warnings)


def test_nothing_readable(lasot, warnings):
    dataset = build(lasot.add('cat-1', images=False).config)
    with pytest.raises(ValueError, match='no usable pair in 100 draws.*not be read so far: 100'):
        dataset[0]


def test_sequences_that_cannot_be_used(lasot, warnings):
    lasot.add('cat-1', images=False).add('cat-2', hidden=range(30), images=False)
    lasot.add('cat-3', 19, images=False).add('cat-4', hidden=range(4, 30), images=False)
    dataset = build(lasot.config)
    assert [index for index, _, _ in dataset.sources[0].videos] == [0]
    message, = warnings
    assert message == (
        'LaSOTDataset: 3 of 4 sequences left out, fewer than 20 frames or 5 visible ones: '
        'cat/cat-2/img (0 of 30), cat/cat-3/img (19 of 19), cat/cat-4/img (4 of 30)')


def test_no_usable_sequence(lasot):
    lasot.add('cat-1', hidden=range(30), images=False)
    with pytest.raises(ValueError, match='no sequence in .*infos.txt can be used; all 1 have'):
        build(lasot.config)


@pytest.mark.parametrize(('change', 'message'), [
    ({'ann_file': 'none.txt'}, 'LaSOTDataset: annotation file .*none.txt is missing'),
    ({'data_prefix': {'img_path': 'nowhere'}}, 'LaSOTDataset: data folder .*nowhere is missing'),
])
def test_missing_files(lasot, change, message):
    with pytest.raises(FileNotFoundError, match=message):
        build({**lasot.add('cat-1', images=False).config, **change})


def test_missing_annotation_of_a_sequence(lasot):
    lasot.add('cat-1', images=False)
    (lasot.root / 'cat/cat-1/groundtruth.txt').unlink()
    with pytest.raises(FileNotFoundError, match='1 of 1 annotations .* the first is cat/cat-1/gr'):
        build(lasot.config)


@pytest.mark.parametrize('weights', [[1, 1], [-1], [0]])
def test_weights_that_do_not_fit(lasot, weights):
    with pytest.raises(ValueError, match='weights.*must'):
        build(lasot.add('cat-1', images=False).config, weights=weights)


@pytest.mark.parametrize('name', ['datasets', 'pipeline'])
def test_lists_that_are_none(name):
    with pytest.raises(ValueError, match=f'{name} of a PairDataset must be a list of configs, not'):
        DATASETS.build({'type': 'PairDataset', 'datasets': [], 'pipeline': [], name: {'type': 'X'}})


# Order of the places

@pytest.mark.parametrize('world', [1, 2, 3])
def test_processes_share_an_epoch(monkeypatch, world):
    places = []
    for rank in range(world):
        monkeypatch.setattr('mmct.datasets.sampler.get_dist_info', lambda r=rank: (r, world))
        sampler = EpochIndexSampler(range(8), seed=5)
        sampler.set_epoch(2)
        own = list(sampler)
        assert len(own) == len(sampler)
        assert all(place[:2] == (5, 2) and place[2] % world == rank for place in own)
        places += own
    assert {place[2] for place in places} >= set(range(8))


@pytest.mark.parametrize('workers', [0, 1])
def test_an_epoch_begun_inside(workers):
    """Once, and without reading what comes before."""
    read = []

    class Places(list):
        def __getitem__(self, place):
            read.append(place)
            return place[2]

    places = Places(range(8))
    sampler = EpochIndexSampler(places)
    loader = DataLoader(places, 2, sampler=sampler, drop_last=True,
                        num_workers=workers, persistent_workers=workers > 0)
    sampler.start = 4
    assert [batch.tolist() for batch in loader] == [[4, 5], [6, 7]]
    assert workers or len(read) == 4
    assert len(loader) == len(list(loader)) == 4


def test_data_loader_of_the_runner(lasot):
    loader = Runner.build_dataloader({
        'batch_size': 2, 'num_workers': 0, 'sampler': {'type': 'mmtrack.EpochIndexSampler'},
        'collate_fn': {'type': 'collate_pairs'},
        'dataset': {'type': 'mmtrack.PairDataset', 'datasets': [lasot.add('cat-1').config],
                    'pipeline': PIPELINE, 'pairs_per_epoch': 4}}, seed=7)
    batch = next(iter(loader))
    assert batch['inputs']['clip'].templates.shape == (2, 1, 3, 32, 32)
    assert torch.equal(batch['inputs']['clip'].templates[1],
                       loader.dataset[7, 0, 1]['inputs']['clip'].templates)


def test_dataset_survives_pickling(lasot):
    dataset = build(lasot.add('cat-1').config)
    assert same(pickle.loads(pickle.dumps(dataset))[0], dataset[0])


# Configs

@pytest.mark.parametrize(('name', 'loader'), [
    ('pairs_train', 'train_dataloader'), ('got10k_val', 'val_dataloader')])
def test_config_pipelines(lasot, name, loader, pytestconfig):
    config = Config.fromfile(pytestconfig.rootpath / f'configs/_base_/datasets/{name}.py')
    dataset = config[loader].dataset
    sample = build(lasot.add('cat-1').config, pipeline=dataset.pipeline)[0]
    assert sample['inputs']['clip'].templates.shape == (1, 3, 128, 128)
    assert sample['inputs']['clip'].searches.shape == (1, 3, 256, 256)
    assert config[loader].dataset.pairs_per_epoch == {'train_dataloader': 60000}.get(loader, 10000)
    assert all(cfg.type in DATASETS.module_dict for cfg in dataset.datasets)
