"""One picture of training pairs and of what trackers make of them."""
from typing import NamedTuple

import cv2
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from ..evaluation.got10k import bounded_iou

TRUTH = 'ground truth'
# Of ground truth, then of the trackers.
COLOURS = ('#ffffff', '#d55e00', '#0b79bd', '#c2429f')


class Answer(NamedTuple):
    """A tracker's to n pairs: boxes (n, 4) xyxy in pixels of the search crop; score maps
    (n, g, g) of its cells, None for a head that has none."""
    boxes: np.ndarray
    scores: np.ndarray | None


def draw_pairs(templates: np.ndarray, searches: np.ndarray, template_boxes: np.ndarray,
               search_boxes: np.ndarray, answers: dict[str, Answer],
               title: str = '') -> np.ndarray:
    """A row for each pair: template, search crop with all boxes, each tracker's score map over it.

    Args:
        templates, searches: (n, S, S, 3) uint8 RGB, S of each its own.
        template_boxes, search_boxes: (n, 4) ground truth, xyxy in pixels of these.
        answers: by the name of the tracker, at most three.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    colours = dict(zip((TRUTH, *answers), COLOURS))
    mapped = [name for name, answer in answers.items() if answer.scores is not None]
    columns = ['template', 'search crop', *(f'score of the {name}' for name in mapped)]
    figure = Figure(figsize=(2.6 * len(columns), 2.7 * len(searches) + 1), dpi=100,
                    layout='constrained')
    canvas = FigureCanvasAgg(figure)
    rows = figure.subplots(len(searches), len(columns), squeeze=False)
    for axes, name in zip(rows[0], columns):
        axes.set_title(name, fontsize=10)
    for i, row in enumerate(rows):
        for axes in row:
            axes.set(xticks=[], yticks=[])
        row[0].imshow(templates[i])
        _add_box(row[0], template_boxes[i], colours[TRUTH])
        row[1].imshow(searches[i])
        for name, boxes in ((TRUTH, search_boxes), *((n, a.boxes) for n, a in answers.items())):
            _add_box(row[1], boxes[i], colours[name])
        row[1].set_xlabel(', '.join(f'{name} {_iou(answer.boxes[i], search_boxes[i]):.2f}'
                                    for name, answer in answers.items()), fontsize=8)
        for axes, name in zip(row[2:], mapped):
            _add_score(axes, searches[i], answers[name].scores[i])
            _add_box(axes, answers[name].boxes[i], colours[name])
    handles = [Line2D([], [], color=colour, label=name) for name, colour in colours.items()]
    legend = figure.legend(handles=handles, loc='outside lower center', ncols=len(handles),
                           title='boxes (below the search crop: IoU with ground truth)',
                           facecolor='#404040', labelcolor='white', fontsize=9, title_fontsize=8)
    legend.get_title().set_color('white')
    figure.suptitle(title, fontsize=11)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _add_score(axes: Axes, search: np.ndarray, score: np.ndarray) -> None:
    """Draw a search crop in grey, and a map (g, g) over it."""
    axes.imshow(cv2.cvtColor(search, cv2.COLOR_RGB2GRAY), cmap='gray', vmin=0, vmax=255)
    limits = dict(xlim=axes.get_xlim(), ylim=axes.get_ylim())
    size, cell = len(search), len(search) / len(score)
    # A cell stands for centres around its upper left corner, see gaussian_heatmap. Each map is
    # drawn to its own peak: a student's scores are low for long, but have a shape.
    low, high = -0.5 - cell / 2, size - 0.5 - cell / 2
    axes.imshow(score, cmap='inferno', vmin=0, vmax=score.max(), alpha=0.6,
                extent=(low, high, high, low))
    axes.set(**limits)
    axes.set_xlabel(f'peak {score.max():.2g}', fontsize=8)


def _add_box(axes: Axes, box: np.ndarray, colour: str) -> None:
    """Draw x1, y1, x2, y2 in pixels."""
    # The dark line below keeps it visible on any background; what reaches out of the crop is cut.
    for edge, width in (('black', 2.8), (colour, 1.5)):
        axes.add_patch(Rectangle(box[:2], *(box[2:] - box[:2]), fill=False, edgecolor=edge,
                                 linewidth=width))


def _iou(*boxes: np.ndarray) -> float:
    xywh = (np.hstack([corners[:2], corners[2:] - corners[:2]])[None] for corners in boxes)
    return float(bounded_iou(*xywh, None)[0])
