"""OSTrack, CompressTracker and VitTrack; crops, heat maps and windows."""
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch

from mmct.api import fuse_for_inference
from mmct.checkpoint import load_weights, names
from mmct.engine.hooks import progressive_prob, scheduled_keep_ratio
from mmct.models.distillers import ReplacementDistiller
from mmct.models.layers.elimination import TEMPLATE_RANGES
from mmct.models.losses import gaussian_heatmap
from mmct.models.structures import Clip, Prediction
from mmct.models.torch_network import images
from mmct.models.trackers import OSTrack
from mmct.runtime import geometry
from mmct.runtime.frames import Frames, read_image

from .common import (
    PIXEL_TOLERANCE,
    Row,
    build,
    gradient_rows,
    recorded_tracks,
    relative,
    without_frames,
    worst,
)

VITTRACK_PIXEL_TOLERANCE = 0.1  # recorded by ONNX Runtime

TEACHER, STUDENT, ELIMINATING = 'ostrack.pth.tar', 'compresstracker.pth.tar', 'ostrack_ce.pth.tar'
VITTRACK = 'object_tracking_vittrack_2023sep.onnx'


def recognises(folder: Path, meta: dict | list) -> bool:
    """Whether a folder is of OSTrack: a list of crops, or beside its checkpoints."""
    return isinstance(meta, list) or any(
        (folder / name).is_file() for name in (TEACHER, STUDENT, ELIMINATING))


def verify_content(folder: Path, meta, tensors: dict, sequences: Path | None) -> Iterator[Row]:
    """All rows of what was read."""
    if isinstance(meta, list):
        yield from verify_crops(meta, tensors, sequences)
    elif 'stages' in meta or 'division' in meta:
        yield from verify_compression(folder, meta, tensors)
    if 'ce_loc' in meta:
        yield from verify_elimination(folder, meta, tensors)
    if any(key.startswith(('heatmap', 'hann')) for key in tensors):
        yield from verify_maps(tensors)
    yield from verify_tracking(folder, partial(tracker_of, folder, meta), sequences)


# The network described by meta.json


def tracker_config(meta: dict, **backbone) -> dict:
    """Config of an OSTrack of the given shape; ``backbone`` adds to or replaces its options."""
    shape = dict(
        type='OneStreamViT',
        embed_dims=meta['embed_dim'],
        num_heads=meta['num_heads'],
        depth=meta['depth'],
        template_size=meta['template_size'],
        search_size=meta['search_size'])
    shape.update(backbone)
    factors = {key: meta[key] for key in ('template_factor', 'search_factor') if key in meta}
    return dict(
        type='OSTrack',
        backbone={key: value for key, value in shape.items() if value is not None},
        head=dict(
            type='CenterHead', in_channels=meta['embed_dim'], channels=meta['head_channels']),
        test_cfg=factors)


def student_config(meta: dict) -> dict:
    return tracker_config(
        meta,
        type='StageDividedViT',
        depth=None,
        teacher_depth=meta['depth'],
        division=meta.get('division', meta.get('stages')))


# Rows


def verify_outputs(prefix: str, prediction: Prediction, tensors: dict) -> Iterator[Row]:
    """Maps and boxes recorded under ``prefix``."""
    outputs = {f'{name}_map': value for name, value in prediction.outputs.items()}
    outputs['pred_boxes'] = prediction.boxes
    for name, value in outputs.items():
        if f'{prefix}.{name}' in tensors:
            yield relative(f'{prefix} {name}', value.detach(), tensors[f'{prefix}.{name}'])


def verify_stages(prefix: str, stages: list, tensors: dict) -> Iterator[Row]:
    for i, tokens in enumerate(stages):
        if f'{prefix}.stage{i}' in tensors:
            yield relative(
                f'{prefix} stage {i} tokens', tokens.x.detach(), tensors[f'{prefix}.stage{i}'])


def verify_compression(folder: Path, meta: dict, tensors: dict) -> Iterator[Row]:
    """Teacher, student at initialisation and after training, mixed paths, losses, gradients."""
    distiller = ReplacementDistiller(
        teacher=tracker_config(meta),
        student=student_config(meta),
        teacher_checkpoint=str(folder / TEACHER),
        guidance_loss=dict(type='PredictionGuidanceLoss'),
        mimic_loss=dict(type='StageMimicLoss')).eval()
    distiller.build_teacher()
    clip = recorded_clip(tensors)
    with torch.no_grad():
        stages, prediction = distiller.run_teacher(
            clip, 0, distiller.teacher.init_memory(clip.searches))
        final = distiller.teacher.backbone.finalize(stages[-1])
        yield from verify_stages('teacher', stages, tensors)
        if 'teacher.norm' in tensors:
            yield relative('teacher final tokens', final.x, tensors['teacher.norm'])
        yield from verify_outputs('teacher', prediction, tensors)
        for name in ('student_init', 'student'):
            if name == 'student':
                load_weights(distiller.student, folder / STUDENT, 'student')
            yield from verify_outputs(name, next(distiller.student.predictions(clip)), tensors)
    for gates in meta.get('gates', []):
        yield from verify_gates(distiller, clip, gates, meta, tensors)
    for epochs, probs in meta.get('schedule', {}).items():
        ours = [progressive_prob(epoch + 1, int(epochs)) for epoch in range(len(probs))]
        yield relative(f'schedule of {epochs} epochs', ours, probs)


def recorded_clip(tensors: dict) -> Clip:
    gt = torch.from_numpy(tensors['gt_xywh'])
    return Clip(
        templates=torch.from_numpy(tensors['z'])[:, None],
        template_boxes=None,
        searches=torch.from_numpy(tensors['x'])[:, None],
        gt_boxes=torch.cat([gt[:, :2] + gt[:, 2:] / 2, gt[:, 2:]], dim=1)[:, None])


def verify_gates(distiller: ReplacementDistiller, clip: Clip, gates: str, meta: dict,
                 tensors: dict) -> Iterator[Row]:
    """One gate pattern: tokens, maps, loss terms and gradient norms."""
    prefix, pattern = f'mix{gates}', [gate == '1' for gate in gates]
    distiller.train().zero_grad()
    stages, prediction = distiller.mixed_path(
        clip, 0, distiller.student.init_memory(clip.searches), pattern)
    yield from verify_stages(prefix, stages, tensors)
    yield from verify_outputs(prefix, prediction, tensors)

    losses = distiller.losses(clip, clip, pattern)
    total, _ = distiller.parse_losses(losses)
    total.backward()
    ours = {
        'Loss/giou': losses['loss_track_giou'] / 2,
        'Loss/l1': losses['loss_track_l1'] / 5,
        'Loss/location': losses['loss_track_focal'],
        'Loss/dst_logit': losses['loss_guidance_giou'] + losses['loss_guidance_l1'],
        'Loss/dst_feat_all': losses['loss_mimic'],
        'Loss/total': total,
    }
    for name, reference in meta['losses'][gates].items():
        if name in ours:
            yield relative(f'{prefix} {name}', ours[name].item(), reference)
    references = meta['grad_norm'][gates]
    _, layout = names.find(references, 'meta.json')
    yield worst(f'{prefix} gradient norms', gradient_rows(
        distiller.student, references, layout.table(references)))


def verify_elimination(folder: Path, meta: dict, tensors: dict) -> Iterator[Row]:
    """Maps and removed tokens for each template range and keep ratio, and the schedule."""
    cases = sorted({key.rsplit('.', 1)[0] for key in tensors if key.startswith(TEMPLATE_RANGES)})
    for case in cases:
        template_range, ratio = case.split('.', 1)
        config = tracker_config(
            meta,
            elimination=dict(
                layers=meta['ce_loc'],
                keep_ratio=meta['ce_keep_ratio'],
                template_range=template_range))
        tracker = build(config, folder / ELIMINATING)
        backbone = tracker.backbone
        backbone.schedule_elimination(None if ratio == 'default' else float(ratio))
        num = len(tensors[f'{case}.pred_boxes'])
        boxes = torch.from_numpy(tensors['template_xywh'][:num]) * meta['template_size']
        with torch.no_grad():
            templates, search = (torch.from_numpy(tensors[key][:num]) for key in 'zx')
            tokens = tracker.embed(
                templates[:, None], boxes[:, None], search, tracker.init_memory(search))
            present, removed = [tokens.search_present()], []
            for i, layer in enumerate(backbone.layers):
                tokens = layer(tokens)
                if i in meta['ce_loc']:
                    present.append(tokens.search_present())
                    removed.append(present[-2] & ~present[-1])
            prediction = tracker.forward_head(tokens)
        yield from verify_outputs(case, prediction, tensors)
        wrong = sum(
            len(set(gone.nonzero().flatten().tolist()) ^ set(map(int, reference)))
            for k, mask in enumerate(removed)
            for gone, reference in zip(mask, tensors[f'{case}.removed{k}']))
        yield Row(f'{case} removed tokens', float(wrong), 0., 'tokens that differ')
    rates = meta.get('keep_rate_per_epoch')
    if rates:
        ours = [scheduled_keep_ratio(e, meta['ce_keep_ratio'][0]) for e in range(len(rates))]
        yield relative('keep ratio schedule', ours, rates)


def verify_crops(meta: list, tensors: dict, sequences: Path | None) -> Iterator[Row]:
    """Crops, bit for bit, and the target's box in them."""
    frames = None if sequences is None else sequences / 'crossing' / 'img'
    if frames is None or not frames.is_dir():
        yield Row('crops', None, 0., 'not compared: give --sequences with crossing/img')
        return
    for i, entry in enumerate(meta):
        frame = read_image(frames / entry['frame'])
        box, size = entry['crop_box_xywh'], entry['size']
        crop, scale = geometry.crop_square(frame, box, entry['factor'], size)
        reference = tensors[f'crop{i}']
        difference = np.abs(crop.astype(int) - reference).max()
        yield Row(f'crop {i}', float(difference), 0., 'grey levels, exact')
        yield relative(f'crop {i} scale', scale, entry['resize_factor'])
        target = geometry.box_to_crop(entry['gt_xywh'], box, scale, size)
        yield relative(f'crop {i} target', target, entry['gt_in_crop_xywh'])


def verify_maps(tensors: dict) -> Iterator[Row]:
    """Heat maps and Hann windows."""
    for key, reference in tensors.items():
        if key.startswith('hann'):
            yield relative(key, geometry.hann_window(int(key[4:])), reference)
        elif key.startswith('heatmap') and key[7:].isdigit():
            boxes = torch.from_numpy(tensors['heatmap_boxes_xywh'])
            boxes = torch.cat([boxes[:, :2] + boxes[:, 2:] / 2, boxes[:, 2:]], dim=1)
            yield relative(key, gaussian_heatmap(boxes, reference.shape[-1]), reference)


def verify_vittrack(folder: Path, tensors: dict, sequences: Path | None) -> Iterator[Row]:
    """Maps and tracked boxes of VitTrack's ONNX file."""
    # Reading it needs packages of the extra deploy.
    from vittrack.reading import read_vittrack

    tracker = fuse_for_inference(read_vittrack(folder / VITTRACK))
    if tensors:
        template, search = (images(tracker, torch.from_numpy(tensors[f'{name}_bgr']))
                            for name in ('template', 'search'))
        with torch.no_grad():
            outputs = tracker.outputs_of(template[:, None], search)
        for name, value in outputs.items():
            yield relative(f'{name} map', value, tensors[name])
    yield from verify_tracking(folder, lambda: tracker, sequences, VITTRACK_PIXEL_TOLERANCE)


def tracker_of(folder: Path, meta: dict) -> OSTrack:
    """The tracker whose boxes are recorded in a folder: the student, if there is one."""
    if (folder / STUDENT).is_file():
        return build(student_config(meta), folder / STUDENT)
    return build(tracker_config(meta), folder / TEACHER)


def verify_tracking(folder: Path, tracker: Callable[[], OSTrack], sequences: Path | None,
                    tolerance: float = PIXEL_TOLERANCE) -> Iterator[Row]:
    """Boxes of the tracking loop over whole sequences, in pixels."""
    for name, content, source in recorded_tracks(folder, sequences):
        if source is None:
            yield without_frames(f'boxes on {name}', name, tolerance)
            continue
        reference = np.array(content['boxes' if 'boxes' in content else 'boxes_xywh'])
        boxes = track_frames(tracker(), Frames(source), reference)
        yield Row(f'boxes on {name}', float(np.abs(boxes - reference).max()), tolerance,
                  f'px over {len(boxes)} frames')


def track_frames(tracker: OSTrack, frames: Frames, reference: np.ndarray) -> np.ndarray:
    """(T, 4) x, y, w, h in pixels over as many frames as in ``reference``, whose first box is the
    first here."""
    frames = iter(frames)
    tracker.init(next(frames), reference[0])
    return np.array([reference[0], *(
        tracker.track(frame)[0] for _, frame in zip(reference[1:], frames))])
