"""What four numbers are: boxes in other conventions are told, and valid ones are left alone."""
import re

import numpy as np
import pytest

from mmct.formats import read_annotations
from mmct.runtime.conventions import (
    CENTRES,
    CORNERS,
    OTHER_SIZE,
    PARTS,
    PERCENT,
    convention_of,
    doubt,
)
from mmct.runtime.geometry import check_first_box

SIZE = 640, 480


def walk(count=40, start=(300., 250.), step=(4., 2.)):
    """Boxes of a target that moves, and changes its size a little."""
    rng = np.random.default_rng(0)
    corner = np.array(start) + np.arange(count)[:, None] * step
    return np.hstack([corner, (60, 40) + rng.normal(0, 1, (count, 2))])


def corners(boxes):
    return np.hstack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]])


def centres(boxes):
    return np.hstack([boxes[:, :2] + boxes[:, 2:] / 2, boxes[:, 2:]])


@pytest.mark.parametrize(('boxes', 'certain', 'text'), [
    (corners(walk()), True, CORNERS),
    (corners(walk(start=(40, 30))), False, CORNERS),  # in the upper left, within the frame as such
    (corners(walk(5, step=(0, 0))), True, CORNERS),
    (walk() / (640, 480, 640, 480), True, PARTS),
    (walk()[:1] / (640, 480, 640, 480), True, PARTS),
    (corners(walk()) / (640, 480, 640, 480), True, PARTS),
    (np.array([[.5, .4, 1, .6]]), True, PARTS),  # corners, at the frame's edge
    (walk() / (6.4, 4.8, 6.4, 4.8), False, PERCENT),
    (walk() * 3, True, OTHER_SIZE),
    (walk() * 1.5, False, OTHER_SIZE),
    (centres(walk(start=(500, 430), step=(.5, .2))), False, CENTRES)])
def test_other_conventions(boxes, certain, text):
    # Frames without the target tell nothing.
    boxes = np.insert(boxes, len(boxes) // 2, [[np.nan] * 4, [0] * 4], axis=0)
    found = doubt(boxes, SIZE)
    assert found.certain == certain
    assert found.text.startswith(text)


def annotated(seed=0, count=100):
    """Boxes of a target that shakes, whose four edges an annotator sees a few pixels off."""
    rng = np.random.default_rng(seed)
    middle = (300, 220) + rng.normal(0, 1, (count, 2)).cumsum(axis=0)
    half = (45, 35) + rng.normal(0, 1, (count, 2)).cumsum(axis=0) / 4
    low, high = (middle + sign * half + rng.normal(0, 2, (count, 2)) for sign in (-1, 1))
    return np.hstack([low, high - low]).round()


def test_centres_by_how_they_move_with_sizes():
    found = doubt(centres(annotated()), SIZE)
    assert not found.certain
    assert re.fullmatch(r'centres cx,cy,w,h: where w and h change by 10 pixels, x and y change by '
                        r'-?\d\.\d; of x,y,w,h it is about -5', found.text)
    for seed in range(20):
        assert doubt(annotated(seed), SIZE) is None
    # Positions and sizes with noise of their own, as no annotator's are, and too few to tell.
    independent = np.tile([300., 200, 90, 70], (100, 1))
    independent += np.random.default_rng(0).normal(0, 3, (100, 4))
    for boxes in (independent, walk(100, step=(1, 1)) * (1, 1, 4, 4), centres(annotated()[:20])):
        assert doubt(boxes, SIZE) is None


def test_frames_that_were_turned():
    boxes = walk(start=(500, 250), step=(2, 2))
    assert 'in frames turned by 90 degrees they fit' in doubt(boxes, SIZE[::-1]).text
    assert 'turned' not in doubt(boxes * 2, SIZE[::-1]).text


def test_labels_of_images_of_half_the_size():
    rng = np.random.default_rng(0)
    low = rng.uniform(0, 0.8, (20, 2)) * SIZE
    boxes = np.hstack([low, rng.uniform(0.05, 0.2, (20, 2)) * SIZE])
    sizes = np.tile(SIZE, (20, 1))
    assert doubt(boxes, sizes) is None
    found = doubt(boxes / 2, sizes)
    assert (found.certain, found.text) == (False, f'{OTHER_SIZE}: all 20 lie in the upper left '
                                           'quarter of their images')
    # One video may have its target there all the time.
    assert doubt(walk(start=(100, 100), step=(1, 1)), SIZE) is None


@pytest.mark.parametrize('boxes', [
    walk(), walk(1), np.zeros((4, 4)), np.full((2, 4), np.nan),
    np.tile([10., 10, 300, 200], (30, 1)),  # large, near the corner, and still
    walk(start=(540, 300), step=(2, 0)),  # leaves the frame
    np.tile([0., 0, 1, 1], (9, 1)), np.tile([0., 0, 640, 480], (9, 1))])
def test_valid_boxes(boxes):
    assert doubt(boxes, SIZE) is None


def test_no_box_of_lasot_is_doubted(reference):
    """In frames as small as the boxes allow, and in those that most have."""
    for name, annotation in read_annotations(reference / 'lasot/annos_test.tar.xz').items():
        seen = annotation.boxes[~annotation.absent]
        reach = (seen[:, :2] + seen[:, 2:]).max(axis=0)
        for size in (reach, np.maximum(reach, (1280, 720))):
            assert doubt(annotation.boxes, size) is None, name
            assert doubt(annotation.boxes[:1], size) is None, name


def test_objects_of_images():
    rng = np.random.default_rng(0)
    sizes = rng.integers(100, 900, (200, 2))
    low = rng.uniform(0, 0.8, (200, 2)) * sizes
    boxes = np.hstack([low, rng.uniform(0.02, 1, (200, 2)) * (sizes - low)])
    assert doubt(boxes, sizes) is None
    for others, text in ((corners(boxes), CORNERS), (boxes / np.tile(sizes, 2), PARTS)):
        found = doubt(others, sizes)
        assert found.certain
        assert found.text.startswith(text)


GIVEN = np.array([200., 150, 60, 40])


@pytest.mark.parametrize(('box', 'convention'), [
    ((200, 150, 60, 40), None), ((201, 151, 60, 40), None), ((190, 160, 70, 35), None),
    ((200, 150, 260, 190), CORNERS), ((199, 149, 259, 189), CORNERS),
    ((230, 170, 60, 40), CENTRES), ((.3125, .3125, .09375, .08333), PARTS),
    ((100, 75, 30, 20), OTHER_SIZE), ((300, 225, 90, 60), OTHER_SIZE),
    ((.3125, .3125, .40625, .39583), PARTS), ((31.25, 31.25, 9.375, 8.333), OTHER_SIZE),
    ((312, 312, 94, 83), OTHER_SIZE), ((220, 145, 66, 38), None),
    ((10, 10, 20, 20), None), ((np.nan, 1, 1, 1), None), ((0, 0, 0, 0), None)])
def test_the_first_box_of_results_tells_their_convention(box, convention):
    assert convention_of(np.array(box, float), GIVEN) == convention


def test_a_first_box_in_parts_of_the_frame():
    with pytest.raises(ValueError, match='is given in parts of the frame: .* at most a pixel'):
        check_first_box((.3, .4, .1, .2), (480, 640))
    check_first_box((0, 0, 1, 1), (480, 640))
