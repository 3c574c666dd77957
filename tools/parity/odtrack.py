"""ODTrack: networks, losses, gradients, mixed paths, sampling, tracking."""
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mmct.checkpoint import load_weights, names, tracker_weights
from mmct.datasets.sampling import make_sampling
from mmct.engine.hooks import scheduled_keep_ratio
from mmct.models.distillers import ReplacementDistiller
from mmct.models.layers import CEBlock, Tokens
from mmct.models.layers.elimination import TEMPLATE_RANGES, box_tokens
from mmct.models.losses import mean_iou
from mmct.models.losses.stage_mimic_loss import stage_error
from mmct.models.structures import Clip, Prediction
from mmct.models.torch_network import TorchNetwork, images
from mmct.models.trackers import ODTrack, OneStreamTracker
from mmct.runtime import Tracker
from mmct.runtime.frames import Frames
from mmct.runtime.templates import SpreadHistory

from .common import (
    PIXEL_TOLERANCE,
    Recorded,
    Row,
    build,
    gradient_rows,
    read_meta,
    recorded_tracks,
    relative,
    without_frames,
    worst,
)

TEACHER, STUDENT, SAMPLING = 'odtrack.pth.tar', 'student.pth.tar', 'sampling.json'
GRADIENT_TOLERANCE = 2e-3  # a ReLU's sign may flip on a value of 1e-7
DEVIATIONS = 5.  # standard ones, of frequencies
WEIGHTS = dict(focal=1., giou=2., l1=5.)
PUBLISHED = dict(focal='location', giou='giou', l1='l1')
WARM_UP = dict(keep_rate=(20, 100), keep_rate_got=(20, 70))
# Groups whose mimic errors are recorded, in the order of the records.
GROUPS = 'query', 'template', 'search'


def recognises(folder: Path, meta: dict | list) -> bool:
    """Whether a folder is of this tracker, by its checkpoint or the order of its tokens."""
    return (folder / TEACHER).is_file() or (
        isinstance(meta, dict) and 'query' in meta.get('net', {}).get('order', ()))


def verify_content(folder: Path, meta: dict, tensors: Recorded,
                   sequences: Path | None) -> Iterator[Row]:
    """All rows of a folder; what is compared follows from what is recorded."""
    yield from verify_shape(folder, meta['net'])
    yield from verify_frames(folder, meta, tensors)
    if 'gt_box_tokens' in meta:
        boxes = torch.from_numpy(tensors['z_gt_xywh'][:, 0]) * meta['net']['template_size']
        yield relative('tokens of GT_BOX', box_tokens(
            boxes, meta['net']['template_size']).sum(dim=1), meta['gt_box_tokens'])
    yield from verify_training(folder, meta, tensors)
    for name in meta.get('mix', {}):
        yield from verify_mix(folder, meta, tensors, name)
    yield from verify_schedules(meta)
    yield from verify_template_frames(meta)
    if (folder / SAMPLING).is_file():
        yield from verify_sampling(read_meta(folder / SAMPLING))
    yield from verify_tracking(folder, meta, tensors, sequences)
    if rest := tensors.rest():
        yield Row(f'{len(rest)} tensors', None, 0., f'not compared: {", ".join(rest)}')


# The networks


def tracker_config(file: Path, net: dict, test_cfg: Mapping = {}, **backbone) -> dict:
    """Config of the tracker in a file; ``backbone`` adds to its options."""
    state = tracker_weights(file)
    shape = dict(
        type='ODTrackViT', embed_dims=net['embed_dims'], num_heads=net['num_heads'],
        depth=names.count(state, f'{names.OWN_LAYERS}{{i}}'), mlp_ratio=net.get('mlp_ratio', 4),
        template_size=net['template_size'], search_size=net['search_size'],
        patch_size=state['backbone.patch_embed.proj.weight'].size(-1))
    return dict(
        type='ODTrack', backbone={**shape, **backbone}, test_cfg=dict(test_cfg),
        head=dict(type='CenterHead', in_channels=net['embed_dims'],
                  channels=net['head_channels']))


def student_config(file: Path, net: dict) -> dict:
    config = tracker_config(file, net)
    depth, division = config['backbone'].pop('depth'), net['division']
    stages = division if isinstance(division, int) else len(division)
    config['backbone'].update(type='StageDividedODTrackViT', teacher_depth=net['depth'],
                              division=division, layers_per_stage=depth // stages)
    return config


def eliminating(net: dict, template_range: str | None = None) -> dict:
    """Options of a backbone that eliminates as recorded, or by another template range."""
    elimination = dict(net['elimination'])
    if template_range:
        elimination['template_range'] = template_range
    return dict(elimination=elimination)


def tracker_of_case(folder: Path, net: dict, case: str) -> OneStreamTracker | None:
    """The network that a name of recorded tensors stands for, None for one that is not known."""
    if case == 'student':
        return build(tracker_config(folder / STUDENT, net), folder / STUDENT)
    options = {'full': {}, 'separate': dict(attention='separate')}
    if net.get('elimination'):
        options['ce'] = eliminating(net)
        options.update({f'ce_{kind}': eliminating(net, kind) for kind in TEMPLATE_RANGES})
    if case not in options:
        return None
    return build(tracker_config(folder / TEACHER, net, **options[case]), folder / TEACHER)


def stage_ends(net: dict, depth: int) -> list[int]:
    """The last layer of each stage, of a teacher or of a student of as many layers a stage."""
    division = net['division']
    if isinstance(division, int):
        division = [net['depth'] // division] * division
    if depth != sum(division):
        division = [depth // len(division)] * len(division)
    return (np.cumsum(division) - 1).tolist()


def recorded_clip(tracker: OneStreamTracker, tensors: Recorded, count: int | None = None) -> Clip:
    """Clips of the records, of which the first ``count``."""
    templates, searches = (
        images(tracker, torch.from_numpy(tensors[name]).flip(2).movedim(2, -1)).transpose(0, 1)
        for name in 'zx')
    boxes, gt = (torch.from_numpy(tensors[f'{name}_gt_xywh']).transpose(0, 1) for name in 'zx')
    gt = torch.cat([gt[..., :2] + gt[..., 2:] / 2, gt[..., 2:]], dim=-1)
    clip = Clip(templates, boxes * templates.size(-1), searches, gt)
    return Clip(*(part[:count] for part in clip[:4]))


def whole(tokens: Tokens) -> Tensor:
    """All tokens (B, N, C), zeros where search tokens were eliminated."""
    return torch.cat([tokens.whole_search() if group == 'search' else tokens.group(group)
                      for group in tokens.groups], dim=1)


# Single networks


def verify_frames(folder: Path, meta: dict, tensors: Recorded) -> Iterator[Row]:
    """Tokens, maps and boxes of networks alone, frame by frame of the clip."""
    net, found = meta['net'], {}
    for name in tensors:
        if match := re.fullmatch(r'([^.]+)\.f(\d+)(_without_carry)?\.(.+)', name):
            case, frame, alone, _ = match.groups()
            if case != 'track' and not case.startswith('mix'):
                found.setdefault(case, {}).setdefault(int(frame), set()).add(bool(alone))
    for case, frames in found.items():
        tracker = tracker_of_case(folder, net, case)
        if tracker is None:
            continue
        count = len(next(tensors[name] for name in tensors if name.startswith(f'{case}.')))
        clip = recorded_clip(tracker, tensors, count)
        none = memory = tracker.init_memory(clip.searches)
        ends = stage_ends(net, len(tracker.backbone.layers))
        for i in range(1 + max(frames)):
            if True in frames.get(i, ()):
                yield from verify_frame(f'{case}.f{i}_without_carry', tracker, clip, i, none,
                                        ends, tensors)[0]
            rows, memory = verify_frame(f'{case}.f{i}', tracker, clip, i, memory, ends, tensors)
            yield from rows


@torch.no_grad()
def verify_frame(prefix: str, tracker: OneStreamTracker, clip: Clip, frame: int, memory: Tensor,
                 ends: Sequence[int], tensors: Recorded) -> tuple[list[Row], Tensor]:
    """Rows of a frame, and the memory for the next."""
    tokens = tracker.embed(clip.templates, clip.template_boxes, clip.searches[:, frame], memory)
    rows = tensor_rows({f'{prefix}.embed': tokens.x}, tensors)
    for i, layer in enumerate(tracker.backbone.layers):
        tokens = layer(tokens)
        rows += tensor_rows({f'{prefix}.layer{i}': tokens.x}, tensors)
        rows += kept_rows(f'{prefix}.kept{i}', tokens, tensors)
        if i in ends:
            rows += tensor_rows({f'{prefix}.stage{ends.index(i)}': tokens.x}, tensors)
            rows += kept_rows(f'{prefix}.stage{ends.index(i)}_kept', tokens, tensors)
    prediction = tracker.forward_head(tokens)
    rows += tensor_rows({f'{prefix}.norm': whole(tracker.backbone.finalize(tokens))}, tensors)
    return rows + output_rows(prefix, prediction, tensors), prediction.memory


def tensor_rows(values: Mapping[str, Tensor], tensors: Recorded) -> list[Row]:
    return [relative(name, value.detach(), tensors[name]) for name, value in values.items()
            if name in tensors]


def output_rows(prefix: str, prediction: Prediction, tensors: Recorded) -> list[Row]:
    """Maps, boxes and the new memory."""
    maps = {f'{prefix}.{name}_map': value for name, value in prediction.outputs.items()}
    return tensor_rows({**maps, f'{prefix}.pred_boxes': prediction.boxes,
                        f'{prefix}.query_out': prediction.memory}, tensors)


def kept_rows(name: str, tokens: Tokens, tensors: Recorded) -> list[Row]:
    """Positions that elimination left, as sets."""
    if name not in tensors:
        return []
    ours = tokens.search_present()
    theirs = torch.zeros_like(ours).scatter(1, torch.from_numpy(tensors[name]).long(), True)
    return [Row(name, float((ours ^ theirs).sum()), 0., 'positions that differ')]


def verify_shape(folder: Path, net: dict) -> Iterator[Row]:
    """Whether the checkpoint has the recorded shape, and goes back to the file's names."""
    state = tracker_weights(folder / TEACHER)
    width = state['backbone.norm.weight'].size(0)
    patch = state['backbone.patch_embed.proj.weight'].size(-1)
    pairs = dict(
        embed_dims=width, depth=names.count(state, f'{names.OWN_LAYERS}{{i}}'),
        mlp_ratio=len(state[f'{names.OWN_LAYERS}0.mlp.fc1.weight']) / width,
        head_channels=len(state['head.score.0.conv.weight']),
        template_size=patch * round(state['backbone.pos_embed_z'].size(1)**0.5),
        search_size=patch * round(state['backbone.pos_embed_x'].size(1)**0.5))
    wrong = [name for name, value in pairs.items() if net.get(name, value) != value]
    yield Row(f'shape of {TEACHER}', float(len(wrong)), 0., ', '.join(wrong) or 'numbers')
    released = names.to_released(state, student=False, source=TEACHER)
    back = names.to_own(released, TEACHER)
    wrong = [key for key in state.keys() | back.keys()
             if key not in state or key not in back or not torch.equal(state[key], back[key])]
    yield Row(f'{TEACHER} to released names and back', float(len(wrong)), 0.,
              'weights that differ')


# Losses


def track_terms(losses: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Terms of the tracking loss by their published names, unweighted, and their sum."""
    terms = {f'{prefix}Loss/{published}': losses[f'loss_track_{name}'] / WEIGHTS[name]
             for name, published in PUBLISHED.items()}
    return {f'{prefix}Loss/total': sum(losses[f'loss_track_{name}'] for name in WEIGHTS), **terms}


def loss_rows(prefix: str, recorded: dict, ours: Mapping[str, Tensor]) -> list[Row]:
    return [relative(f'{prefix} {name}', value.item(), recorded[name])
            for name, value in ours.items() if name in recorded]


def clamped(boxes: Tensor) -> Tensor:
    """(B, 4) cx, cy, w, h, cut to [0, 1] as the published IoU has it."""
    low, high = (boxes[:, :2] + sign * boxes[:, 2:] / 2 for sign in (-1, 1))
    low, high = low.clamp(0, 1), high.clamp(0, 1)
    return torch.cat([(low + high) / 2, high - low], dim=1)


def gradient_row(prefix: str, network: OneStreamTracker, recorded: Mapping[str, float | None]
                 ) -> Row:
    """Gradient norms; what is recorded as None has no gradient, or is none of ours."""
    norms = {name: norm for name, norm in recorded.items() if norm is not None}
    rows = gradient_rows(network, norms, ODTrack.names.released[0].table(norms))
    return worst(f'{prefix} gradient norms',
                 [row._replace(tolerance=GRADIENT_TOLERANCE) for row in rows])


def verify_training(folder: Path, meta: dict, tensors: Recorded) -> Iterator[Row]:
    """The published iteration of the teacher at some epochs."""
    net = meta['net']
    for name, recorded in meta.get('train', {}).items():
        options = eliminating(net) if net.get('elimination') else {}
        tracker = build(tracker_config(folder / TEACHER, net, **options), folder / TEACHER)
        tracker.backbone.schedule_elimination(recorded.get('keep_rate', 1.))
        tracker.train()
        clip, prefix = recorded_clip(tracker, tensors), f'train {name}'
        total = 0.
        for i, prediction in enumerate(tracker.predictions(clip)):
            gt_boxes = clip.gt_boxes[:, i]
            losses = tracker.head.loss(prediction, gt_boxes)
            iou = mean_iou(prediction.boxes, clamped(gt_boxes))
            yield from loss_rows(prefix, recorded, {
                **track_terms(losses, f'{i}frame_'), f'{i}frame_IoU': iou})
            total = total + sum(losses.values())
        total.backward()
        yield from loss_rows(prefix, recorded, dict(total=total))
        if 'grad_norm' in recorded:
            yield gradient_row(prefix, tracker, recorded['grad_norm'])
        statistics = tracker.head.score[0].bn
        for key, value in recorded.get('bn_after', {}).items():
            yield relative(f'{prefix} {key}', getattr(statistics, key), value)


def verify_mix(folder: Path, meta: dict, tensors: Recorded, name: str) -> Iterator[Row]:
    """One gate pattern: tokens, maps, loss terms and gradient norms, frame by frame."""
    net, recorded = meta['net'], meta['mix'][name]
    pattern, _, kind = name.removeprefix('mix').partition('_')
    gates, options = [gate == '1' for gate in pattern], eliminating(net) if kind == 'ce' else {}
    weight = float(meta.get('mimic_weight', 0.2))
    distiller = ReplacementDistiller(
        teacher=tracker_config(folder / TEACHER, net, **options),
        student=student_config(folder / STUDENT, net), teacher_checkpoint=str(folder / TEACHER),
        guidance_loss=dict(type='PredictionGuidanceLoss'),
        mimic_loss=dict(type='StageMimicLoss', loss_weight=weight))
    distiller.build_teacher()
    load_weights(distiller.student, folder / STUDENT, 'student')
    distiller.train()
    clip = recorded_clip(distiller.student, tensors)
    memory = teacher_memory = distiller.student.init_memory(clip.searches)
    with torch.no_grad():
        for i, frame in enumerate(recorded.get('frames', [{}] * clip.num_frames)):
            stages, mixed = distiller.mixed_path(clip, i, memory, gates)
            theirs, teacher = distiller.run_teacher(clip, i, teacher_memory)
            memory, teacher_memory, prefix = mixed.memory, teacher.memory, f'{name}.f{i}'
            for k, tokens in enumerate(stages):
                yield from tensor_rows({f'{prefix}.stage{k}': tokens.x}, tensors)
                yield from kept_rows(f'{prefix}.stage{k}_kept', tokens, tensors)
            yield from output_rows(prefix, mixed, tensors)
            gt_boxes = clip.gt_boxes[:, i]
            losses = distiller.student.head.loss(mixed, gt_boxes)
            guidance = distiller.guidance_loss(mixed, teacher)
            mimic = distiller.mimic_loss(distiller.as_teacher(stages, gates), theirs)
            yield from loss_rows(name, recorded, {
                **track_terms(losses, f'{i}frame_'),
                f'{i}frame_IoU': mean_iou(mixed.boxes, clamped(gt_boxes))})
            yield from loss_rows(prefix, frame, {
                **{f'guidance_{term}': guidance[f'loss_guidance_{term}'] / WEIGHTS[term]
                   for term in ('giou', 'l1')},
                'mimic': mimic['loss_mimic'] / weight})
            key = f'mimic_{"_".join(GROUPS)}'
            if key in frame:
                errors = [[stage_error(own, other, [group]).item() for group in GROUPS]
                          for own, other in zip(stages, theirs)]
                yield relative(f'{prefix} {key}', errors, frame[key])
    distiller.zero_grad()
    losses = distiller.losses(clip, clip, gates)
    total, _ = distiller.parse_losses(losses)
    total.backward()
    track = sum(value for key, value in losses.items() if key.startswith('loss_track'))
    yield from loss_rows(name, recorded, dict(track=track, total=total))
    if 'grad_norm' in recorded:
        yield gradient_row(name, distiller.student, recorded['grad_norm'])


# What happens by rule


def verify_schedules(meta: dict) -> Iterator[Row]:
    """Keep ratios of epochs."""
    elimination = meta['net'].get('elimination')
    for name, epochs in WARM_UP.items():
        if name in meta and elimination:
            ratio = elimination['keep_ratio'][0]
            ours = [scheduled_keep_ratio(int(epoch), ratio, *epochs) for epoch in meta[name]]
            yield relative(f'{name} of {len(ours)} epochs', ours, list(meta[name].values()))


def verify_template_frames(meta: dict) -> Iterator[Row]:
    """Whose crops the template policy gives to a frame."""
    for count, frames in meta.get('template_frames', {}).items():
        policy, wrong = SpreadHistory(int(count)), 0
        policy.start(numbered(0), np.zeros(4, np.float32))
        for frame in range(1, 1 + max(map(int, frames))):
            if str(frame) in frames:
                crops, _ = policy.current(frame)
                own = [int(crop[0, 0, 0]) + 256 * int(crop[0, 0, 1]) for crop in crops]
                wrong += own != frames[str(frame)]
            policy.observe(frame, 0., lambda: (numbered(frame), np.zeros(4, np.float32)))  # noqa: B023
        yield Row(f'template frames, N = {count}', float(wrong), 0.,
                  f'of {len(frames)} frames differ')


def numbered(frame: int) -> np.ndarray:
    """A crop that says which frame it is of."""
    return np.array([[[frame % 256, frame // 256, 0]]], np.uint8)


def verify_sampling(videos: dict) -> Iterator[Row]:
    """How often frames are drawn, in standard deviations."""
    for name, video in videos.items():
        clips = drawn(video)
        for key, values in statistics(clips, video['length']).items():
            if key not in video:
                continue
            reference, mean = np.array(video[key]), values.mean(axis=0)
            deviation = values.std(axis=0) * np.sqrt(1 / len(values) + 1 / video['draws'])
            # Records have five digits; what never happens here must not happen there.
            difference = np.maximum(np.abs(mean - reference) - 1e-5, 0)
            error = np.where(difference == 0, 0., difference / np.maximum(deviation, 1e-12))
            yield Row(f'sampling of {name}, {key}', float(error.max()), DEVIATIONS,
                      f'standard deviations, {len(values)} draws')


def drawn(video: dict) -> tuple[np.ndarray, np.ndarray]:
    """Templates (n, T) and search frames (n, S) of as many draws as recorded."""
    sampling = make_sampling(dict(
        type='odtrack', num_templates=video['num_templates'], num_searches=video['num_search'],
        max_gap=video['max_gap']))
    rng, visible = np.random.default_rng(0), np.array(video['visible'])
    templates, searches = zip(*(sampling.frames(rng, visible, video['length'])
                                for _ in range(video['draws'])))
    return np.array(templates), np.array(searches)


def statistics(clips: tuple[np.ndarray, np.ndarray], length: int) -> dict[str, np.ndarray]:
    """Of each draw, (n, …), by the names of the records."""
    templates, searches = clips
    base, others, frames = templates[:, -1:], templates[:, :-1], np.arange(length)
    repeated = [len(set(own)) < len(own) for own in templates.tolist()]
    counts = {name: (own[:, :, None] == frames).sum(axis=1)
              for name, own in (('base', base), ('other_templates', others), ('search', searches))}
    return {
        **counts,
        'share_all_search_equal': (searches == searches[:, :1]).all(axis=1),
        'share_repeated_template': np.array(repeated),
        'mean_base_minus_first': base[:, 0] - templates[:, 0],
        'mean_first_search_minus_base': searches[:, 0] - base[:, 0],
        'mean_last_search_minus_base': searches[:, -1] - base[:, 0]}


# Tracking


class Watched(TorchNetwork):
    """A network that keeps what goes in and comes out, and what it eliminates, frame by frame."""

    def __init__(self, tracker: OneStreamTracker) -> None:
        super().__init__(tracker)
        self.frames, self._kept = [], []
        for layer in tracker.backbone.layers:
            if isinstance(layer, CEBlock):
                layer.register_forward_hook(
                    lambda layer, args, out: self._kept.append(
                        (args[0].search_present(), out.search_present())))

    def step(self, encoded, crops, memories=None):
        self._kept.clear()
        outputs = super().step(encoded, crops, memories)
        removed = [(before & ~after).nonzero()[:, 1].tolist() for before, after in self._kept]
        self.frames.append(dict(query_in=memories[0], removed=removed, **outputs))
        return outputs


def verify_tracking(folder: Path, meta: dict, tensors: Recorded,
                    sequences: Path | None) -> Iterator[Row]:
    """Boxes, scores and templates over whole sequences, and some frames in detail."""
    net = meta['net']
    for name, run, source in recorded_tracks(folder, sequences):
        if source is None:
            yield without_frames(f'boxes on {name}', name)
            for key in tensors:
                if key.startswith('track.'):
                    tensors.asked.add(key)
            continue
        factors = {key: run[key] for key in ('search_factor', 'template_factor') if key in run}
        templates = dict(type='SpreadHistory', count=run.get('template_number', 3))
        options = eliminating(net) if net.get('elimination') else {}
        config = tracker_config(folder / TEACHER, net, dict(factors, templates=templates),
                                **options)
        network = Watched(build(config, folder / TEACHER))
        yield from verify_run(name, Tracker(network), network, Frames(source), run, tensors)


def verify_run(name: str, tracker: Tracker, network: Watched, frames: Frames, run: dict,
               tensors: Recorded) -> Iterator[Row]:
    reference, frames = np.array(run['boxes_xywh']), iter(frames)
    tracker.init(next(frames), reference[0])
    boxes, scores, used = [reference[0]], [], []
    for _, frame in zip(reference[1:], frames):
        used.append(tracker._policy.frames)
        box, score = tracker.update(frame)
        boxes.append(box)
        scores.append(score)
    boxes = np.array(boxes)
    yield Row(f'boxes on {name}', float(np.abs(boxes - reference).max()), PIXEL_TOLERANCE,
              f'px over {len(boxes)} frames') if boxes.shape == reference.shape else Row(
                  f'boxes on {name}', float('inf'), 0., f'{len(boxes)} for {len(reference)} frames')
    if 'scores' in run:
        yield relative(f'scores on {name}', scores, run['scores'][1:])
    if 'template_frames' in run:
        wrong = sum(own != other for own, other in zip(used, run['template_frames'][1:]))
        yield Row(f'templates on {name}', float(wrong), 0., 'frames that differ')
    for i, found in enumerate(network.frames, 1):
        prefix = f'track.f{i}'
        values = {f'{key}_map': found[key] for key in ('score', 'size', 'offset')}
        values.update(query_in=found['query_in'], query_out=found['next_memory'],
                      norm=found['next_memory'])
        for key, value in values.items():
            if f'{prefix}.{key}' in tensors:
                yield relative(f'{prefix}.{key}', value, tensors[f'{prefix}.{key}'])
        for k, removed in enumerate(found['removed']):
            if f'{prefix}.removed{k}' in tensors:
                wrong = set(removed) ^ set(tensors[f'{prefix}.removed{k}'].flatten().tolist())
                yield Row(f'{prefix}.removed{k}', float(len(wrong)), 0., 'positions that differ')
