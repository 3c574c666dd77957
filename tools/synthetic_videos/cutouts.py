"""Things cut out of photographs along their labelled outlines."""
import json
import shutil
import warnings
from pathlib import Path

import cv2
import numpy as np

from mmct.runtime.frames import FrameError, read_image
from mmct.utils.files import NOT_IN_NAMES, atomic_write, read_text

# Of a thing's sides in pixels: smaller ones have no detail to recognise them by.
SMALLEST = 40
# Share of its box that a thing fills at least; what fills less is mostly hidden by others.
FILLED = 0.25
FAR = 1e5  # pixels; further away no outline goes


def read_outlines(file: Path) -> list[tuple[dict, list[dict]]]:
    """Images of a COCO-style file with their annotations that have an outline (``segmentation``).

    Crowds are left out: their outline holds many things.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not COCO's JSON, or no annotation in it has an outline.
    """
    try:
        content = json.loads(read_text(file))
        images = {image['id']: (image, []) for image in content['images']
                  if isinstance(image.get('file_name'), str)}
        unusable = []
        for annotation in content['annotations']:
            if annotation.get('segmentation') and not annotation.get('iscrowd'):
                number = annotation['id']
                image, found = images.get(annotation.get('image_id'), ({}, unusable))
                outline = outline_of(annotation['segmentation'], image)
                (found if outline else unusable).append(dict(id=number, segmentation=outline))
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{file} is not a COCO annotation file with 'images' and 'annotations' "
                         f'({type(error).__name__}: {error})') from None
    found = [(image, outlines) for image, outlines in images.values() if outlines]
    if not found:
        raise ValueError(f'{file}: none of its {len(content["annotations"])} annotations has an '
                         "outline ('segmentation') in one of its images; cut-outs need polygons or "
                         'masks, boxes are not enough')
    if unusable:
        warnings.warn(f'{file}: {len(unusable)} annotations are left out: they are of no image in '
                      'it, or their outline is no polygon or mask of that image; the first has the '
                      f'id {unusable[0]["id"]}', stacklevel=2)
    return found


def outline_of(segmentation: list | dict, image: dict) -> list[list[float]] | dict | None:
    """An outline as pycocotools takes it, which checks nothing: COCO's polygons, or one of them
    without the list around it, but for points and lines; or run lengths. None if it is neither.

    Args:
        image: with ``width`` and ``height``, if they are known.
    """
    if isinstance(segmentation, list):
        parts = segmentation if isinstance(segmentation[0], list) else [segmentation]
        try:
            polygons = [np.asarray(part, float) for part in parts]
        except (TypeError, ValueError):
            return None
        return [part.tolist() for part in polygons
                if part.ndim == 1 and len(part) >= 6 and (abs(part) < FAR).all()] or None
    if not isinstance(segmentation, dict):
        return None
    size, counts = segmentation.get('size'), segmentation.get('counts')
    if (not isinstance(size, list) or len(size) != 2
            or any(known and known != own
                   for own, known in zip(size, (image.get('height'), image.get('width'))))):
        return None
    runs = isinstance(counts, list) and all(
        isinstance(n, (int, float)) and n >= 0 for n in counts)
    whole = isinstance(counts, str) or runs and sum(counts) == size[0] * size[1]
    return segmentation if whole else None


def write_cutouts(image: dict, annotations: list[dict], folder: Path, out: Path,
                  smallest: int = SMALLEST, scenes: bool = False) -> int:
    """Write the things of one image as PNGs with a transparent background; returns how many.

    Args:
        image, annotations: of :func:`read_outlines`.
        folder: of the images.
        out: where to write ``cutouts/IMAGE_ANNOTATION.png``.
        smallest: pixels that both sides of a thing have at least.
        scenes: also copy the image, to ``scenes``.

    Raises:
        FrameError: the image is missing, cannot be read, or is not of the size that the file says:
            it was resized, or is turned by EXIF, and the outlines lie elsewhere.
        OSError: the disk is full.
    """
    file = folder / image['file_name']
    picture, count = read_image(file), 0
    height, width = picture.shape[:2]
    expected = image.get('width') or width, image.get('height') or height
    if (width, height) != expected:
        raise FrameError(f'{file} has {width}x{height} pixels, its outlines are for '
                         f'{expected[0]}x{expected[1]}')
    for annotation in annotations:
        cut = cut_out(picture, annotation['segmentation'], smallest)
        if cut is not None:
            name = NOT_IN_NAMES.sub('_', f'{file.stem}_{annotation["id"]}.png')
            with atomic_write(out / 'cutouts' / name) as part:
                part.write_bytes(cv2.imencode('.png', cut)[1])
            count += 1
    if scenes:
        # The same name may be in several folders.
        name = NOT_IN_NAMES.sub('_', image['file_name'].strip('/'))
        with atomic_write(out / 'scenes' / name) as part:
            shutil.copyfile(file, part)
    return count


def cut_out(picture: np.ndarray, segmentation: list | dict, smallest: int = SMALLEST
            ) -> np.ndarray | None:
    """(h, w, 4) uint8 BGRA of a thing in a picture (H, W, 3) uint8 BGR; None for one that is small,
    reaches the border of the picture, or is mostly hidden.

    Args:
        segmentation: COCO's polygons [[x, y, x, y, …], …] in pixels, or run lengths.
    """
    from pycocotools import mask as coco

    height, width = picture.shape[:2]
    runs = outline_of(segmentation, dict(height=height, width=width))
    if runs is None:
        return None
    if isinstance(runs, list) or isinstance(runs['counts'], list):
        runs = coco.frPyObjects(runs, height, width)
    if isinstance(runs, list):
        runs = coco.merge(runs)
    try:
        mask = coco.decode(runs)
    except ValueError:  # of a string that encodes none
        return None
    x, y, w, h = cv2.boundingRect(mask)
    if (min(w, h) < smallest or x < 1 or y < 1 or x + w >= width or y + h >= height
            or cv2.countNonZero(mask) < FILLED * w * h):
        return None
    # Labelled outlines lie a little outside: a rim of the old background would tell a thing from
    # its new one.
    inner = cv2.erode(mask, np.ones((3, 3), np.uint8))
    opacity = cv2.GaussianBlur(inner * 255, (0, 0), 0.8)
    return np.dstack([picture, opacity])[y:y + h, x:x + w]
