"""What comparisons of all trackers share.

All that was recorded has a name: ``teacher.layer3``, ``mix1010.pred_boxes``. mmct's values are
collected by the same names, and those that are recorded are compared.
"""
import json
import math
from collections.abc import Iterator, Mapping
from itertools import accumulate
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from mmdet.structures.bbox import bbox_cxcywh_to_xyxy, bbox_xyxy_to_cxcywh
from mmtrack.registry import MODELS
from torch import Tensor

from mmct.checkpoint import load_weights, names, tracker_weights
from mmct.models.backbones.stage_division import divide
from mmct.models.distillers import ReplacementDistiller
from mmct.models.losses import PredictionGuidanceLoss, mean_iou
from mmct.models.structures import Clip, Prediction
from mmct.models.torch_network import images
from mmct.models.trackers import OneStreamTracker
from mmct.runtime import Tracker
from mmct.runtime.frames import Frames
from mmct.utils.files import read_text

from . import networks
from .rows import Row, compared, recorded_rows, relative, worst, wrong_keys
from .tracking import WatchedNetwork, template_rows

# Weights of losses, what records call their terms, and what records call what is in a config.
WEIGHTS = dict(giou=2., ciou=2., l1=5., focal=1., task=1., mimic=0.2, score=1.)
PUBLISHED = {'Loss/task_class': 'track_task', 'Loss/location': 'track_focal',
             'Loss/giou': 'track_giou', 'Loss/ciou': 'track_ciou', 'Loss/l1': 'track_l1'}
SHAPE = dict(embed_dims='embed_dim', template_size='template', search_size='search',
             channels='head_channels', bins='feat_sz', num_tasks='task_num')


class Comparison:
    """Of mmct with what was recorded in a folder: ``meta.json`` and tensors by name.

    A kind of tracker is a subclass with ``verify()``, all rows, of which those of networks, of
    training iterations, with a teacher or without, and of tracked runs are made here;
    ``config(file, **options)``, that of the tracker in a file, whose sizes are read from it; and
    ``run_tracker(run)``, the tracker of a recorded run. If its records have other names or more
    than here, it overrides :meth:`of_frame`, :meth:`frame_rows` or :meth:`mimic_rows`.

    Attributes:
        files: by one of these a folder is known.
        types: of tracker and backbone.
        shape_key: of the teacher's shape in ``meta.json``; None if that is the whole.
        iou: which IoU loss it is trained with.
        cuts_truth: the true box is cut to the search crop before its IoU is taken.
        mimic_groups: token groups that are mimicked; None for all.
        scores: those of a run are compared.
    """
    files: tuple[str, ...]
    types: tuple[str, str]
    shape_key: str | None = None
    gradient_tolerance, pixel_tolerance = 1e-3, 0.01
    iou, cuts_truth, mimic_groups, scores = 'giou', True, None, True

    def __init__(self, folder: Path, meta: dict, sequences: Path | None) -> None:
        self.folder, self.meta, self.sequences, self._asked = folder, meta, sequences, set()
        self.net = meta.get(self.shape_key, meta)
        self.weights = {**WEIGHTS, 'mimic': meta.get('mimic_weight', WEIGHTS['mimic']),
                        **meta.get('loss_weights', {})}
        self.box_loss = dict(
            iou=self.iou, iou_weight=self.weights[self.iou], l1_weight=self.weights['l1'])
        file = folder / 'tensors.npz'
        try:
            self.tensors = dict(np.load(file, allow_pickle=False)) if file.is_file() else {}
        except Exception as error:  # zip and NumPy have many for a broken file
            raise ValueError(f'{file} cannot be read: {error}') from None

    # Records

    @property
    def stages(self) -> list[int]:
        """Layers of the teacher in each stage."""
        return divide(self.net['depth'], self.net.get('division', self.net.get('stages')))

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

    def config(self, file: str, **backbone) -> dict:
        """Here of a tracker with OSTrack's head."""
        state, shape = vit(self.folder / file, 'zx')
        tracker, kind = self.types
        return dict(
            type=tracker, backbone=dict(type=kind, num_heads=self.net['num_heads'], **shape,
                                        **backbone),
            head=dict(type='CenterHead', in_channels=shape['embed_dims'],
                      channels=len(state['head.score.0.conv.weight'])))

    def build(self, file: str, run: Mapping = {}, templates: dict | None = None, **options
              ) -> OneStreamTracker:
        """The tracker in a file, in evaluation mode, with the crops and templates of a run."""
        recorded = {**self.meta, **run}
        test_cfg = {key: recorded[key] for key in ('template_factor', 'search_factor')
                    if key in recorded}
        if templates:
            test_cfg['templates'] = templates
        model = MODELS.build({**self.config(file, **options), 'test_cfg': test_cfg})
        load_weights(model, self.folder / file)
        return model.eval()

    def compression(self, teacher: str, student: str, **teacher_options) -> ReplacementDistiller:
        """A compression into a student of the shape in a file, as initialised."""
        config, stages = self.config(student), self.stages
        backbone = config['backbone']
        backbone.update(type=f'StageDivided{backbone["type"].removeprefix("OneStream")}',
                        teacher_depth=sum(stages), division=stages,
                        layers_per_stage=backbone.pop('depth') // len(stages))
        distiller = ReplacementDistiller(
            teacher=self.config(teacher, **teacher_options), student=config,
            teacher_checkpoint=str(self.folder / teacher),
            guidance_loss=dict(type='PredictionGuidanceLoss', **self.box_loss),
            mimic_loss=dict(type='StageMimicLoss', groups=self.mimic_groups,
                            loss_weight=self.weights['mimic'])).eval()
        distiller.build_teacher()
        return distiller

    def shape_row(self, file: str, recorded: Mapping, **more) -> Row:
        """The shape that was read from a file, which is its config and more."""
        config = self.config(file)
        ours = config['backbone'] | config['head']
        ours |= {SHAPE[key]: ours[key] for key in ours.keys() & SHAPE.keys()}
        return wrong_keys(f'shape of {file}', recorded, ours | more)

    def of_frame(self, prefix: str, frame: int) -> str:
        """Beginning of the names of what is recorded of a search frame of a clip; here clips have
        one."""
        return prefix

    def network_rows(self, prefix: str, tracker: OneStreamTracker, clip: Clip) -> Iterator[Row]:
        """Tokens, maps and boxes of a network by itself, frame by frame of a clip; also of frames
        without what the one before hands on."""
        sizes, depth, memory = [], len(tracker.backbone.layers), None
        if self.recorded(f'{self.of_frame(prefix, 0)}.stage'):
            sizes = self.stages
            if sum(sizes) != depth:  # a student
                sizes = [depth // len(sizes)] * len(sizes)
        ends = [end - 1 for end in accumulate(sizes)]
        for i in range(clip.num_frames):
            name = self.of_frame(prefix, i)
            if self.recorded(f'{name}_without_carry.'):
                found, _ = networks.walk(tracker, networks.embedded(tracker, clip, i), ends)
                yield from self.rows(f'{name}_without_carry', found)
            tokens = networks.embedded(tracker, clip, i, memory)
            found, prediction = networks.walk(tracker, tokens, ends)
            yield from self.rows(name, found)
            memory = prediction.memory

    # Losses

    def loss_values(self, losses: Mapping[str, Tensor], prediction: Prediction, gt_boxes: Tensor,
                    teacher: Prediction | None = None) -> dict[str, Tensor | None]:
        """Losses of a frame by all names that records have for them, terms unweighted and sums as
        they are, its IoU and, beside a teacher, options of guidance."""
        terms = {name.removeprefix('loss_'): loss for name, loss in losses.items()
                 if name.startswith('loss_')}
        track, guidance, mimic, score = (
            sum(loss for name, loss in terms.items() if name.startswith(kind))
            for kind in ('track', 'guidance', 'mimic', 'score'))
        terms = {name: loss / self.weights[name.rpartition('_')[2]]
                 for name, loss in terms.items()}
        if teacher is not None:
            options = PredictionGuidanceLoss(
                iou_weight=1., l1_weight=1., edge_kl=float('edge_logits' in prediction.outputs))(
                    prediction, teacher)
            terms.setdefault('guidance_giou', options['loss_guidance_giou'])
            terms['edge_kl'] = options.get('loss_guidance_edge_kl')
        found = {theirs: terms.get(own) for theirs, own in PUBLISHED.items()}
        found |= {'Loss/total': track + score, 'Loss/scores': terms.get('score')}
        if self.cuts_truth:
            gt_boxes = bbox_xyxy_to_cxcywh(bbox_cxcywh_to_xyxy(gt_boxes).clamp(0, 1))
        return found | terms | {
            'IoU': mean_iou(prediction.boxes, gt_boxes), 'L_track': track, 'L_guidance': guidance,
            'Loss/dst_logit': guidance, 'Loss/dst_feat_all': mimic, 'L_mimic': terms.get('mimic')}

    def frame_rows(self, prefix: str, recorded: Mapping, number: int, found: Mapping
                   ) -> Iterator[Row]:
        """What is recorded of the losses of a frame of a clip."""
        yield from recorded_rows(prefix, recorded, found)

    def training_rows(self, prefix: str, recorded: Mapping, tracker: OneStreamTracker, clip: Clip
                      ) -> Iterator[Row]:
        """A training iteration of a tracker by itself."""
        frames = list(tracker.frame_losses(clip))
        total = sum(sum(losses.values()) for _, losses in frames)
        total.backward()
        for i, (prediction, losses) in enumerate(frames):
            yield from self.frame_rows(prefix, recorded, i, self.loss_values(
                losses, prediction, clip.gt_boxes[:, i]))
        yield from recorded_rows(prefix, recorded, dict(total=total))
        yield from self.gradient_rows(prefix, tracker, recorded)

    def mixed_rows(self, prefix: str, recorded: Mapping, distiller: ReplacementDistiller,
                   clip: Clip, gates: str) -> Iterator[Row]:
        """A training iteration of a compression by a gate pattern such as '0110'."""
        frames, losses = networks.run_mixed(distiller, clip, gates)
        for i, frame in enumerate(frames):
            yield from self.rows(self.of_frame(prefix, i), frame.found)
            errors = networks.mimic_errors(frame)
            yield from self.frame_rows(prefix, recorded, i, {
                **self.loss_values(frame.losses, frame.mixed, frame.gt_boxes, frame.teacher),
                f'mimic_{"_".join(errors)}': list(zip(*errors.values()))})
        track = sum(loss for name, loss in losses.items() if name.startswith('loss_track'))
        yield from recorded_rows(prefix, recorded, dict(track=track, total=losses['total']))
        yield from self.mimic_rows(prefix, recorded, frames[-1])
        yield from self.gradient_rows(prefix, distiller.student, recorded)

    def mimic_rows(self, prefix: str, recorded: Mapping, frame: SimpleNamespace) -> Iterator[Row]:
        """Errors of token groups after each stage, as far as they are recorded by group."""
        if isinstance(recorded.get('mimic'), Mapping):
            ours = networks.mimic_errors(frame)
            for group, errors in recorded['mimic'].items():
                yield relative(f'{prefix} mimicking of {group}', ours[group], errors)

    def gradient_rows(self, prefix: str, network: OneStreamTracker, recorded: Mapping
                      ) -> Iterator[Row]:
        """Gradients after a backward pass: norms by the names of released files,
        |Δ| / max(reference, 1e-4 × the largest of all); that of all; names without any.

        No parameter but those whose norms are recorded has a gradient, and what is recorded as None
        has none, or is none of ours.
        """
        table = networks.released_names(network)
        norms = {name: 0. if p.grad is None else p.grad.norm().item()
                 for name, p in network.named_parameters()}
        if 'grad_norm' in recorded:
            theirs = {key: norm for key, norm in recorded['grad_norm'].items() if norm is not None}
            least = 1e-4 * max(theirs.values())
            rows = [Row(name, abs(norms[table[name]] - norm) / max(norm, least),
                        self.gradient_tolerance) for name, norm in theirs.items()]
            known = {table[name] for name in theirs}
            rows += [Row(f'{name} has a gradient', float('inf'), 0.)
                     for name, norm in norms.items() if norm > least and name not in known]
            yield worst(f'{prefix} gradient norms', rows)
        if 'total_grad_norm' in recorded:
            total = sum(p.grad.square().sum() for p in network.parameters() if p.grad is not None)
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
            network, frames = WatchedNetwork(self.run_tracker(run)), iter(Frames(source))
            tracker = Tracker(network)
            reference = np.array(run['boxes' if 'boxes' in run else 'boxes_xywh'])
            tracker.init(next(frames), reference[0])
            found = [tracker.update(frame) for _, frame in zip(reference[1:], frames)]
            boxes = np.array([reference[0], *(box for box, _ in found)])
            error = float(np.abs(boxes - reference).max()) if boxes.shape == reference.shape \
                else float('inf')
            yield Row(f'boxes {item}', error, self.pixel_tolerance,
                      f'px over {len(boxes)} of {len(reference)} frames')
            scores = [score for _, score in found]
            yield from template_rows(item, run, network.info.templates, scores)
            yield from self.verify_states(run, network)
            if 'scores' in run and self.scores:
                yield relative(f'scores {item}', scores, run['scores'][1:])

    def verify_states(self, run: dict, network: WatchedNetwork) -> Iterator[Row]:
        """What is recorded of single frames of a run."""
        tracker = network.tracker
        for number, (encoded, crops, memories) in enumerate(network.steps, 1):
            prefix = f'track.f{number}'
            if not self.recorded(f'{prefix}.'):
                continue
            search = images(tracker, torch.from_numpy(crops))
            memory = torch.from_numpy(memories[0]) if memories else tracker.init_memory(search)
            with torch.no_grad():
                tokens = tracker.backbone.join(encoded, search, memory)
            found, prediction = networks.walk(tracker, tokens)
            if memories:  # of the last tokens, only the query is recorded
                found |= dict(query_in=memory, norm=prediction.memory)
            yield from self.rows(prefix, found)


def read_meta(file: Path) -> dict | list:
    """ValueError if it cannot be read."""
    try:
        return json.loads(read_text(file))
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f'{file} is not JSON: {error}') from None


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
