"""A report from files to files."""
from collections.abc import Sequence
from pathlib import Path

from cli import bars

from mmct.evaluation import PUBLISHED
from mmct.formats.annotations import read_annotations
from mmct.formats.sequences import dataset_of, to_be_tested

from .clips import find_clip
from .contact_sheet import draw_contact_sheet
from .look import publish
from .page import write_page
from .player import sequence_data
from .plots import CURVES, draw_attributes, draw_cost, draw_curves, draw_speed
from .trackers import changes, highlights, named_folders, read_trackers

ROOM = 14_000_000  # characters of the page for frames


def write_report(results: Sequence[str], annotations: Path, out: Path, frames: Path | None = None,
                 sequences: Sequence[str] | None = None, convention: str = 'published',
                 dataset: str | None = None, fit: bool = False,
                 levels: Sequence[float] | None = None, timed: bool = True) -> bool:
    """Write plots (.png, .pdf) and ``index.html``, and say what could not be shown.

    Args:
        results: folders of box files, as FOLDER or NAME=FOLDER, the teacher first.
        annotations: see :func:`mmct.formats.read_annotations`.
        out: folder, made if missing.
        frames: folder of the sequences' frames, see :func:`report_page.clips.find_clip`.
        sequences: to show; None for the best, the worst and those that compression cost most.
        convention: of the metrics, see :func:`mmct.evaluation.evaluate`.
        dataset: likewise; None to tell by names and folder of the annotations.
        fit: use result files of another length, see :func:`mmct.formats.results.fitting_boxes`.
        levels: of frames of 16 bits, see :func:`mmct.runtime.frames.read_image`.
        timed: whether the times beside the boxes are worth showing; not those of tests that ran
            beside each other.

    Returns:
        Whether all result files could be used; sequences of others are left out and named.

    Raises:
        FileNotFoundError: results, annotations, or frames of a sequence to show are missing.
        ValueError: a file cannot be understood, or a sequence to show is unknown.
    """
    truth = read_annotations(annotations)
    problems = {}
    dataset = dataset or dataset_of(truth, annotations)
    trackers = read_trackers(named_folders(results), truth, convention, dataset or 'lasot',
                             problems, fit)
    if not timed:
        trackers = [own._replace(fps=None) for own in trackers]
    names = trackers[0].boxes
    unknown = sorted(set(sequences or ()) - names.keys())
    if unknown:
        raise ValueError(f'no results of the sequences {", ".join(unknown)}, named by --sequences')
    worth = highlights(trackers)
    chosen = list(dict.fromkeys(sequences)) if sequences else list(worth)
    clips = {name: find_clip(frames, name, len(truth[name].boxes), levels) for name in chosen} \
        if frames else {}

    expected = to_be_tested(truth, names.keys() | problems.keys(), annotations)
    notes = [f'{name} is left out: {problem}' for name, problem in problems.items()]
    if len(names) < len(expected):
        missing = len(expected) - len(names) - len(problems)
        notes.insert(0, f'{len(expected) - len(names)} of {len(expected)} annotated sequences are '
                     f'left out (no results, or no box but the first: {missing}; results that '
                     f'cannot be used: {len(problems)}).')
    pictures = {f'{CURVES[kind][1]} plot': publish(lambda kind=kind: draw_curves(trackers, kind),
                                                   out / kind) for kind in CURVES}
    if any(tracker.fps for tracker in trackers):
        pictures['AUC over frames a second'] = publish(lambda: draw_speed(trackers), out / 'speed')
    else:
        notes.append('No plot of speed: there are no times beside the boxes (NAME_time.txt).'
                     if timed else 'No speeds: the tests ran beside each other.')
    if trackers[0].scores['per_attribute']:
        pictures['AUC by attribute'] = publish(lambda: draw_attributes(trackers),
                                               out / 'attributes')
    else:
        notes.append('No scores by attribute: the annotations name none (att/NAME.txt).')
    if len(trackers) > 1:
        teacher, student = trackers[:2]
        pictures['What compression cost, sequence by sequence'] = publish(
            lambda: draw_cost(changes(teacher, student), teacher.name, student.name), out / 'cost')
    if not frames:
        notes.append('No player: no frames were given (--frames).')

    shown, room = [], ROOM
    with bars() as progress:
        for done, name in enumerate(clips and progress.track(clips, description='sequences')):
            boxes = [tracker.boxes[name] for tracker in trackers]
            shown.append(sequence_data(name, clips[name], truth[name], boxes,
                                       room // (len(clips) - done)))
            room -= sum(map(len, shown[-1]['jpegs']))
    thinned = [f'{own["name"]} ({len(own["shown"])} of {own["length"]})' for own in shown
               if len(own['shown']) < own['length']]
    if thinned:
        notes.append(f'To keep this page small, it has some frames only of {", ".join(thinned)}.')
    if clips:
        draw_contact_sheet(clips, {'ground truth': {name: truth[name].boxes for name in clips},
                                   **{tracker.name: tracker.boxes for tracker in trackers}},
                           out / 'sequences.png', out / 'sequences.pdf',
                           labels={name: f'{name}\n{why}' for name, why in worth.items()})
    if dataset in PUBLISHED and convention == 'published':
        convention = f'{convention} ({dataset})'
    write_page(out / 'index.html', trackers, convention, pictures, worth, shown, notes)
    for note in notes:
        print(note)
    size = (out / 'index.html').stat().st_size / 1e6
    print(f'{out / "index.html"} ({size:.1f} MB), plots beside it as PNG and PDF')
    return not problems
