"""Things cut out of photographs along their labelled outlines."""
import json
import shutil
from pathlib import Path

import cv2
import numpy as np

from mmct.runtime.frames import FrameError, read_image
from mmct.utils.files import atomic_write, read_text

# Of a thing's sides in pixels: smaller ones have no detail to recognise them by.
SMALLEST = 40
# Share of its box that a thing fills at least; what fills less is mostly hidden by others.
FILLED = 0.25


def read_outlines(file: Path) -> list[tuple[dict, list[dict]]]:
    """Images of a COCO-style file with their annotations that have an outline (``segmentation``).

    Crowds are left out: their outline holds many things.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not COCO's JSON, or no annotation in it has an outline.
    """
    try:
        content = json.loads(read_text(file))
        images = {image['id']: (image, []) for image in content['images']}
        for annotation in content['annotations']:
            if annotation.get('segmentation') and not annotation.get('iscrowd'):
                images[annotation['image_id']][1].append(annotation)
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{file} is not a COCO annotation file with 'images' and 'annotations' "
                         f'({type(error).__name__}: {error})') from None
    found = [(image, outlines) for image, outlines in images.values() if outlines]
    if not found:
        raise ValueError(f'{file}: none of its {len(content["annotations"])} annotations has an '
                         "outline ('segmentation'); cut-outs need polygons or masks, boxes are not "
                         'enough')
    return found


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
            with atomic_write(out / 'cutouts' / f'{file.stem}_{annotation["id"]}.png') as part:
                part.write_bytes(cv2.imencode('.png', cut)[1])
            count += 1
    if scenes:
        # The same name may be in several folders.
        name = image['file_name'].strip('/').replace('/', '_')
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
    if isinstance(segmentation, list):  # not points and lines
        segmentation = [polygon for polygon in segmentation if len(polygon) >= 6]
        if not segmentation:
            return None
    if isinstance(segmentation, dict) and isinstance(segmentation['counts'], str):
        runs = segmentation
    else:
        runs = coco.frPyObjects(segmentation, height, width)
    if isinstance(runs, list):
        runs = coco.merge(runs)
    mask = coco.decode(runs)
    x, y, w, h = cv2.boundingRect(mask)
    if (min(w, h) < smallest or x < 1 or y < 1 or x + w >= width or y + h >= height
            or cv2.countNonZero(mask) < FILLED * w * h):
        return None
    # Labelled outlines lie a little outside: a rim of the old background would tell a thing from
    # its new one.
    inner = cv2.erode(mask, np.ones((3, 3), np.uint8))
    opacity = cv2.GaussianBlur(inner * 255, (0, 0), 0.8)
    return np.dstack([picture, opacity])[y:y + h, x:x + w]
