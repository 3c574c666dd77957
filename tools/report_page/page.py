"""One HTML page with everything in it: no network, no other file."""
import base64
from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from mmct.utils.files import write_text

from .look import MARKERS, colour, dash, marker
from .plots import ATTRIBUTE_NAMES
from .trackers import TrackerResults

FIGURES = dict(auc='AUC', op50='OP50', op75='OP75', precision='Precision',
               norm_precision='Norm. precision')
SIGNS = dict(zip(MARKERS, '●■◆▲▼✚★✖◀'))  # of the plots, as letters


def write_page(target: Path, trackers: list[TrackerResults], convention: str,
               pictures: Mapping[str, dict[str, bytes]], highlights: Mapping[str, str],
               sequences: list[dict], notes: list[str]) -> None:
    """Write the page.

    Args:
        pictures: {title: SVG files 'light' and 'dark'}, in the order in which they are shown.
        highlights: {sequence: why it is worth a look}.
        sequences: for the player, see :func:`report_page.player.sequence_data`.
        notes: what was left out, a sentence each.
    """
    environment = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True,
                              trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
    total = trackers[0].scores['total']
    titled = [dict(name=tracker.name, colour=colour(i), dash=dash(i), sign=SIGNS[marker(i)])
              for i, tracker in enumerate(trackers)]
    playable = [own['name'] for own in sequences]
    write_text(target, environment.get_template('page.html').render(
        title=' · '.join(tracker.name for tracker in trackers), trackers=trackers, titled=titled,
        figures=FIGURES, convention=convention, sequence_count=total['sequences'],
        frame_count=total['frames'], notes=notes,
        tables=auc_tables(trackers, playable, highlights),
        pictures={title: {theme: 'data:image/svg+xml;base64,' + base64.b64encode(svg).decode()
                          for theme, svg in own.items()} for title, own in pictures.items()},
        speeds=any(tracker.fps for tracker in trackers),
        playable=playable,
        data=dict(trackers=titled, sequences=[
            dict(own, why=highlights.get(own['name'], '')) for own in sequences])))


def auc_tables(trackers: list[TrackerResults], playable: list[str],
               highlights: Mapping[str, str]) -> list[dict]:
    """AUC of each tracker by sequence and, if they are known, by attribute.

    Returns:
        tables of id, title, first (what a row stands for), counted (what the second column
        counts), noted (whether there are notes) and rows; of each its name, code ('' for none),
        play (number in the player, None for none), count, aucs (one a tracker) and note.
    """
    scores = trackers[0].scores
    sequences = [dict(name=name, code='', count=own['frames'], note=highlights.get(name, ''),
                      play=playable.index(name) if name in playable else None,
                      aucs=[tracker.auc(name) for tracker in trackers])
                 for name, own in scores['per_sequence'].items()]
    attributes = [dict(name=ATTRIBUTE_NAMES[code].capitalize(), code=code, count=own['sequences'],
                       note='', play=None, aucs=[tracker.scores['per_attribute'][code]['auc']
                                                 for tracker in trackers])
                  for code, own in scores['per_attribute'].items()]
    tables = [dict(id='sequences', title='Sequences', first='Sequence', counted='Frames',
                   noted=True, rows=sequences),
              dict(id='attributes', title='Attributes', first='Attribute', counted='Sequences',
                   noted=False, rows=attributes)]
    return [table for table in tables if table['rows']]
