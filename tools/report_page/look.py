"""One look of all plots and of the page."""
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import matplotlib
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.legend import Legend

from mmct.utils.files import atomic_write

# Of trackers, in the order in which they are given; at least 3:1 against both backgrounds. So many
# colours cannot all be told apart without colour vision, so that each also has a dash and a marker.
# Their numbers have no common factor: 360 trackers differ.
COLOURS = ('#d55e00', '#0b79bd', '#c2429f', '#0b8f6a', '#7f5ce0', '#8a7a12', '#7a7a7a', '#dc2148')
DASHES = ((), (4, 1.5), (1.2, 1.2), (6, 1.5, 1.2, 1.5), (2, 1))  # in widths of the line, on and off
MARKERS = 'osD^vP*X<'
GROUND_TRUTH = '#ffffff'
LIGHT = dict(paper='#ffffff', ink='#1c2127', faint='#c9ced6')
DARK = dict(paper='#171b21', ink='#e6e9ee', faint='#3c444f')


def colour(index: int) -> str:
    """Colour of a tracker, by its place in the order given."""
    return COLOURS[index % len(COLOURS)]


def dash(index: int) -> tuple[float, ...]:
    """Lengths on and off of a tracker's lines, in their width; () for a line without gaps."""
    return DASHES[index % len(DASHES)]


def marker(index: int) -> str:
    """Matplotlib's marker of a tracker."""
    return MARKERS[index % len(MARKERS)]


def add_legend(figure: Figure, handles: Sequence[Artist], **kwargs) -> Legend:
    """A legend below all axes, in as many columns as fit; the figure grows by its rows."""
    longest = max(len(handle.get_label()) for handle in handles)
    columns = int(figure.get_figwidth() / (0.6 + 0.08 * longest))  # inches of a handle, a letter
    columns = min(max(columns, 1), len(handles))
    rows = math.ceil(len(handles) / columns)
    figure.set_figheight(figure.get_figheight() + 0.22 * rows)
    return figure.legend(handles=handles, loc='outside lower center', ncols=columns, **kwargs)


@contextmanager
def style() -> Iterator[None]:
    """Of what is drawn within."""
    paper, ink, faint = LIGHT.values()
    with matplotlib.rc_context({
            'figure.facecolor': paper, 'axes.facecolor': paper, 'savefig.facecolor': paper,
            'text.color': ink, 'axes.labelcolor': ink, 'xtick.color': ink, 'ytick.color': ink,
            'axes.edgecolor': faint, 'grid.color': faint,
            'legend.frameon': False, 'grid.linewidth': 0.6,
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
