import cv2
import numpy as np
import pytest
import torch
from mmtrack.registry import MODELS, TRANSFORMS

from mmct.datasets import collate_pairs
from mmct.datasets.transforms.crop import jitter_box
from mmct.models.data_preprocessor import PairDataPreprocessor

BOX = (20.0, 10.0, 16.0, 9.0)


def pair(seed=0, boxes=(BOX, BOX)):
    rng = np.random.default_rng(5)
    return {'rng': np.random.default_rng(seed), 'boxes': list(boxes),
            'img': list(rng.integers(0, 256, (2, 50, 70, 3), dtype=np.uint8))}


def build(name, **kwargs):
    return TRANSFORMS.build({'type': name, **kwargs})


def crop_pair(center=3, scale=0.25, size=64):
    return build('CropPair', size=[32, size], factor=[2, 4], center_jitter=[0, center],
                 scale_jitter=[0, scale])


def test_jitter_is_distributed_as_published():
    rng = np.random.default_rng(0)
    boxes = np.array([jitter_box(rng, BOX, 3, 0.25) for _ in range(20000)])
    logs = np.log(boxes[:, 2:] / BOX[2:])
    np.testing.assert_allclose(logs.mean(0), 0, atol=0.01)
    np.testing.assert_allclose(logs.std(0), 0.25, atol=0.005)
    assert abs(np.corrcoef(logs.T)[0, 1]) < 0.02  # drawn per axis

    # The shift is uniform once measured in the jittered size.
    shift = boxes[:, :2] + boxes[:, 2:] / 2 - (28, 14.5)
    shift /= 3 * np.sqrt(boxes[:, 2:].prod(1, keepdims=True))
    assert (np.abs(shift) <= 0.5 + 1e-9).all()
    np.testing.assert_allclose(np.quantile(shift, [0.1, 0.5, 0.9], axis=0).T,
                               [[-0.4, 0, 0.4]] * 2, atol=0.02)
    assert abs(np.corrcoef(shift.T)[0, 1]) < 0.02


def test_no_jitter_keeps_the_box():
    assert jitter_box(np.random.default_rng(0), BOX, 0, 0) == pytest.approx(BOX)


def test_crop_of_the_target():
    results = crop_pair(0, 0)(pair())
    assert [crop.shape for crop in results['img']] == [(32, 32, 3), (64, 64, 3)]
    # sqrt(16 * 9) = 12, so the crops show 24 and 48 pixels of the frame.
    for (x, y, w, h), size, side in zip(results['boxes'], (32, 64), (24, 48), strict=True):
        assert (w, h) == pytest.approx((16 / side, 9 / side))
        assert x + w / 2 == pytest.approx((size - 1) / 2 / size)
        assert y + h / 2 == pytest.approx((size - 1) / 2 / size)


@pytest.mark.parametrize('box', [(20, 10, 0, 9), (20, 10, np.nan, 9), (900, 900, 9, 9),
                                 (20, 10, 1e9, 1e9)])
def test_crop_without_content_is_given_up(box):
    assert crop_pair()(pair(boxes=(BOX, box))) is None
    assert crop_pair()(pair(boxes=(box, BOX))) is None


def test_stretched_boxes():
    """In units of one pixel less; they leave as such pixels times S / (S − 1), as packed."""
    plain = crop_pair()(pair())
    stretched = build('CropPair', size=[32, 64], factor=[2, 4], center_jitter=[0, 3],
                      scale_jitter=[0, 0.25], stretched=True)(pair())
    for size, own, box in zip((32, 64), stretched['boxes'], plain['boxes'], strict=True):
        assert own == pytest.approx([value * size / (size - 1) for value in box])
    # The middle of a template is that of its pixels.
    x, y, w, h = stretched['boxes'][0]
    assert (x + w / 2, y + h / 2) == pytest.approx((0.5, 0.5))
    assert all(np.array_equal(*crops) for crops in zip(plain['img'], stretched['img']))
    packed = build('PackPair')(stretched)['inputs']['clip'].template_boxes[0]
    assert packed.tolist() == pytest.approx([32 * x, 32 * y, 32 * w, 32 * h])


def test_crops_of_nothing_but_padding_are_kept_if_wanted():
    keep = build('CropPair', size=[32, 64], factor=[2, 4], center_jitter=[0, 3],
                 scale_jitter=[0, 0.25], keep_padding=True)
    assert not keep(pair(boxes=((900, 900, 9, 9), BOX)))['img'][0].any()
    assert keep(pair(boxes=((20, 10, 0, 9), BOX))) is None
    same = [steps(pair())['img'] for steps in (keep, crop_pair())]
    assert all(np.array_equal(*crops) for crops in zip(*same))


def test_crop_settings_must_match():
    with pytest.raises(ValueError, match=r'CropPair.factor=\[2\] must be a list of 2 values'):
        build('CropPair', size=[32, 64], factor=[2], center_jitter=[0, 3], scale_jitter=[0, 0])


def test_gray_takes_both_frames_or_none():
    decided = [build('GrayPair', prob=0.2)(pair(seed)) for seed in range(500)]
    assert np.mean([results['gray'] for results in decided]) == pytest.approx(0.2, abs=0.05)
    for results in decided[:30]:
        crops = crop_pair()(results)
        if crops:
            gray = [(crop[..., 0] == crop[..., 1]).all() for crop in crops['img']]
            assert gray == [results['gray']] * 2


def test_joint_flip_takes_both_frames():
    before, after = pair(), build('FlipPair', prob=1)(pair())
    for i in range(2):
        assert np.array_equal(after['img'][i], before['img'][i][:, ::-1])
        assert after['boxes'][i] == (70 - 20 - 16, 10, 16, 9)
    again = build('FlipPair', prob=1)(after)
    assert again['boxes'] == [BOX, BOX]
    assert build('FlipPair', prob=0)(pair())['boxes'] == [BOX, BOX]
    shifted = build('FlipPair', prob=1, shift=1)(pair())
    assert shifted['boxes'] == [(70 - 1 - 20 - 16, 10, 16, 9)] * 2
    with pytest.raises(ValueError, match=r"FlipPair.shift='1' must be in \(-inf, inf\)"):
        build('FlipPair', prob=1, shift='1')


def test_crops_flip_by_themselves():
    box = (0.2, 0.1, 0.3, 0.5)
    seen = set()
    for seed in range(60):
        before, after = pair(seed), build('FlipCrops', prob=0.5)(pair(seed, [box, box]))
        flips = tuple(bool((a == b[:, ::-1]).all())
                      for a, b in zip(after['img'], before['img'], strict=True))
        for flip, new in zip(flips, after['boxes'], strict=True):
            assert new == pytest.approx((0.5, 0.1, 0.3, 0.5) if flip else box)
        seen.add(flips)
    assert len(seen) == 4


def test_brightness():
    gains = []
    for seed in range(300):
        before, after = pair(seed)['img'], build('BrightenCrops', jitter=0.2)(pair(seed))['img']
        for a, b in zip(after, before, strict=True):
            assert a.dtype == np.float32
            assert a.max() <= 255
            gain = a[b == 100][0] / 100
            np.testing.assert_allclose(a, np.minimum(b * gain, 255), rtol=1e-5)
            gains.append(gain)
    gains = np.reshape(gains, (-1, 2))
    np.testing.assert_allclose(np.quantile(gains, [0, 0.5, 1]), [0.8, 1, 1.2], atol=0.03)
    assert abs(np.corrcoef(gains.T)[0, 1]) < 0.15  # each crop its own


def test_unreadable_frame(tmp_path):
    path = str(tmp_path / 'none.jpg')
    with pytest.raises(OSError, match='none.jpg cannot be read'):
        build('LoadPair')({'img_path': [path, path]})


def test_levels_of_frames_of_16_bits(tmp_path):
    path = str(tmp_path / 'a.png')
    cv2.imwrite(path, np.full((8, 8), 3100, np.uint16))
    pair = build('LoadPair', levels=[3000, 3255])({'img_path': [path, path]})
    frame = build('LoadFrame', levels=[3000, 3255])({'img_path': path})
    assert np.unique(pair['img'][0]) == np.unique(frame['img']) == 100
    for name in ('LoadPair', 'LoadFrame'):
        with pytest.raises(ValueError, match=f'{name}.levels=.* the lower level, then the higher'):
            build(name, levels=[3255, 3000])


def test_image_pair_is_read_once(tmp_path):
    path = str(tmp_path / 'a.png')
    frame = pair()['img'][0]
    cv2.imwrite(path, frame)
    results = build('LoadPair')({'img_path': [path, path]})
    assert results['img'][0] is results['img'][1]
    assert np.array_equal(results['img'][0], frame)


def jpeg(path, width=640, height=480):
    y, x = np.mgrid[:height, :width]
    frame = np.stack([x % 256, y % 256, (x + y) // 5 % 256], -1).astype(np.uint8)
    frame = cv2.GaussianBlur(frame, (0, 0), 6)
    cv2.imwrite(str(path), frame, [cv2.IMWRITE_JPEG_QUALITY, 95])
    return str(path)


# Data preprocessor

def packed(seed=0):
    return build('PackPair')(crop_pair()(pair(seed)))


@pytest.mark.parametrize('training', [True, False])
def test_pairs_are_normalised(training):
    preprocessor = MODELS.build({'type': 'PairDataPreprocessor'})
    samples = [packed(seed) for seed in range(3)]
    expected = torch.stack([sample['inputs']['clip'].searches for sample in samples])
    expected = (expected[:, :, [2, 1, 0]] / 255 - torch.tensor([0.485, 0.456, 0.406]).view(
        3, 1, 1)) / torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    batch = collate_pairs(samples)
    clip = preprocessor(batch, training)['inputs']['clip']
    assert clip.templates.shape == (3, 1, 3, 32, 32)
    torch.testing.assert_close(clip.searches, expected)
    for name in ('template_boxes', 'gt_boxes'):
        assert torch.equal(getattr(clip, name), torch.stack(
            [getattr(sample['inputs']['clip'], name) for sample in samples]))


@pytest.mark.parametrize('setting', ['mean', 'std'])
def test_normalised_by_values_of_pixels(setting):
    """As MMDetection has them."""
    with pytest.raises(ValueError, match=rf'data_preprocessor.{setting}\[0\]=123.675 must be in'):
        PairDataPreprocessor(**{setting: (123.675, 116.28, 103.53)})


def test_frames_to_track_in_stay_as_they_are():
    frame = torch.randint(0, 256, (1, 3, 50, 70), dtype=torch.uint8)
    data = PairDataPreprocessor()({'inputs': {'img': [frame]}, 'data_samples': [None]})
    assert data['inputs']['img'] == [frame]


# Crops for a student of another resolution

def student_crops(prob=1.):
    return [build('CropPair', size=[32, 64], student_size=[16, 128], factor=[2, 4],
                  center_jitter=[0, 3], scale_jitter=[0, 0.25]),
            build('BrightenCrops', jitter=0.2), build('FlipCrops', prob=prob), build('PackPair')]


def run(steps, seed=0):
    results = pair(seed)
    for step in steps:
        results = step(results)
    return results


def blurred(results):
    """Frames in which half a pixel to either side looks much the same."""
    return results | {'img': [cv2.blur(frame, (9, 9)) for frame in results['img']]}


@pytest.mark.parametrize('seed', range(5))
def test_both_sizes_show_the_same(seed):
    """Same region, same brightness, same mirroring: one is the other, resized."""
    inputs = run(student_crops(), seed)['inputs']
    one_clip, other_clip = inputs['clip'], inputs['student_clip']
    assert [tuple(part.shape) for clip in inputs.values()
            for part in (clip.templates, clip.searches)] == [
        (1, 3, 32, 32), (1, 3, 64, 64), (1, 3, 16, 16), (1, 3, 128, 128)]
    assert torch.equal(one_clip.template_boxes / 2, other_clip.template_boxes)
    assert torch.equal(one_clip.gt_boxes, other_clip.gt_boxes)
    for name, side in (('templates', 8), ('searches', 32)):
        one, other = (cv2.resize(getattr(clip, name)[0].permute(1, 2, 0).float().numpy(),
                                 (side, side), interpolation=cv2.INTER_AREA)
                      for clip in (one_clip, other_clip))
        mirrored = np.abs(one[:, ::-1] - other).mean()
        assert np.abs(one - other).mean() < 0.5 * mirrored


def test_a_second_size_changes_nothing_else():
    plain = [crop_pair(), *student_crops()[1:]]
    one, both = run(plain), run(student_crops())
    for part, other in zip(one['inputs']['clip'], both['inputs']['clip'], strict=True):
        assert part is other is None or torch.equal(part, other)


@pytest.mark.parametrize('seed', range(5))
def test_student_that_sees_less_has_the_middle(seed):
    crop = build('CropPair', size=[32, 64], student_size=[16, 32], factor=[2, 4],
                 student_factor=[1, 2], center_jitter=[0, 1], scale_jitter=[0, 0.25])
    inputs = run([blurred, crop, *student_crops()[1:]], seed)['inputs']
    theirs, mine = inputs['clip'], inputs['student_clip']
    # Each square has sides of its own in whole pixels of the frame.
    for name, edge in (('templates', 8), ('searches', 16)):
        cut, own = getattr(theirs, name)[..., edge:-edge, edge:-edge], getattr(mine, name)
        assert (cut - own).abs().mean() < 0.5 * (cut.flip(-1) - own).abs().mean()
    wide = theirs.gt_boxes * torch.tensor([2, 2, 2, 2]) - torch.tensor([.5, .5, 0, 0])
    torch.testing.assert_close(mine.gt_boxes, wide, atol=0.02, rtol=0)
    near = theirs.template_boxes - torch.tensor([8, 8, 0, 0])
    torch.testing.assert_close(mine.template_boxes, near, atol=0.5, rtol=0)


@pytest.mark.parametrize('options', [
    {'student_size': [16, 48]}, {'student_size': None}, {'student_size': [32, 64]}])
def test_student_that_sees_less_has_pixels_of_the_same_size(options):
    with pytest.raises(ValueError, match=r'student_factor=\[1, 2\] and .* in the same prop'):
        build('CropPair', size=[32, 64], factor=[2, 4], student_factor=[1, 2],
              center_jitter=[0, 3], scale_jitter=[0, 0], **options)


def test_number_of_student_sizes():
    with pytest.raises(ValueError, match=r'student_size=\[16\] must be a list of 2 values'):
        build('CropPair', size=[32, 64], student_size=[16], factor=[2, 4], center_jitter=[0, 3],
              scale_jitter=[0, 0])


def test_frame_is_packed_as_mmtracking_packs_it():
    frame = np.random.default_rng(1).integers(0, 256, (9, 7, 3), dtype=np.uint8)
    results = {
        'img': frame, 'frame_id': 3, 'video_id': 1, 'video_length': 5, 'img_path': 'a.jpg',
        'ori_shape': (9, 7), 'img_shape': (9, 7), 'load_error': 'why',
        'instances': [{'bbox': np.array([1., 2, 4, 6]), 'visible': True,
                       'bbox_label': np.array([0], np.int32)}]}
    ours = build('PackFrame')(dict(results))
    loaded = build('LoadTrackAnnotations', with_instance_id=False)(dict(results))
    theirs = build('PackTrackInputs', pack_single_img=True, meta_keys=('load_error', ))(loaded)
    assert torch.equal(ours['inputs']['img'], theirs['inputs']['img'])
    assert np.shares_memory(ours['inputs']['img'].numpy(), frame)
    mine, other = ours['data_samples'], theirs['data_samples']
    np.testing.assert_array_equal(mine.gt_instances.bboxes, other.gt_instances.bboxes.numpy())
    assert set(mine.metainfo) == set(other.metainfo)
    assert all(repr(mine.get(key)) == repr(other.get(key)) for key in mine.metainfo)

    # Without ground truth there are no boxes.
    bare = build('PackFrame')({**results, 'instances': [{'visible': True}]})
    assert bare['data_samples'].gt_instances.bboxes.shape == (0, 4)
