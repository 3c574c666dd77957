"""MixFormerV2: networks, losses, gradients, mixed paths, tracking."""
import re
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from mmdet.structures.bbox import bbox_xyxy_to_cxcywh
from torch import Tensor

from mmct.checkpoint import load_weights
from mmct.models.backbones.mixvit import sine_table
from mmct.models.layers import Tokens
from mmct.models.losses import mean_iou
from mmct.models.losses.box_loss import EPS, ciou_loss
from mmct.models.structures import Clip
from mmct.models.torch_network import images
from mmct.models.trackers import OneStreamTracker

from . import networks
from .comparison import Comparison, vit
from .rows import Row, group_row, recorded_rows, relative, worst

TEACHER, SMALL, TRACKER = 'teacher.pth.tar', 'small.pth.tar', 'tracker.pth.tar'
STUDENT = 'student_{}.pth.tar'
SHAPES = {TEACHER: 'shape', SMALL: 'shape_small', TRACKER: 'shape_tracker'}
# {one of the teacher's two trainings: its options}
TRAININGS = dict(teacher_box={}, teacher_score=dict(
    loss=dict(type='ScoreLoss'), frozen=('backbone', 'head.box_head')))


class MixFormerV2Comparison(Comparison):
    files = TEACHER, SMALL, TRACKER
    shape_key, iou, cuts_truth = 'shape', 'ciou', False

    def verify(self) -> Iterator[Row]:
        meta, losses = self.meta, self.meta.get('losses', {})
        yield from self.verify_formulas()
        for file, name in SHAPES.items():
            if name in meta and self.has(file):
                yield self.shape_row(file, {**self.net, **meta[name]})
        if 'z_u8' in self:
            yield from self.verify_teacher()
        if 'test_steps' in meta:
            yield from self.verify_cached_form()
        for name in TRAININGS:
            if name in losses:
                yield from self.verify_training(name)
        if 'published_deep_to_shallow' in losses:
            yield from self.verify_distillation()
        for kind in meta.get('gates', {}):
            yield from self.verify_compression(kind)
        if 'small.z_u8' in self:
            tracker = self.build(SMALL)
            yield from self.network_rows('small', tracker, self.clip(tracker, 'small.'))
        yield from self.verify_tracking()

    def config(self, file, loss=None, frozen=()) -> dict:
        state, shape = vit(self.folder / file, 'ts')
        # What the shape of a network does not say is as in that of the teacher.
        heads = {**self.net, **self.meta.get(SHAPES.get(file), {})}['num_heads']
        return dict(
            type='MixFormerV2', backbone=dict(type='MixViT', num_heads=heads, **shape),
            head=dict(type='EdgeHead', in_channels=shape['embed_dims'],
                      loss=loss or dict(type='TrackLoss', **self.box_loss),
                      bins=len(state['head.box_head.3.weight']),
                      with_score='head.score_head.0.weight' in state), frozen=frozen)

    def crops(self, tracker: OneStreamTracker, name: str) -> Tensor:
        """(…, S, S, 3) uint8 RGB -> (…, 3, S, S) as the network takes it."""
        return images(tracker, torch.from_numpy(self[f'{name}_u8'][..., ::-1].copy()))

    def clip(self, tracker: OneStreamTracker, prefix: str = '') -> Clip:
        *templates, searches = (
            self.crops(tracker, f'{prefix}{name}') for name in ('z', 'oz', 'x'))
        gt = networks.centred(self.tensor('gt_xywh')[:len(searches)])
        return Clip(torch.stack(templates, dim=1), None, searches[:, None], gt[:, None])

    def verify_formulas(self) -> Iterator[Row]:
        """Sine tables, and CIoU with its gradient."""
        for name in self.tensors:
            if match := re.fullmatch(r'sincos_(\d+)x\1_dim(\d+)', name):
                yield relative('sine table', sine_table(*map(int, match.groups())), self[name])
        if 'ciou.pred_xyxy' in self:
            boxes, target = (self.tensor(f'ciou.{who}_xyxy') for who in ('pred', 'gt'))
            loss = ciou_loss(boxes.requires_grad_(), target, eps=EPS)
            loss.backward()
            pairs = list(zip(boxes.detach().split(1), target.split(1)))
            ious = [mean_iou(*map(bbox_xyxy_to_cxcywh, pair)) for pair in pairs]
            yield relative('CIoU loss', [ciou_loss(*pair, eps=EPS) for pair in pairs],
                           self['ciou.loss_each'])
            yield relative('CIoU: IoU', ious, self['ciou.iou'])
            yield relative('CIoU gradient', boxes.grad, self['ciou.grad_of_mean'])
            yield relative('CIoU mean', loss.item(), self.meta['ciou_mean'])

    def verify_teacher(self) -> Iterator[Row]:
        tracker = self.build(TEACHER)
        clip = self.clip(tracker)
        if 'z_norm_00' in self:
            _, height, width = self['z_norm_00'].shape
            yield relative('normalised crop', clip.templates[0, 0, :, :height, :width],
                           self['z_norm_00'])
        if 'tokens' in self.meta:
            yield group_row(self.meta['tokens'], spans(networks.embedded(tracker, clip)))
        yield from self.network_rows('teacher', tracker, clip)

    @torch.no_grad()
    def verify_cached_form(self) -> Iterator[Row]:
        """Frame by frame with cached keys and values of the templates."""
        tracker, encoded = self.build(TEACHER), None
        first, online, searches = (self.crops(tracker, f'test.{name}') for name in ('z', 'oz', 'x'))
        for i, step in enumerate(self.meta['test_steps']):
            if encoded is None or 'kept' not in step['memory']:
                numbers = [int(n) for n in re.findall(r'test\.oz\[(\d+)\]', step['memory'])]
                templates = [first, *([online[n][None] for n in numbers] or [first])]
                encoded = tracker.encode(torch.stack(templates, dim=1), None)
            tokens = tracker.backbone.join(encoded, searches[step['x']][None])
            found, _ = networks.walk(tracker, tokens)
            yield from self.rows(f'test.{i}', {**found, 'k_layer0': encoded['keys'][:, 0],
                                               'v_last': encoded['values'][:, -1]})

    def verify_training(self, name: str) -> Iterator[Row]:
        """One of the teacher's own two trainings."""
        recorded = {**self.meta['losses'][name], 'grad_norm': self.meta['grad_norm'][name]}
        tracker = self.build(TEACHER, **TRAININGS[name])
        clip = self.clip(tracker)
        if 'labels' in recorded:
            clip = clip._replace(labels=torch.tensor(recorded['labels']).float()[:, None])
        yield from self.training_rows(name, recorded, tracker, clip)

    @torch.no_grad()
    def verify_distillation(self) -> Iterator[Row]:
        """MixFormerV2's own, of a student of the teacher's MLPs; its feature term is not ours."""
        recorded = self.meta['losses']['published_deep_to_shallow']
        trackers = [self.build(file) for file in (STUDENT.format('m'), TEACHER)]
        clip = self.clip(trackers[0])
        (own, student), (other, teacher) = (
            networks.walk(tracker, networks.embedded(tracker, clip)) for tracker in trackers)
        feature = torch.stack([
            F.mse_loss(own[f'layer{i}'], other[f'layer{k}'])
            for i, k in zip(recorded['layers_student'], recorded['layers_teacher'])]).mean()
        gt_boxes = clip.gt_boxes[:, 0]
        ours = self.loss_values(
            trackers[0].head.loss(student, gt_boxes), student, gt_boxes, teacher)
        ours['Loss/total'] = ours['Loss/total'] + self.weights['published_feat'] * feature \
            + self.weights['published_corner_kl'] * ours['edge_kl']
        ours |= {'Loss/distill_feat': feature, 'Loss/distill_corner_kl': ours['edge_kl'],
                 'IoU': ours.pop('IoU'), 'IoU_teacher': mean_iou(teacher.boxes, gt_boxes)}
        yield from recorded_rows('published distillation', recorded, ours)

    def verify_compression(self, kind: str) -> Iterator[Row]:
        """A student at initialisation and later, by itself and mixed with its teacher."""
        file = STUDENT.format(kind)
        distiller = self.compression(TEACHER, file)
        student, clip = distiller.student, self.clip(distiller.teacher)
        # New MLPs of another ratio are random.
        ratios = {self.config(each)['backbone']['mlp_ratio'] for each in (file, TEACHER)}
        if len(ratios) == 1:
            yield from self.network_rows('student_init', student, clip)
        load_weights(student, self.folder / file, 'student')
        yield from self.network_rows(f'student_{kind}', student, clip)
        for gates in self.meta['gates'][kind]:
            prefix, recorded = f'mix.{kind}.{gates}', self.meta['mix'][f'{kind}.{gates}']
            yield from self.mixed_rows(prefix, recorded, distiller, clip, gates)

    def mimic_rows(self, prefix, recorded, frame) -> Iterator[Row]:
        """Of each stage, by more groups than ours, and of all tokens alike."""
        errors = [mimic_parts(*pair) for pair in zip(frame.stages, frame.teacher_stages)]
        yield worst(f'{prefix} parts of mimicking', [
            relative(f'stage {i} {group}', ours[group], reference)
            for i, (ours, parts) in enumerate(zip(errors, recorded['mimic_parts'], strict=True))
            for group, reference in parts.items()])
        yield relative(f'{prefix} mimicking of all tokens alike',
                       [error['all_tokens'] for error in errors], recorded['mse_all_tokens'])

    def run_tracker(self, run):
        templates = dict(type='Fixed', copies=2)
        if 'update_interval' in run:
            templates = dict(type='BestOfInterval', interval=run['update_interval'],
                             decay=run.get('max_score_decay', 1.))
        return self.build(TRACKER, run, templates)


def spans(tokens: Tokens) -> dict[str, slice]:
    """Places of groups by the names that they have in the records."""
    templates = tokens.span('template')
    each = templates.stop // tokens.groups['template'][0]
    return dict(template=slice(0, each), online_template=slice(each, templates.stop),
                templates=templates, search=tokens.span('search'),
                prediction=tokens.span('prediction'), all_tokens=slice(0, tokens.x.size(1)))


@torch.no_grad()
def mimic_parts(mixed: Tokens, teacher: Tokens) -> dict[str, Tensor]:
    """Mean squared error of one stage."""
    return {name: F.mse_loss(mixed.x[:, span], teacher.x[:, span])
            for name, span in spans(mixed).items()}
