"""SUTrack: networks, losses, gradients, mixed paths, training crops, tracking."""
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.optim import build_optim_wrapper
from mmtrack.registry import MODELS

from mmct.checkpoint import load_weights, names, read_checkpoint, tracker_weights, weights_in
from mmct.models.backbones.itpn import box_cover
from mmct.models.layers.fast_itpn import PatchMerging
from mmct.models.losses import gaussian_heatmap
from mmct.models.structures import Clip
from mmct.models.torch_network import images
from mmct.models.trackers import OneStreamTracker
from mmct.models.trackers.sutrack import CLIP, COARSE, FEATURE
from mmct.runtime import geometry

from . import networks
from .comparison import Comparison
from .rows import Row, crop_row, group_row, relative, worst

TEACHER, STUDENT = 'sutrack.pth.tar', 'student.pth.tar'
RECIPE = Path(__file__).parents[2] / 'configs/_base_/schedules/sutrack_180e.py'
SEQUENCE = 'crossing'  # of recorded crops
# {recorded name of a token group: ours}
GROUPS = dict(cls='cls', search='search', templates='template', text='text')


class SUTrackComparison(Comparison):
    files, mimic_groups = (TEACHER, ), ('search', 'template')

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

    def config(self, file) -> dict:
        meta, state = self.meta, tracker_weights(self.folder / file)
        width = state['backbone.cls_token'].size(-1)
        merges = [i for i in range(names.count(state, f'{COARSE}{{i}}'))
                  if f'{COARSE}{i}.reduction.weight' in state]
        backbone = dict(
            type='FastITPN', embed_dims=width, num_heads=meta['num_heads'],
            coarse_mlp_ratio=len(state[f'{COARSE}0.fc1.bias']) / (width // 4),
            depth=names.count(state, f'{names.OWN_LAYERS}{{i}}'),
            mlp_ratio=len(state[f'{names.OWN_LAYERS}0.mlp.gate.bias']) / width,
            coarse_depths=[merges[0], merges[1] - merges[0] - 1], text_dims=len(state[FEATURE]),
            template_size=meta['template_size'], search_size=meta['search_size'])
        head = dict(type='TaskCenterHead', in_channels=width,
                    channels=len(state['head.score.0.conv.bias']),
                    with_task='head.task_head.4.bias' in state)
        if head['with_task']:
            head['num_tasks'] = len(state['head.task_head.4.bias'])
        return dict(type='SUTrack', backbone=backbone, head=head)

    def clip(self, templates: int | None = None) -> Clip:
        """The recorded crops, which are normalised, with boxes as the network takes them."""
        ends = [f'z{i}' for i in range(templates or self.meta.get('num_templates', 2))]
        crops, boxes = (torch.stack([self.tensor(f'{name}{end}') for name in ends], dim=1)
                        for end in ('', '_box_xywh'))
        return Clip(crops, boxes * self.meta['template_size'], self.tensor('x')[:, None],
                    networks.centred(self.tensor('gt_xywh'))[:, None])

    def verify_shape(self) -> Iterator[Row]:
        """Sizes and rates read from the file against those of ``meta.json``."""
        meta, config, file = self.meta, self.config(TEACHER), self.folder / TEACHER
        depths = config['backbone']['coarse_depths']
        weights = weights_in(read_checkpoint(file), file)
        embedding, projection = (
            weights[f'{CLIP}{name}'] for name in ('token_embedding.weight', 'text_projection'))
        clip = dict(vocab=len(embedding), text_width=embedding.size(1),
                    text_layers=names.count(weights, f'{CLIP}transformer.resblocks.{{i}}'),
                    text_feature=projection.size(1))
        recorded, clip = ({f'clip.{key}': size for key, size in sizes.items()}
                          for sizes in (meta.get('clip', {}), clip))
        yield self.shape_row(
            TEACHER, meta | recorded, depth_stage1=depths[0], depth_stage2=depths[1],
            first_main_block=sum(depths) + 2, **clip)
        if 'drop_path_rates' in meta:
            theirs = meta['drop_path_rates']  # None for merges
            config['backbone']['drop_path_rate'] = theirs[-1]
            backbone = MODELS.build(config).backbone
            own = [None if isinstance(block, PatchMerging) else block.drop_path.drop_prob
                   for block in (*backbone.coarse, *backbone.layers)]
            yield relative('drop path rates', *(
                [rate or 0. for rate in rates] for rates in (own, theirs)))
            merges, recorded = ([rate is None for rate in rates] for rates in (own, theirs))
            yield Row('places of merges', float(merges != recorded), 0.)

    def network_rows(self, prefix, tracker, clip) -> Iterator[Row]:
        yield from super().network_rows(prefix, tracker, clip)
        backbone = tracker.backbone
        yield from self.rows(prefix, dict(
            clip_feature=backbone.text.feature, text_token=backbone.text(),
            template_mask=box_cover(clip.template_boxes, backbone.template_size)))

    def verify_teacher(self) -> Iterator[Row]:
        tracker, clip = self.build(TEACHER), self.clip()
        backbone = tracker.backbone
        if 'token_groups' in self.meta:
            tokens = networks.embedded(tracker, clip)
            yield group_row(self.meta['token_groups'], {
                name: tokens.span(group) for name, group in GROUPS.items()})
        for name, crops in (('z', clip.templates[0]), ('x', clip.searches[0])):
            maps = backbone.patch_embed(crops)
            values = dict(patch_embed=maps)
            for i, block in enumerate(backbone.coarse):
                values[f'block{i}'] = maps = block(maps)
            yield from self.rows(f'teacher.coarse_{name}', values)
        yield from self.network_rows('teacher', tracker, clip)
        yield from self.network_rows('teacher_one_template', tracker, self.clip(1))
        if 'heatmap' in self:
            yield relative('heat map', gaussian_heatmap(
                clip.gt_boxes[:, 0], backbone.search_grid), self['heatmap'])

    def verify_training(self, mode: str, recorded: dict) -> Iterator[Row]:
        """The published losses, their gradients and statistics."""
        tracker, prefix = self.build(TEACHER).train(mode == 'train'), f'teacher, {mode}:'
        yield from self.training_rows(
            prefix, recorded | recorded['loss'], tracker, self.clip())
        if 'running_mean_norm' in recorded:
            table, state = networks.released_names(tracker), tracker.state_dict()
            yield worst(f'{prefix} running means', [
                relative(name, state[table[name]].norm(), reference)
                for name, reference in recorded['running_mean_norm'].items()])

    def verify_compression(self) -> Iterator[Row]:
        """A student at initialisation and later, by itself and mixed with its teacher."""
        distiller = self.compression(TEACHER, STUDENT)
        student, clip = distiller.student, self.clip()
        yield from self.network_rows('student_init', student, clip)
        for gates in self.meta.get('gates', ()):
            load_weights(student, self.folder / STUDENT, 'student')
            recorded = self.meta['mix'][gates]
            yield from self.mixed_rows(f'mix{gates}', recorded | recorded.get('track', {}),
                                       distiller.train(), clip, gates)
        load_weights(student, self.folder / STUDENT, 'student')
        yield from self.network_rows('student', student.eval(), clip)

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
                yield crop_row(f'{kind} crop of {name}', frames / name, box, factor,
                               picture[..., ::-1])[0]

    def run_tracker(self, run):
        return self.build(run.get('checkpoint', TEACHER), run, dict(
            type='RecentConfident', copies=run['num_templates'], interval=run['update_interval'],
            threshold=run['update_threshold']))

    def verify_states(self, run, network) -> Iterator[Row]:
        """Of one run, the only one whose frames are recorded in detail."""
        if run.get('checkpoint', TEACHER) != TEACHER \
                or run['num_templates'] != self.meta.get('num_templates', 2):
            return
        yield from self.rows('track', dict(text_token=network.tracker.backbone.text()))
        for frame, (crops, boxes) in network.encoded.items():
            prefix, end = (f'track.f{frame}', '_after') if frame else ('track.init', '')
            crops = images(network.tracker, torch.from_numpy(crops))
            boxes = boxes / network.info.template_size
            yield from self.rows(prefix, {f'{name}{k}{end}': value for name, values in (
                ('template', crops), ('box', boxes)) for k, value in enumerate(values)})
        yield from super().verify_states(run, network)


def verify_optimizer(tracker: OneStreamTracker, groups: list[dict]) -> Iterator[Row]:
    """Rates, decays and numbers of parameters by the roots of their names."""
    MMLogger.get_instance('parity', log_level='WARNING')  # not a line for each parameter
    wrapper = build_optim_wrapper(tracker, Config.fromfile(RECIPE).optim_wrapper)
    theirs = {own: released for released, own in networks.released_names(tracker).items()}
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
