"""One picture of many tracked frames."""
from pathlib import Path

import cv2
import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

# Told apart without colour vision, too; ground truth is white.
COLOURS = ('#ffffff', '#e69f00', '#56b4e9', '#cc79a7')


def draw_contact_sheet(sequences: dict[str, list[Path]], boxes: dict[str, dict[str, np.ndarray]],
                       target: Path, columns: int = 6, title: str = '') -> None:
    """Rows of frames, one a sequence, with the boxes of several trackers.

    Args:
        sequences: frame files of each sequence by its name.
        boxes: for each tracker's name, (T, 4) x, y, w, h in pixels by sequence; the first tracker
            is drawn in white, as ground truth is. At most four.
        target: picture file to write.
        columns: frames shown of each sequence, evenly spread.
        title: above the picture.
    """
    colours = dict(zip(boxes, COLOURS))
    figure = Figure(figsize=(2.4 * columns, 1.85 * len(sequences) + 0.9), layout='constrained')
    axes = figure.subplots(len(sequences), columns, squeeze=False)
    for row, (name, frames) in zip(axes, sequences.items()):
        for axis, index in zip(row, np.linspace(0, len(frames) - 1, columns).astype(int)):
            axis.imshow(cv2.cvtColor(cv2.imread(str(frames[index])), cv2.COLOR_BGR2RGB))
            axis.set(xticks=[], yticks=[])
            axis.text(0.02, 0.97, str(index + 1), transform=axis.transAxes, va='top', fontsize=7,
                      color='white', bbox=dict(facecolor='black', alpha=0.5, pad=1, lw=0))
            for tracker, by_sequence in boxes.items():
                x, y, w, h = by_sequence[name][index]
                # A dark line below the coloured one keeps boxes visible on any background.
                for colour, width in (('black', 2.6), (colours[tracker], 1.3)):
                    axis.add_patch(
                        Rectangle((x, y), w, h, fill=False, edgecolor=colour, linewidth=width))
        row[0].set_ylabel(name, fontsize=8)
    handles = [Line2D([], [], color=colour, label=name) for name, colour in colours.items()]
    legend = figure.legend(handles=handles, loc='outside lower center', ncols=len(handles),
                           facecolor='#404040', labelcolor='white', fontsize=9)
    legend.get_frame().set_edgecolor('none')
    figure.suptitle(title, fontsize=11)
    target.parent.mkdir(parents=True, exist_ok=True)
    with matplotlib.rc_context({'savefig.dpi': 110}):
        figure.savefig(target)
