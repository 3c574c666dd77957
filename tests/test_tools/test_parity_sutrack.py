"""Comparison of SUTrack with recorded outputs: of the published code, and of mmct's own for a
network of other sizes."""
import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from clip_part import WIDTH, with_clip
from parity.folders import verify_folder
from parity.sutrack import STUDENT, TEACHER
from tiny import build

from mmct.checkpoint import save_checkpoint
from mmct.models.backbones.itpn import box_cover
from mmct.models.layers import run_layers
from mmct.models.losses import BoxLoss, focal_loss, gaussian_heatmap

SHAPE = {'embed_dim': 24, 'num_heads': 3, 'depth_stage1': 1, 'depth_stage2': 2, 'depth': 5,
         'first_main_block': 5, 'search_size': 48, 'template_size': 32, 'num_templates': 3,
         'mlp_ratio': 2, 'head_channels': 16, 'task_num': 4, 'division': [1, 3, 1],
         'clip': {'text_width': WIDTH, 'text_layers': 2, 'text_feature': 7, 'vocab': 9}}
OF_STAGE = (range(1), range(1, 4), range(4, 5))


def network(**backbone) -> dict:
    """Config of a tracker, or of a student of it."""
    return {'type': 'SUTrack',
            'backbone': {'type': 'FastITPN', 'embed_dims': 24, 'depth': 5, 'num_heads': 3,
                         'mlp_ratio': 2, 'coarse_depths': [1, 2], 'text_dims': 7,
                         'template_size': 32, 'search_size': 48, **backbone},
            'head': {'type': 'TaskCenterHead', 'in_channels': 24, 'channels': 16, 'num_tasks': 4}}


def saved(model, file):
    save_checkpoint({'net': with_clip(model)}, file)
    return model.eval()


def outputs(prefix, prediction) -> dict:
    return {f'{prefix}.pred_boxes': prediction.boxes,
            f'{prefix}.task_logits': prediction.outputs['task_logits'],
            **{f'{prefix}.{name}_map': prediction.outputs[name]
               for name in ('score', 'size', 'offset')}}


def norms(model) -> dict:
    own = {ours: theirs for theirs, ours in model.names.released[0].table(
        list(model.state_dict()), ours=True).items()}
    return {own[name]: p.grad.norm().item() for name, p in model.named_parameters()
            if p.grad is not None}


def track_losses(prediction, gt) -> dict:
    """Unweighted, and the sum."""
    boxes = BoxLoss(1., 1.)(prediction.boxes, gt, True)
    logits = prediction.outputs['task_logits']
    terms = {'Loss/giou': boxes['giou'], 'Loss/l1': boxes['l1'],
             'Loss/location': focal_loss(prediction.outputs['score'], gt),
             'Loss/task_class': F.cross_entropy(logits, torch.zeros(len(logits)).long())}
    total = 2 * boxes['giou'] + 5 * boxes['l1'] + terms['Loss/location'] + terms['Loss/task_class']
    return {**terms, 'Loss/total': total}


def values(terms) -> dict:
    return {name: value.item() for name, value in terms.items()}


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Records of mmct's own, computed apart from the comparison."""
    folder, rng = tmp_path_factory.mktemp('sutrack'), torch.Generator().manual_seed(0)
    teacher = saved(build(network(), seed=1), folder / TEACHER)
    student = saved(build(network(depth=3), seed=2), folder / STUDENT)
    found = {f'z{i}': torch.randn(2, 3, 32, 32, generator=rng) for i in range(3)}
    found |= {f'z{i}_box_xywh': torch.rand(2, 4, generator=rng) * .3 + .2 for i in range(3)}
    found['x'] = torch.randn(2, 3, 48, 48, generator=rng)
    found['gt_xywh'] = torch.tensor([[.2, .3, .4, .3], [.5, .1, .4, .4]])
    gt = torch.cat([found['gt_xywh'][:, :2] + found['gt_xywh'][:, 2:] / 2,
                    found['gt_xywh'][:, 2:]], dim=1)
    templates = torch.stack([found[f'z{i}'] for i in range(3)], dim=1)
    boxes = torch.stack([found[f'z{i}_box_xywh'] for i in range(3)], dim=1) * 32

    def embedded(model, count=3):
        return model.embed(templates[:, :count], boxes[:, :count], found['x'], None)

    with torch.no_grad():
        tokens, behind = embedded(teacher), []
        found |= {'teacher.embed': tokens.x, 'teacher.text_token': teacher.backbone.text(),
                  'teacher.clip_feature': teacher.backbone.text.feature,
                  'teacher.template_mask': box_cover(boxes, 32),
                  'teacher.coarse_x.patch_embed': teacher.backbone.patch_embed(found['x'][:1]),
                  'heatmap': gaussian_heatmap(gt, 3)[:, 0]}
        for i, layer in enumerate(teacher.backbone.layers):
            tokens = layer(tokens)
            behind.append(tokens)
            found[f'teacher.layer{i}'] = tokens.x
        guide = teacher.forward_head(tokens)
        found |= outputs('teacher', guide)
        found |= outputs('teacher_one_template', teacher.forward_head(
            run_layers(teacher.backbone.layers, embedded(teacher, 1))))

    # The teacher's own loss.
    tokens = run_layers(teacher.backbone.layers, embedded(teacher))
    own = track_losses(teacher.forward_head(tokens), gt)
    own['Loss/total'].backward()
    meta = {**SHAPE, 'gates': ['101'], 'token_groups': {
        'cls': [0, 1], 'search': [1, 10], 'templates': [10, 22], 'text': [22, 23]},
        'drop_path_rates': [0, None, 1 / 70, 2 / 70, None, *(i / 70 for i in range(3, 8))],
        'teacher_loss': {'eval': {'loss': values(own), 'grad_norm': norms(teacher)}}}
    teacher.zero_grad()

    # A mixed path: student, teacher, student; batch statistics in the student's head.
    tokens, stages = embedded(student.train()), []
    found['mix101.embed'] = tokens.x
    for stage, layers in enumerate(OF_STAGE):
        tokens = run_layers([student.backbone.layers[stage]] if stage != 1 else [
            teacher.backbone.layers[i] for i in layers], tokens)
        stages.append(tokens)
        found[f'mix101.stage{stage}'] = tokens.x
    mixed = student.forward_head(tokens)
    found |= outputs('mix101', mixed)
    track = track_losses(mixed, gt)
    guidance = BoxLoss(1., 1.)(mixed.boxes, guide.boxes, False)
    spans = {'cls': slice(0, 1), 'search': slice(1, 10), 'template': slice(10, 22),
             'text': slice(22, 23)}
    mimic = {name: [F.mse_loss(a.x[:, span], behind[layers[-1]].x[:, span])
                    for a, layers in zip(stages, OF_STAGE, strict=True)]
             for name, span in spans.items()}
    mimicked = sum(sum(mimic[name]) / 3 for name in ('search', 'template')) / 2
    guided = 2 * guidance['giou'] + 5 * guidance['l1']
    total = track['Loss/total'] + guided + .2 * mimicked
    total.backward()
    meta['mix'] = {'101': {
        'track': values(track), 'L_track': track['Loss/total'].item(),
        'L_guidance': guided.item(), 'L_mimic': mimicked.item(), 'total': total.item(),
        'guidance_giou': guidance['giou'].item(), 'guidance_l1': guidance['l1'].item(),
        'mimic': {name: [error.item() for error in errors] for name, errors in mimic.items()},
        'grad_norm': norms(student)}}
    found['teacher.other'] = torch.zeros(1)  # nobody asks for it
    np.savez(folder / 'tensors.npz', **{
        name: value.detach().numpy() for name, value in found.items()})
    (folder / 'meta.json').write_text(json.dumps(meta))
    return folder


def verify(folder, sequences=None):
    return {row.item: row for row in verify_folder(folder, sequences)}


def test_networks_of_other_sizes(folder):
    rows = verify(folder)
    assert rows.pop('1 tensors').note == 'not compared: teacher.other'
    assert [row for row in rows.values() if row.error is None or not row.passed] == []
    assert {
        f'shape of {TEACHER}', 'drop path rates', 'places of merges', 'places of token groups',
        'teacher.coarse_x.patch_embed', 'teacher.clip_feature', 'teacher.template_mask',
        'teacher.embed', 'teacher.layer4', 'teacher.task_logits', 'heat map',
        'teacher_one_template.score_map', 'teacher, eval: Loss/total',
        'teacher, eval: gradient norms', 'mix101.embed', 'mix101.stage2', 'mix101.pred_boxes',
        'mix101 Loss/task_class', 'mix101 L_guidance', 'mix101 L_mimic',
        'mix101 mimicking of text', 'mix101 total', 'mix101 gradient norms'} <= set(rows)


def copied(folder, target):
    for source in folder.iterdir():
        (target / source.name).write_bytes(source.read_bytes())
    return target


@pytest.mark.parametrize(('file', 'key', 'spoilt', 'fine'), [
    (TEACHER, 'encoder.body.blocks.8.attn.q_proj.weight',
     {'teacher.layer3', 'teacher.pred_boxes', 'teacher, eval: gradient norms', 'mix101.stage1',
      'mix101 guidance_l1', 'mix101 mimicking of search'},
     {'teacher.layer2', 'mix101.stage0', 'mix101.embed'}),
    (TEACHER, 'text_encoder.clip.positional_embedding', {'teacher.clip_feature',
     'teacher.text_token', 'teacher.embed'}, {'teacher.template_mask', 'mix101.embed'}),
    (TEACHER, 'task_decoder.layers.2.weight', {'teacher.task_logits', 'teacher, eval: Loss/total'},
     {'teacher.pred_boxes', 'mix101 total'}),
    (STUDENT, 'encoder.body.template_background_token', {'mix101.embed', 'mix101 total'},
     {'teacher.embed', 'teacher.pred_boxes'}),
])
def test_one_weight_changed(folder, tmp_path, file, key, spoilt, fine):
    copied(folder, tmp_path)
    content = torch.load(tmp_path / file, weights_only=True)
    content['net'][key].mul_(1.05)
    torch.save(content, tmp_path / file)
    rows = verify(tmp_path)
    assert {name for name in spoilt if rows[name].passed} == set()
    assert {name for name in fine if not rows[name].passed} == set()


@pytest.mark.parametrize(('key', 'value'), [
    ('depth', 6), ('first_main_block', 6), ('mlp_ratio', 3), ('task_num', 5),
    ('clip', {'text_layers': 3})])
def test_sizes_that_are_not_the_files(folder, tmp_path, key, value):
    copied(folder, tmp_path)
    meta = json.loads((tmp_path / 'meta.json').read_text())
    (tmp_path / 'meta.json').write_text(json.dumps({**meta, key: value}))
    row = next(verify_folder(tmp_path, None))
    assert row.item == f'shape of {TEACHER}'
    assert not row.passed
    assert key in row.note


def test_all_that_was_recorded(reference):
    rows = verify(reference / 'golden' / 'sutrack', reference / 'sequences')
    assert [row for row in rows.values() if row.error is None or not row.passed] == []
    assert {'optimizer of decoder, task_decoder: lr', 'teacher, train: running means',
            'student_init.final_tokens', 'mix0111 total gradient norm', 'search crop of 0030.jpg',
            'search crops: boxes', 'boxes on crossing, student_two_templates',
            'updates on crossing, teacher_two_templates', 'track.f52.template1_after',
            'track.f53.final_tokens', 'track.init.box0'} <= set(rows)


def test_what_needs_frames(reference):
    rows = verify(reference / 'golden' / 'sutrack')
    missing = {item for item, row in rows.items() if row.error is None}
    assert {'template crops', 'search crops', 'boxes on crossing, teacher_one_template'} <= missing
    assert all(row.passed for row in rows.values())
