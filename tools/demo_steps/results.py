"""The demo's table, what it says of the method's promises, and how surely."""
import contextlib
import copy
import io
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope
from mmtrack.registry import DATASETS, METRICS, MODELS
from running.quiet_runner import say_less
from tabulate import tabulate

from mmct.checkpoint import load_weights
from mmct.datasets import collate_pairs
from mmct.evaluation import evaluate
from mmct.formats import Annotation, read_results

from .plan import COMPRESSED, TRUTH_ONLY, Contestant
from .speed import Speed

SHARE = 96.  # published, as the speed-up, for four of OSTrack's twelve layers
VAL_IOU = re.compile(r'Epoch\(val\).*pair/iou: (\d\.\d+)')


class Estimate(NamedTuple):
    """A mean and its standard error, NaN for a single value."""
    mean: float
    error: float

    def __str__(self) -> str:
        return f'{self.mean:.1f} ± {self.error:.1f}'


def mean_and_error(values: np.ndarray) -> Estimate:
    """Of values (N,)."""
    error = values.std(ddof=1) / len(values) ** 0.5 if len(values) > 1 else np.nan
    return Estimate(float(values.mean()), float(error))


def paired_difference(one: Sequence, other: Sequence) -> Estimate:
    """Of two trackers' AUC (seeds, videos), by video: what is hard in a video is hard for both."""
    return mean_and_error(np.mean(one, axis=0) - np.mean(other, axis=0))


def promises(share: float, lead: Estimate, speed_up: float, promised: float | None
             ) -> list[tuple[str, bool, str]]:
    """What the method promises, whether that held, and what was measured.

    Args:
        share: AUC in percent of the teacher's.
        lead: AUC of the compressed student less that of the one from ground truth only.
        speed_up: over the teacher.
        promised: speed-up; None if there is no such promise.
    """
    found = [(f"keeps {SHARE:.0f} % of the teacher's AUC", share >= SHARE, f'{share:.1f} %')]
    if promised is not None:
        found.append((f'tracks {promised} x as fast as the teacher', speed_up >= promised,
                      f'{speed_up:.2f} x'))
    found.append(('is ahead of ground truth only by more than the standard error',
                  lead.mean > lead.error, f'{lead.mean:+.1f} ± {lead.error:.1f} AUC'))
    return found


def measured(contestants: Sequence[Contestant], videos: Mapping[str, Annotation],
             speeds: Mapping[str | None, Speed]) -> list[dict]:
    """What is known of each tracker, over all its seeds; the teacher, the first one, is what
    others are compared with.

    Args:
        videos: ground truth, all of which was tested on.
        speeds: by student; None stands for the teacher.
    """
    lengths = {name: len(annotation.boxes) for name, annotation in videos.items()}
    found, trained = [], next(own for own in contestants if own.training)
    for name in dict.fromkeys(own.name for own in contestants):
        seeds = [own for own in contestants if own.name == name]
        scores = [evaluate(read_results(own.boxes, lengths, list(lengths)), videos)['per_sequence']
                  for own in seeds]
        aucs = [[own[video]['auc'] for video in videos] for own in scores]
        jobs = [own.training for own in seeds if own.training]
        logged = [VAL_IOU.findall(job.log.read_text()) for job in jobs]
        student, auc = seeds[0].student, mean_and_error(np.mean(aucs, axis=0))
        ious = [float(own[-1]) for own in logged if own]
        if not found:
            ious = [pair_iou(seeds[0], trained.config)]
        found.append(dict(
            name=name, student=student, way=seeds[0].way, auc=auc, aucs=aucs,
            validation_iou=ious, minutes=[job.seconds / 60 for job in jobs],
            **speeds[student]._asdict()))
        teacher = found[0]
        found[-1].update(share=100 * auc.mean / teacher['auc'].mean,
                         speed_up=teacher['best'] / found[-1]['best'])
    return found


def pair_iou(teacher: Contestant, config: Config) -> float:
    """Of the teacher on the validation pairs of a student's config, as training takes it of the
    student."""
    init_default_scope('mmtrack')
    say_less(MMLogger.get_current_instance())
    tracker = MODELS.build(teacher.config.model).eval()
    load_weights(tracker, teacher.checkpoint)
    loader = copy.deepcopy(config.val_dataloader)
    for step in loader.dataset.pipeline:
        if step.type == 'CropPair':  # of a student with crops of another size
            step.size = [tracker.info.template_size, tracker.info.search_size]
    with contextlib.redirect_stdout(io.StringIO()):  # MMTracking prints that it loads, and has
        pairs = DATASETS.build(loader.dataset)
    metric = METRICS.build(config.val_evaluator)
    for start in range(0, len(pairs), loader.batch_size):
        batch = collate_pairs(
            [pairs[i] for i in range(start, min(start + loader.batch_size, len(pairs)))])
        with torch.inference_mode():
            metric.process(batch, tracker.test_step(batch))
    return metric.evaluate(len(pairs))['pair/iou']


def compare(trackers: Sequence[dict], speed_up: float | None) -> list[dict]:
    """Students with their teacher beside the same without, and whether promises held.

    Args:
        trackers: see :func:`measured`.
        speed_up: that is promised, if one is.
    """
    found, by = [], {(own['student'], own['way']): own for own in trackers if own['way']}
    for student in dict.fromkeys(student for student, _ in by):
        own, other = by[student, COMPRESSED], by[student, TRUTH_ONLY]
        lead = paired_difference(own['aucs'], other['aucs'])
        found.append(dict(student=student, lead=lead, promises=promises(
            own['share'], lead, own['speed_up'], speed_up)))
    return found


def as_text(trackers: Sequence[dict], comparisons: Sequence[dict]) -> str:
    """The table, the comparisons and the promises."""
    rows = [{
        'tracker': own['name'], 'AUC': str(own['auc']), 'over seeds': spread(own['aucs']),
        '% of teacher': f'{own["share"]:.1f}', 'validation IoU': mean(own['validation_iou'], 3),
        'ms a frame': f'{own["best"]:.2f}, {own["form"]}', 'speed-up': f'{own["speed_up"]:.2f} x',
        'MMACs': f'{own["macs"] / 1e6:.1f}', 'parameters': f'{own["parameters"] / 1e6:.2f} M',
        'training': f'{mean(own["minutes"], 1)} min' if own['minutes'] else 'given',
    } for own in trackers]
    if not any(row['over seeds'] for row in rows):
        rows = [{key: value for key, value in row.items() if key != 'over seeds'} for row in rows]
    text = tabulate(rows, headers='keys', tablefmt='github')
    for own in comparisons:
        title = f'{own["student"]}: ' if len(comparisons) > 1 else ''
        text += (f'\n\n{title}compressed minus ground truth only: {own["lead"].mean:+.1f} ± '
                 f'{own["lead"].error:.1f} AUC (paired by video, {len(trackers[0]["aucs"][0])} '
                 'videos)\n')
        for promise, held, number in own['promises']:
            text += f'\n- {promise}: {"yes" if held else "no"}, {number}'
    return text + '\n'


def mean(values: Sequence[float], digits: int) -> str:
    return f'{np.mean(values):.{digits}f}' if values else ''


def spread(aucs: Sequence[Sequence[float]]) -> str:
    """Standard deviation over seeds of AUC (seeds, videos), if there are several."""
    return f'± {np.mean(aucs, axis=1).std(ddof=1):.1f}' if len(aucs) > 1 else ''
