"""What comparisons of all trackers share.

All that was recorded has a name: ``teacher.layer3``, ``mix1010.pred_boxes``. mmct's values are
collected by the same names, and those that are recorded are compared.
"""
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from mmdet.structures.bbox import bbox_cxcywh_to_xyxy, bbox_xyxy_to_cxcywh
from mmtrack.registry import MODELS
from torch import Tensor

from mmct.checkpoint import load_weights, names, tracker_weights
from mmct.models.distillers import ReplacementDistiller
from mmct.models.layers import CEBlock, Tokens
from mmct.models.losses import mean_iou
from mmct.models.losses.stage_mimic_loss import stage_error
from mmct.models.structures import Clip, Prediction
from mmct.models.torch_network import images
from mmct.models.trackers import OneStreamTracker
from mmct.models.training import summed
from mmct.runtime import geometry
from mmct.runtime.frames import Frames, read_image
from mmct.utils.files import read_text

from .watching import WatchedTracker

TENSOR_TOLERANCE = 1e-4
# Weights of losses, and what these are called in the records if not the same.
WEIGHTS = dict(giou=2., ciou=2., l1=5., focal=1., task=1., mimic=0.2)
PUBLISHED = dict(focal='location', task='task_class')
# The same of what a config says.
SHAPE = dict(embed_dims='embed_dim', template_size='template', search_size='search',
             channels='head_channels', bins='feat_sz', num_tasks='task_num')


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
    ``verify()``, all rows; ``config(file, **options)``, that of the tracker in a file, whose sizes
    are read from it; and ``run_tracker(run)``, the tracker of a recorded run.
    """
    gradient_tolerance, pixel_tolerance = 1e-3, 0.01

    def __init__(self, folder: Path, meta: dict | list, sequences: Path | None) -> None:
        self.folder, self.meta, self.sequences, self._asked = folder, meta, sequences, set()
        file = folder / 'tensors.npz'
        try:
            self.tensors = dict(np.load(file, allow_pickle=False)) if file.is_file() else {}
        except Exception as error:  # zip and NumPy have many for a broken file
            raise ValueError(f'{file} cannot be read: {error}') from None

    # Records

    @property
    def net(self) -> dict:
        """Shape of the teacher."""
        return self.meta

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
        self._asked.update(self.recorded(('track.', 'crop')))
        return Row(item, None, tolerance,
                   f'not compared: give --sequences with {name}/img or {name}.avi')

    # Networks

    def build(self, file: str, test_cfg: Mapping = {}, **options) -> OneStreamTracker:
        """The tracker in a file, in evaluation mode."""
        test_cfg = {**factors(self.meta), **test_cfg}
        model = MODELS.build({**self.config(file, **options), 'test_cfg': test_cfg})
        load_weights(model, self.folder / file)
        return model.eval()

    def compression(self, teacher: str, student: str, guidance: Mapping = {}, teacher_options:
                    Mapping = {}, **mimic) -> ReplacementDistiller:
        """A compression into a student of the shape in a file, as initialised, with what is not
        usual of its losses."""
        config, net = self.config(student), self.net
        backbone, division = config['backbone'], net.get('division', net.get('stages'))
        stages = division if isinstance(division, int) else len(division)
        backbone.update(type=f'StageDivided{backbone["type"].removeprefix("OneStream")}',
                        teacher_depth=net['depth'], division=division,
                        layers_per_stage=backbone.pop('depth') // stages)
        distiller = ReplacementDistiller(
            teacher=self.config(teacher, **teacher_options), student=config,
            teacher_checkpoint=str(self.folder / teacher),
            guidance_loss={**guidance, 'type': 'PredictionGuidanceLoss'},
            mimic_loss=dict(type='StageMimicLoss', **mimic)).eval()
        distiller.build_teacher()
        return distiller

    def shape_row(self, file: str, recorded: Mapping, **more) -> Row:
        """The shape that was read from a file, which is its config and more."""
        config = self.config(file)
        ours = config['backbone'] | config['head']
        ours |= {SHAPE[key]: ours[key] for key in ours.keys() & SHAPE.keys()}
        return wrong_keys(f'shape of {file}', recorded, ours | more)

    def network_rows(self, prefix: str, tracker: OneStreamTracker, clip: Clip,
                     ends: Sequence[int] = ()) -> list[Row]:
        """The first search frame of a clip; for ``ends`` see :func:`walk`."""
        return self.rows(prefix, walk(tracker, embedded(tracker, clip), ends)[0])

    def gradient_rows(self, prefix: str, network: OneStreamTracker, recorded: Mapping
                      ) -> Iterator[Row]:
        """Gradients after a backward pass: norms by the names of released files,
        |Δ| / max(reference, 1e-4 × the largest of all); that of all; names without any.

        No parameter but those whose norms are recorded has a gradient, and what is recorded as None
        has none, or is none of ours.
        """
        own, table = dict(network.named_parameters()), released_names(network)
        if 'grad_norm' in recorded:
            theirs = {key: norm for key, norm in recorded['grad_norm'].items() if norm is not None}
            norms = {name: 0. if p.grad is None else p.grad.norm().item()
                     for name, p in own.items()}
            least = 1e-4 * max(theirs.values())
            rows = [Row(name, abs(norms[table[name]] - norm) / max(norm, least),
                        self.gradient_tolerance) for name, norm in theirs.items()]
            rows += [Row(f'{name} has a gradient', float('inf'), 0.)
                     for name in norms.keys() - {table[name] for name in theirs}
                     if norms[name] > least]
            yield worst(f'{prefix} gradient norms', rows)
        if 'total_grad_norm' in recorded:
            total = sum(p.grad.square().sum() for p in own.values() if p.grad is not None)
            yield relative(
                f'{prefix} total gradient norm', total.sqrt(), recorded['total_grad_norm'])
        if 'no_grad' in recorded:
            wrong = [name for name in recorded['no_grad'] if name in table]
            yield Row(f'{prefix} unused parameters', float(len(wrong)), 0., ', '.join(wrong))

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
            tracker, frames = WatchedTracker(self.run_tracker(run)), iter(Frames(source))
            reference = np.array(run['boxes' if 'boxes' in run else 'boxes_xywh'])
            tracker.init(next(frames), reference[0])
            found = [tracker.update(frame) for _, frame in zip(reference[1:], frames)]
            boxes = np.array([reference[0], *(box for box, _ in found)])
            error = float(np.abs(boxes - reference).max()) if boxes.shape == reference.shape \
                else float('inf')
            yield Row(f'boxes {item}', error, self.pixel_tolerance,
                      f'px over {len(boxes)} of {len(reference)} frames')
            yield from template_rows(item, run, tracker)
            yield from self.verify_states(run, tracker)
            if 'scores' in run:
                yield relative(f'scores {item}', [score for _, score in found], run['scores'][1:])

    def verify_states(self, run: dict, watched: WatchedTracker) -> Iterator[Row]:
        """What is recorded of single frames of a run."""
        tracker = watched.model
        for number, (encoded, crops, memories, found) in enumerate(watched.network.steps, 1):
            prefix = f'track.f{number}'
            if not self.recorded(f'{prefix}.'):
                continue
            search = images(tracker, torch.from_numpy(crops))
            memory = torch.from_numpy(memories[0]) if memories else tracker.init_memory(search)
            with torch.no_grad():
                values, _ = walk(tracker, tracker.backbone.join(encoded, search, memory))
            values |= {f'{name}_map': value for name, value in found.items()}
            if memories:  # of the last tokens, only the query is recorded
                query = found['next_memory']
                values |= dict(query_in=memory, query_out=query, norm=query)
            yield from self.rows(prefix, values)


def read_meta(file: Path) -> dict | list:
    """ValueError if it cannot be read."""
    try:
        return json.loads(read_text(file))
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f'{file} is not JSON: {error}') from None


def factors(recorded: Mapping) -> dict[str, float]:
    """Those of crops, as far as they are recorded."""
    return {key: recorded[key] for key in ('template_factor', 'search_factor') if key in recorded}


def released_names(network: OneStreamTracker) -> dict[str, str]:
    """{name in any kind of released file: mmct's} of all weights of a network."""
    keys = list(network.state_dict())
    return {theirs: own for layout in network.names.released
            for theirs, own in layout.table(keys, ours=True).items()}


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


def template_rows(item: str, run: dict, tracker: WatchedTracker) -> list[Row]:
    """From which frames a run took templates, as far as it is recorded."""
    wrong = {}
    if 'updates_after_frame' in run:
        updates = tracker.network.encoded.keys() - {0}
        wrong['updates'] = len(updates ^ set(run['updates_after_frame']))
    if 'candidate_frames' in run:
        candidates = tracker.cut.keys() - {0}
        wrong['candidates'] = len(candidates ^ set(run['candidate_frames']))
    if 'updates' in run:
        sources = {event['frame']: event['from_frame'] for event in run['updates']}
        online, wrong['online template'] = 0, 0
        for frame in range(1, len(run['boxes_xywh'])):
            online = sources.get(frame, online)
            wrong['online template'] += online not in tracker.used(frame + 1)[-1]
    if 'template_frames' in run:
        used = map(tracker.used, range(1, 1 + len(tracker.network.steps)))
        wrong['templates'] = sum(
            len(own) != len(numbers) or not all(n in each for n, each in zip(numbers, own))
            for own, numbers in zip(used, run['template_frames'][1:]))
    return [differing(f'{what} {item}', count, 'frames') for what, count in wrong.items()]


# Networks


def vit(file: Path, tables: str) -> tuple[dict[str, Tensor], dict]:
    """Weights of a file, and what the config of its ViT says of sizes; ``tables`` are the last
    letters of the position tables of template and search crop."""
    state = tracker_weights(file)
    width, patch = (state[f'backbone.{name}.weight'].size(axis) for name, axis in (
        ('layers.0.norm1', 0), ('patch_embed.proj', -1)))
    template, search = (
        patch * math.isqrt(state[f'backbone.pos_embed_{letter}'].size(1)) for letter in tables)
    return state, dict(
        embed_dims=width, depth=names.count(state, f'{names.OWN_LAYERS}{{i}}'), patch_size=patch,
        mlp_ratio=len(state[f'{names.OWN_LAYERS}0.mlp.fc1.weight']) / width,
        template_size=template, search_size=search)


def centre_config(file: Path, tracker: str, backbone: str, **options) -> dict:
    """Of a tracker with OSTrack's head."""
    state, shape = vit(file, 'zx')
    return dict(type=tracker, backbone=dict(type=backbone, **shape, **options),
                head=dict(type='CenterHead', in_channels=shape['embed_dims'],
                          channels=len(state['head.score.0.conv.weight'])))


def centred(xywh: Tensor) -> Tensor:
    """Boxes (…, 4) x, y, w, h as cx, cy, w, h."""
    return torch.cat([xywh[..., :2] + xywh[..., 2:] / 2, xywh[..., 2:]], dim=-1)


@torch.no_grad()
def embedded(tracker: OneStreamTracker, clip: Clip, frame: int = 0,
             memory: Tensor | None = None) -> Tokens:
    """Tokens of a frame of a clip before the first layer."""
    search = clip.searches[:, frame]
    return tracker.embed(clip.templates, clip.template_boxes, search,
                         tracker.init_memory(search) if memory is None else memory)


@torch.no_grad()
def walk(tracker: OneStreamTracker, tokens: Tokens, ends: Sequence[int] = ()
         ) -> tuple[dict[str, Tensor | None], Prediction]:
    """All that may be recorded of a frame, by name, and what the head found.

    Args:
        tokens: before the first layer.
        ends: the last layer of each stage.
    """
    states = list(accumulate(tracker.backbone.layers, lambda x, layer: layer(x), initial=tokens))
    layers, present = states[1:], [state.search_present() for state in states]
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
    values, sums = {}, dict(track=0., guidance=0.)
    for key, value in losses.items():
        kind, _, name = key.removeprefix('loss_').partition('_')
        if kind in sums:
            sums[kind] = sums[kind] + value
            values[f'{kind}_{name}'] = term = value / weights[name]
            if kind == 'track':
                values[f'Loss/{PUBLISHED.get(name, name)}'] = term
    values |= dict.fromkeys(('Loss/total', 'track', 'L_track'), sums['track'])
    values |= dict.fromkeys(('L_guidance', 'Loss/dst_logit'), sums['guidance'])
    if 'loss_mimic' in losses:
        mimic = losses['loss_mimic']
        values['Loss/dst_feat_all'] = mimic
        values |= dict.fromkeys(('mimic', 'L_mimic'), mimic / weights['mimic'])
    return values


def frame_rows(prefix: str, recorded: Mapping, losses: Mapping[str, Tensor],
               prediction: Prediction, gt_boxes: Tensor, before: str = '') -> list[Row]:
    """Losses and IoU of a frame; ``before`` begins their names."""
    target = bbox_xyxy_to_cxcywh(bbox_cxcywh_to_xyxy(gt_boxes).clamp(0, 1))
    values = {'Loss/task_class': None, **loss_values(losses),
              'IoU': mean_iou(prediction.boxes, target)}
    return loss_rows(prefix, recorded, {before + name: value for name, value in values.items()})


def train_step(tracker: OneStreamTracker, clip: Clip
               ) -> tuple[list[tuple[Prediction, dict[str, Tensor]]], Tensor]:
    """What a tracker finds in each search frame of a clip, with its own losses, and the sum of
    these after its backward pass."""
    found = list(tracker.frame_losses(clip))
    total = sum(sum(losses.values()) for _, losses in found)
    total.backward()
    return found, total


class MixedFrame(NamedTuple):
    """What losses are given of a frame, see ``ReplacementDistiller.frame_losses``, and give."""
    mixed: Prediction
    teacher: Prediction
    stages: list[Tokens]
    teacher_stages: list[Tokens]
    gt_boxes: Tensor
    losses: dict[str, Tensor]


def run_mixed(distiller: ReplacementDistiller, clip: Clip, gates: str
              ) -> tuple[list[MixedFrame], dict[str, Tensor]]:
    """Each search frame of a clip by a gate pattern such as '0110', and the losses of all with
    their total, after its backward pass."""
    given = []
    hook = distiller.mimic_loss.register_forward_hook(
        lambda module, args, named, found: given.append(named), with_kwargs=True)
    each = list(distiller.frame_losses(clip, clip, [gate == '1' for gate in gates]))
    hook.remove()
    distiller.zero_grad()
    losses = summed(each, len(each), distiller)
    total, _ = distiller.parse_losses(losses)
    total.backward()
    frames = [MixedFrame(**named, losses=own) for named, own in zip(given, each)]
    return frames, {**losses, 'total': total}


@torch.no_grad()
def mimic_errors(frame: MixedFrame, group: str) -> list[float]:
    """Of a token group after each stage."""
    return [stage_error(*stages, [group]).item()
            for stages in zip(frame.stages, frame.teacher_stages)]
