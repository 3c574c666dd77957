"""ODTrack: networks, losses, gradients, mixed paths, sampling, tracking."""
import math
import re
from collections.abc import Iterator

import numpy as np
import torch

from mmct.checkpoint import load_weights, names, tracker_weights
from mmct.datasets.sampling import make_sampling
from mmct.engine.hooks import scheduled_keep_ratio
from mmct.models.layers.elimination import TEMPLATE_RANGES, box_tokens
from mmct.models.losses.stage_mimic_loss import stage_error
from mmct.models.structures import Clip
from mmct.models.torch_network import images
from mmct.models.trackers import OneStreamTracker
from mmct.runtime.templates import SpreadHistory

from . import common
from .common import Comparison, Row, centred, differing, loss_rows, relative
from .watching import WatchedPolicy

TEACHER, STUDENT, SAMPLING = 'odtrack.pth.tar', 'student.pth.tar', 'sampling.json'
DEVIATIONS = 5.  # standard ones, of frequencies
WARM_UP = dict(keep_rate=(20, 100), keep_rate_got=(20, 70))
# Groups whose mimic errors are recorded, in the order of the records.
GROUPS = 'query', 'template', 'search'


class ODTrackComparison(Comparison):
    gradient_tolerance = 2e-3  # a ReLU's sign may flip on a value of 1e-7

    @staticmethod
    def recognises(folder, meta) -> bool:
        """By the checkpoint, or the order of tokens."""
        return (folder / TEACHER).is_file() or (
            isinstance(meta, dict) and 'query' in meta.get('net', {}).get('order', ()))

    def verify(self) -> Iterator[Row]:
        meta, size = self.meta, self.meta['net']['template_size']
        yield from self.verify_shape()
        yield from self.verify_frames()
        if 'gt_box_tokens' in meta:
            boxes = box_tokens(self.tensor('z_gt_xywh')[:, 0] * size, size)
            yield relative('tokens of GT_BOX', boxes.sum(dim=1), meta['gt_box_tokens'])
        for name, recorded in meta.get('train', {}).items():
            yield from self.verify_training(f'train {name}', recorded)
        for name, recorded in meta.get('mix', {}).items():
            yield from self.verify_mix(name, recorded)
        yield from verify_schedules(meta)
        yield from verify_template_frames(meta)
        if self.has(SAMPLING):
            yield from verify_sampling(common.read_meta(self.folder / SAMPLING))
        yield from self.verify_tracking()

    def config(self, file, eliminates: bool | str = False, test_cfg=None, **backbone) -> dict:
        """``eliminates`` as recorded, or by another template range."""
        net, state = self.meta['net'], tracker_weights(self.folder / file)
        if eliminates and net.get('elimination'):
            other = dict(template_range=eliminates) if isinstance(eliminates, str) else {}
            backbone['elimination'] = {**net['elimination'], **other}
        width, patch = len(state['backbone.norm.weight']), state[
            'backbone.patch_embed.proj.weight'].size(-1)
        sides = [patch * math.isqrt(state[f'backbone.pos_embed_{image}'].size(1)) for image in 'zx']
        shape = dict(
            type='ODTrackViT', embed_dims=width, num_heads=net['num_heads'],
            depth=names.count(state, f'{names.OWN_LAYERS}{{i}}'),
            mlp_ratio=len(state[f'{names.OWN_LAYERS}0.mlp.fc1.weight']) / width,
            template_size=sides[0], search_size=sides[1], patch_size=patch)
        return dict(
            type='ODTrack', backbone={**shape, **backbone}, test_cfg=test_cfg or {},
            head=dict(type='CenterHead', in_channels=width,
                      channels=len(state['head.score.0.conv.weight'])))

    def clip(self, tracker: OneStreamTracker, count: int | None = None) -> Clip:
        """Clips of the records, of which the first ``count``."""
        z, x = (images(tracker, self.tensor(name).flip(2).movedim(2, -1)).transpose(0, 1)
                for name in 'zx')
        boxes, gt = (self.tensor(f'{name}_gt_xywh').transpose(0, 1) for name in 'zx')
        return Clip(*(part[:count] for part in (z, boxes * z.size(-1), x, centred(gt))))

    def verify_shape(self) -> Iterator[Row]:
        """Whether the checkpoint has the recorded shape, and goes back to the file's names."""
        state, config = tracker_weights(self.folder / TEACHER), self.config(TEACHER)
        yield common.wrong_keys(f'shape of {TEACHER}', self.meta['net'], {
            **config['backbone'], 'head_channels': config['head']['channels']})
        back = names.to_own(names.to_released(state, student=False, source=TEACHER), TEACHER)
        wrong = [key for key in state.keys() | back.keys()
                 if key not in state or key not in back or not torch.equal(state[key], back[key])]
        yield differing(f'{TEACHER} to released names and back', len(wrong), 'weights')

    def network(self, case: str) -> OneStreamTracker | None:
        """The network that a name of recorded tensors stands for, None if it is not known."""
        options = dict(full={}, separate=dict(attention='separate'), student={})
        if self.meta['net'].get('elimination'):
            options |= dict(ce=dict(eliminates=True)) | {
                f'ce_{kind}': dict(eliminates=kind) for kind in TEMPLATE_RANGES}
        return self.build(STUDENT if case == 'student' else TEACHER, **options[case]) \
            if case in options else None

    def verify_frames(self) -> Iterator[Row]:
        """Tokens, maps and boxes of networks by themselves, frame by frame of the clip."""
        for case in dict.fromkeys(name.split('.')[0] for name in self.tensors):
            frames = [re.match(r'\.f(\d+)', name[len(case):])
                      for name in self.recorded(f'{case}.')]
            tracker = self.network(case) if any(frames) else None
            if tracker is None:
                continue
            clip = self.clip(tracker, len(self.tensors[self.recorded(f'{case}.')[0]]))
            division, depth = self.meta['net']['division'], len(tracker.backbone.layers)
            if isinstance(division, int):
                division = [depth // division] * division
            elif depth != sum(division):
                division = [depth // len(division)] * len(division)
            ends, memory = (np.cumsum(division) - 1).tolist(), None
            for i in range(1 + max(int(frame[1]) for frame in frames if frame)):
                for prefix, own in ((f'{case}.f{i}_without_carry', None), (f'{case}.f{i}', memory)):
                    if own is memory or self.recorded(f'{prefix}.'):
                        tokens = common.embedded(tracker, clip, i, own)
                        values, prediction = common.walk(tracker, tokens, ends)
                        yield from self.rows(prefix, values)
                memory = prediction.memory

    def verify_training(self, prefix: str, recorded: dict) -> Iterator[Row]:
        """The published iteration of the teacher."""
        tracker = self.build(TEACHER, eliminates=True)
        tracker.backbone.schedule_elimination(recorded.get('keep_rate', 1.))
        clip, total = self.clip(tracker.train()), 0.
        for i, prediction in enumerate(tracker.predictions(clip)):
            losses = tracker.head.loss(prediction, clip.gt_boxes[:, i])
            yield from self.frame_losses(prefix, recorded, clip, i, prediction, losses)
            total = total + sum(losses.values())
        total.backward()
        yield from loss_rows(prefix, recorded, dict(total=total))
        if 'grad_norm' in recorded:
            yield self.gradient_row(prefix, tracker, recorded['grad_norm'])
        for key, value in recorded.get('bn_after', {}).items():
            yield relative(f'{prefix} {key}', getattr(tracker.head.score[0].bn, key), value)

    def frame_losses(self, prefix, recorded, clip, frame, prediction, losses) -> list[Row]:
        ours = {**common.loss_values(losses),
                **common.iou_of(prediction, clip.gt_boxes[:, frame])}
        return loss_rows(prefix, recorded, {
            f'{frame}frame_{name}': value for name, value in ours.items()})

    def verify_mix(self, name: str, recorded: dict) -> Iterator[Row]:
        """One gate pattern: tokens, maps, loss terms and gradient norms, frame by frame."""
        net, weights = self.meta['net'], {
            **common.WEIGHTS, 'mimic': float(self.meta.get('mimic_weight', 0.2))}
        gates, _, kind = name.removeprefix('mix').partition('_')
        distiller = self.compression(
            TEACHER, common.divided(self.config(STUDENT), net['division'], net['depth']),
            teacher_options=dict(eliminates=kind == 'ce'), loss_weight=weights['mimic'])
        load_weights(distiller.student, self.folder / STUDENT, 'student')
        clip = self.clip(distiller.train().student)
        frames, losses = common.run_mixed(distiller, clip, gates)
        recorded_frames = recorded.get('frames', [{}] * len(frames))
        for i, (frame, own) in enumerate(zip(frames, recorded_frames)):
            prefix = f'{name}.f{i}'
            yield from self.rows(prefix, common.stage_values(frame.stages, frame.mixed))
            yield from self.frame_losses(name, recorded, clip, i, frame.mixed, frame.losses)
            yield from loss_rows(prefix, own, {
                **common.loss_values(frame.losses, weights), f'mimic_{"_".join(GROUPS)}': [
                    [stage_error(*pair, [group]).item() for group in GROUPS]
                    for pair in zip(frame.stages, frame.teacher_stages)]})
        yield from loss_rows(name, recorded, {**common.loss_values(losses, weights), **losses})
        if 'grad_norm' in recorded:
            yield self.gradient_row(name, distiller.student, recorded['grad_norm'])

    def run_network(self, run):
        factors = {key: run[key] for key in ('search_factor', 'template_factor') if key in run}
        return self.build(TEACHER, eliminates=True, test_cfg=dict(factors, templates=dict(
            type='SpreadHistory', count=run.get('template_number', 3))))

    def verify_run(self, item, run, network, policy) -> Iterator[Row]:
        """Templates of each frame, and some frames in detail."""
        if 'template_frames' in run:
            used = zip(range(1, len(network.steps) + 1), run['template_frames'][1:])
            yield differing(f'templates {item}', sum(
                not policy.uses(frame, numbers) for frame, numbers in used), 'frames')
        yield from self.verify_states(network)


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
        policy = WatchedPolicy(SpreadHistory(int(count)))
        crops = np.arange(1 + max(map(int, frames)), dtype='<u4').view(np.uint8).reshape(-1, 1, 4)
        crops = crops[:, None, :, :3].copy()  # each says which frame it is of
        policy.start(crops[0], np.zeros(4, np.float32))
        for frame, crop in enumerate(crops[1:], 1):
            policy.current(frame)
            policy.observe(frame, 0., lambda crop=crop: (crop, np.zeros(4, np.float32)))
        yield differing(f'template frames, N = {count}', sum(
            not policy.uses(int(frame), numbers) for frame, numbers in frames.items()), 'frames')


def verify_sampling(videos: dict) -> Iterator[Row]:
    """How often frames are drawn, in standard deviations."""
    for name, video in videos.items():
        for key, values in statistics(*drawn(video), video['length']).items():
            if key in video:
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


def statistics(templates: np.ndarray, searches: np.ndarray, length: int) -> dict[str, np.ndarray]:
    """Of each draw, (n, …), by the names of the records."""
    base, others, frames = templates[:, -1:], templates[:, :-1], np.arange(length)
    counts = {name: (own[:, :, None] == frames).sum(axis=1)
              for name, own in (('base', base), ('other_templates', others), ('search', searches))}
    return {
        **counts,
        'share_all_search_equal': (searches == searches[:, :1]).all(axis=1),
        'share_repeated_template': np.array([len(set(own)) < len(own) for own in
                                             templates.tolist()]),
        'mean_base_minus_first': base[:, 0] - templates[:, 0],
        'mean_first_search_minus_base': searches[:, 0] - base[:, 0],
        'mean_last_search_minus_base': searches[:, -1] - base[:, 0]}
