"""Own data whose boxes and scores are the results of a tracker."""
import cv2
import numpy as np
import pytest
from drawing.video import VideoFile
from mmtrack.registry import DATASETS

from mmct.formats.results import write_sequence

LENGTH = 40
RNG = np.random.default_rng(0)
BOXES = {name: RNG.uniform(1, 40, (LENGTH, 4)).round(4) for name in ('a', 'b')}
SCORES = {name: np.array([1., *RNG.uniform(0, 1, LENGTH - 1)]).round(4) for name in BOXES}


@pytest.fixture
def root(tmp_path):
    """A folder of frames and a video, each with its first box only, and what was tracked."""
    (tmp_path / 'own/a').mkdir(parents=True)
    frame = np.full((48, 64, 3), 90, np.uint8)
    with VideoFile(tmp_path / 'own/b.mp4', 25) as video:
        for i in range(LENGTH):
            cv2.imwrite(str(tmp_path / f'own/a/{i}.png'), frame)
            video.write(frame)
    for name in BOXES:
        (tmp_path / f'own/{name}.txt').write_text('5,10,12,10\n')
        write_sequence(tmp_path / 'results', name, BOXES[name], SCORES[name], [0.1] * LENGTH)
    return tmp_path


def pairs(root, **kwargs):
    return DATASETS.build({'type': 'PairDataset', 'pairs_per_epoch': 300, 'pipeline': [],
                           'datasets': [config(root, **kwargs)]})


def config(root, **kwargs):
    return {'type': 'FolderDataset', 'data_root': str(root / 'own'),
            'annotations': str(root / 'results'), **kwargs}


def drawn(dataset):
    """(name, frame, box) of both sides of each pair."""
    for i in range(len(dataset)):
        pair = dataset[i]
        for path, box in zip(pair['img_path'], pair['boxes']):
            video = '.mp4#' in path
            yield 'b' if video else 'a', int(path.split('#')[1]) if video else int(
                path.split('/')[-1].removesuffix('.png')), box


@pytest.mark.parametrize('min_score', [0., 0.25, 0.5, float(np.sort(SCORES['a'])[-12])])
def test_no_pair_has_a_frame_below_min_score(root, min_score):
    seen = {name: set() for name in BOXES}
    for name, frame, box in drawn(pairs(root, min_score=min_score)):
        assert SCORES[name][frame] >= min_score
        np.testing.assert_array_equal(box, BOXES[name][frame].astype(np.float32))
        seen[name].add(frame)
    for name, frames in seen.items():
        assert len(frames) > 0.9 * (SCORES[name] >= min_score).sum()


def test_scores_are_read_only_for_min_score(root):
    for file in (root / 'results').glob('*_score.txt'):
        file.unlink()
    assert len(list(drawn(pairs(root)))) == 600
    with pytest.raises(ValueError, match='a_score.txt is missing; expected the score of each box, '
                       'as tools/test.py writes it; track the sequence again, or set min_score=0'):
        pairs(root, min_score=0.5)


def test_how_many_frames_are_drawn_is_said(root, warnings):
    pairs(root, min_score=0.5)
    kept = sum((scores >= 0.5).sum() for scores in SCORES.values())
    assert warnings == [f'FolderDataset: pairs are drawn from {kept} of 80 frames, those from '
                        'min_score=0.5 on']


def test_a_sequence_that_was_not_tracked_is_left_out(root):
    (root / 'results/a.txt').unlink()
    dataset = DATASETS.build(config(root))
    assert dataset.num_videos == 1
    assert dataset.get_len_per_video(0) == LENGTH


def test_the_tracked_data_is_a_test_set_too(root):
    dataset = DATASETS.build(config(root, test_mode=True))
    instance, = dataset.prepare_test_data(1, 7)['instances']
    x, y, w, h = BOXES['b'][7]
    np.testing.assert_allclose(instance['bbox'], [x, y, x + w, y + h])


def change(file, lines):
    return lambda root: (root / 'results' / file).write_text(''.join(f'{x}\n' for x in lines))


@pytest.mark.parametrize(('make', 'options', 'message'), [
    (change('a_score.txt', [1] * 39), {}, r'a_score.txt has 39 scores for 40 boxes; track'),
    (change('b_score.txt', [1] * 9 + [1.5] * 31), {},
     r'b_score.txt, line 10: 1.5 is no score; expected a number in \[0, 1\]'),
    (change('a_score.txt', [1] * 39 + ['nan']), {}, 'a_score.txt, line 40: nan is no score'),
    (change('a_score.txt', [-1] + [1] * 39), {}, 'a_score.txt, line 1: -1 is no score'),
    (change('a_score.txt', ['x'] * 40), {}, 'a_score.txt: expected a score a line; line'),
    (change('a.txt', ['1,2,3,4'] * 39), {}, 'results/a.txt has 39 boxes, .*own/a 40 frames; track'),
    (change('b.txt', ['1,2,3,4']), {}, 'results/b.txt has 1 boxes, .*own/b.mp4 40 frames'),
    (lambda root: None, {'annotations': 'nowhere'},
     'FolderDataset: folder nowhere is missing; set annotations'),
    (lambda root: [file.unlink() for file in (root / 'results').iterdir()], {},
     'has no sequence: expected .* each with its boxes in .*results/NAME.txt'),
    (lambda root: None, {'min_score': 1.},
     'no sequence in .*own can be used; all 2 have fewer than 20 frames or 5 visible ones, not '
     'counting those below min_score=1.0'),
    (lambda root: [(root / f'own/{name}.txt').write_text('9,9,9,9\n') for name in 'ab'],
     {'annotations': None, 'min_score': 0.}, '; where only first boxes are known, track first'),
    (lambda root: None, {'min_score': 1.5}, r'min_score=1.5 must be in \[0, 1\]')])
def test_mistakes(root, make, options, message):
    make(root)
    with pytest.raises((ValueError, FileNotFoundError), match=message) as error:
        pairs(root, **{'min_score': 0.5, **options})
    assert '\n' not in str(error.value)
