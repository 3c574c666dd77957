"""Comparison of ODTrack with recorded outputs: of the published code, and of mmct's own for
networks of other sizes."""
import json

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from disc import moving_disc
from parity.folders import verify_folder
from parity.odtrack import (
    STUDENT,
    TEACHER,
    ODTrackComparison,
    verify_schedules,
    verify_template_frames,
)
from tiny import build

from mmct.checkpoint import save_checkpoint
from mmct.checkpoint.names import to_released
from mmct.models.layers import run_layers
from mmct.models.losses import BoxLoss, mean_iou
from mmct.models.losses.track_loss import focal_loss
from mmct.models.torch_network import TorchNetwork
from mmct.runtime import Tracker
from mmct.runtime.frames import Frames
from mmct.runtime.templates import spread

ELIMINATION = {'layers': [1, 4], 'keep_ratio': [0.6, 0.8], 'template_range': 'CTR_POINT'}
NET = {'embed_dims': 24, 'num_heads': 3, 'depth': 6, 'mlp_ratio': 2, 'head_channels': 16,
       'template_size': 112, 'search_size': 80, 'num_templates': 2, 'num_search': 3,
       'division': [1, 3, 2], 'elimination': ELIMINATION, 'order': ['query', 'template', 'search']}
OF_STAGE = (range(1), range(1, 4), range(4, 6))
MIMIC, BOX = 0.5, (40., 30., 20., 25.)


def network(depth=6, **backbone) -> dict:
    return {'type': 'ODTrack',
            'backbone': {'type': 'ODTrackViT', 'embed_dims': 24, 'num_heads': 3, 'depth': depth,
                         'mlp_ratio': 2, 'template_size': 112, 'search_size': 80, **backbone},
            'head': {'type': 'CenterHead', 'in_channels': 24, 'channels': 16},
            'test_cfg': {'search_factor': 3., 'templates': {'type': 'SpreadHistory', 'count': 2}}}


def saved(model, file):
    save_checkpoint({'net': to_released(model.state_dict(), False, '')}, file)
    return model.eval()


def normalised(crops):
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (
        (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    return (torch.from_numpy(crops) / 255 - mean) / std


def maps(prefix, prediction) -> dict:
    return {f'{prefix}.pred_boxes': prediction.boxes,
            **{f'{prefix}.{key}_map': prediction.outputs[key]
               for key in ('score', 'size', 'offset')}}


def norms(model) -> dict:
    own = {ours: theirs for theirs, ours in model.names.released[0].table(
        model.state_dict(), ours=True).items()}
    return {own[name]: p.grad.norm().item() for name, p in model.named_parameters()
            if p.grad is not None}


def track_loss(prediction, gt):
    terms = BoxLoss(1., 1.)(prediction.boxes, gt, clamp_target=True)
    terms['location'] = focal_loss(prediction.outputs['score'], gt)
    return terms, 2 * terms['giou'] + 5 * terms['l1'] + terms['location']


class Noting(TorchNetwork):
    """Keeps the memory before and after each frame."""

    def __init__(self, tracker):
        super().__init__(tracker)
        self.memories = []

    def step(self, encoded, crops, memories=None):
        outputs = super().step(encoded, crops, memories)
        self.memories.append((memories[0], outputs['next_memory']))
        return outputs


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Records of mmct's own, computed apart from the comparison."""
    folder, rng = tmp_path_factory.mktemp('odtrack'), np.random.default_rng(0)
    config = network(elimination=ELIMINATION)
    teacher = saved(build(config, seed=1), folder / TEACHER)
    student = saved(build(network(depth=3), seed=2), folder / STUDENT)
    u8 = {'z': rng.integers(0, 256, (2, 2, 3, 112, 112), dtype=np.uint8),
          'x': rng.integers(0, 256, (3, 2, 3, 80, 80), dtype=np.uint8)}
    z, x = normalised(u8['z']).transpose(0, 1), normalised(u8['x'])
    boxes = {'z_gt_xywh': np.float32(rng.uniform(0.2, 0.4, (2, 2, 4))),
             'x_gt_xywh': np.float32(rng.uniform(0.2, 0.5, (3, 2, 4)))}
    gts = torch.from_numpy(boxes['x_gt_xywh'])
    gts = torch.cat([gts[..., :2] + gts[..., 2:] / 2, gts[..., 2:]], dim=-1)
    template_boxes = torch.from_numpy(boxes['z_gt_xywh']).transpose(0, 1) * 112
    found = {}

    def gone_through(model, prefix, count=2, end=3):
        memory = torch.zeros(count, 1, 24)
        for f in range(end):
            tokens = model.embed(z[:count], template_boxes[:count], x[f][:count], memory)
            found[f'{prefix}.f{f}.embed'] = tokens.x
            for i, layer in enumerate(model.backbone.layers):
                tokens = layer(tokens)
                found[f'{prefix}.f{f}.layer{i}'] = tokens.x
                if tokens.kept is not None:
                    found[f'{prefix}.f{f}.kept{i}'] = tokens.kept.short()
            prediction = model.forward_head(tokens)
            memory = prediction.memory
            found.update(maps(f'{prefix}.f{f}', prediction))

    plain = build(network(), seed=1).eval()
    with torch.no_grad():
        gone_through(teacher, 'ce')
        for kind, count in (('ALL', 2), ('GT_BOX', 1)):
            other = build(network(elimination={**ELIMINATION, 'template_range': kind}), seed=1)
            gone_through(other.eval(), f'ce_{kind}', count, 2)
        gone_through(build(network(attention='separate'), seed=1).eval(), 'separate', end=1)
        gone_through(plain, 'full')
        gone_through(student, 'student', end=2)
        found['full.f2_without_carry.score_map'] = plain.forward_frame(
            z, None, x[2], torch.zeros(2, 1, 24)).outputs['score']

    # The published iteration.
    trained = build(config, seed=1).train()
    trained.backbone.schedule_elimination(0.9)
    memory, total, iteration = torch.zeros(2, 1, 24), 0, {'keep_rate': 0.9}
    for f in range(3):
        prediction = trained.forward_frame(z, None, x[f], memory)
        memory, (terms, loss) = prediction.memory, track_loss(prediction, gts[f])
        total = total + loss
        iteration |= {f'{f}frame_Loss/{name}': value.item() for name, value in terms.items()}
        iteration[f'{f}frame_IoU'] = mean_iou(prediction.boxes, gts[f]).item()
    total.backward()
    iteration |= {'total': total.item(),
                  'grad_norm': {**norms(trained), 'backbone.pos_embed': None},
                  'bn_after': {'running_mean': trained.head.score[0].bn.running_mean.tolist()}}

    # A mixed path with an eliminating teacher: student, teacher, student.
    student.train()
    memory = teacher_memory = torch.zeros(2, 1, 24)
    total, mix = 0, {'frames': []}
    for f in range(3):
        with torch.no_grad():
            tokens, behind = teacher.embed(z, None, x[f], teacher_memory), []
            for layers in OF_STAGE:
                tokens = run_layers([teacher.backbone.layers[i] for i in layers], tokens)
                behind.append(tokens)
            guide = teacher.forward_head(tokens)
            teacher_memory = guide.memory
        tokens, errors = student.embed(z, None, x[f], memory), []
        for k, layers in enumerate(OF_STAGE):
            own = [student.backbone.layers[k]] if k != 1 else [
                teacher.backbone.layers[i] for i in layers]
            tokens = run_layers(own, tokens)
            found[f'mix101_ce.f{f}.stage{k}'] = tokens.x.detach()
            both = (tokens.search_present() & behind[k].search_present()).unsqueeze(-1)
            squares = (tokens.whole_search() - behind[k].whole_search()).square()
            errors.append([*(F.mse_loss(tokens.group(name), behind[k].group(name))
                             for name in ('query', 'template')),
                           (squares * both).sum() / both.sum() / 24])
        mixed = student.forward_head(tokens)
        memory = mixed.memory
        found.update({name: value.detach() for name, value in maps(
            f'mix101_ce.f{f}', mixed).items()})
        found[f'mix101_ce.f{f}.query_out'] = memory
        terms, loss = track_loss(mixed, gts[f])
        guidance = BoxLoss(1., 1.)(mixed.boxes, guide.boxes, clamp_target=False)
        mimic = sum(map(sum, errors)) / 9
        total = total + loss + 2 * guidance['giou'] + 5 * guidance['l1'] + MIMIC * mimic
        mix['frames'].append({
            **{f'guidance_{name}': value.item() for name, value in guidance.items()},
            'mimic': mimic.item(), 'mimic_query_template_search': [
                [error.item() for error in own] for own in errors]})
        mix[f'{f}frame_Loss/total'] = loss.item()
    teacher.requires_grad_(False)
    student.zero_grad()
    total.backward()
    mix |= {'total': total.item(), 'grad_norm': {
        name: norm for name, norm in norms(student).items() if '.blocks.1.' not in name}}

    (folder / 'sequences/disc/img').mkdir(parents=True)
    for i, frame in enumerate(moving_disc(10)):
        cv2.imwrite(str(folder / f'sequences/disc/img/{i:04d}.jpg'), frame)
    frames = list(Frames(folder / 'sequences/disc/img'))
    noting = Noting(build(config, seed=1).eval())
    tracker = Tracker(noting)
    tracker.init(frames[0], BOX)
    run = {'boxes_xywh': [list(BOX)], 'scores': [None], 'template_frames': [None],
           'search_factor': 3., 'template_factor': 2., 'template_number': 2}
    for i, frame in enumerate(frames[1:], 1):
        run['template_frames'].append(spread(i, 2))
        box, score = tracker.update(frame)
        for name, memory in zip(('query_in', 'query_out'), noting.memories[-1], strict=True):
            found[f'track.f{i}.{name}'] = torch.from_numpy(memory)
        run['boxes_xywh'].append(box)
        run['scores'].append(score)
    (folder / 'track_disc.json').write_text(json.dumps(run))
    meta = {'net': NET, 'mimic_weight': MIMIC, 'train': {'epoch30': iteration},
            'mix': {'mix101_ce': mix}}
    tensors = {name: value.detach().numpy() for name, value in found.items()}
    tensors['ce.f0.other'] = np.zeros(1)  # nobody asks for it
    np.savez(folder / 'tensors.npz', **u8, **boxes, **tensors)
    (folder / 'meta.json').write_text(json.dumps(meta))
    return folder


def verify(folder, sequences=None):
    return {row.item: row for row in verify_folder(folder, sequences)}


def test_networks_of_other_sizes(folder):
    rows = verify(folder, folder / 'sequences')
    assert rows.pop('1 tensors').note == 'not compared: ce.f0.other'
    assert [row for row in rows.values() if row.error is None or not row.passed] == []
    assert {
        f'shape of {TEACHER}', 'ce.f2.kept4', 'ce_ALL.f1.kept1', 'ce_GT_BOX.f0.score_map',
        'separate.f0.layer5', 'full.f2_without_carry.score_map', 'student.f1.pred_boxes',
        'train epoch30 2frame_Loss/l1', 'train epoch30 gradient norms',
        'train epoch30 running_mean', 'mix101_ce.f2.stage2', 'mix101_ce.f1.query_out',
        'mix101_ce.f0 mimic_query_template_search', 'mix101_ce.f1 guidance_giou',
        'mix101_ce total', 'mix101_ce gradient norms', 'boxes on disc', 'scores on disc',
        'templates on disc', 'track.f9.query_out'} <= set(rows)


@pytest.mark.parametrize(('file', 'key', 'spoilt', 'fine'), [
    (TEACHER, 'backbone.blocks.3.attn.qkv.weight',
     {'ce.f0.layer3', 'full.f0.layer3', 'train epoch30 gradient norms', 'mix101_ce.f0.stage1',
      'mix101_ce.f0 mimic_query_template_search', 'track.f1.query_out'},
     {'ce.f0.layer2', 'mix101_ce.f0.stage0', 'student.f1.score_map'}),
    (TEACHER, 'backbone.cls_token', {'ce.f0.embed', 'track.f2.query_in'},
     {'mix101_ce.f0.stage0'}),
    (STUDENT, 'box_head.conv5_size.weight',
     {'student.f0.size_map', 'mix101_ce.f0.size_map', 'mix101_ce gradient norms'},
     {'full.f0.size_map', 'mix101_ce.f0.query_out', 'mix101_ce.f0 mimic'})])
def test_one_weight_changed_by_a_hundredth(folder, tmp_path, file, key, spoilt, fine):
    for source in folder.iterdir():
        if source.is_file():
            (tmp_path / source.name).write_bytes(source.read_bytes())
    content = torch.load(tmp_path / file, weights_only=True)
    content['net'][key].mul_(1.01)
    torch.save(content, tmp_path / file)
    rows = verify(tmp_path, folder / 'sequences')
    assert {name for name in spoilt if rows[name].passed} == set()
    assert {name for name in fine if not rows[name].passed} == set()


def test_what_needs_frames(folder):
    comparison = ODTrackComparison(folder, {'net': NET}, None)
    row, = comparison.verify_tracking()
    assert row.error is None
    assert 'give --sequences with disc/img' in row.note
    assert all('track.' not in rest.note for rest in comparison.rest())


def test_rules(golden):
    meta = json.loads((golden('odtrack') / 'meta.json').read_text())
    rows = [*verify_schedules(meta), *verify_template_frames(meta)]
    assert [row.item for row in rows] == [
        'keep_rate of 10 epochs', 'keep_rate_got of 5 epochs',
        *(f'template frames, N = {count}' for count in range(1, 6))]
    assert all(row.passed for row in rows)
    meta['template_frames']['3']['60'] = [0, 10, 30, 51]
    meta['keep_rate']['60'] = 0.86
    assert [row.item for row in (*verify_schedules(meta), *verify_template_frames(meta))
            if not row.passed] == ['keep_rate of 10 epochs', 'template frames, N = 3']


def test_all_that_was_recorded(reference):
    rows = verify(reference / 'golden' / 'odtrack', reference / 'sequences')
    assert [row for row in rows.values() if row.error is None or not row.passed] == []
    assert {'ce.f1.kept9', 'separate.f1.stage3', 'ce_CTR_REC.f1.kept6', 'tokens of GT_BOX',
            'train epoch60 running_var', 'mix0101_ce.f1.stage3_kept', 'mix1001 gradient norms',
            'sampling of sparse_widening, search', 'boxes on crossing', 'scores on crossing',
            'track.f9.removed2'} <= set(rows)
