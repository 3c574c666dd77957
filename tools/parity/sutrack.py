"""SUTrack: networks, losses, gradients, mixed paths, training crops, tracking."""
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.optim import build_optim_wrapper
from torch import Tensor

from mmct.checkpoint import load_weights, names, read_checkpoint, tracker_weights, weights_in
from mmct.models.backbones.itpn import box_cover
from mmct.models.layers.fast_itpn import PatchMerging
from mmct.models.losses import gaussian_heatmap
from mmct.models.structures import Clip
from mmct.models.torch_network import images
from mmct.models.trackers import OneStreamTracker, SUTrack
from mmct.models.trackers.sutrack import CLIP, FEATURE
from mmct.runtime import geometry

from . import common
from .common import Comparison, Row, centred, loss_rows, relative
from .watching import WatchedNetwork

TEACHER, STUDENT = 'sutrack.pth.tar', 'student.pth.tar'
RECIPE = Path(__file__).parents[2] / 'configs/_base_/schedules/sutrack_180e.py'
SEQUENCE = 'crossing'  # of recorded crops
# Recorded names of token groups.
GROUPS = dict(cls='cls', search='search', templates='template', template='template', text='text')
FACTORS = 'template_factor', 'search_factor'


class SUTrackComparison(Comparison):

    @staticmethod
    def recognises(folder, meta) -> bool:
        return isinstance(meta, dict) and (
            'first_main_block' in meta or (folder / TEACHER).is_file())

    def verify(self) -> Iterator[Row]:
        if self.has(TEACHER):
            yield from self.verify_shape()
        if 'x' in self:
            yield from self.verify_teacher()
            for mode, recorded in self.meta.get('teacher_loss', {}).items():
                yield from self.verify_training(mode, recorded)
            if 'optimizer' in self.meta:
                yield from verify_optimizer(self.build(TEACHER), self.meta['optimizer'])
            if self.has(STUDENT):
                yield from self.verify_compression()
        yield from self.verify_crops()
        yield from self.verify_tracking()

    def config(self, file, **test_cfg) -> dict:
        meta, state = self.meta, tracker_weights(self.folder / file)
        width = state['backbone.cls_token'].size(-1)
        merges = [i for i in range(names.count(state, 'backbone.coarse.{i}'))
                  if f'backbone.coarse.{i}.reduction.weight' in state]
        blocks = [key for key in state if key.startswith('backbone.coarse.')
                  and key.endswith('fc1.bias')]
        backbone = dict(
            type='FastITPN', embed_dims=width, num_heads=meta['num_heads'],
            depth=names.count(state, f'{names.OWN_LAYERS}{{i}}'),
            mlp_ratio=len(state[f'{names.OWN_LAYERS}0.mlp.gate.bias']) / width,
            coarse_depths=[merges[0], merges[1] - merges[0] - 1], text_dims=len(state[FEATURE]),
            template_size=meta['template_size'], search_size=meta['search_size'])
        if blocks:
            dims = width // (4 if merges[0] else 2)
            backbone['coarse_mlp_ratio'] = len(state[blocks[0]]) / dims
        head = dict(type='TaskCenterHead', in_channels=width,
                    channels=len(state['head.score.0.conv.bias']),
                    with_task='head.task_head.4.bias' in state)
        if head['with_task']:
            head['num_tasks'] = len(state['head.task_head.4.bias'])
        factors = {key: meta[key] for key in FACTORS if key in meta}
        return dict(type='SUTrack', backbone=backbone, head=head, test_cfg={**factors, **test_cfg})

    def clip(self, templates: int | None = None) -> Clip:
        """The recorded crops, which are normalised, with boxes as the network takes them."""
        ends = [f'z{i}' for i in range(templates or self.meta.get('num_templates', 2))]
        crops, boxes = (torch.stack([self.tensor(f'{name}{end}') for name in ends], dim=1)
                        for end in ('', '_box_xywh'))
        return Clip(crops, boxes * self.meta['template_size'], self.tensor('x')[:, None],
                    centred(self.tensor('gt_xywh'))[:, None])

    def verify_shape(self) -> Iterator[Row]:
        """Sizes and rates read from the file against those of ``meta.json``."""
        meta, config = self.meta, self.config(TEACHER)
        backbone, depths = config['backbone'], config['backbone']['coarse_depths']
        clip = {key.removeprefix(CLIP): value for key, value in weights_in(
            read_checkpoint(self.folder / TEACHER), self.folder / TEACHER).items()}
        recorded = {**meta, **{f'clip.{key}': value for key, value in meta.get('clip', {}).items()}}
        yield common.wrong_keys(f'shape of {TEACHER}', recorded, {
            'embed_dim': backbone['embed_dims'], 'depth': backbone['depth'],
            'depth_stage1': depths[0], 'depth_stage2': depths[1],
            'first_main_block': sum(depths) + 2, 'mlp_ratio': backbone['mlp_ratio'],
            'head_channels': config['head']['channels'],
            'task_num': config['head'].get('num_tasks'),
            'clip.text_width': clip['token_embedding.weight'].size(1),
            'clip.vocab': len(clip['token_embedding.weight']),
            'clip.text_layers': names.count(clip, 'transformer.resblocks.{i}'),
            'clip.text_feature': clip['text_projection'].size(1)})
        if 'drop_path_rates' in meta:
            theirs = meta['drop_path_rates']
            backbone['drop_path_rate'] = [rate for rate in theirs if rate is not None][-1]
            built = common.MODELS.build(config).backbone
            own = [None if isinstance(block, PatchMerging) else block.drop_path.drop_prob
                   for block in (*built.coarse, *built.layers)]
            rates, merges = zip(*(
                ([rate for rate in each if rate is not None],
                 [i for i, rate in enumerate(each) if rate is None]) for each in (own, theirs)))
            yield relative('drop path rates', *rates)
            yield Row('places of merges', float(merges[0] != merges[1]), 0.)

    def verify_network(self, prefix: str, tracker: OneStreamTracker, clip: Clip) -> list[Row]:
        backbone = tracker.backbone
        with torch.no_grad():
            return super().verify_network(prefix, tracker, clip) + self.rows(prefix, dict(
                clip_feature=backbone.text.feature, text_token=backbone.text(),
                template_mask=box_cover(clip.template_boxes, backbone.template_size)))

    def verify_teacher(self) -> Iterator[Row]:
        tracker, clip = self.build(TEACHER), self.clip()
        backbone = tracker.backbone
        if 'token_groups' in self.meta:
            tokens = common.embedded(tracker, clip)
            yield common.group_row(self.meta['token_groups'], {
                name: tokens.span(group) for name, group in GROUPS.items()})
        for name, crops in (('z', clip.templates[0]), ('x', clip.searches[0])):
            with torch.no_grad():
                maps = [backbone.patch_embed(crops)]
                for block in backbone.coarse:
                    maps.append(block(maps[-1]))
            yield from self.rows(f'teacher.coarse_{name}', {
                'patch_embed': maps[0], **{f'block{i}': own for i, own in enumerate(maps[1:])}})
        yield from self.verify_network('teacher', tracker, clip)
        yield from self.verify_network('teacher_one_template', tracker, self.clip(1))
        if 'heatmap' in self:
            yield relative('heat map', gaussian_heatmap(
                clip.gt_boxes[:, 0], backbone.search_grid), self['heatmap'])

    def verify_training(self, mode: str, recorded: dict) -> Iterator[Row]:
        """The published losses, their gradients and statistics."""
        tracker, clip = self.build(TEACHER).train(mode == 'train'), self.clip()
        prefix, prediction = f'teacher, {mode}:', next(tracker.predictions(clip))
        losses = tracker.head.loss(prediction, clip.gt_boxes[:, 0])
        sum(losses.values()).backward()
        yield from loss_rows(prefix, recorded['loss'], track_losses(losses, prediction, clip))
        yield from self.verify_gradients(prefix, tracker, recorded)
        if 'running_mean_norm' in recorded:
            table, state = released_names(tracker), tracker.state_dict()
            yield common.worst(f'{prefix} running means', [
                relative(name, state[table[name]].norm(), reference)
                for name, reference in recorded['running_mean_norm'].items()])

    def verify_gradients(self, prefix: str, network: OneStreamTracker, recorded: dict
                         ) -> Iterator[Row]:
        """Gradient norms by parameter and in total, after a backward pass."""
        if 'grad_norm' in recorded:
            yield self.gradient_row(prefix, network, recorded['grad_norm'])
        if 'total_grad_norm' in recorded:
            total = sum(p.grad.square().sum() for p in network.parameters() if p.grad is not None)
            yield relative(
                f'{prefix} total gradient norm', total.sqrt(), recorded['total_grad_norm'])
        if 'no_grad' in recorded:
            known = released_names(network)
            wrong = [name for name in recorded['no_grad'] if name in known]
            yield Row(f'{prefix} unused parameters', float(len(wrong)), 0., ', '.join(wrong))

    def verify_compression(self) -> Iterator[Row]:
        """A student at initialisation and later, by itself and mixed with its teacher."""
        division = self.meta.get('division', self.meta.get('stages'))
        config = common.divided(self.config(STUDENT), division, self.meta['depth'])
        distiller = self.compression(TEACHER, config, groups=('search', 'template'))
        student, clip = distiller.student, self.clip()
        yield from self.verify_network('student_init', student, clip)
        for gates in self.meta.get('gates', ()):
            load_weights(student, self.folder / STUDENT, 'student')
            prefix, recorded = f'mix{gates}', self.meta['mix'][gates]
            (frame, ), losses = common.run_mixed(distiller.train(), clip, gates)
            yield from self.rows(prefix, {
                **common.stage_values(frame.stages, frame.mixed),
                'embed': common.embedded(student, clip).x,
                'final_tokens': student.backbone.finalize(frame.stages[-1]).x})
            yield from loss_rows(prefix, recorded.get('track', {}),
                                 track_losses(losses, frame.mixed, clip))
            yield from loss_rows(prefix, recorded, {**common.loss_values(losses), **losses})
            for group, errors in recorded.get('mimic', {}).items():
                yield relative(f'{prefix} mimicking of {group}', [
                    F.mse_loss(own.group(GROUPS[group]), other.group(GROUPS[group]))
                    for own, other in zip(frame.stages, frame.teacher_stages)], errors)
            yield from self.verify_gradients(prefix, student, recorded)
        load_weights(student, self.folder / STUDENT, 'student')
        yield from self.verify_network('student', student.eval(), clip)

    def verify_crops(self) -> Iterator[Row]:
        """Training crops, bit for bit, and the target's boxes in them."""
        for kind, factor in (('template', 2.), ('search', 4.)):
            prefix, factor = f'crop.{kind}', self.meta.get(f'{kind}_factor', factor)
            if f'{prefix}.box_extract' not in self:
                continue
            size, around, targets, expected, pictures = self.meta[f'{kind}_size'], *(
                self[f'{prefix}.{name}'] for name in (
                    'box_extract', 'box_gt', 'box_in_crop_xywh', 'image_rgb'))
            around, targets = around.astype(float), targets.astype(float)
            yield relative(f'{kind} crops: boxes', [geometry.box_to_crop(
                target, box, size / np.ceil(np.sqrt(box[2] * box[3]) * factor), size,
                stretched=True) for box, target in zip(around, targets)], expected)
            frames = self.frames(SEQUENCE, pictures=True)
            if frames is None:
                yield self.without_frames(f'{kind} crops', SEQUENCE, 0.)
                continue
            for name, box, picture in zip(self.meta['crop_frames'], around, pictures):
                yield common.crop_row(f'{kind} crop of {name}', frames / name, box, factor,
                                      picture[..., ::-1])[0]

    def run_network(self, run):
        return self.build(run.get('checkpoint', TEACHER), **{
            key: run[key] for key in FACTORS if key in run}, templates=dict(
                type='RecentConfident', copies=run['num_templates'],
                interval=run['update_interval'], threshold=run['update_threshold']))

    def verify_run(self, item, run, network, policy) -> Iterator[Row]:
        """Updates and, of the run whose state is recorded, some frames in detail."""
        (_, first), *updates = network.encoded.items()
        if 'updates_after_frame' in run:
            frames = {frame for frame, _ in updates} ^ set(run['updates_after_frame'])
            yield common.differing(f'updates {item}', len(frames), 'frames')
        if run.get('checkpoint', TEACHER) == TEACHER \
                and run['num_templates'] == self.meta.get('num_templates', 2):
            token = network.tracker.backbone.text().detach()
            yield from self.rows('track', dict(text_token=token))
            yield from self.rows('track.init', templates_of(network, first))
            for frame, entry in updates:
                yield from self.rows(f'track.f{frame}', {
                    f'{name}_after': value for name, value in templates_of(network, entry).items()})
            yield from self.verify_states(network)


def templates_of(network: WatchedNetwork, entry: tuple[np.ndarray, np.ndarray]
                 ) -> dict[str, Tensor | np.ndarray]:
    """Templates and boxes as they are recorded."""
    crops, size = images(network.tracker, torch.from_numpy(entry[0])), network.info.template_size
    return {**{f'template{k}': crop for k, crop in enumerate(crops)},
            **{f'box{k}': box / size for k, box in enumerate(entry[1])}}


def track_losses(losses: Mapping[str, Tensor], prediction, clip: Clip) -> dict[str, Tensor | None]:
    return {'Loss/task_class': None, **common.loss_values(losses),
            **common.iou_of(prediction, clip.gt_boxes[:, 0])}


def released_names(network: OneStreamTracker) -> dict[str, str]:
    """{name in released files: mmct's} of all weights of a network."""
    return SUTrack.names.released[0].table(list(network.state_dict()), ours=True)


def verify_optimizer(tracker: OneStreamTracker, groups: list[dict]) -> Iterator[Row]:
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
