"""One picture of many tracked frames."""
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from mmct.evaluation.metrics import last_good
from mmct.utils.files import atomic_write

from .look import GROUND_TRUTH, add_legend, colour, dash
from .zoom import window, zoom_of

LINE = 1.3  # width of boxes in points


def draw_contact_sheet(sequences: Mapping[str, Sequence[np.ndarray]],
                       boxes: Mapping[str, Mapping[str, np.ndarray]], *targets: Path,
                       columns: int = 6, title: str = '',
                       labels: Mapping[str, str] | None = None) -> None:
    """Rows of frames, one a sequence, with the boxes of several trackers; around small targets, a
    part of the frames, and the label says how much larger.

    Args:
        sequences: frames (H, W, 3) BGR of each sequence by its name, such as ``Frames``; at least
            as many as boxes.
        boxes: for each tracker's name, (T, 4) x, y, w, h in pixels by sequence; the first tracker
            is the ground truth, drawn in white.
        targets: picture files to write.
        columns: frames shown of each sequence, evenly spread.
        title: above the picture.
        labels: of the rows, if not the sequence's name.
    """
    labels, truth = labels or {}, next(iter(boxes.values()))
    looks = {name: dict(color=colour(i - 1), linestyle=(0, dash(i - 1))) if i else
             dict(color=GROUND_TRUTH, linestyle=(0, (4, 2))) for i, name in enumerate(boxes)}
    figure = Figure(figsize=(2.4 * columns, 1.85 * len(sequences) + 0.5), layout='constrained')
    axes = figure.subplots(len(sequences), columns, squeeze=False)
    for row, (name, frames) in zip(axes, sequences.items()):
        height, width = frames[0].shape[:2]
        zoom = zoom_of(truth[name], width, height)
        seen = last_good(truth[name])  # if the target is absent, the place of its last box
        for axis, index in zip(row, np.linspace(0, len(truth[name]) - 1, columns).astype(int)):
            axis.imshow(cv2.cvtColor(frames[index], cv2.COLOR_BGR2RGB),
                        extent=(0, width, height, 0))
            x, y, w, h = window(seen[index], zoom, width, height)
            axis.set(xticks=[], yticks=[], xlim=(x, x + w), ylim=(y + h, y))
            axis.text(0.02, 0.97, str(index + 1), transform=axis.transAxes, va='top', fontsize=7,
                      color='white', bbox=dict(facecolor='black', alpha=0.5, pad=1, lw=0))
            for tracker, by_sequence in reversed(boxes.items()):  # ground truth on top
                x, y, w, h = by_sequence[name][index]
                # A dark line below the coloured one keeps boxes visible on any background.
                # Dashes are in widths of the line.
                offset, lengths = looks[tracker]['linestyle']
                rim = dict(color='black', linestyle=(offset, [own / 2 for own in lengths]))
                for look, line in ((rim, 2 * LINE), (looks[tracker], LINE)):
                    axis.add_patch(Rectangle((x, y), w, h, fill=False, linewidth=line, **look))
        label = labels.get(name, name) + (f'\n{zoom} × larger' if zoom > 1 else '')
        row[0].set_ylabel(label, fontsize=8, parse_math=False)
    handles = [Line2D([], [], label=name, **look) for name, look in looks.items()]
    add_legend(figure, handles, facecolor='#202020', edgecolor='none', labelcolor='white',
               fontsize=9, frameon=True, handlelength=3)
    figure.suptitle(title, fontsize=11)
    for target in targets:
        with atomic_write(target) as part:
            figure.savefig(part, format=target.suffix[1:], dpi=110)
        figure.set_layout_engine('none')  # it is laid out
