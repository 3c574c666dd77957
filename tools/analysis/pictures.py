"""Pictures of how a teacher may be divided."""
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from mpl_toolkits.axes_grid1 import make_axes_locatable

from mmct.utils.files import atomic_write

from .divisions import Division, total_change
from .start_scores import Start

SUGGESTED = '#d62728'  # red
WITH_NUMBERS = 16  # layers at the most


def draw_divisions(path: Path, similarity: np.ndarray, suggested: Division, even: Division,
                   title: str = '') -> None:
    """A heat map of the similarities with the stages of both divisions on it, and the change in
    each layer below it.

    Args:
        path: of a PNG file.
        similarity: (L + 1, L + 1) of a teacher's states, see ``layer_similarity``.
    """
    depth = len(similarity) - 1
    side = 3.2 + 0.42 * (depth + 1)
    figure = Figure(figsize=(side + 1.2, side + 1.9), dpi=110)
    axes = figure.subplots()
    image = axes.imshow(similarity, cmap='viridis', vmax=1, vmin=min(similarity.min(), 0.999))
    divider = make_axes_locatable(axes)
    figure.colorbar(image, divider.append_axes('right', 0.15, pad=0.15), label='mean cosine')
    # Each bar stands below the column of the tokens after its layer.
    steps = divider.append_axes('bottom', 1.1, pad=0.9, sharex=axes)
    names = ['none', *map(str, range(1, depth + 1))]
    axes.set(xticks=range(depth + 1), yticks=range(depth + 1), yticklabels=names,
             xlabel='tokens after layer (none: the embedding)', ylabel='tokens after layer')
    axes.set_xticks(range(depth + 1), names, rotation=90)
    if depth <= WITH_NUMBERS:
        middle = (similarity.min() + 1) / 2
        for (i, j), value in np.ndenumerate(similarity):
            axes.text(j, i, f'{value:.2f}', ha='center', va='center', fontsize=6.5,
                      color='white' if value < middle else 'black')
    handles = [_draw_stages(axes, even, 'white', '--', 0.06),
               _draw_stages(axes, suggested, SUGGESTED, '-', -0.02)]
    for name, division, handle in zip(('even', 'suggested'), (even, suggested), handles):
        handle.set_label(f'{name} {list(division)}, change within stages '
                         f'{total_change(similarity, division):.3f}')
    for division, colour, style in ((even, 'grey', '--'), (suggested, SUGGESTED, '-')):
        for bound in np.cumsum(division)[:-1] + 0.5:
            steps.axvline(bound, color=colour, linestyle=style)
    steps.bar(range(1, depth + 1), 1 - similarity.diagonal(1), color='#4c72b0')
    steps.set(xlim=(-0.5, depth + 0.5), xlabel='layer',
              ylabel='1 − similarity\nto the layer before')
    legend = steps.legend(handles=handles, loc='upper center', bbox_to_anchor=(0.5, -0.5),
                          facecolor='#808080', labelcolor='white')
    legend.get_frame().set_edgecolor('none')
    axes.set_title(title, fontsize=11)
    _save(figure, path)


def _draw_stages(axes: Axes, division: Division, colour: str, style: str, inset: float
                 ) -> Rectangle:
    """Squares along the diagonal of a heat map; returns the last one.

    Args:
        inset: by which they are smaller than their stages on each side, in layers.
    """
    bounds = np.cumsum([0, *division]) + 0.5
    for start, end in zip(bounds, bounds[1:]):
        size = end - start - 2 * inset
        # A dark line below the coloured one is seen on any colour of the map.
        for edge, width in (('black', 4), (colour, 2)):
            square = axes.add_patch(Rectangle(
                (start + inset, start + inset), size, size, fill=False, edgecolor=edge,
                linestyle=style, linewidth=width, clip_on=False))
    return square


def draw_starts(path: Path, starts: dict[str, tuple[Division, Start]], title: str = '') -> None:
    """Bars of the start scores.

    Args:
        path: of a PNG file.
        starts: what a division is, such as '3.' or '1. even', with the division and its scores;
            the first one at the top.
    """
    figure = Figure(figsize=(7, 1.6 + 0.42 * len(starts)), dpi=110, layout='constrained')
    axes = figure.subplots()
    places = np.arange(len(starts))
    scores = [start for _, start in starts.values()]
    for shift, values, label, colour in (
            (-0.2, [start.truth for start in scores], 'with ground truth', SUGGESTED),
            (0.2, [start.teacher for start in scores], "with the teacher's boxes", '#7f7f7f')):
        bars = axes.barh(places + shift, values, 0.4, color=colour, label=label)
        axes.bar_label(bars, fmt='%.3f', padding=3, fontsize=8)
    axes.set_yticks(places, [f'{name}  {list(division)}'
                             for name, (division, _) in starts.items()])
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.set(xlabel='mean IoU of the untrained student')
    figure.legend(loc='outside lower center', ncols=2)
    figure.suptitle(title, fontsize=11)
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    with atomic_write(path) as part:
        figure.savefig(part, format='png', bbox_inches='tight')
