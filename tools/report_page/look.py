"""One look of all plots and of the page."""
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from mmct.utils.files import atomic_write

# Of trackers, in the order in which they are given: told apart without colour vision, and at least
# 3:1 against both backgrounds.
COLOURS = ('#d55e00', '#0b79bd', '#b34d93', '#0b8f6a', '#8265cf', '#8a7a12', '#7a7a7a', '#b5651d')
DASHES = ('-', '--', '-.', ':')
GROUND_TRUTH = '#ffffff'
LIGHT = dict(paper='#ffffff', ink='#1c2127', faint='#c9ced6')
DARK = dict(paper='#171b21', ink='#e6e9ee', faint='#3c444f')


def colour(index: int) -> str:
    """Colour of a tracker, by its place in the order given."""
    return COLOURS[index % len(COLOURS)]


def dash(index: int) -> str:
    """Line style; beyond the colours it tells trackers apart."""
    return DASHES[index // len(COLOURS) % len(DASHES)]


@contextmanager
def style() -> Iterator[None]:
    """Of what is drawn within."""
    paper, ink, faint = LIGHT.values()
    with matplotlib.rc_context({
            'figure.facecolor': paper, 'axes.facecolor': paper, 'savefig.facecolor': paper,
            'text.color': ink, 'axes.labelcolor': ink, 'xtick.color': ink, 'ytick.color': ink,
            'axes.edgecolor': faint, 'grid.color': faint, 'legend.edgecolor': faint,
            'legend.facecolor': paper, 'legend.framealpha': 0.85, 'grid.linewidth': 0.6,
            'axes.grid': True, 'axes.axisbelow': True, 'axes.spines.top': False,
            'axes.spines.right': False, 'axes.titlesize': 12, 'axes.titleweight': 'bold',
            'font.size': 10, 'lines.linewidth': 2, 'figure.constrained_layout.use': True,
            'svg.hashsalt': 'mmct', 'text.parse_math': False}):
        yield


def publish(draw: Callable[[], Figure], target: Path) -> dict[str, bytes]:
    """Draw for paper, as ``target`` with .png and .pdf, and for the page.

    Returns:
        SVG files, {'light': …, 'dark': …}.
    """
    pictures = {}
    with style():
        figure, svg = draw(), BytesIO()
        for suffix in ('.png', '.pdf'):
            with atomic_write(target.with_name(target.name + suffix)) as part:
                figure.savefig(part, format=suffix[1:], dpi=200)
            figure.set_layout_engine('none')  # it is laid out
        figure.savefig(svg, format='svg', transparent=True, metadata={'Date': None})
    for name, theme in (('light', LIGHT), ('dark', DARK)):
        pictures[name] = svg.getvalue()
        for part, own in theme.items():
            pictures[name] = pictures[name].replace(LIGHT[part].encode(), own.encode())
    return pictures
