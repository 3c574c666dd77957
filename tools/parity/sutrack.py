"""SUTrack: networks, losses, gradients, mixed paths, training crops, tracking."""
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.optim import build_optim_wrapper
from torch import Tensor, nn

from mmct.checkpoint import load_weights, names, read_checkpoint, tracker_weights, weights_in
from mmct.models.backbones.itpn import box_cover
from mmct.models.distillers import ReplacementDistiller
from mmct.models.layers import Tokens
from mmct.models.layers.coarse import PatchMerging
from mmct.models.losses import gaussian_heatmap, mean_iou
from mmct.models.structures import Clip, Prediction
from mmct.models.torch_network import TorchNetwork, images
from mmct.models.trackers import OneStreamTracker, SUTrack
from mmct.models.trackers.sutrack_names import CLIP, FEATURE
from mmct.runtime import Tracker, geometry
from mmct.runtime.frames import Frames, read_image

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

TEACHER, STUDENT = 'sutrack.pth.tar', 'student.pth.tar'
RECIPE = Path(__file__).parents[2] / 'configs/_base_/schedules/sutrack_180e.py'
SEQUENCE = 'crossing'  # of recorded crops
# Recorded names of token groups.
GROUPS = dict(cls='cls', search='search', templates='template', template='template', text='text')
MIMICKED = ('search', 'template')


def recognises(folder: Path, meta: dict | list) -> bool:
    """Whether a folder is of this tracker."""
    return isinstance(meta, dict) and (
        'first_main_block' in meta or (folder / TEACHER).is_file())


def verify_content(folder: Path, meta: dict, tensors: Recorded,
                   sequences: Path | None) -> Iterator[Row]:
    """All rows of a folder; what is compared follows from what is recorded."""
    yield from verify_shapes(folder, meta)
    if 'x' in tensors:
        yield from verify_teacher(folder, meta, tensors)
        yield from verify_own_training(folder, meta, tensors)
        yield from verify_compression(folder, meta, tensors)
    yield from verify_crops(folder, meta, tensors, sequences)
    yield from verify_tracking(folder, meta, tensors, sequences)
    if rest := tensors.rest():
        yield Row(f'{len(rest)} tensors', None, 0., f'not compared: {", ".join(rest)}')


# The networks


def tracker_config(file: Path, heads: int, template_size: int, search_size: int,
                   **test_cfg) -> dict:
    """Config of the tracker in a file; heads and sides of crops are in no tensor."""
    state = tracker_weights(file)
    width = state['backbone.cls_token'].size(-1)
    merges = [i for i in range(names.count(state, 'backbone.coarse.{i}'))
              if f'backbone.coarse.{i}.reduction.weight' in state]
    blocks = [key for key in state if key.startswith('backbone.coarse.')
              and key.endswith('fc1.bias')]
    backbone = dict(
        type='FastITPN', embed_dims=width, num_heads=heads,
        depth=names.count(state, f'{names.OWN_LAYERS}{{i}}'),
        mlp_ratio=len(state[f'{names.OWN_LAYERS}0.mlp.gate.bias']) / width,
        coarse_depths=[merges[0], merges[1] - merges[0] - 1],
        text_dims=len(state[FEATURE]), template_size=template_size, search_size=search_size)
    if blocks:
        dims = width // (4 if merges[0] else 2)
        backbone['coarse_mlp_ratio'] = len(state[blocks[0]]) / dims
    head = dict(type='TaskCenterHead', in_channels=width,
                channels=len(state['head.score.0.conv.bias']),
                with_task='head.task_head.4.bias' in state)
    if head['with_task']:
        head['num_tasks'] = len(state['head.task_head.4.bias'])
    return dict(type='SUTrack', backbone=backbone, head=head, test_cfg=test_cfg)


def config_of(folder: Path, meta: dict, file: str = TEACHER, **test_cfg) -> dict:
    return tracker_config(folder / file, meta['num_heads'], meta['template_size'],
                          meta['search_size'], **factors(meta), **test_cfg)


def factors(meta: dict) -> dict[str, float]:
    """Sides of crops over the target's, if they are recorded."""
    return {key: meta[key] for key in ('template_factor', 'search_factor') if key in meta}


def student_config(folder: Path, meta: dict) -> dict:
    config = config_of(folder, meta, STUDENT)
    depth, division = config['backbone'].pop('depth'), meta.get('division', meta.get('stages'))
    stages = division if isinstance(division, int) else len(division)
    config['backbone'].update(type='StageDividedFastITPN', teacher_depth=meta['depth'],
                              division=division, layers_per_stage=depth // stages)
    return config


def recorded_clip(meta: dict, tensors: Recorded, templates: int | None = None) -> Clip:
    """The recorded crops, which are normalised, with boxes as the network takes them."""
    names_of = [f'z{i}' for i in range(templates or meta.get('num_templates', 2))]
    crops, boxes = (torch.stack([torch.from_numpy(tensors[f'{name}{end}']) for name in names_of], 1)
                    for end in ('', '_box_xywh'))
    gt = torch.from_numpy(tensors['gt_xywh'])
    return Clip(crops, boxes * meta['template_size'], torch.from_numpy(tensors['x'])[:, None],
                torch.cat([gt[:, :2] + gt[:, 2:] / 2, gt[:, 2:]], dim=1)[:, None])


def all_layers(tracker: OneStreamTracker, clip: Clip) -> list[Tokens]:
    """Tokens of a clip's frame before the first layer and behind each."""
    search = clip.searches[:, 0]
    tokens = [tracker.embed(clip.templates, clip.template_boxes, search,
                            tracker.init_memory(search))]
    for layer in tracker.backbone.layers:
        tokens.append(layer(tokens[-1]))
    return tokens


# Rows


def verify_shapes(folder: Path, meta: dict) -> Iterator[Row]:
    """Sizes and rates read from the file against those of ``meta.json``."""
    if not (folder / TEACHER).is_file():
        return
    config = config_of(folder, meta)
    backbone, depths = config['backbone'], config['backbone']['coarse_depths']
    ours = dict(
        embed_dim=backbone['embed_dims'], depth=backbone['depth'], depth_stage1=depths[0],
        depth_stage2=depths[1], first_main_block=sum(depths) + 2, mlp_ratio=backbone['mlp_ratio'],
        head_channels=config['head']['channels'], task_num=config['head'].get('num_tasks'))
    clip = {key.removeprefix(CLIP): value for key, value in weights_in(
        read_checkpoint(folder / TEACHER), folder / TEACHER).items()}
    ours_of_clip = dict(
        text_width=clip['token_embedding.weight'].size(1),
        vocab=len(clip['token_embedding.weight']),
        text_layers=names.count(clip, 'transformer.resblocks.{i}'),
        text_feature=clip['text_projection'].size(1))
    recorded = {**meta, **{f'clip.{key}': value for key, value in meta.get('clip', {}).items()}}
    ours |= {f'clip.{key}': value for key, value in ours_of_clip.items()}
    wrong = [key for key, value in ours.items() if recorded.get(key, value) != value]
    yield Row(f'shape of {TEACHER}', float(len(wrong)), 0., ', '.join(wrong))
    if 'drop_path_rates' in meta:
        rates = [rate for rate in meta['drop_path_rates'] if rate is not None]
        config['backbone']['drop_path_rate'] = rates[-1]
        built = build(config, folder / TEACHER).backbone
        own = [None if isinstance(block, PatchMerging) else block.drop_path.drop_prob
               for block in (*built.coarse, *built.layers)]
        at = [[i for i, rate in enumerate(each) if rate is None]
              for each in (own, meta['drop_path_rates'])]
        yield relative('drop path rates', [rate for rate in own if rate is not None], rates)
        yield Row('places of merges', float(at[0] != at[1]), 0.)


def verify_outputs(prefix: str, prediction: Prediction, tensors: Recorded) -> Iterator[Row]:
    """Maps, boxes and task recorded under ``prefix``."""
    found = prediction.outputs
    outputs = dict(pred_boxes=prediction.boxes, task_logits=found.get('task_logits'),
                   **{f'{name}_map': found[name] for name in ('score', 'size', 'offset')})
    for name, value in outputs.items():
        if f'{prefix}.{name}' in tensors:
            reference = tensors[f'{prefix}.{name}']
            yield Row(f'{prefix} {name}', float('inf'), 0., 'the file has no task head') \
                if value is None else relative(f'{prefix} {name}', value.detach(), reference)


def verify_values(values: dict[str, Tensor], tensors: Recorded) -> Iterator[Row]:
    """Values by the names under which they are recorded, if they are."""
    for name, value in values.items():
        if name in tensors:
            yield relative(name, value.detach(), tensors[name])


def verify_network(prefix: str, tracker: OneStreamTracker, clip: Clip,
                   tensors: Recorded) -> Iterator[Row]:
    """Text, tokens before and behind each layer, and what the head makes of the last."""
    backbone = tracker.backbone
    with torch.no_grad():
        embedded, *layers = all_layers(tracker, clip)
        prediction = tracker.forward_head(layers[-1])
        values = {'clip_feature': backbone.text.feature, 'text_token': backbone.text(),
                  'template_mask': box_cover(clip.template_boxes, backbone.template_size),
                  'embed': embedded.x, 'final_tokens': backbone.finalize(layers[-1]).x,
                  **{f'layer{i}': tokens.x for i, tokens in enumerate(layers)}}
    yield from verify_values({f'{prefix}.{name}': value for name, value in values.items()}, tensors)
    yield from verify_outputs(prefix, prediction, tensors)


def verify_teacher(folder: Path, meta: dict, tensors: Recorded) -> Iterator[Row]:
    tracker = build(config_of(folder, meta), folder / TEACHER)
    clip, backbone = recorded_clip(meta, tensors), tracker.backbone
    if 'token_groups' in meta:
        tokens = all_layers(tracker, clip)[0]
        spans = {name: [tokens.span(group).start, tokens.span(group).stop]
                 for name, group in GROUPS.items()}
        wrong = [name for name, span in meta['token_groups'].items() if spans.get(name) != span]
        yield Row('places of token groups', float(len(wrong)), 0., ', '.join(wrong))
    with torch.no_grad():
        for name, crops in (('z', clip.templates[0]), ('x', clip.searches[0])):
            maps = {'patch_embed': backbone.patch_embed(crops)}
            for i, block in enumerate(backbone.coarse):
                maps[f'block{i}'] = block(list(maps.values())[-1])
            yield from verify_values(
                {f'teacher.coarse_{name}.{key}': value for key, value in maps.items()}, tensors)
    yield from verify_network('teacher', tracker, clip, tensors)
    yield from verify_network(
        'teacher_one_template', tracker, recorded_clip(meta, tensors, 1), tensors)
    if 'heatmap' in tensors:
        yield relative('heat map', gaussian_heatmap(clip.gt_boxes[:, 0], backbone.search_grid),
                       tensors['heatmap'])


# Losses


def track_terms(losses: dict[str, Tensor], prediction: Prediction, clip: Clip) -> dict[str, Tensor]:
    """Terms of the tracking loss, unweighted, as they are recorded, and their weighted sum."""
    own = {name: value for name, value in losses.items() if name.startswith('loss_track')}
    return {
        'Loss/total': sum(own.values()), 'Loss/giou': losses['loss_track_giou'] / 2,
        'Loss/l1': losses['loss_track_l1'] / 5, 'Loss/location': losses['loss_track_focal'],
        'Loss/task_class': own.get('loss_track_task'),
        'IoU': mean_iou(prediction.boxes, clamped(clip.gt_boxes[:, 0]))}


def clamped(boxes: Tensor) -> Tensor:
    """Boxes cx, cy, w, h cut to the crop."""
    corners = torch.cat([boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2], 1)
    corners = corners.clamp(0, 1)
    return torch.cat([(corners[:, :2] + corners[:, 2:]) / 2, corners[:, 2:] - corners[:, :2]], 1)


def loss_rows(prefix: str, recorded: dict, ours: dict[str, Tensor | None]) -> Iterator[Row]:
    for name, value in ours.items():
        if name in recorded:
            yield Row(f'{prefix} {name}', float('inf'), 0., 'the file has no task head') \
                if value is None else relative(f'{prefix} {name}', value.item(), recorded[name])


def verify_gradients(prefix: str, network: nn.Module, recorded: dict) -> Iterator[Row]:
    """Gradient norms by parameter and in total, after a backward pass."""
    table = released_names(network)
    if 'grad_norm' in recorded:
        yield worst(f'{prefix} gradient norms',
                    gradient_rows(network, recorded['grad_norm'], table))
    if 'total_grad_norm' in recorded:
        total = sum(p.grad.square().sum() for p in network.parameters() if p.grad is not None)
        yield relative(f'{prefix} total gradient norm', total.sqrt(), recorded['total_grad_norm'])
    if 'no_grad' in recorded:
        wrong = [name for name in recorded['no_grad'] if name in table]
        yield Row(f'{prefix} unused parameters', float(len(wrong)), 0., ', '.join(wrong))


def released_names(network: nn.Module) -> dict[str, str]:
    """{name in released files: mmct's} of all weights of a network."""
    return SUTrack.names.released[0].table(list(network.state_dict()), ours=True)


def verify_own_training(folder: Path, meta: dict, tensors: Recorded) -> Iterator[Row]:
    """The published losses, their gradients, statistics, and groups of parameters."""
    for mode, recorded in meta.get('teacher_loss', {}).items():
        tracker = build(config_of(folder, meta), folder / TEACHER).train(mode == 'train')
        clip, prefix = recorded_clip(meta, tensors), f'teacher, {mode}:'
        prediction = next(tracker.predictions(clip))
        losses = tracker.head.loss(prediction, clip.gt_boxes[:, 0])
        terms = track_terms(losses, prediction, clip)
        terms['Loss/total'].backward()
        yield from loss_rows(prefix, recorded['loss'], terms)
        yield from verify_gradients(prefix, tracker, recorded)
        if 'running_mean_norm' in recorded:
            table, state = released_names(tracker), tracker.state_dict()
            yield worst(f'{prefix} running means', [
                relative(name, state[table[name]].norm(), reference)
                for name, reference in recorded['running_mean_norm'].items()])
    if 'optimizer' in meta:
        tracker = build(config_of(folder, meta), folder / TEACHER)
        yield from verify_optimizer(tracker, meta['optimizer'])


def verify_optimizer(tracker: OneStreamTracker, groups: Sequence[dict]) -> Iterator[Row]:
    """Rates, decays and numbers of parameters by the roots of their names."""
    MMLogger.get_instance('parity', log_level='WARNING')  # not a line for each parameter
    wrapper = build_optim_wrapper(tracker, Config.fromfile(RECIPE).optim_wrapper)
    theirs = {own: released for released, own in released_names(tracker).items()}
    of = {id(value): theirs[name] for name, value in tracker.named_parameters()}
    unused = {'text_encoder.norm1', 'text_encoder.norm2'}  # weight and bias each
    for group in groups:
        own = [ours for ours in wrapper.optimizer.param_groups for value in ours['params']
               if of[id(value)].startswith(tuple(f'{root}.' for root in group['roots']))]
        name = f'optimizer of {", ".join(group["roots"])}'
        count = group['n'] - 2 * len(unused & set(group['roots']))
        yield Row(f'{name}: parameters', float(abs(len(own) - count)), 0.)
        for key in ('lr', 'weight_decay'):
            yield relative(f'{name}: {key}', [ours[key] for ours in own],
                           [group[key]] * len(own))


# Compression


def verify_compression(folder: Path, meta: dict, tensors: Recorded) -> Iterator[Row]:
    """A student at initialisation and later, alone and mixed with its teacher."""
    if not (folder / STUDENT).is_file():
        return
    distiller = ReplacementDistiller(
        teacher=config_of(folder, meta), student=student_config(folder, meta),
        teacher_checkpoint=str(folder / TEACHER),
        guidance_loss=dict(type='PredictionGuidanceLoss'),
        mimic_loss=dict(type='StageMimicLoss', groups=MIMICKED)).eval()
    distiller.build_teacher()
    clip = recorded_clip(meta, tensors)
    yield from verify_network('student_init', distiller.student, clip, tensors)
    for gates in meta.get('gates', ()):
        load_weights(distiller.student, folder / STUDENT, 'student')
        yield from verify_gates(distiller, gates, clip, meta['mix'][gates], tensors)
    load_weights(distiller.student, folder / STUDENT, 'student')
    yield from verify_network('student', distiller.student.eval(), clip, tensors)


def verify_gates(distiller: ReplacementDistiller, gates: str, clip: Clip, recorded: dict,
                 tensors: Recorded) -> Iterator[Row]:
    """One gate pattern: tokens, maps, loss terms and gradient norms."""
    prefix, pattern = f'mix{gates}', [gate == '1' for gate in gates]
    distiller.train().zero_grad()
    student, memory = distiller.student, distiller.student.init_memory(clip.searches)
    stages, mixed = distiller.mixed_path(clip, 0, memory, pattern)
    teacher_stages, teacher = distiller.run_teacher(clip, 0, memory)
    embedded = student.embed(clip.templates, clip.template_boxes, clip.searches[:, 0], memory)
    yield from verify_values({
        f'{prefix}.embed': embedded.x,
        f'{prefix}.final_tokens': student.backbone.finalize(stages[-1]).x,
        **{f'{prefix}.stage{i}': tokens.x for i, tokens in enumerate(stages)}}, tensors)
    yield from verify_outputs(prefix, mixed, tensors)

    losses = distiller.losses(clip, clip, pattern)
    total, _ = distiller.parse_losses(losses)
    total.backward()
    track = track_terms(losses, mixed, clip)
    guidance = {name: losses[f'loss_guidance_{name}'] for name in ('giou', 'l1')}
    yield from loss_rows(prefix, recorded.get('track', {}), track)
    yield from loss_rows(prefix, recorded, {
        'L_track': track['Loss/total'], 'guidance_giou': guidance['giou'] / 2,
        'guidance_l1': guidance['l1'] / 5, 'L_guidance': guidance['giou'] + guidance['l1'],
        'L_mimic': losses['loss_mimic'] / distiller.mimic_loss.loss_weight, 'total': total})
    for group, errors in recorded.get('mimic', {}).items():
        ours = [F.mse_loss(own.group(GROUPS[group]), other.group(GROUPS[group])).item()
                for own, other in zip(stages, teacher_stages)]
        yield relative(f'{prefix} mimicking of {group}', ours, errors)
    yield from verify_gradients(prefix, student, recorded)


# Crops and tracking


def verify_crops(folder: Path, meta: dict, tensors: Recorded,
                 sequences: Path | None) -> Iterator[Row]:
    """Training crops, bit for bit, and the target's boxes in them."""
    for kind, factor in (('template', 2.), ('search', 4.)):
        prefix, factor = f'crop.{kind}', factors(meta).get(f'{kind}_factor', factor)
        if f'{prefix}.box_extract' not in tensors:
            continue
        size, around, targets, expected, pictures = meta[f'{kind}_size'], *(
            tensors[f'{prefix}.{name}'] for name in (
                'box_extract', 'box_gt', 'box_in_crop_xywh', 'image_rgb'))
        found = []
        for box, target in zip(around.astype(float), targets.astype(float)):
            scale = size / np.ceil(np.sqrt(box[2] * box[3]) * factor)
            found.append(geometry.box_to_crop(target, box, scale, size, stretched=True))
        yield relative(f'{kind} crops: boxes', found, expected)
        frames = None if sequences is None else sequences / SEQUENCE / 'img'
        if frames is None or not frames.is_dir():
            yield without_frames(f'{kind} crops', SEQUENCE, 0.)
            continue
        for name, box, picture in zip(meta['crop_frames'], around.astype(float), pictures):
            crop = geometry.crop_square(read_image(frames / name), box, factor, size)[0]
            difference = np.abs(crop[..., ::-1].astype(int) - picture).max()
            yield Row(f'{kind} crop of {name}', float(difference), 0., 'grey levels, exact')


class Watched(TorchNetwork):
    """A network that notes what it is asked, and gives tokens beside.

    Attributes:
        tracker: whose network it is.
        encoded: what it was given, one entry for each call of ``encode``.
        steps: encoded templates, search crop and outputs, one entry for each step.
        updates: {frame: what was encoded after it}.
    """

    def __init__(self, tracker: OneStreamTracker) -> None:
        super().__init__(tracker)
        self.tracker, self.encoded, self.steps, self.updates = tracker, [], [], {}

    def encode(self, crops: np.ndarray, boxes: np.ndarray) -> dict[str, Tensor]:
        self.encoded.append((crops, boxes))
        return super().encode(crops, boxes)

    def step(self, encoded: list[dict[str, Tensor]], crops: np.ndarray,
             memories: list | None = None) -> dict[str, np.ndarray]:
        outputs = super().step(encoded, crops, memories)
        self.steps.append((encoded, crops.copy(), outputs))
        return outputs

    @torch.inference_mode()
    def final_tokens(self, step: int) -> Tensor:
        encoded, crops, _ = self.steps[step]
        backbone = self.tracker.backbone
        tokens = backbone.join(encoded[0], images(self.tracker, torch.from_numpy(crops)))
        for layer in backbone.layers:
            tokens = layer(tokens)
        return backbone.finalize(tokens).x


def policy_of(run: dict) -> dict:
    """Config of the template policy of a recorded run."""
    return dict(type='RecentConfident', copies=run['num_templates'],
                interval=run['update_interval'], threshold=run['update_threshold'])


def verify_tracking(folder: Path, meta: dict, tensors: Recorded,
                    sequences: Path | None) -> Iterator[Row]:
    """Boxes, scores, updates and states of runs over whole sequences."""
    for name, content, source in recorded_tracks(folder, sequences):
        for kind, run in content.items():
            if not isinstance(run, dict):
                continue
            item = f'on {name}, {kind}'
            if source is None:
                yield without_frames(f'boxes {item}', name)
                continue
            file = run.get('checkpoint', TEACHER)
            config = config_of(folder, {**meta, **factors(run)}, file, templates=policy_of(run))
            network = Watched(build(config, folder / file))
            yield from verify_run(item, network, Frames(source), run)
            # The run whose state is recorded.
            if file == TEACHER and run['num_templates'] == meta.get('num_templates', 2):
                yield from verify_state(network, tensors)


def verify_run(item: str, network: Watched, frames: Frames, run: dict) -> Iterator[Row]:
    tracker, reference, frames = Tracker(network), np.array(run['boxes_xywh']), iter(frames)
    tracker.init(next(frames), reference[0])
    boxes, scores = [reference[0]], []
    for number, (_, frame) in enumerate(zip(reference[1:], frames), 1):
        before = len(network.encoded)
        box, score = tracker.update(frame)
        boxes.append(box)
        scores.append(score)
        if len(network.encoded) > before:
            network.updates[number] = network.encoded[-1]
    boxes = np.array(boxes)
    yield Row(f'boxes {item}', float(np.abs(boxes - reference).max()), PIXEL_TOLERANCE,
              f'px over {len(boxes)} frames') if boxes.shape == reference.shape else Row(
                  f'boxes {item}', float('inf'), 0., f'{len(boxes)} for {len(reference)} frames')
    if 'scores' in run:
        yield relative(f'scores {item}', scores, run['scores'][1:])
    if 'updates_after_frame' in run:
        differing = set(network.updates) ^ set(run['updates_after_frame'])
        yield Row(f'updates {item}', float(len(differing)), 0.,
                  f'frames that differ; {len(network.updates)} updates')


def verify_state(network: Watched, tensors: Recorded) -> Iterator[Row]:
    """What is recorded of single frames."""
    tracker, size = network.tracker, network.info.template_size

    def template(entry: tuple[np.ndarray, np.ndarray], index: int) -> tuple[Tensor, np.ndarray]:
        crops, boxes = entry
        return images(tracker, torch.from_numpy(crops[index][None])), boxes[index] / size

    values: dict[str, Callable[[], Tensor]] = {
        'track.text_token': lambda: tracker.backbone.text(),
        'track.init.template0': lambda: template(network.encoded[0], 0)[0],
        'track.init.box0': lambda: template(network.encoded[0], 0)[1]}
    for i, (_, _, outputs) in enumerate(network.steps):
        prefix = f'track.f{i + 1}'
        for name in ('score', 'size', 'offset'):
            values[f'{prefix}.{name}_map'] = lambda value=outputs[name]: value
        values[f'{prefix}.final_tokens'] = lambda step=i: network.final_tokens(step)
    for number, entry in network.updates.items():
        for k in range(1, len(entry[0])):
            for place, name in enumerate(('template', 'box')):
                values[f'track.f{number}.{name}{k}_after'] = (
                    lambda entry=entry, k=k, place=place: template(entry, k)[place])
    with torch.no_grad():
        for name, value in values.items():
            if name in tensors:
                yield relative(name, value(), tensors[name])
