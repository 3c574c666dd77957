"""MixFormerV2: networks, losses, gradients, mixed paths, tracking."""
import math
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mmct.checkpoint import load_weights, names, tracker_weights
from mmct.models.backbones.mixvit import sine_table
from mmct.models.distillers import ReplacementDistiller
from mmct.models.layers import Tokens, run_layers
from mmct.models.losses import PredictionGuidanceLoss, mean_iou
from mmct.models.losses.box_loss import EPS, ciou_loss
from mmct.models.structures import Clip, Prediction
from mmct.models.torch_network import TorchNetwork, images
from mmct.models.trackers import MixFormerV2, OneStreamTracker
from mmct.runtime import Tracker
from mmct.runtime.frames import Frames
from mmct.runtime.templates import Template, TemplatePolicy, Templates

from .common import (
    PIXEL_TOLERANCE,
    Recorded,
    Row,
    build,
    gradient_rows,
    recorded_tracks,
    relative,
    without_frames,
    worst,
)

TEACHER, SMALL, TRACKER = 'teacher.pth.tar', 'small.pth.tar', 'tracker.pth.tar'
STUDENT = 'student_{}.pth.tar'
EDGES = 'lrtb'  # in the order of the prediction tokens


def recognises(meta: dict | list) -> bool:
    """Whether a folder is of this tracker, by the bins in the shape of a network of it."""
    return isinstance(meta, dict) and any(
        isinstance(shape, dict) and 'feat_sz' in shape for shape in meta.values())


def verify_content(folder: Path, meta: dict, tensors: Recorded,
                   sequences: Path | None) -> Iterator[Row]:
    """All rows of a folder; what is compared follows from what is recorded."""
    yield from verify_formulas(meta, tensors)
    yield from verify_shapes(folder, meta)
    if 'z_u8' in tensors:
        yield from verify_teacher(folder, meta, tensors)
    if 'test_steps' in meta:
        yield from verify_cached_form(folder, meta, tensors)
    yield from verify_published_losses(folder, meta, tensors)
    for kind, gates in meta.get('gates', {}).items():
        yield from verify_compression(folder, meta, tensors, kind, gates)
    if 'small.z_u8' in tensors:
        yield from verify_small(folder, meta, tensors)
    yield from verify_tracking(folder, meta, sequences)
    if rest := tensors.rest():
        yield Row(f'{len(rest)} tensors', None, 0., f'not compared: {", ".join(rest)}')


# The networks


def shape_of(meta: dict, name: str = 'shape') -> dict:
    """Shape of a network; what it does not say is as in ``shape``."""
    return {**meta.get('shape', {}), **meta[name]}


def tracker_config(file: Path, heads: int, **test_cfg) -> dict:
    """Config of the tracker in a file; only the number of heads is in no tensor."""
    state = tracker_weights(file)
    patch = state['backbone.patch_embed.proj.weight'].size(-1)
    width = state['backbone.reg_tokens'].size(-1)
    sides = [patch * math.isqrt(state[f'backbone.pos_embed_{image}'].size(1)) for image in 'ts']
    return dict(
        type='MixFormerV2',
        backbone=dict(
            type='MixViT', embed_dims=width, num_heads=heads, patch_size=patch,
            depth=names.count(state, f'{names.OWN_LAYERS}{{i}}'),
            mlp_ratio=len(state[f'{names.OWN_LAYERS}0.mlp.fc1.weight']) / width,
            template_size=sides[0], search_size=sides[1]),
        head=dict(
            type='EdgeHead', in_channels=width, bins=len(state['head.box_head.3.weight']),
            with_score='head.score_head.0.weight' in state),
        test_cfg=test_cfg)


def student_config(file: Path, shape: dict) -> dict:
    config = tracker_config(file, shape['num_heads'])
    depth, division = config['backbone'].pop('depth'), shape['division']
    stages = division if isinstance(division, int) else len(division)
    config['backbone'].update(type='StageDividedMixViT', teacher_depth=shape['depth'],
                              division=division, layers_per_stage=depth // stages)
    return config


def normalised(tracker: OneStreamTracker, crops: np.ndarray) -> Tensor:
    """(…, S, S, 3) uint8 RGB -> (…, 3, S, S) as the network takes it."""
    return images(tracker, torch.from_numpy(crops[..., ::-1].copy()))


def recorded_clip(tracker: OneStreamTracker, tensors: Recorded, prefix: str = '') -> Clip:
    templates, online, searches = (
        normalised(tracker, tensors[f'{prefix}{name}_u8']) for name in ('z', 'oz', 'x'))
    gt = torch.from_numpy(tensors['gt_xywh'][:len(searches)])
    return Clip(torch.stack([templates, online], dim=1), None, searches[:, None],
                torch.cat([gt[:, :2] + gt[:, 2:] / 2, gt[:, 2:]], dim=1)[:, None])


def all_layers(tracker: OneStreamTracker, clip: Clip) -> list[Tokens]:
    """Tokens of a clip's first frame before the first layer and behind each."""
    search = clip.searches[:, 0]
    tokens = [tracker.embed(clip.templates, None, search, tracker.init_memory(search))]
    for layer in tracker.backbone.layers:
        tokens.append(layer(tokens[-1]))
    return tokens


# Rows


def verify_formulas(meta: dict, tensors: Recorded) -> Iterator[Row]:
    """Sine tables, and CIoU with its gradient."""
    for name in tensors:
        if match := re.fullmatch(r'sincos_(\d+)x\1_dim(\d+)', name):
            yield relative('sine table', sine_table(*map(int, match.groups())), tensors[name])
    if 'ciou.pred_xyxy' not in tensors:
        return
    boxes, target = (torch.from_numpy(tensors[f'ciou.{who}_xyxy']) for who in ('pred', 'gt'))
    boxes.requires_grad_()
    loss = ciou_loss(boxes, target, eps=EPS)
    loss.backward()
    pairs = list(zip(boxes.detach().split(1), target.split(1)))
    yield relative('CIoU loss', [ciou_loss(*pair, eps=EPS) for pair in pairs],
                   tensors['ciou.loss_each'])
    yield relative('CIoU: IoU', [mean_iou(*map(centred, pair)) for pair in pairs],
                   tensors['ciou.iou'])
    yield relative('CIoU gradient', boxes.grad, tensors['ciou.grad_of_mean'])
    yield relative('CIoU mean', loss.item(), meta['ciou_mean'])


def centred(xyxy: Tensor) -> Tensor:
    return torch.cat([(xyxy[:, :2] + xyxy[:, 2:]) / 2, xyxy[:, 2:] - xyxy[:, :2]], dim=1)


def verify_shapes(folder: Path, meta: dict) -> Iterator[Row]:
    """Sizes read from the files against those of ``meta.json``."""
    for name, file in (('shape', TEACHER), ('shape_small', SMALL), ('shape_tracker', TRACKER)):
        if name not in meta or not (folder / file).is_file():
            continue
        shape = shape_of(meta, name)
        config = tracker_config(folder / file, shape['num_heads'])
        backbone = config['backbone']
        ours = dict(depth=backbone['depth'], mlp_ratio=backbone['mlp_ratio'],
                    template=backbone['template_size'], search=backbone['search_size'],
                    feat_sz=config['head']['bins'], embed_dim=backbone['embed_dims'])
        wrong = [key for key, value in ours.items() if shape.get(key, value) != value]
        yield Row(f'shape of {file}', float(len(wrong)), 0., ', '.join(wrong))


def verify_outputs(prefix: str, prediction: Prediction, tensors: Recorded) -> Iterator[Row]:
    """Distributions, logits, boxes and scores recorded under ``prefix``."""
    found = prediction.outputs
    outputs = dict(pred_boxes=prediction.boxes, pred_scores=found.get('score_logits'))
    for i, edge in enumerate(EDGES):
        outputs[f'prob_{edge}'] = found['edges'][:, i]
        outputs[f'logit_{edge}'] = found['edge_logits'][:, i]
    for name, value in outputs.items():
        if f'{prefix}.{name}' in tensors:
            reference = tensors[f'{prefix}.{name}']
            yield Row(f'{prefix} {name}', float('inf'), 0., 'the file has no score head') \
                if value is None else relative(f'{prefix} {name}', value.detach(), reference)


def verify_tokens(tokens: dict[str, Tensor], tensors: Recorded) -> Iterator[Row]:
    """Tokens by the names under which they are recorded, if they are."""
    for name, value in tokens.items():
        if name in tensors:
            yield relative(f'{name} tokens', value.detach(), tensors[name])


def verify_network(prefix: str, tracker: OneStreamTracker, clip: Clip,
                   tensors: Recorded) -> Iterator[Row]:
    """Tokens before and behind each layer, and what the head makes of the last."""
    with torch.no_grad():
        embedded, *layers = all_layers(tracker, clip)
        prediction = tracker.forward_head(layers[-1])
    recorded = {f'{prefix}.embed': embedded.x, f'{prefix}.tokens': layers[-1].x,
                f'{prefix}.reg_tokens': layers[-1].group('prediction')}
    recorded.update((f'{prefix}.layer{i}', tokens.x) for i, tokens in enumerate(layers))
    yield from verify_tokens(recorded, tensors)
    yield from verify_outputs(prefix, prediction, tensors)


def verify_teacher(folder: Path, meta: dict, tensors: Recorded) -> Iterator[Row]:
    tracker = build(tracker_config(folder / TEACHER, shape_of(meta)['num_heads']),
                    folder / TEACHER)
    clip = recorded_clip(tracker, tensors)
    if 'z_norm_00' in tensors:
        corner = tensors['z_norm_00']
        yield relative('normalised crop',
                       clip.templates[0, 0, :, :corner.shape[1], :corner.shape[2]], corner)
    if 'tokens' in meta:
        tokens = all_layers(tracker, clip)[0]
        template, each = tokens.span('template'), tracker.backbone.template_grid**2
        spans = dict(template=[0, each], online_template=[each, template.stop])
        for group in ('search', 'prediction'):
            spans[group] = [tokens.span(group).start, tokens.span(group).stop]
        wrong = [group for group, span in meta['tokens'].items() if spans.get(group) != span]
        yield Row('places of token groups', float(len(wrong)), 0., ', '.join(wrong))
    yield from verify_network('teacher', tracker, clip, tensors)


def verify_small(folder: Path, meta: dict, tensors: Recorded) -> Iterator[Row]:
    tracker = build(tracker_config(folder / SMALL, shape_of(meta, 'shape_small')['num_heads']),
                    folder / SMALL)
    yield from verify_network('small', tracker, recorded_clip(tracker, tensors, 'small.'), tensors)


def verify_cached_form(folder: Path, meta: dict, tensors: Recorded) -> Iterator[Row]:
    """Frame by frame with cached keys and values of the templates."""
    tracker = build(tracker_config(folder / TEACHER, shape_of(meta)['num_heads']),
                    folder / TEACHER)
    first, online, searches = (
        normalised(tracker, tensors[f'test.{name}_u8']) for name in ('z', 'oz', 'x'))
    encoded = None
    for i, step in enumerate(meta['test_steps']):
        if encoded is None or 'kept' not in step['memory']:
            numbers = [int(n) for n in re.findall(r'test\.oz\[(\d+)\]', step['memory'])]
            templates = [first, *([online[n][None] for n in numbers] or [first])]
        prefix, search = f'test.{i}', searches[step['x']][None]
        with torch.no_grad():
            if encoded is None or 'kept' not in step['memory']:
                encoded = tracker.encode(torch.stack(templates, dim=1), None)
            tokens = run_layers(tracker.backbone.layers, tracker.backbone.join(encoded, search))
            prediction = tracker.step(encoded, search, tracker.init_memory(search))
        yield from verify_tokens({
            f'{prefix}.k_layer0': encoded['keys'][:, 0],
            f'{prefix}.v_last': encoded['values'][:, -1],
            f'{prefix}.search': tokens.group('search'),
            f'{prefix}.reg_tokens': tokens.group('prediction')}, tensors)
        yield from verify_outputs(prefix, prediction, tensors)


# Losses


def verify_published_losses(folder: Path, meta: dict, tensors: Recorded) -> Iterator[Row]:
    """The teacher's own two trainings and its distillation, where we compute the same."""
    losses, norms = meta.get('losses', {}), meta.get('grad_norm', {})
    trainings = dict(teacher_box={}, teacher_score=dict(frozen=['backbone', 'head.box_head']))
    for name, options in trainings.items():
        if name not in losses:
            continue
        config = {**tracker_config(folder / TEACHER, shape_of(meta)['num_heads']), **options}
        scores = 'labels' in losses[name]
        config['head']['loss'] = dict(type='ScoreLoss') if scores else box_loss(meta)
        tracker = build(config, folder / TEACHER)
        clip = recorded_clip(tracker, tensors)
        labels = [torch.tensor(losses[name]['labels']).float()] if scores else []
        prediction = next(tracker.predictions(clip))
        ours = tracker.head.loss(prediction, clip.gt_boxes[:, 0], *labels)
        total = sum(ours.values())
        total.backward()
        yield from loss_rows(name, losses[name], {
            'Loss/total': total, 'IoU': mean_iou(prediction.boxes, clip.gt_boxes[:, 0]),
            'Loss/scores': ours.get('loss_score'), **unweighted(ours, meta, 'track', 'Loss/')})
        yield worst(f'{name} gradient norms', gradient_rows(
            tracker, norms[name], MixFormerV2.names.released[0].table(norms[name])))
    if 'published_deep_to_shallow' in losses:
        yield from verify_published_distillation(
            folder, meta, tensors, losses['published_deep_to_shallow'])


def verify_published_distillation(folder: Path, meta: dict, tensors: Recorded,
                                  recorded: dict) -> Iterator[Row]:
    """MixFormerV2's own, of a student of the teacher's MLPs; its feature term is not ours."""
    heads, file = shape_of(meta)['num_heads'], folder / STUDENT.format('m')
    config = tracker_config(file, heads)
    config['head']['loss'] = box_loss(meta)
    student = build(config, file)
    teacher = build(tracker_config(folder / TEACHER, heads), folder / TEACHER)
    clip = recorded_clip(teacher, tensors)
    gt_boxes, weights = clip.gt_boxes[:, 0], loss_weights(meta)
    with torch.no_grad():
        layers = [all_layers(tracker, clip)[1:] for tracker in (student, teacher)]
        own, other = (tracker.forward_head(tokens[-1])
                      for tracker, tokens in zip((student, teacher), layers))
        terms = unweighted(student.head.loss(own, gt_boxes), meta, 'track', 'Loss/')
        pairs = zip(recorded['layers_student'], recorded['layers_teacher'])
        terms['Loss/distill_feat'] = sum(
            F.mse_loss(layers[0][i].x, layers[1][k].x) for i, k in pairs
        ) / len(recorded['layers_student'])
        terms['Loss/distill_corner_kl'] = other_guidance(own, other)['loss_guidance_edge_kl']
    names_of_weights = dict(ciou='ciou', l1='l1', distill_feat='published_feat',
                            distill_corner_kl='published_corner_kl')
    terms['Loss/total'] = sum(weights[weight] * terms[f'Loss/{name}']
                              for name, weight in names_of_weights.items())
    for name, prediction in (('IoU', own), ('IoU_teacher', other)):
        terms[name] = mean_iou(prediction.boxes, gt_boxes)
    yield from loss_rows('published distillation', recorded, terms)


def loss_weights(meta: dict) -> dict[str, float]:
    return dict(ciou=2., l1=5., mimic=0.2) | meta.get('loss_weights', {})


def box_loss(meta: dict) -> dict:
    weights = loss_weights(meta)
    return dict(type='TrackLoss', iou='ciou', iou_weight=float(weights['ciou']),
                l1_weight=float(weights['l1']))


def unweighted(losses: dict[str, Tensor], meta: dict, kind: str, prefix: str) -> dict:
    """Terms of a box loss, {prefix + name: value}."""
    weights = loss_weights(meta)
    return {f'{prefix}{name}': losses[f'loss_{kind}_{name}'] / weights[name]
            for name in ('ciou', 'l1') if f'loss_{kind}_{name}' in losses}


def other_guidance(mixed: Prediction, teacher: Prediction) -> dict[str, Tensor]:
    """The options of guidance, unweighted."""
    return PredictionGuidanceLoss(
        iou_weight=1., l1_weight=1., iou='giou', edge_kl=1.)(mixed, teacher)


def loss_rows(prefix: str, recorded: dict, ours: dict[str, Tensor | None]) -> Iterator[Row]:
    for name, value in ours.items():
        if name in recorded:
            yield relative(f'{prefix} {name}', value.item(), recorded[name])


# Compression


def verify_compression(folder: Path, meta: dict, tensors: Recorded, kind: str,
                       patterns: Sequence[str]) -> Iterator[Row]:
    """A student at initialisation and later, alone and mixed with its teacher."""
    shape, weights, file = shape_of(meta), loss_weights(meta), folder / STUDENT.format(kind)
    teacher, student = tracker_config(folder / TEACHER, shape['num_heads']), \
        student_config(file, shape)
    student['head']['loss'] = box_loss(meta)
    distiller = ReplacementDistiller(
        teacher=teacher, student=student, teacher_checkpoint=str(folder / TEACHER),
        guidance_loss=box_loss(meta) | dict(type='PredictionGuidanceLoss'),
        mimic_loss=dict(type='StageMimicLoss', loss_weight=float(weights['mimic']))).eval()
    distiller.build_teacher()
    clip = recorded_clip(distiller.teacher, tensors)
    # New MLPs of another ratio are random.
    if student['backbone']['mlp_ratio'] == teacher['backbone']['mlp_ratio']:
        yield from verify_network('student_init', distiller.student, clip, tensors)
    load_weights(distiller.student, file, 'student')
    yield from verify_network(f'student_{kind}', distiller.student, clip, tensors)
    for gates in patterns:
        yield from verify_gates(f'{kind}.{gates}', distiller, clip, meta, tensors)


def verify_gates(name: str, distiller: ReplacementDistiller, clip: Clip, meta: dict,
                 tensors: Recorded) -> Iterator[Row]:
    """One gate pattern: tokens, boxes, loss terms and gradient norms."""
    prefix, recorded = f'mix.{name}', meta['mix'][name]
    pattern = [gate == '1' for gate in name.rpartition('.')[2]]
    memory = distiller.student.init_memory(clip.searches)
    with torch.no_grad():
        stages, mixed = distiller.mixed_path(clip, 0, memory, pattern)
        teacher_stages, teacher = distiller.run_teacher(clip, 0, memory)
    yield from verify_tokens({f'{prefix}.stage{i}': tokens.x for i, tokens in enumerate(stages)},
                             tensors)
    yield from verify_outputs(prefix, mixed, tensors)

    distiller.zero_grad()
    losses = distiller.losses(clip, clip, pattern)
    total, _ = distiller.parse_losses(losses)
    total.backward()
    options = other_guidance(mixed, teacher)
    yield from loss_rows(prefix, recorded, {
        **unweighted(losses, meta, 'track', 'track_'),
        **unweighted(losses, meta, 'guidance', 'guidance_'),
        'guidance_giou': options['loss_guidance_giou'],
        'edge_kl': options['loss_guidance_edge_kl'],
        'mimic': losses['loss_mimic'] / loss_weights(meta)['mimic'], 'total': total})
    errors = [mimic_parts(*pair) for pair in zip(stages, teacher_stages)]
    yield worst(f'{prefix} parts of mimicking', [
        relative(f'stage {i} {group}', ours[group].item(), reference)
        for i, (ours, parts) in enumerate(zip(errors, recorded['mimic_parts'], strict=True))
        for group, reference in parts.items()])
    yield relative(f'{prefix} mimicking of all tokens alike',
                   [error['all_tokens'].item() for error in errors], recorded['mse_all_tokens'])
    yield worst(f'{prefix} gradient norms', gradient_rows(
        distiller.student, recorded['grad_norm'],
        MixFormerV2.names.released[0].table(recorded['grad_norm'])))


def mimic_parts(mixed: Tokens, teacher: Tokens) -> dict[str, Tensor]:
    """Mean squared error of one stage by the names that groups have in the records."""
    templates = mixed.span('template')
    each = templates.stop // mixed.groups['template'][0]
    spans = dict(template=slice(0, each), online_template=slice(each, templates.stop),
                 templates=templates, search=mixed.span('search'),
                 prediction=mixed.span('prediction'), all_tokens=slice(None))
    return {name: F.mse_loss(mixed.x[:, span], teacher.x[:, span])
            for name, span in spans.items()}


# Tracking


class Watched:
    """A template policy that notes what it does.

    Attributes:
        candidates: frames that a template was cut of.
        online: number of the frame that the last template in use is of, frame by frame.
    """

    def __init__(self, policy: TemplatePolicy) -> None:
        self.policy = policy
        self.candidates, self.online, self._crops = [], [], {}

    def start(self, crop: np.ndarray, box: np.ndarray) -> None:
        self._crops[0] = crop
        self.policy.start(crop, box)

    def current(self, frame: int) -> Templates:
        return self.policy.current(frame)

    def observe(self, frame: int, score: float, cut: Callable[[], Template]) -> None:
        def noted() -> Template:
            template = cut()
            self.candidates.append(frame)
            self._crops[frame] = template[0]
            return template

        self.policy.observe(frame, score, noted)
        online = self.policy.current(frame + 1)[0][-1]
        self.online.append(next(
            (n for n, crop in self._crops.items() if np.array_equal(crop, online)), None))


def policy_of(run: dict) -> dict:
    """Config of the template policy of a recorded run."""
    if 'update_interval' not in run:
        return dict(type='Fixed', copies=2)
    return dict(type='BestOfInterval', interval=run['update_interval'],
                decay=run.get('max_score_decay', 1.))


def verify_tracking(folder: Path, meta: dict, sequences: Path | None) -> Iterator[Row]:
    """Boxes, scores, candidates and updates of runs over whole sequences."""
    for name, content, source in recorded_tracks(folder, sequences):
        for kind, run in content['runs'].items():
            item = f'on {name}, {kind}'
            if source is None:
                yield without_frames(f'boxes {item}', name)
                continue
            config = tracker_config(
                folder / TRACKER, shape_of(meta, 'shape_tracker')['num_heads'],
                search_factor=run['search_factor'], template_factor=run['template_factor'],
                templates=policy_of(run))
            yield from verify_run(item, Tracker(TorchNetwork(build(config, folder / TRACKER))),
                                  Frames(source), run)


def verify_run(item: str, tracker: Tracker, frames: Frames, run: dict) -> Iterator[Row]:
    tracker._policy = watched = Watched(tracker._policy)
    reference, frames = np.array(run['boxes_xywh']), iter(frames)
    tracker.init(next(frames), reference[0])
    found = [tracker.update(frame) for _, frame in zip(reference[1:], frames)]
    boxes = np.array([reference[0], *(box for box, _ in found)])
    yield Row(f'boxes {item}', float(np.abs(boxes - reference).max()), PIXEL_TOLERANCE,
              f'px over {len(boxes)} frames') if boxes.shape == reference.shape else Row(
                  f'boxes {item}', float('inf'), 0., f'{len(boxes)} for {len(reference)} frames')
    if 'scores' in run:
        yield relative(f'scores {item}', [score for _, score in found], run['scores'][1:])
    if 'candidate_frames' in run:
        differing = set(watched.candidates) ^ set(run['candidate_frames'])
        yield Row(f'candidates {item}', float(len(differing)), 0., 'frames that differ')
    if 'updates' in run:
        events = {update['frame']: update['from_frame'] for update in run['updates']}
        online, expected = 0, []
        for frame in range(1, len(reference)):
            online = events.get(frame, online)
            expected.append(online)
        yield Row(f'online template {item}',
                  float(sum(a != b for a, b in zip(watched.online, expected))), 0.,
                  f'frames that differ; {len(events)} updates')
