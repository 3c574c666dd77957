"""One picture of many tracked frames."""
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from mmct.utils.files import atomic_write

from .look import GROUND_TRUTH, colour


def draw_contact_sheet(sequences: Mapping[str, Sequence[np.ndarray]],
                       boxes: Mapping[str, Mapping[str, np.ndarray]], *targets: Path,
                       columns: int = 6, title: str = '',
                       labels: Mapping[str, str] | None = None) -> None:
    """Rows of frames, one a sequence, with the boxes of several trackers.

    Args:
        sequences: frames (H, W, 3) BGR of each sequence by its name, such as ``Frames``; at least
            as many as boxes.
        boxes: for each tracker's name, (T, 4) x, y, w, h in pixels by sequence; the first tracker
            is the ground truth, drawn in white.
        targets: picture files to write.
        columns: frames shown of each sequence, evenly spread.
        title: above the picture.
        labels: of the rows, where not the sequence's name.
    """
    labels = labels or {}
    colours = {name: colour(i - 1) if i else GROUND_TRUTH for i, name in enumerate(boxes)}
    figure = Figure(figsize=(2.4 * columns, 1.85 * len(sequences) + 0.9), layout='constrained')
    axes = figure.subplots(len(sequences), columns, squeeze=False)
    for row, (name, frames) in zip(axes, sequences.items()):
        length = len(next(iter(boxes.values()))[name])
        for axis, index in zip(row, np.linspace(0, length - 1, columns).astype(int)):
            axis.imshow(cv2.cvtColor(frames[index], cv2.COLOR_BGR2RGB))
            axis.set(xticks=[], yticks=[])
            axis.text(0.02, 0.97, str(index + 1), transform=axis.transAxes, va='top', fontsize=7,
                      color='white', bbox=dict(facecolor='black', alpha=0.5, pad=1, lw=0))
            for tracker, by_sequence in reversed(boxes.items()):  # ground truth on top
                x, y, w, h = by_sequence[name][index]
                # A dark line below the coloured one keeps boxes visible on any background.
                for edge, width in (('black', 2.6), (colours[tracker], 1.3)):
                    axis.add_patch(
                        Rectangle((x, y), w, h, fill=False, edgecolor=edge, linewidth=width,
                                  linestyle=(0, (4, 2)) if edge == GROUND_TRUTH else '-'))
        row[0].set_ylabel(labels.get(name, name), fontsize=8, parse_math=False)
    handles = [Line2D([], [], color=own, label=name, linestyle='--' if own == GROUND_TRUTH else '-')
               for name, own in colours.items()]
    legend = figure.legend(handles=handles, loc='outside lower center', ncols=len(handles),
                           facecolor='#202020', labelcolor='white', fontsize=9)
    legend.get_frame().set_edgecolor('none')
    figure.suptitle(title, fontsize=11)
    for target in targets:
        with atomic_write(target) as part:
            figure.savefig(part, format=target.suffix[1:], dpi=110)
