"""What comparisons of all trackers share.

All that was recorded has a name: ``teacher.layer3``, ``mix1010.pred_boxes``. mmct's values are
collected by the same names, and those that are recorded are compared.
"""
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from mmtrack.registry import MODELS
from torch import Tensor

from mmct.checkpoint import load_weights, names
from mmct.models.distillers import ReplacementDistiller
from mmct.models.layers import CEBlock, Tokens
from mmct.models.losses import mean_iou
from mmct.models.structures import Clip, Prediction
from mmct.models.torch_network import images
from mmct.models.trackers import OneStreamTracker
from mmct.runtime import Tracker, geometry
from mmct.runtime.frames import Frames, read_image
from mmct.utils.files import read_text

from .watching import WatchedNetwork, WatchedPolicy

TENSOR_TOLERANCE = 1e-4
PIXEL_TOLERANCE = 0.01
# Weights of losses, and what these are called in the records if not the same.
WEIGHTS = dict(giou=2., ciou=2., l1=5., focal=1., task=1., mimic=0.2)
PUBLISHED = dict(focal='location', task='task_class')


class Row(NamedTuple):
    """One compared item; ``error`` is None if it could not be compared, and ``note`` says why."""
    item: str
    error: float | None
    tolerance: float
    note: str = ''

    @property
    def passed(self) -> bool:
        return self.error is None or self.error <= self.tolerance


class Comparison:
    """Of mmct with what was recorded in a folder: ``meta.json`` and tensors by name.

    A kind of tracker is a subclass with ``recognises(folder, meta)``, whether a folder is its own;
    ``verify()``, all rows; ``config(file, **options)``, that of the tracker in a file; and
    ``run_network(run)``, the tracker of a recorded run.
    """
    gradient_tolerance, pixel_tolerance = 1e-3, PIXEL_TOLERANCE

    def __init__(self, folder: Path, meta: dict | list, sequences: Path | None) -> None:
        self.folder, self.meta, self.sequences, self._asked = folder, meta, sequences, set()
        file = folder / 'tensors.npz'
        try:
            self.tensors = dict(np.load(file, allow_pickle=False)) if file.is_file() else {}
        except Exception as error:  # zip and NumPy have many for a broken file
            raise ValueError(f'{file} cannot be read: {error}') from None

    def verify_run(self, item: str, run: dict, network: WatchedNetwork, policy: WatchedPolicy
                   ) -> Iterator[Row]:
        """What is recorded of a run besides its boxes and scores."""
        yield from ()

    # Records

    def __contains__(self, name: str) -> bool:
        return name in self.tensors

    def __getitem__(self, name: str) -> np.ndarray:
        self._asked.add(name)
        return self.tensors[name]

    def tensor(self, name: str) -> Tensor:
        return torch.from_numpy(self[name])

    def recorded(self, prefix: str | tuple[str, ...]) -> list[str]:
        """Names of the tensors that begin so."""
        return [name for name in self.tensors if name.startswith(prefix)]

    def has(self, file: str) -> bool:
        return (self.folder / file).is_file()

    def rows(self, prefix: str, values: Mapping) -> list[Row]:
        """Rows of the values, see :func:`compared`, that are recorded as ``prefix.NAME``."""
        return [compared(f'{prefix}.{name}', value, self[f'{prefix}.{name}'])
                for name, value in values.items() if f'{prefix}.{name}' in self]

    def rest(self) -> Iterator[Row]:
        """A row with the tensors that nobody asked for, if there are any."""
        if rest := [name for name in self.tensors if name not in self._asked]:
            yield Row(f'{len(rest)} tensors', None, 0., f'not compared: {", ".join(rest)}')

    def frames(self, name: str, pictures: bool = False) -> Path | None:
        """Folder with the pictures of a sequence, or else its video, if it is there."""
        if self.sequences is None:
            return None
        paths = [self.sequences / name / 'img', self.sequences / f'{name}.avi']
        return next((path for path in paths[:1 if pictures else 2] if path.exists()), None)

    def without_frames(self, item: str, name: str, tolerance: float) -> Row:
        """For what needs the frames of a sequence that are not there."""
        self._asked.update(self.recorded('track.') + self.recorded('crop'))
        return Row(item, None, tolerance,
                   f'not compared: give --sequences with {name}/img or {name}.avi')

    # Networks

    def build(self, file: str, **options) -> OneStreamTracker:
        """The tracker in a file, in evaluation mode."""
        model = MODELS.build(self.config(file, **options))
        load_weights(model, self.folder / file)
        return model.eval()

    def compression(self, teacher: str, student: dict, guidance: Mapping = {}, teacher_options:
                    Mapping = {}, **mimic) -> ReplacementDistiller:
        """A compression, with what is not usual of its losses; the student is as initialised."""
        distiller = ReplacementDistiller(
            teacher=self.config(teacher, **teacher_options), student=student,
            teacher_checkpoint=str(self.folder / teacher),
            guidance_loss={**guidance, 'type': 'PredictionGuidanceLoss'},
            mimic_loss=dict(type='StageMimicLoss', **mimic)).eval()
        distiller.build_teacher()
        return distiller

    def verify_network(self, prefix: str, tracker: OneStreamTracker, clip: Clip) -> list[Row]:
        """The first search frame of a clip."""
        return self.rows(prefix, walk(tracker, embedded(tracker, clip))[0])

    def gradient_row(self, prefix: str, network: OneStreamTracker,
                     recorded: Mapping[str, float | None]) -> Row:
        """Gradient norms after a backward pass, |Δ| / max(reference, 1e-4 × the largest of all).

        Recorded are norms by the names of released files; no other parameter has a gradient, and
        what is recorded as None has none, or is none of ours.
        """
        recorded = {name: norm for name, norm in recorded.items() if norm is not None}
        layout = min(network.names.released, key=lambda own: names.lengths(own.faults(recorded)))
        table, largest = layout.table(recorded), max(recorded.values())
        norms = {name: 0. if p.grad is None else p.grad.norm().item()
                 for name, p in network.named_parameters()}
        rows = [Row(name, abs(norms[table[name]] - norm) / max(norm, 1e-4 * largest),
                    self.gradient_tolerance) for name, norm in recorded.items()]
        rows += [Row(f'{name} has a gradient', float('inf'), 0.)
                 for name in norms.keys() - {table[name] for name in recorded}
                 if norms[name] > 1e-4 * largest]
        return worst(f'{prefix} gradient norms', rows)

    # Tracking

    def runs(self) -> Iterator[tuple[str, str, dict]]:
        """(sequence, item, what was recorded) of each run of a tracker."""
        for file in sorted(self.folder.glob('track_*.json')):
            name, content = file.stem.removeprefix('track_'), read_meta(file)
            if not content or content.keys() & {'boxes', 'boxes_xywh'}:
                yield name, f'on {name}', content
                continue
            for kind, run in content.get('runs', content).items():
                if isinstance(run, dict):
                    yield name, f'on {name}, {kind}', run

    def verify_tracking(self) -> Iterator[Row]:
        """Boxes over whole sequences, in pixels, and what else is recorded of a run."""
        for name, item, run in self.runs():
            source = self.frames(name)
            if source is None:
                yield self.without_frames(f'boxes {item}', name, self.pixel_tolerance)
                continue
            network = WatchedNetwork(self.run_network(run))
            tracker, frames = Tracker(network), iter(Frames(source))
            tracker._policy = policy = WatchedPolicy(tracker._policy)
            reference = np.array(run['boxes' if 'boxes' in run else 'boxes_xywh'])
            tracker.init(next(frames), reference[0])
            found = [tracker.update(frame) for _, frame in zip(reference[1:], frames)]
            boxes = np.array([reference[0], *(box for box, _ in found)])
            error = float(np.abs(boxes - reference).max()) if boxes.shape == reference.shape \
                else float('inf')
            yield Row(f'boxes {item}', error, self.pixel_tolerance,
                      f'px over {len(boxes)} of {len(reference)} frames')
            yield from self.verify_run(item, run, network, policy)
            if 'scores' in run:
                yield relative(f'scores {item}', [score for _, score in found], run['scores'][1:])

    def verify_states(self, network: WatchedNetwork) -> Iterator[Row]:
        """What is recorded of single frames of a run."""
        tracker = network.tracker
        for number, (encoded, crops, memories, found) in enumerate(network.steps, 1):
            prefix = f'track.f{number}'
            if not self.recorded(f'{prefix}.'):
                continue
            search = images(tracker, torch.from_numpy(crops))
            memory = torch.from_numpy(memories[0]) if memories else tracker.init_memory(search)
            with torch.no_grad():
                values, _ = walk(tracker, tracker.backbone.join(encoded, search, memory))
            values |= {f'{name}_map': found[name] for name in ('score', 'size', 'offset')}
            if memories:  # of the last tokens, only the query is recorded
                query = found['next_memory']
                values |= dict(query_in=memory, query_out=query, norm=query)
            yield from self.rows(prefix, values)


def read_meta(file: Path) -> dict | list:
    """Raises:
        ValueError: it cannot be read.
    """
    try:
        return json.loads(read_text(file))
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f'{file} is not JSON: {error}') from None


# Rows


def compared(item: str, value, reference) -> Row:
    """A value with its record: numbers; for a mask (B, N) the recorded positions of each sample, as
    sets; None for what the file has no head for."""
    if value is None:
        return Row(item, float('inf'), 0., 'the file has no head for it')
    if isinstance(value, Tensor) and value.dtype == torch.bool:
        positions = np.reshape(reference, (len(value), -1)).astype(int).tolist()
        return differing(item, sum(len(set(own.nonzero().flatten().tolist()) ^ set(theirs))
                                   for own, theirs in zip(value, positions)), 'positions')
    return relative(item, value.detach() if isinstance(value, Tensor) else value, reference)


def relative(item: str, value, reference) -> Row:
    """max|Δ| / max|reference|."""
    value, reference = (np.asarray(a, dtype=np.float64) for a in (value, reference))
    if value.size != reference.size:
        return Row(item, float('inf'), TENSOR_TOLERANCE,
                   f'shape {value.shape} for {reference.shape}')
    difference = np.abs(value.reshape(reference.shape) - reference).max()
    return Row(item, float(difference / max(np.abs(reference).max(), 1e-30)), TENSOR_TOLERANCE)


def differing(item: str, count: float, what: str) -> Row:
    return Row(item, float(count), 0., f'{what} that differ')


def wrong_keys(item: str, recorded: Mapping, ours: Mapping) -> Row:
    """Values of ours, of which those that are recorded must be the same."""
    wrong = [key for key, value in ours.items() if recorded.get(key, value) != value]
    return Row(item, float(len(wrong)), 0., ', '.join(wrong))


def group_row(recorded: Mapping[str, list[int]], spans: Mapping[str, slice]) -> Row:
    """Places of token groups."""
    return wrong_keys('places of token groups', recorded, dict.fromkeys(recorded) | {
        name: [span.start, span.stop] for name, span in spans.items()})


def loss_rows(prefix: str, recorded: Mapping, ours: Mapping) -> list[Row]:
    """Rows of the values that are recorded in ``meta.json``."""
    return [compared(f'{prefix} {name}', value, recorded[name]) for name, value in ours.items()
            if name in recorded and not isinstance(recorded[name], Mapping)]


def worst(item: str, rows: Sequence[Row]) -> Row:
    """One row for many of the same kind."""
    row = max(rows, key=lambda r: np.nan_to_num(r.error, nan=np.inf))
    return row._replace(item=item, note=f'worst of {len(rows)}: {row.item}')


def crop_row(item: str, frame: Path, box: Sequence[float], factor: float, reference: np.ndarray
             ) -> tuple[Row, float]:
    """A crop (S, S, 3) uint8 BGR, bit for bit, and its scale."""
    crop, scale = geometry.crop_square(read_image(frame), box, factor, len(reference))
    difference = np.abs(crop.astype(int) - reference).max()
    return Row(item, float(difference), 0., 'grey levels, exact'), scale


# Networks


def divided(config: dict, division: int | Sequence[int], teacher_depth: int) -> dict:
    """Config of a student, from that of a tracker of as many layers."""
    backbone = dict(config['backbone'])
    depth = backbone.pop('depth')
    stages = division if isinstance(division, int) else len(division)
    backbone.update(type=f'StageDivided{backbone["type"]}', teacher_depth=teacher_depth,
                    division=division, layers_per_stage=depth // stages)
    return {**config, 'backbone': backbone}


def centred(xywh: Tensor) -> Tensor:
    """Boxes (…, 4) x, y, w, h as cx, cy, w, h."""
    return torch.cat([xywh[..., :2] + xywh[..., 2:] / 2, xywh[..., 2:]], dim=-1)


def clamped(boxes: Tensor) -> Tensor:
    """Boxes (…, 4) cx, cy, w, h, cut to [0, 1]."""
    low, high = ((boxes[..., :2] + sign * boxes[..., 2:] / 2).clamp(0, 1) for sign in (-1, 1))
    return torch.cat([(low + high) / 2, high - low], dim=-1)


@torch.no_grad()
def embedded(tracker: OneStreamTracker, clip: Clip, frame: int = 0,
             memory: Tensor | None = None) -> Tokens:
    """Tokens of a frame of a clip before the first layer."""
    search = clip.searches[:, frame]
    return tracker.embed(clip.templates, clip.template_boxes, search,
                         tracker.init_memory(search) if memory is None else memory)


@torch.no_grad()
def layers_of(tracker: OneStreamTracker, tokens: Tokens) -> list[Tokens]:
    """Tokens after each layer."""
    found = [tokens]
    for layer in tracker.backbone.layers:
        found.append(layer(found[-1]))
    return found[1:]


@torch.no_grad()
def walk(tracker: OneStreamTracker, tokens: Tokens, ends: Sequence[int] = ()
         ) -> tuple[dict[str, Tensor | None], Prediction]:
    """All that may be recorded of a frame, by name, and what the head found.

    Args:
        tokens: before the first layer.
        ends: the last layer of each stage.
    """
    layers = layers_of(tracker, tokens)
    present = [state.search_present() for state in (tokens, *layers)]
    removed = [before & ~after for layer, before, after
               in zip(tracker.backbone.layers, present, present[1:]) if isinstance(layer, CEBlock)]
    prediction, last = tracker.forward_head(layers[-1]), tracker.backbone.finalize(layers[-1])
    # Zeros in place of search tokens that were eliminated.
    whole = torch.cat([last.whole_search() if group == 'search' else last.group(group)
                       for group in last.groups], dim=1)
    groups = dict(search='search', reg_tokens='prediction')
    return {
        'embed': tokens.x, **dict.fromkeys(('tokens', 'norm', 'final_tokens'), whole),
        **{f'layer{i}': state.x for i, state in enumerate(layers)},
        **{f'kept{i}': mask for i, mask in enumerate(present[1:])},
        **{f'removed{k}': mask for k, mask in enumerate(removed)},
        **{name: last.group(group) for name, group in groups.items() if group in last.groups},
        **stage_values([layers[i] for i in ends], prediction)}, prediction


def stage_values(stages: Sequence[Tokens], prediction: Prediction) -> dict[str, Tensor | None]:
    """Tokens after each stage, which search tokens are left, and what the head found, by name."""
    found = prediction.outputs
    values = {f'{name}_map': found[name] for name in ('score', 'size', 'offset') if name in found}
    for name, key in (('prob', 'edges'), ('logit', 'edge_logits')):
        if key in found:  # edges in the order of the prediction tokens
            values |= {f'{name}_{edge}': found[key][:, i] for i, edge in enumerate('lrtb')}
    for i, tokens in enumerate(stages):
        values |= {f'stage{i}': tokens.x, f'stage{i}_kept': tokens.search_present()}
    return {**values, 'pred_boxes': prediction.boxes, 'query_out': prediction.memory,
            'pred_scores': found.get('score_logits'), 'task_logits': found.get('task_logits')}


# Losses


def loss_values(losses: Mapping[str, Tensor], weights: Mapping[str, float] = WEIGHTS
                ) -> dict[str, Tensor]:
    """Losses by all names that records have for them: terms are unweighted, sums are not."""
    values = {}
    for key, value in losses.items():
        kind, _, name = key.removeprefix('loss_').partition('_')
        if key.startswith(('loss_track_', 'loss_guidance_')):
            term = value / weights[name]
            values[f'{kind}_{name}'] = term
            if kind == 'track':
                values[f'Loss/{PUBLISHED.get(name, name)}'] = term
    track, guidance = (sum(value for key, value in losses.items() if key.startswith(f'loss_{kind}'))
                       for kind in ('track', 'guidance'))
    values |= {'Loss/total': track, 'track': track, 'L_track': track, 'L_guidance': guidance,
               'Loss/dst_logit': guidance}
    if 'loss_mimic' in losses:
        mimic = losses['loss_mimic']
        values |= {'Loss/dst_feat_all': mimic, 'mimic': mimic / weights['mimic'],
                   'L_mimic': mimic / weights['mimic']}
    return values


def iou_of(prediction: Prediction, gt_boxes: Tensor) -> dict[str, Tensor]:
    return dict(IoU=mean_iou(prediction.boxes, clamped(gt_boxes)))


class MixedFrame(NamedTuple):
    """Tokens after each stage and the prediction of the mixed path, the teacher's, and losses."""
    stages: list[Tokens]
    mixed: Prediction
    teacher_stages: list[Tokens]
    teacher: Prediction
    losses: dict[str, Tensor]


def run_mixed(distiller: ReplacementDistiller, clip: Clip, gates: str
              ) -> tuple[list[MixedFrame], dict[str, Tensor]]:
    """Each search frame of a clip by a gate pattern such as '0110', and the losses of all with
    their total, after its backward pass."""
    pattern, frames = [gate == '1' for gate in gates], []
    memory = teacher_memory = distiller.student.init_memory(clip.searches)
    with torch.no_grad():
        for i, losses in enumerate(distiller.frame_losses(clip, clip, pattern)):
            frames.append(MixedFrame(*distiller.mixed_path(clip, i, memory, pattern),
                                     *distiller.run_teacher(clip, i, teacher_memory), losses))
            memory, teacher_memory = frames[-1].mixed.memory, frames[-1].teacher.memory
    distiller.zero_grad()
    losses = distiller.losses(clip, clip, pattern)
    total, _ = distiller.parse_losses(losses)
    total.backward()
    return frames, {**losses, 'total': total}
