"""Comparison of MixFormerV2 with recorded outputs: of the published code, and of mmct's own for
networks of other sizes."""
import json
import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from parity.comparison import read_meta
from parity.folders import verify_folder
from parity.mixformerv2 import SMALL, STUDENT, TEACHER, MixFormerV2Comparison
from tiny import build

from mmct.checkpoint import save_checkpoint
from mmct.checkpoint.names import to_released
from mmct.models.layers import run_layers
from mmct.models.losses import BoxLoss, mean_iou

SHAPE = {'depth': 6, 'mlp_ratio': 2, 'template': 32, 'search': 80, 'feat_sz': 7, 'embed_dim': 24,
         'num_heads': 3, 'division': [1, 3, 2]}
OF_STAGE = (range(1), range(1, 4), range(4, 6))
EDGES = 'lrtb'


def network(shape, **student) -> dict:
    """Config of a tracker, or of a student of it."""
    backbone = {'type': 'MixViT', 'depth': shape['depth'], 'mlp_ratio': shape['mlp_ratio'],
                'embed_dims': shape['embed_dim'], 'num_heads': shape['num_heads'],
                'template_size': shape['template'], 'search_size': shape['search'], **student}
    return {'type': 'MixFormerV2', 'backbone': backbone,
            'head': {'type': 'EdgeHead', 'in_channels': shape['embed_dim'],
                     'bins': shape['feat_sz']}}


def saved(model, file):
    save_checkpoint({'net': to_released(model.state_dict(), False, '')}, file)
    return model.eval()


def crops(rng, count, side):
    return rng.integers(0, 256, (count, side, side, 3), dtype=np.uint8)


def normalised(crops):
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (
        (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    return (torch.from_numpy(crops).movedim(-1, -3) / 255 - mean) / std


def outputs(prefix, prediction) -> dict:
    found = {f'{prefix}.pred_boxes': prediction.boxes,
             f'{prefix}.pred_scores': prediction.outputs['score_logits']}
    for i, edge in enumerate(EDGES):
        found[f'{prefix}.prob_{edge}'] = prediction.outputs['edges'][:, i]
    return found


def norms(model, kept) -> dict:
    own = {ours: theirs for theirs, ours in model.names.released[0].table(
        model.state_dict(), ours=True).items()}
    return {own[name]: p.grad.norm().item() for name, p in model.named_parameters()
            if p.grad is not None and kept(name)}


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Records of mmct's own, computed apart from the comparison."""
    folder, rng = tmp_path_factory.mktemp('mixformerv2'), np.random.default_rng(0)
    teacher = saved(build(network(SHAPE), seed=1), folder / TEACHER)
    student = saved(build(network(SHAPE, depth=3, mlp_ratio=1), seed=2),
                    folder / STUDENT.format('ms'))
    small = {**SHAPE, 'template': 48, 'search': 64, 'depth': 2, 'mlp_ratio': 1, 'feat_sz': 5}
    little = saved(build(network(small), seed=3), folder / SMALL)
    u8 = {'z_u8': crops(rng, 2, 32), 'oz_u8': crops(rng, 2, 32), 'x_u8': crops(rng, 2, 80),
          'test.z_u8': crops(rng, 1, 32), 'test.oz_u8': crops(rng, 2, 32),
          'test.x_u8': crops(rng, 2, 80), 'small.z_u8': crops(rng, 1, 48),
          'small.oz_u8': crops(rng, 1, 48), 'small.x_u8': crops(rng, 1, 64)}
    image = {name.removesuffix('_u8'): normalised(values) for name, values in u8.items()}
    gt_xywh = torch.tensor([[0.2, 0.3, 0.4, 0.3], [0.7, 0.1, 0.5, 0.4]])
    gt = torch.cat([gt_xywh[:, :2] + gt_xywh[:, 2:] / 2, gt_xywh[:, 2:]], dim=1)
    templates, found = torch.stack([image['z'], image['oz']], dim=1), {}

    def embedded(model):
        return model.embed(templates, None, image['x'], None)

    with torch.no_grad():
        tokens = embedded(teacher)
        found['teacher.embed'], behind = tokens.x, []
        for i, layer in enumerate(teacher.backbone.layers):
            tokens = layer(tokens)
            behind.append(tokens)
            found[f'teacher.layer{i}'] = tokens.x
        guide = teacher.forward_head(tokens)
        found |= outputs('teacher', guide)
        for i, online in enumerate(([0], [0, 1])):
            shown = torch.stack([image['test.z'], *(image['test.oz'][n][None] for n in online)], 1)
            found |= outputs(f'test.{i}', teacher.forward_head(run_layers(
                teacher.backbone.layers, teacher.embed(shown, None, image['test.x'][:1], None))))
        shown = torch.stack([image['small.z'], image['small.oz']], dim=1)
        found |= outputs('small', little.forward_head(run_layers(
            little.backbone.layers, little.embed(shown, None, image['small.x'], None))))

    # A mixed path: student, teacher, student.
    tokens, stages = embedded(student), []
    for stage, layers in enumerate(OF_STAGE):
        own = [student.backbone.layers[stage]] if stage != 1 else [
            teacher.backbone.layers[i] for i in layers]
        tokens = run_layers(own, tokens)
        stages.append(tokens)
        found[f'mix.ms.101.stage{stage}'] = tokens.x.detach()
    mixed, loss = student.forward_head(tokens), BoxLoss(1., 1., 'ciou')
    found |= {name: value.detach() for name, value in outputs('mix.ms.101', mixed).items()
              if 'scores' not in name}
    track, guidance = loss(mixed.boxes, gt, True), loss(mixed.boxes, guide.boxes, False)
    spans = {'templates': slice(0, 8), 'search': slice(8, 33), 'prediction': slice(33, 37),
             'template': slice(0, 4), 'online_template': slice(4, 8), 'all': slice(0, 37)}
    parts = [{name: F.mse_loss(own.x[:, span], behind[layers[-1]].x[:, span])
              for name, span in spans.items()}
             for own, layers in zip(stages, OF_STAGE, strict=True)]
    mimic = sum(part[name] for part in parts for name in ('templates', 'search', 'prediction')) / 9
    total = 3 * track['ciou'] + 4 * track['l1'] + 3 * guidance['ciou'] + 4 * guidance['l1'] \
        + 0.5 * mimic
    total.backward()
    recorded = {
        'track_ciou': track['ciou'], 'track_l1': track['l1'], 'guidance_ciou': guidance['ciou'],
        'guidance_l1': guidance['l1'], 'mimic': mimic, 'total': total}
    recorded = {name: value.item() for name, value in recorded.items()} | {
        'mse_all_tokens': [part.pop('all').item() for part in parts],
        'mimic_parts': [{name: value.item() for name, value in part.items()} for part in parts],
        'grad_norm': norms(student, lambda name: not name.startswith('backbone.layers.1.'))}
    meta = {
        'shape': SHAPE, 'shape_small': {k: v for k, v in small.items() if 'dim' not in k},
        'gates': {'ms': ['101']}, 'mix': {'ms.101': recorded},
        'loss_weights': {'ciou': 3, 'l1': 4, 'mimic': 0.5},
        'tokens': {'template': [0, 4], 'online_template': [4, 8], 'search': [8, 33],
                   'prediction': [33, 37]},
        'test_steps': [{'memory': 'online = test.oz[0]', 'x': 0},
                       {'memory': 'two online templates: test.oz[0], test.oz[1]', 'x': 0}],
        'losses': {'teacher_box': {'IoU': mean_iou(guide.boxes, gt).item()}},
        'grad_norm': {'teacher_box': {}}}
    teacher.zero_grad()
    truth = loss(teacher.forward_head(run_layers(teacher.backbone.layers, embedded(teacher))).boxes,
                 gt, True)
    (3 * truth['ciou'] + 4 * truth['l1']).backward()
    meta['grad_norm']['teacher_box'] = norms(teacher, lambda name: True)
    tensors = {name: value.numpy() for name, value in found.items()}
    tensors['teacher.other'] = np.zeros(1)  # nobody asks for it
    np.savez(folder / 'tensors.npz', gt_xywh=gt_xywh.numpy(), **u8, **tensors)
    (folder / 'meta.json').write_text(json.dumps(meta))
    return folder


def verify(folder, sequences=None):
    return {row.item: row for row in verify_folder(folder, sequences)}


def test_networks_of_other_sizes(folder):
    rows = verify(folder)
    assert rows.pop('1 tensors').note == 'not compared: teacher.other'
    assert [row for row in rows.values() if row.error is None or not row.passed] == []
    assert {
        'shape of teacher.pth.tar', 'shape of small.pth.tar', 'places of token groups',
        'teacher.layer5', 'teacher.prob_b', 'test.1.pred_boxes', 'small.pred_scores',
        'teacher_box IoU', 'teacher_box gradient norms', 'mix.ms.101.stage2',
        'mix.ms.101.pred_boxes', 'mix.ms.101 guidance_ciou', 'mix.ms.101 total',
        'mix.ms.101 parts of mimicking', 'mix.ms.101 gradient norms'} <= set(rows)


@pytest.mark.parametrize(('file', 'key', 'spoilt', 'fine'), [
    (TEACHER, 'backbone.blocks.3.attn.qkv.weight',
     {'teacher.layer3', 'test.1.pred_boxes', 'teacher_box gradient norms',
      'mix.ms.101.stage1', 'mix.ms.101 guidance_l1', 'mix.ms.101 parts of mimicking'},
     {'teacher.layer2', 'mix.ms.101.stage0', 'small.pred_boxes'}),
    (TEACHER, 'score_head.layers.1.weight', {'teacher.pred_scores', 'test.0.pred_scores'},
     {'teacher.pred_boxes', 'mix.ms.101 total'}),
    (STUDENT.format('ms'), 'box_head.layers.1.1.weight',
     {'mix.ms.101.pred_boxes', 'mix.ms.101 track_l1', 'mix.ms.101 gradient norms'},
     {'teacher.pred_boxes', 'mix.ms.101.stage2', 'mix.ms.101 mimic'}),
])
def test_one_weight_changed_by_a_hundredth(folder, tmp_path, file, key, spoilt, fine):
    for source in folder.iterdir():
        (tmp_path / source.name).write_bytes(source.read_bytes())
    content = torch.load(tmp_path / file, weights_only=True)
    content['net'][key].mul_(1.01)
    torch.save(content, tmp_path / file)
    rows = verify(tmp_path)
    assert {name for name in spoilt if rows[name].passed} == set()
    assert {name for name in fine if not rows[name].passed} == set()


def test_formulas(golden):
    folder = golden('mixformerv2')
    comparison = MixFormerV2Comparison(folder, read_meta(folder / 'meta.json'), None)
    rows = {row.item: row for row in comparison.verify_formulas()}
    assert {'sine table', 'CIoU loss', 'CIoU: IoU', 'CIoU gradient', 'CIoU mean'} <= set(rows)
    assert all(row.passed for row in rows.values())


def test_all_that_was_recorded(reference):
    rows = verify(reference / 'golden' / 'mixformerv2', reference / 'sequences')
    assert [row for row in rows.values() if row.error is None or not row.passed] == []
    runs = {re.sub(' on crossing.*', '', name) for name in rows if name.endswith('online_decay')}
    assert runs == {'boxes', 'scores', 'candidates', 'online template'}
    assert {'student_init.tokens', 'test.3.v_last', 'small.layer0',
            'teacher_score gradient norms', 'published distillation Loss/total',
            'mix.ms.0110 gradient norms'} <= set(rows)
