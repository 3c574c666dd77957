"""SUTrack: what its recorded outputs cannot show."""
import math

import pytest
import torch
import torch.nn.functional as F
from benchmarks.complexity import count_macs
from clip_part import WIDTH as CLIP_WIDTH
from clip_part import clip_part, with_clip
from mmtrack.registry import MODELS
from tiny import build, distiller, same_weights, shake
from torch import nn

from mmct.checkpoint import CheckpointError, convert, load_weights, read_checkpoint, save_tracker
from mmct.checkpoint.names import to_own
from mmct.models import SUTrack, TaskCenterHead
from mmct.models.backbones import StageDividedFastITPN
from mmct.models.backbones.itpn import FastITPN, TextToken, box_cover
from mmct.models.layers import SwiGLUBlock, Tokens, resize_grid, run_layers
from mmct.models.layers.fast_itpn import ConvMlpBlock, PairedPatchEmbed, PatchMerging
from mmct.models.losses import BoxLoss, StageMimicLoss, focal_loss
from mmct.models.structures import Clip
from mmct.models.torch_network import TorchNetwork
from mmct.models.trackers.sutrack import CLIP, text_feature
from mmct.runtime.templates import RecentConfident

WIDTH, TEMPLATE, SEARCH, DEPTH, TEXT = 16, 32, 64, 4, 6
GROUPS = {'cls': (1, ), 'search': (4, 4), 'template': (2, 2, 2), 'text': (1, )}
MIMICKED = ['search', 'template']


def sutrack(depth=DEPTH, head=(), **backbone) -> dict:
    """Config of a SUTrack: a class token, 16 of the search crop, 4 of each template, a text."""
    width = backbone.get('embed_dims', WIDTH)
    return {'type': 'SUTrack',
            'backbone': {'type': 'FastITPN', 'embed_dims': WIDTH, 'num_heads': 2, 'depth': depth,
                         'coarse_depths': [1, 2], 'text_dims': TEXT, 'template_size': TEMPLATE,
                         'search_size': SEARCH, **backbone},
            'head': {'type': 'TaskCenterHead', 'in_channels': width, 'channels': 16,
                     **dict(head)}}


def su_student(division=2, head=(), **backbone) -> dict:
    config = sutrack(head=head, **backbone)
    del config['backbone']['depth']
    config['backbone'].update(type='StageDividedFastITPN', teacher_depth=DEPTH, division=division)
    return config


def su_clip(size=3, templates=2, seed=0) -> Clip:
    rng = torch.Generator().manual_seed(seed)
    boxes = torch.rand(size, templates, 4, generator=rng) * 12 + 6
    return Clip(torch.randn(size, templates, 3, TEMPLATE, TEMPLATE, generator=rng), boxes,
                torch.randn(size, 1, 3, SEARCH, SEARCH, generator=rng),
                torch.rand(size, 1, 4, generator=rng) * 0.4 + 0.3)


def teacher() -> SUTrack:
    model = build(sutrack())
    with_clip(model)
    return model


def compression(tmp_path, **student):
    file = tmp_path / 'teacher.pth'
    save_tracker(teacher().state_dict(), file, student=False)
    model = MODELS.build(distiller(
        file, sutrack(), student=su_student(**student),
        mimic_loss={'type': 'StageMimicLoss', 'groups': MIMICKED}))
    model.build_teacher()
    return model


def embedded(model, clip) -> Tokens:
    return model.embed(clip.templates, clip.template_boxes, clip.searches[:, 0],
                       model.init_memory(clip.searches))


# The coarse part

def test_both_halves_of_the_first_convolution():
    """As of six channels: the same outputs, and for each half the same gradient."""
    torch.manual_seed(0)
    embed, images = shake(PairedPatchEmbed(5)), torch.randn(2, 3, 16, 16)
    out = embed(images)
    conv = embed.proj
    expected = F.conv2d(images.repeat(1, 2, 1, 1), conv.weight, conv.bias, stride=4)
    torch.testing.assert_close(out, expected)
    weights = torch.randn_like(out)
    own, = torch.autograd.grad((out * weights).sum(), conv.weight)
    other, = torch.autograd.grad((expected * weights).sum(), conv.weight)
    assert own.shape == (5, 6, 4, 4)
    torch.testing.assert_close(own, other)


def channels(norm, x):
    """A norm of the channels of each place, by the book."""
    mean, var = x.mean(1, keepdim=True), x.var(1, keepdim=True, correction=0)
    scale, shift = (value[:, None, None] for value in (norm.weight, norm.bias))
    return (x - mean) / (var + 1e-6).sqrt() * scale + shift


def test_conv_block_by_the_book():
    torch.manual_seed(0)
    block, x = shake(ConvMlpBlock(8)), torch.randn(2, 8, 3, 5)
    hidden = torch.einsum('bchw,kc->bkhw', channels(block.norm, x), block.fc1.weight[..., 0, 0])
    hidden = F.gelu(hidden + block.fc1.bias[:, None, None])
    assert hidden.shape == (2, 24, 3, 5)
    hidden = channels(block.hidden_norm, hidden)
    out = torch.einsum('bkhw,ck->bchw', hidden, block.fc2.weight[..., 0, 0])
    torch.testing.assert_close(block(x), x + out + block.fc2.bias[:, None, None])


def test_merge_by_the_book():
    torch.manual_seed(0)
    merge, x = shake(PatchMerging(8)), torch.randn(2, 8, 4, 6)
    parts = channels(merge.norm, x).unflatten(2, (2, 2)).unflatten(4, (3, 2))
    out = torch.einsum('bchiwj,kcij->bkhw', parts, merge.reduction.weight)
    torch.testing.assert_close(merge(x), out + merge.reduction.bias[:, None, None])
    assert merge(x).shape == (2, 16, 2, 3)


# Attention

def test_layer_by_the_book():
    torch.manual_seed(0)
    block, x = shake(SwiGLUBlock(8, 2)), torch.randn(3, 7, 8)
    attn, mlp = block.attn, block.mlp
    assert attn.k_proj.bias is None
    inner = block.norm1(x)
    query, key, value = (F.linear(inner, part.weight, part.bias).unflatten(-1, (2, 4))
                         for part in (attn.q_proj, attn.k_proj, attn.v_proj))
    weights = torch.einsum('bnhc,bmhc->bhnm', query * 4**-0.5, key).softmax(dim=-1)
    out = x + block.gamma1 * attn.proj(torch.einsum('bhnm,bmhc->bnhc', weights, value).flatten(2))
    inner = block.norm2(out)
    gate = mlp.gate(inner)
    hidden = gate * gate.sigmoid() * mlp.value(inner)
    assert hidden.shape == (3, 7, 24)
    out = out + block.gamma2 * mlp.fc2(mlp.hidden_norm(hidden))
    torch.testing.assert_close(block(Tokens(x, {'search': (7, )})).x, out)
    assert {norm.eps for norm in block.modules() if isinstance(norm, nn.LayerNorm)} == {1e-6}


# Masks

def cover_by_the_book(box, size, patch):
    x, y, w, h = box
    cells = size // patch
    found = [0.] * cells**2
    for row in range(size):
        for column in range(size):
            if x <= column < x + w and y <= row < y + h:
                found[row // patch * cells + column // patch] += 1 / patch**2
    return found


@pytest.mark.parametrize('box', [
    (8., 12., 10., 3.), (8.25, 7.75, 16.5, 9.), (-4., -3.5, 12., 40.), (20., 20., 40., 40.),
    (0., 0., 32., 32.), (15.5, 15.5, .25, .25), (15.5, 15.5, 1., 1.), (31., 0., 1., 1.),
    (40., 3., 5., 5.), (-9., 3., 5., 5.)])
def test_share_of_pixels_inside_a_box(box):
    boxes = torch.tensor([[box, (3., 4., 5., 6.)]])
    cover = box_cover(boxes, 32, 8)
    assert cover.shape == (1, 2, 16)
    assert cover[0, 0].tolist() == cover_by_the_book(box, 32, 8)
    assert cover[0, 1].tolist() == cover_by_the_book((3., 4., 5., 6.), 32, 8)


def test_an_edge_decides_a_row():
    """A pixel belongs to the box that begins at its place, not to the one that ends there."""
    edge = torch.tensor(16.)
    below, above = edge.nextafter(edge - 1).item(), edge.nextafter(edge + 1).item()
    for start, columns in ((below, 16), (16., 16), (above, 15)):
        cover = box_cover(torch.tensor([[start, 0., 100., 32.]]), 32)
        assert cover[0].tolist() == [0, columns / 16] * 2


# Tokens

def test_order_of_tokens():
    backbone, clip = build(sutrack()).backbone, su_clip()
    encoded = backbone.encode(clip.templates, clip.template_boxes)
    tokens = backbone.join(encoded, clip.searches[:, 0])
    assert tokens.groups == GROUPS
    assert list(backbone.groups) == list(GROUPS)

    def coarse(images):
        x = backbone.patch_embed(images)
        for block in backbone.coarse:
            x = block(x)
        return x.flatten(2).transpose(1, 2)

    places = backbone.pos_embed.split([16, 4], dim=1)
    parts = [backbone.cls_token.repeat(3, 1, 1),
             coarse(clip.searches[:, 0]) + places[0] + backbone.search_token]
    for i in range(2):
        inside = box_cover(clip.template_boxes[:, i], TEMPLATE)[..., None]
        # Both templates have the same places.
        parts.append(coarse(clip.templates[:, i]) + places[1]
                     + inside * backbone.foreground_token
                     + (1 - inside) * backbone.background_token)
    parts.append(backbone.text().repeat(3, 1, 1))
    torch.testing.assert_close(tokens.x, torch.cat(parts, dim=1))
    assert tokens.group('template')[:, :4].equal(encoded['template_tokens'][:, :4])


@pytest.mark.parametrize('templates', [1, 2, 3])
def test_encoded_templates_give_what_all_together_do(templates):
    model, clip = build(sutrack()).eval(), su_clip(templates=templates)
    with torch.no_grad():
        encoded = model.encode(clip.templates, clip.template_boxes)
        assert {name: value.shape for name, value in encoded.items()} == {
            'template_tokens': (3, 4 * templates, WIDTH)}
        whole = model.forward_frame(clip.templates, clip.template_boxes, clip.searches[:, 0],
                           model.init_memory(clip.searches))
        step = model.step(encoded, clip.searches[:, 0], model.init_memory(clip.searches))
    # No step of tracking runs the task head.
    assert set(whole.outputs) == {*step.outputs, 'task_logits'}
    assert all(torch.equal(whole.outputs[name], value) for name, value in step.outputs.items())


def test_published_sizes():
    with torch.device('meta'):
        model = SUTrack({'type': 'FastITPN'}, {'type': 'TaskCenterHead'})
    numbers = dict.fromkeys(('backbone', 'task', 'head', 'text'), 0)
    for name, parameter in model.named_parameters():
        numbers[next(part for part in ('text', 'task', 'backbone', 'head') if part in name)] \
            += parameter.numel()
    # In millions, as they were published, without the projection of the text.
    assert {name: round(number / 1e6, 1) for name, number in numbers.items()} == {
        'backbone': 84.3, 'head': 4.7, 'task': 0.2, 'text': 0.4}
    assert count_macs(model).full == pytest.approx(30.4e9, abs=5e7)


# The text

def test_text_feature_is_clips():
    """Of 77 zeros through the whole tower with causal attention, at the place of the largest
    token, which is the first."""
    part, heads, length = clip_part(TEXT), 3, 7
    clip = {name.removeprefix(CLIP): value for name, value in part.items()}
    ids = torch.zeros(1, length, dtype=torch.long)
    x = clip['token_embedding.weight'][ids] + clip['positional_embedding']
    causal = torch.full((length, length), -math.inf).triu(1)
    for i in range(2):
        own = {name.removeprefix(f'transformer.resblocks.{i}.'): value
               for name, value in clip.items() if name.startswith(f'transformer.resblocks.{i}.')}
        attention = nn.MultiheadAttention(CLIP_WIDTH, heads, batch_first=True)
        attention.load_state_dict({name.removeprefix('attn.'): value
                                   for name, value in own.items() if name.startswith('attn')})
        inner = F.layer_norm(x, (CLIP_WIDTH, ), own['ln_1.weight'], own['ln_1.bias'])
        x = x + attention(inner, inner, inner, attn_mask=causal, need_weights=False)[0]
        inner = F.layer_norm(x, (CLIP_WIDTH, ), own['ln_2.weight'], own['ln_2.bias'])
        inner = F.linear(inner, own['mlp.c_fc.weight'], own['mlp.c_fc.bias'])
        inner = inner * (1.702 * inner).sigmoid()
        x = x + F.linear(inner, own['mlp.c_proj.weight'], own['mlp.c_proj.bias'])
    x = F.layer_norm(x, (CLIP_WIDTH, ), clip['ln_final.weight'], clip['ln_final.bias'])
    expected = x[0, ids[0].argmax()] @ clip['text_projection']
    torch.testing.assert_close(text_feature(part, ''), expected)
    token = shake(TextToken(TEXT, WIDTH))
    torch.testing.assert_close(token(), token.proj(token.feature)[None, None])
    assert token().shape == (1, 1, WIDTH)


@pytest.mark.parametrize(('change', 'message'), [
    ({'token_embedding.weight': None}, 'lacks text_encoder.clip.token_embedding.weight: SUTrack'),
    ({'transformer.resblocks.1.ln_2.bias': None}, r'lacks text_encoder.clip.transformer.resblo'),
    ({'ln_final.weight': None}, 'lacks text_encoder.clip.ln_final.weight'),
    ({'ln_final.weight': torch.ones(3)}, 'the shapes of its CLIP .* do not go together'),
    ({'token_embedding.weight': torch.ones(0, CLIP_WIDTH)}, 'the shapes of its CLIP'),
])
def test_files_with_half_a_clip(change, message):
    released = with_clip(build(sutrack()))
    for name, value in change.items():
        del released[f'{CLIP}{name}']
        if value is not None:
            released[f'{CLIP}{name}'] = value
    with pytest.raises(CheckpointError, match=f'^file.pth:? {message}') as caught:
        to_own(released, 'file.pth')
    assert '\n' not in str(caught.value)


# Files

@pytest.mark.parametrize('with_task', [True, False])
@pytest.mark.parametrize('student', [True, False])
def test_names_there_and_back(tmp_path, with_task, student):
    model = build(sutrack(head={'with_task': with_task}))
    released = with_clip(model)
    own = model.state_dict()
    assert ('task_decoder.layers.2.weight' in released) == with_task
    # Convolutional block, merge, two blocks, merge, attention layers.
    assert {'encoder.body.blocks.0.mlp.ffn_ln.weight', 'encoder.body.blocks.1.reduction.weight',
            'encoder.body.blocks.3.norm2.bias', 'encoder.body.blocks.4.norm.weight',
            'encoder.body.blocks.5.attn.q_bias', 'encoder.body.blocks.8.gamma_2',
            'encoder.body.blocks.8.mlp.w3.weight', 'encoder.body.pos_embed',
            'text_encoder.text_proj.weight', 'text_encoder.norm1.weight',
            'text_encoder.clip.visual.conv1.weight', 'decoder.conv4_size.1.running_var',
            'decoder.conv5_ctr.bias'} < set(released)
    assert not [key for key in released if 'blocks.9' in key or 'k_bias' in key]
    assert same_weights(to_own(released, 'released.pth'), own)
    first, source, out, back = (tmp_path / f'{i}.pth' for i in range(4))
    torch.save({'net': {f'module.{key}': value for key, value in released.items()},
                'net_type': 'SUTRACK', 'epoch': 180}, first)
    save_tracker(own, source, student)
    # Of a released file itself, its own CLIP is taken.
    assert convert(first, out, 'released', 0, 0) == 'tracker'
    assert same_weights(read_checkpoint(out)['net'], released)
    kind = 'student' if student else 'tracker'
    assert convert(source, out, 'released', 0, 0, rest=first) == kind
    assert same_weights(read_checkpoint(out)['net'], released)
    assert convert(out, back, 'mmct', 0, 0) == 'tracker'  # files do not tell
    assert same_weights(read_checkpoint(back)['state_dict'], own)
    assert not [key for key in read_checkpoint(back)['state_dict'] if 'clip' in key]
    other = build(sutrack(head={'with_task': with_task}), seed=1)
    load_weights(other, out)
    assert same_weights(other, model)


def test_what_a_file_lacks():
    released = with_clip(build(sutrack()))
    del released['encoder.body.blocks.6.attn.v_bias']
    released['encoder.body.blocks.6.attn.k_bias'] = torch.zeros(WIDTH)
    with pytest.raises(CheckpointError, match='does not understand 1 keys: encoder.body.blocks.6.'
                       'attn.k_bias; it lacks 1 keys: encoder.body.blocks.6.attn.v_bias$'):
        to_own(released, 'file.pth')


# Drop path

def test_drop_path_counts_convolutional_blocks_first():
    shape = {'embed_dims': 8, 'num_heads': 2, 'coarse_depths': (3, 3), 'drop_path_rate': 0.1}
    whole = FastITPN(depth=24, **shape)
    student = StageDividedFastITPN(teacher_depth=24, division=4, **shape)
    for backbone, layers in ((whole, range(24)), (student, (0, 6, 12, 18))):
        rates = [block.drop_path.drop_prob for block in backbone.coarse
                 if isinstance(block, ConvMlpBlock)]
        rates += [layer.drop_path.drop_prob for layer in backbone.layers]
        assert rates == pytest.approx([0.1 * i / 29 for i in (*range(6), *(6 + i for i in layers))])
    with pytest.raises(ValueError, match='depth of a StageDividedFastITPN is the number of its'):
        StageDividedFastITPN(depth=4)


def test_paths_are_dropped_for_each_template():
    backbone = build(sutrack(drop_path_rate=0.9)).backbone.train()
    backbone.coarse[0].drop_path.drop_prob = 0.5
    same = torch.randn(1, 1, 3, TEMPLATE, TEMPLATE).expand(16, 2, -1, -1, -1)
    boxes = torch.tensor([8., 8., 16., 16.]).expand(16, 2, 4)
    first, second = backbone.encode(same, boxes)['template_tokens'].split(4, dim=1)
    differ = (first - second).abs().amax(dim=(1, 2)) > 1e-6
    assert 0 < differ.sum() < 16


# Head

def test_task_loss():
    head = shake(TaskCenterHead(WIDTH, 16, num_tasks=3, task=2, task_weight=0.5)).eval()
    tokens = Tokens(torch.randn(2, 26, WIDTH), GROUPS)
    logits = head(tokens)['task_logits']
    torch.testing.assert_close(logits, head.task_head(tokens.x.sum(dim=1) / 26))
    model = build(sutrack(head={'task': 1, 'task_weight': 2.}))
    clip = su_clip()
    prediction = next(model.predictions(clip))
    losses = model.head.loss(prediction, clip.gt_boxes[:, 0])
    odds = prediction.outputs['task_logits'].softmax(dim=1)
    torch.testing.assert_close(losses['loss_track_task'], -2 * odds[:, 1].log().mean())
    assert set(losses) == {f'loss_track_{name}' for name in ('focal', 'giou', 'l1', 'task')}
    bare = build(sutrack(head={'with_task': False}))
    prediction = next(bare.predictions(clip))
    assert set(prediction.outputs) == {'score', 'size', 'offset'}
    assert set(bare.head.loss(prediction, clip.gt_boxes[:, 0])) == {
        f'loss_track_{name}' for name in ('focal', 'giou', 'l1')}


@MODELS.register_module()
class RecordingLoss(nn.Module):
    def __init__(self):
        super().__init__()
        self.labels = []

    def forward(self, prediction, gt_boxes, labels=None):
        self.labels.append(labels)
        return {'loss_seen': prediction.boxes.sum()}


def test_a_frame_is_lost_once_with_its_labels():
    model = build(sutrack(head={'loss': {'type': 'RecordingLoss'}}))
    clip = su_clip()
    labels = torch.ones(clip.gt_boxes.shape[:2])
    model.losses(clip._replace(labels=labels))
    seen, = model.head.track_loss.labels
    assert torch.equal(seen, labels[:, 0])


# Templates

def test_what_tracking_is_told():
    info = build(sutrack()).info
    assert info.templates == {
        'type': 'RecentConfident', 'copies': 2, 'interval': 25, 'threshold': 0.7}
    assert RecentConfident().__dict__ == {'copies': 2, 'interval': 25, 'threshold': 0.7}
    assert info.stretched_boxes
    assert info.score == 'windowed'
    one = MODELS.build({**sutrack(), 'test_cfg': {'templates': {'type': 'Fixed'}}})
    assert one.info.templates == {'type': 'Fixed'}
    with pytest.raises(ValueError, match='template policy RecentConfident: copies=0'):
        MODELS.build({**sutrack(), 'test_cfg': {
            'templates': {'type': 'RecentConfident', 'copies': 0}}})


def test_half_precision_of_arithmetic():
    """Autocast keeps the box and the score within what its bits allow."""
    model, clip = build(sutrack()).eval(), su_clip()
    crops = (torch.randn(2, TEMPLATE, TEMPLATE, 3) * 40 + 120).clamp(0, 255).byte().numpy()
    search = (torch.randn(1, SEARCH, SEARCH, 3) * 40 + 120).clamp(0, 255).byte().numpy()
    found = []
    for dtype in (None, torch.bfloat16):
        network = TorchNetwork(model, dtype=dtype)
        encoded = network.encode(crops, clip.template_boxes[0].numpy())
        found.append(network.step([encoded], search))
    for name, value in found[0].items():
        torch.testing.assert_close(*(torch.from_numpy(own[name]) for own in found), rtol=0.1,
                                   atol=0.1 * abs(value).max())


# Compression

def test_student_starts_from_its_teacher(tmp_path):
    model = compression(tmp_path)
    own, whole = model.student.state_dict(), model.teacher.state_dict()
    assert own['backbone.text.feature'].any()
    for key, value in own.items():
        source = key.replace('layers.1', 'layers.3').replace('layers.0', 'layers.1') \
            if key.startswith('backbone.layers.') else key
        assert torch.equal(value, whole[source])


@pytest.mark.parametrize('with_task', [True, False])
@pytest.mark.parametrize('gates', [[True, False], [False, True], [True, True]])
def test_compression_by_the_unchanged_distiller(tmp_path, gates, with_task):
    model = compression(tmp_path, head={'with_task': with_task}).train()
    shake(model.student)
    clip = su_clip()
    student, whole = model.student, model.teacher
    losses = model.losses(clip, clip, gates)
    own, other = embedded(student, clip), embedded(whole, clip)
    for i, gate in enumerate(gates):
        layers = whole.backbone.layers[2 * i:2 * i + 2]
        own = run_layers(student.backbone.layers[i:i + 1] if gate else layers, own)
        other = run_layers(layers, other)
        spans = slice(1, 17), slice(17, 25)  # search, both templates
        errors = [F.mse_loss(own.x[:, span], other.x[:, span]) for span in spans]
        torch.testing.assert_close(losses[f'mimic_error_{i + 1}'], sum(errors).detach() / 2)
    found, truth, loss = student.forward_head(own), whole.forward_head(other).boxes, BoxLoss()
    for name, target, clamp in (('track', clip.gt_boxes[:, 0], True), ('guidance', truth, False)):
        for term, value in loss(found.boxes, target, clamp).items():
            torch.testing.assert_close(losses[f'loss_{name}_{term}'], value)
    torch.testing.assert_close(losses['loss_track_focal'],
                               focal_loss(found.outputs['score'], clip.gt_boxes[:, 0]))
    assert ('loss_track_task' in losses) == with_task
    model.parse_losses(losses)[0].backward()
    for i, gate in enumerate(gates):
        gradients = [p.grad is not None for p in student.backbone.layers[i].parameters()]
        assert all(gradients) if gate else not any(gradients)
    # The embedding is always the student's, and trained.
    assert all(p.grad.abs().sum() > 0 for name, p in student.backbone.named_parameters()
               if not name.startswith('layers'))


@pytest.mark.parametrize('gates', [[True, False], [False, True], [True, True]])
def test_student_of_another_width_and_resolution(tmp_path, gates):
    file = tmp_path / 'teacher.pth'
    save_tracker(teacher().state_dict(), file, student=False)
    model = MODELS.build(distiller(
        file, sutrack(), student=su_student(embed_dims=8, template_size=16, search_size=32),
        mimic_loss={'type': 'StageMimicLoss', 'groups': MIMICKED}))
    model.build_teacher()
    teacher_clip = su_clip()
    clip = teacher_clip._replace(
        templates=F.avg_pool2d(teacher_clip.templates.flatten(0, 1), 2).unflatten(0, (3, 2)),
        template_boxes=teacher_clip.template_boxes / 2,
        searches=teacher_clip.searches[:, :, :, 16:48, 16:48])
    model.parse_losses(model.losses(clip, teacher_clip, gates))[0].backward()
    assert model.student.backbone.cls_token.grad.abs().sum() > 0
    assert torch.equal(model.student.backbone.text.feature, model.teacher.backbone.text.feature)


def test_position_table_of_other_crops(tmp_path):
    backbone = compression(tmp_path, template_size=16, search_size=32).student.backbone
    search, template = teacher().backbone.pos_embed.split([16, 4], dim=1)
    expected = torch.cat([resize_grid(search, (4, 4), (2, 2)),
                          resize_grid(template, (2, 2), (1, 1))], dim=1)
    torch.testing.assert_close(backbone.pos_embed.detach(), expected.detach())


def test_position_table_of_a_smaller_search_crop(tmp_path):
    """Which may be resized or cut."""
    file, own = tmp_path / 'teacher.pth', su_student(search_size=32)
    save_tracker(teacher().state_dict(), file, student=False)
    search, template = teacher().backbone.pos_embed.split([16, 4], dim=1)
    for middle in (False, True):
        own['test_cfg'] = {'search_factor': 2. if middle else 4.}
        model = MODELS.build(distiller(file, sutrack(), student=own))
        model.build_teacher()
        expected = torch.cat([resize_grid(search, (4, 4), (2, 2), middle), template], dim=1)
        assert torch.equal(model.student.backbone.pos_embed, expected)


def test_groups_that_are_not_there():
    tokens = [Tokens(torch.zeros(1, 26, 4), GROUPS)]
    with pytest.raises(KeyError, match="no token group 'query'; there are "):
        StageMimicLoss(groups=['search', 'query'])(tokens, tokens)
