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
from mmct.models.losses import PredictionGuidanceLoss, mean_iou
from mmct.models.losses.box_loss import EPS, ciou_loss
from mmct.models.structures import Clip, Prediction
from mmct.models.torch_network import images
from mmct.models.trackers import OneStreamTracker

from . import common
from .common import Comparison, Row, centred, loss_rows, loss_values, relative

TEACHER, SMALL, TRACKER = 'teacher.pth.tar', 'small.pth.tar', 'tracker.pth.tar'
STUDENT = 'student_{}.pth.tar'
SHAPES = {TEACHER: 'shape', SMALL: 'shape_small', TRACKER: 'shape_tracker'}
# The weights of the published distillation: {its loss: name of the weight}.
DISTILLATION = dict(ciou='ciou', l1='l1', distill_feat='published_feat',
                    distill_corner_kl='published_corner_kl')


class MixFormerV2Comparison(Comparison):

    def __init__(self, *args) -> None:
        super().__init__(*args)
        self.weights = {**common.WEIGHTS, **self.meta.get('loss_weights', {})}
        self.box_loss = dict(type='TrackLoss', iou='ciou', l1_weight=float(self.weights['l1']),
                             iou_weight=float(self.weights['ciou']))

    @staticmethod
    def recognises(folder, meta) -> bool:
        """By the bins in the shape of a network."""
        return isinstance(meta, dict) and any(
            isinstance(shape, dict) and 'feat_sz' in shape for shape in meta.values())

    @property
    def net(self):
        return self.meta.get('shape', {})

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
        if 'teacher_box' in losses:
            yield from self.verify_training('teacher_box')
        if 'teacher_score' in losses:
            yield from self.verify_training('teacher_score', frozen=('backbone', 'head.box_head'))
        if 'published_deep_to_shallow' in losses:
            yield from self.verify_published_distillation(losses['published_deep_to_shallow'])
        for kind in meta.get('gates', {}):
            yield from self.verify_compression(kind)
        if 'small.z_u8' in self:
            tracker = self.build(SMALL)
            yield from self.network_rows('small', tracker, self.clip(tracker, 'small.'))
        yield from self.verify_tracking()

    def config(self, file, loss=None, frozen=()) -> dict:
        state, shape = common.vit(self.folder / file, 'ts')
        # What the shape of a network does not say is as in that of the teacher.
        heads = {**self.net, **self.meta.get(SHAPES.get(file), {})}['num_heads']
        return dict(
            type='MixFormerV2', backbone=dict(type='MixViT', num_heads=heads, **shape),
            head=dict(type='EdgeHead', in_channels=shape['embed_dims'], loss=loss or self.box_loss,
                      bins=len(state['head.box_head.3.weight']),
                      with_score='head.score_head.0.weight' in state), frozen=frozen)

    def crops(self, tracker: OneStreamTracker, name: str) -> Tensor:
        """(…, S, S, 3) uint8 RGB -> (…, 3, S, S) as the network takes it."""
        return images(tracker, torch.from_numpy(self[f'{name}_u8'][..., ::-1].copy()))

    def clip(self, tracker: OneStreamTracker, prefix: str = '', labels: Tensor | None = None
             ) -> Clip:
        *templates, searches = (
            self.crops(tracker, f'{prefix}{name}') for name in ('z', 'oz', 'x'))
        gt = centred(self.tensor('gt_xywh')[:len(searches)])
        return Clip(torch.stack(templates, dim=1), None, searches[:, None], gt[:, None], labels)

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
            yield common.group_row(self.meta['tokens'], spans(common.embedded(tracker, clip)))
        yield from self.network_rows('teacher', tracker, clip)

    def verify_cached_form(self) -> Iterator[Row]:
        """Frame by frame with cached keys and values of the templates."""
        tracker, encoded = self.build(TEACHER), None
        first, online, searches = (self.crops(tracker, f'test.{name}') for name in ('z', 'oz', 'x'))
        for i, step in enumerate(self.meta['test_steps']):
            search = searches[step['x']][None]
            with torch.no_grad():
                if encoded is None or 'kept' not in step['memory']:
                    numbers = [int(n) for n in re.findall(r'test\.oz\[(\d+)\]', step['memory'])]
                    templates = [first, *([online[n][None] for n in numbers] or [first])]
                    encoded = tracker.encode(torch.stack(templates, dim=1), None)
                values, _ = common.walk(tracker, tracker.backbone.join(encoded, search))
            yield from self.rows(f'test.{i}', {**values, 'k_layer0': encoded['keys'][:, 0],
                                               'v_last': encoded['values'][:, -1]})

    def verify_training(self, name: str, **options) -> Iterator[Row]:
        """One of the teacher's own two trainings."""
        recorded, labels = self.meta['losses'][name], None
        if 'labels' in recorded:
            labels = torch.tensor(recorded['labels']).float()[:, None]
            options['loss'] = dict(type='ScoreLoss')
        tracker = self.build(TEACHER, **options)
        clip = self.clip(tracker, labels=labels)
        ((prediction, ours), ), total = common.train_step(tracker, clip)
        yield from loss_rows(name, recorded, {
            **loss_values(ours, self.weights), 'Loss/total': total,
            'Loss/scores': ours.get('loss_score'),
            'IoU': mean_iou(prediction.boxes, clip.gt_boxes[:, 0])})
        yield from self.gradient_rows(name, tracker, dict(grad_norm=self.meta['grad_norm'][name]))

    def verify_published_distillation(self, recorded: dict) -> Iterator[Row]:
        """MixFormerV2's own, of a student of the teacher's MLPs; its feature term is not ours."""
        networks = [self.build(file) for file in (STUDENT.format('m'), TEACHER)]
        clip = self.clip(networks[0])
        gt_boxes = clip.gt_boxes[:, 0]
        with torch.no_grad():
            (own, student), (other, teacher) = (
                common.walk(tracker, common.embedded(tracker, clip)) for tracker in networks)
            features = [F.mse_loss(own[f'layer{i}'], other[f'layer{k}'])
                        for i, k in zip(recorded['layers_student'], recorded['layers_teacher'])]
            losses = networks[0].head.loss(student, gt_boxes)
        ours = {**loss_values(losses, self.weights),
                'Loss/distill_feat': torch.stack(features).mean(),
                'Loss/distill_corner_kl': options(student, teacher)['edge_kl']}
        ours['Loss/total'] = sum(self.weights[weight] * ours[f'Loss/{name}']
                                 for name, weight in DISTILLATION.items())
        ours |= dict(IoU=mean_iou(student.boxes, gt_boxes),
                     IoU_teacher=mean_iou(teacher.boxes, gt_boxes))
        yield from loss_rows('published distillation', recorded, ours)

    def verify_compression(self, kind: str) -> Iterator[Row]:
        """A student at initialisation and later, by itself and mixed with its teacher."""
        file = STUDENT.format(kind)
        distiller = self.compression(TEACHER, file, self.box_loss,
                                     loss_weight=float(self.weights['mimic']))
        student, clip = distiller.student, self.clip(distiller.teacher)
        # New MLPs of another ratio are random.
        ratios = {self.config(each)['backbone']['mlp_ratio'] for each in (file, TEACHER)}
        if len(ratios) == 1:
            yield from self.network_rows('student_init', student, clip)
        load_weights(student, self.folder / file, 'student')
        yield from self.network_rows(f'student_{kind}', student, clip)
        for gates in self.meta['gates'][kind]:
            prefix, recorded = f'mix.{kind}.{gates}', self.meta['mix'][f'{kind}.{gates}']
            (frame, ), losses = common.run_mixed(distiller, clip, gates)
            yield from self.rows(prefix, common.stage_values(frame.stages, frame.mixed))
            yield from loss_rows(prefix, recorded, {
                **loss_values(losses, self.weights), **options(frame.mixed, frame.teacher),
                'total': losses['total']})
            errors = [mimic_parts(*pair) for pair in zip(frame.stages, frame.teacher_stages)]
            yield common.worst(f'{prefix} parts of mimicking', [
                relative(f'stage {i} {group}', ours[group], reference)
                for i, (ours, parts) in enumerate(zip(errors, recorded['mimic_parts'], strict=True))
                for group, reference in parts.items()])
            yield relative(f'{prefix} mimicking of all tokens alike',
                           [error['all_tokens'] for error in errors], recorded['mse_all_tokens'])
            yield from self.gradient_rows(prefix, student, recorded)

    def run_tracker(self, run):
        templates = dict(type='Fixed', copies=2)
        if 'update_interval' in run:
            templates = dict(type='BestOfInterval', interval=run['update_interval'],
                             decay=run.get('max_score_decay', 1.))
        return self.build(TRACKER, dict(templates=templates) | common.factors(run))


def options(mixed: Prediction, teacher: Prediction) -> dict[str, Tensor]:
    """The options of guidance, unweighted."""
    losses = PredictionGuidanceLoss(
        iou_weight=1., l1_weight=1., iou='giou', edge_kl=1.)(mixed, teacher)
    return dict(guidance_giou=losses['loss_guidance_giou'], edge_kl=losses['loss_guidance_edge_kl'])


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
