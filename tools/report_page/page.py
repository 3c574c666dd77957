"""One HTML page with everything in it: no network, no other file."""
import base64
from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from mmct.utils.files import write_text

from .look import colour
from .plots import ATTRIBUTE_NAMES
from .trackers import TrackerResults

FIGURES = dict(auc='AUC', op50='OP50', op75='OP75', precision='Precision',
               norm_precision='Norm. precision')


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
    titled = [dict(name=tracker.name, colour=colour(i)) for i, tracker in enumerate(trackers)]
    write_text(target, environment.get_template('page.html').render(
        title=' · '.join(tracker.name for tracker in trackers), trackers=trackers, titled=titled,
        figures=FIGURES, attribute_names=ATTRIBUTE_NAMES, convention=convention,
        sequence_count=total['sequences'], frame_count=total['frames'], notes=notes,
        highlights=highlights,
        pictures={title: {theme: 'data:image/svg+xml;base64,' + base64.b64encode(svg).decode()
                          for theme, svg in own.items()} for title, own in pictures.items()},
        speeds=any(tracker.fps for tracker in trackers),
        playable=[own['name'] for own in sequences],
        data=dict(trackers=titled, sequences=[
            dict(own, why=highlights.get(own['name'], '')) for own in sequences])))
