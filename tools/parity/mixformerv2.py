"""MixFormerV2: networks, losses, gradients, mixed paths, tracking."""
import math
import re
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from mmct.checkpoint import load_weights, names, tracker_weights
from mmct.models.backbones.mixvit import sine_table
from mmct.models.layers import Tokens
from mmct.models.losses import PredictionGuidanceLoss, mean_iou
from mmct.models.losses.box_loss import EPS, ciou_loss
from mmct.models.structures import Clip, Prediction
from mmct.models.torch_network import images
from mmct.models.trackers import OneStreamTracker

from . import common
from .common import Comparison, Row, centred, loss_values, relative

TEACHER, SMALL, TRACKER = 'teacher.pth.tar', 'small.pth.tar', 'tracker.pth.tar'
STUDENT = 'student_{}.pth.tar'
SHAPES = {TEACHER: 'shape', SMALL: 'shape_small', TRACKER: 'shape_tracker'}


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

    def verify(self) -> Iterator[Row]:
        meta, losses = self.meta, self.meta.get('losses', {})
        yield from self.verify_formulas()
        for file, name in SHAPES.items():
            if name in meta and self.has(file):
                config = self.config(file)
                backbone = config['backbone']
                yield common.wrong_keys(f'shape of {file}', self.shape(file), dict(
                    depth=backbone['depth'], mlp_ratio=backbone['mlp_ratio'],
                    template=backbone['template_size'], search=backbone['search_size'],
                    feat_sz=config['head']['bins'], embed_dim=backbone['embed_dims']))
        if 'z_u8' in self:
            yield from self.verify_teacher()
        if 'test_steps' in meta:
            yield from self.verify_cached_form()
        for name, frozen in (('teacher_box', ()), ('teacher_score', ('backbone', 'head.box_head'))):
            if name in losses:
                yield from self.verify_training(name, losses[name], frozen)
        if 'published_deep_to_shallow' in losses:
            yield from self.verify_published_distillation(losses['published_deep_to_shallow'])
        for kind in meta.get('gates', {}):
            yield from self.verify_compression(kind)
        if 'small.z_u8' in self:
            tracker = self.build(SMALL)
            yield from self.verify_network('small', tracker, self.clip(tracker, 'small.'))
        yield from self.verify_tracking()

    def shape(self, file: str) -> dict:
        """Shape of a network; what it does not say is as in ``shape``."""
        return {**self.meta.get('shape', {}), **self.meta[SHAPES.get(file, 'shape')]}

    def config(self, file, loss=None, frozen=(), **test_cfg) -> dict:
        state = tracker_weights(self.folder / file)
        patch = state['backbone.patch_embed.proj.weight'].size(-1)
        width = state['backbone.reg_tokens'].size(-1)
        sides = [patch * math.isqrt(state[f'backbone.pos_embed_{image}'].size(1)) for image in 'ts']
        head = dict(type='EdgeHead', in_channels=width, bins=len(state['head.box_head.3.weight']),
                    with_score='head.score_head.0.weight' in state)
        return dict(
            type='MixFormerV2', head=head | (dict(loss=loss) if loss else {}), frozen=frozen,
            test_cfg=test_cfg, backbone=dict(
                type='MixViT', embed_dims=width, num_heads=self.shape(file)['num_heads'],
                patch_size=patch, depth=names.count(state, f'{names.OWN_LAYERS}{{i}}'),
                mlp_ratio=len(state[f'{names.OWN_LAYERS}0.mlp.fc1.weight']) / width,
                template_size=sides[0], search_size=sides[1]))

    def crops(self, tracker: OneStreamTracker, name: str) -> Tensor:
        """(…, S, S, 3) uint8 RGB -> (…, 3, S, S) as the network takes it."""
        return images(tracker, torch.from_numpy(self[f'{name}_u8'][..., ::-1].copy()))

    def clip(self, tracker: OneStreamTracker, prefix: str = '') -> Clip:
        *templates, searches = (
            self.crops(tracker, f'{prefix}{name}') for name in ('z', 'oz', 'x'))
        gt = centred(self.tensor('gt_xywh')[:len(searches)])
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
            ious = [mean_iou(*(centred(torch.cat([box[:, :2], box[:, 2:] - box[:, :2]], dim=1))
                               for box in pair)) for pair in pairs]
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
        yield from self.verify_network('teacher', tracker, clip)

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
                found = tracker.step(encoded, search, tracker.init_memory(search))
            yield from self.rows(f'test.{i}', {
                **values, **common.stage_values([], found), 'k_layer0': encoded['keys'][:, 0],
                'v_last': encoded['values'][:, -1]})

    def verify_training(self, name: str, recorded: dict, frozen: tuple) -> Iterator[Row]:
        """One of the teacher's own two trainings."""
        labels = [torch.tensor(recorded['labels']).float()] if 'labels' in recorded else []
        tracker = self.build(TEACHER, frozen=frozen,
                             loss=dict(type='ScoreLoss') if labels else self.box_loss)
        clip = self.clip(tracker)
        prediction, gt_boxes = next(tracker.predictions(clip)), clip.gt_boxes[:, 0]
        ours = tracker.head.loss(prediction, gt_boxes, *labels)
        total = sum(ours.values())
        total.backward()
        yield from common.loss_rows(name, recorded, {
            **loss_values(ours, self.weights), 'Loss/total': total,
            'Loss/scores': ours.get('loss_score'), 'IoU': mean_iou(prediction.boxes, gt_boxes)})
        yield self.gradient_row(name, tracker, self.meta['grad_norm'][name])

    def verify_published_distillation(self, recorded: dict) -> Iterator[Row]:
        """MixFormerV2's own, of a student of the teacher's MLPs; its feature term is not ours."""
        student = self.build(STUDENT.format('m'), loss=self.box_loss)
        teacher, weights = self.build(TEACHER), self.weights
        clip = self.clip(teacher)
        gt_boxes = clip.gt_boxes[:, 0]
        with torch.no_grad():
            layers = [common.layers_of(tracker, common.embedded(tracker, clip))
                      for tracker in (student, teacher)]
            own, other = (tracker.forward_head(tokens[-1])
                          for tracker, tokens in zip((student, teacher), layers))
            ours = loss_values(student.head.loss(own, gt_boxes), weights)
            ours['Loss/distill_feat'] = torch.stack([
                F.mse_loss(layers[0][i].x, layers[1][k].x)
                for i, k in zip(recorded['layers_student'], recorded['layers_teacher'])]).mean()
            ours['Loss/distill_corner_kl'] = options(own, other)['edge_kl']
        ours['Loss/total'] = sum(weights[weight] * ours[f'Loss/{name}'] for name, weight in dict(
            ciou='ciou', l1='l1', distill_feat='published_feat',
            distill_corner_kl='published_corner_kl').items())
        ours['IoU'], ours['IoU_teacher'] = (mean_iou(who.boxes, gt_boxes) for who in (own, other))
        yield from common.loss_rows('published distillation', recorded, ours)

    def verify_compression(self, kind: str) -> Iterator[Row]:
        """A student at initialisation and later, by itself and mixed with its teacher."""
        file, shape = STUDENT.format(kind), self.shape(TEACHER)
        student = common.divided(
            self.config(file, loss=self.box_loss), shape['division'], shape['depth'])
        distiller = self.compression(TEACHER, student, self.box_loss,
                                     loss_weight=float(self.weights['mimic']))
        clip = self.clip(distiller.teacher)
        # New MLPs of another ratio are random.
        if student['backbone']['mlp_ratio'] == self.config(TEACHER)['backbone']['mlp_ratio']:
            yield from self.verify_network('student_init', distiller.student, clip)
        load_weights(distiller.student, self.folder / file, 'student')
        yield from self.verify_network(f'student_{kind}', distiller.student, clip)
        for gates in self.meta['gates'][kind]:
            prefix, recorded = f'mix.{kind}.{gates}', self.meta['mix'][f'{kind}.{gates}']
            (frame, ), losses = common.run_mixed(distiller, clip, gates)
            yield from self.rows(prefix, common.stage_values(frame.stages, frame.mixed))
            yield from common.loss_rows(prefix, recorded, {
                **loss_values(losses, self.weights), **options(frame.mixed, frame.teacher),
                'total': losses['total']})
            errors = [mimic_parts(*pair) for pair in zip(frame.stages, frame.teacher_stages)]
            yield common.worst(f'{prefix} parts of mimicking', [
                relative(f'stage {i} {group}', ours[group], reference)
                for i, (ours, parts) in enumerate(zip(errors, recorded['mimic_parts'], strict=True))
                for group, reference in parts.items()])
            yield relative(f'{prefix} mimicking of all tokens alike',
                           [error['all_tokens'] for error in errors], recorded['mse_all_tokens'])
            yield self.gradient_row(prefix, distiller.student, recorded['grad_norm'])

    def run_network(self, run):
        templates = dict(type='Fixed', copies=2)
        if 'update_interval' in run:
            templates = dict(type='BestOfInterval', interval=run['update_interval'],
                             decay=run.get('max_score_decay', 1.))
        return self.build(TRACKER, search_factor=run['search_factor'],
                          template_factor=run['template_factor'], templates=templates)

    def verify_run(self, item, run, network, policy) -> Iterator[Row]:
        """Candidates, and the online template after each frame."""
        if 'candidate_frames' in run:
            frames = set(policy.candidates) ^ set(run['candidate_frames'])
            yield common.differing(f'candidates {item}', len(frames), 'frames')
        if 'updates' in run:
            events, online, wrong = {e['frame']: e['from_frame'] for e in run['updates']}, 0, 0
            for frame in range(1, len(run['boxes_xywh'])):
                online = events.get(frame, online)
                wrong += online not in policy.used.get(frame + 1, [()])[-1]
            yield common.differing(f'online template {item}', wrong, 'frames')


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


def mimic_parts(mixed: Tokens, teacher: Tokens) -> dict[str, Tensor]:
    """Mean squared error of one stage."""
    return {name: F.mse_loss(mixed.x[:, span], teacher.x[:, span])
            for name, span in spans(mixed).items()}
