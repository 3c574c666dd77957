import re

import pytest
import torch
import torch.nn.functional as F
from mmtrack.registry import MODELS
from tiny import build, embedded, pair_batch, same_weights, search_map, student, tracker

from mmct.models.backbones import divide
from mmct.models.layers import Attention, Block, Tokens, run_layers


def backbone(config, seed=0):
    return build(config['backbone'], seed).eval()


# The one ViT

def test_block_by_the_book():
    block = build({'type': 'OneStreamViT', 'embed_dims': 12, 'num_heads': 3, 'depth': 1,
                   'template_size': 16, 'search_size': 32}).layers[0].double()
    x = torch.randn(2, 5, 12, dtype=torch.double)

    def norm(layer, v):
        v = (v - v.mean(-1, keepdim=True)) / (v.var(-1, False, keepdim=True) + 1e-6).sqrt()
        return v * layer.weight + layer.bias

    expected = x.clone()
    for b in range(2):
        qkv = norm(block.norm1, x[b]) @ block.attn.qkv.weight.T + block.attn.qkv.bias
        heads = []
        for h in range(3):
            q, k, v = (qkv[:, part * 12 + h * 4:part * 12 + h * 4 + 4] for part in range(3))
            heads.append(torch.softmax(q @ k.T / 2, -1) @ v)
        expected[b] += torch.cat(heads, -1) @ block.attn.proj.weight.T + block.attn.proj.bias
    hidden = norm(block.norm2, expected) @ block.mlp.fc1.weight.T + block.mlp.fc1.bias
    hidden = hidden * (1 + torch.erf(hidden / 2**0.5)) / 2
    expected = expected + hidden @ block.mlp.fc2.weight.T + block.mlp.fc2.bias
    out = block(Tokens(x, {'template': (1,), 'search': (2, 2)})).x
    torch.testing.assert_close(out, expected)


def test_attention_that_rows_pay():
    attention = Attention(8, 2)
    x = torch.randn(3, 6, 8)
    out, weights = attention(x, rows=slice(1, 3))
    assert torch.equal(out, attention(x)[0])
    query, key, _ = attention.qkv(x).view(3, 6, 3, 2, 4).permute(2, 0, 3, 1, 4)
    expected = torch.stack([
        torch.softmax(query[:, h, 1:3] @ key[:, h].transpose(1, 2) / 2, -1) for h in range(2)
    ]).mean(0)
    torch.testing.assert_close(weights, expected)


def test_embedding_places_template_first():
    whole = build(tracker()).eval()
    model, batch = whole.backbone, pair_batch()
    tokens = embedded(whole, batch)
    assert tokens.groups == model.groups == {'template': (1, 2, 2), 'search': (4, 4)}
    assert [tokens.length(group) for group in tokens.groups] == [4, 16]
    # Token (1, 2) of the 4 × 4 search grid sees rows 16 to 32 and columns 32 to 48.
    patch = batch.searches[:, 0, :, 16:32, 32:48].flatten(1)
    expected = patch @ model.patch_embed.proj.weight.flatten(1).T + model.patch_embed.proj.bias
    expected = expected + model.pos_embed_x[:, 6]
    torch.testing.assert_close(tokens.group('search')[:, 6], expected)
    with pytest.raises(KeyError, match="no token group 'text'; there are .*'template'"):
        tokens.span('text')


def test_conv_stem_by_the_book():
    model = backbone(tracker(patch_embed={'type': 'ConvStem'}))
    batch = pair_batch()
    x, widths = batch.searches[:, 0], []
    for i, layer in enumerate(model.patch_embed.layers):
        x = F.conv2d(x, layer.conv.weight, layer.conv.bias, stride=2, padding=1)
        mean, var, weight, bias = (value[:, None, None] for value in (
            layer.bn.running_mean, layer.bn.running_var, layer.bn.weight, layer.bn.bias))
        x = (x - mean) / (var + 1e-5).sqrt() * weight + bias
        if i < 3:
            x = x * (x + 3).clamp(0, 6) / 6
        widths.append(x.size(1))
    assert widths == [4, 8, 16, 32]
    assert x.shape == (2, 32, 4, 4)
    tokens = model.join(model.encode(batch.templates), batch.searches[:, 0])
    torch.testing.assert_close(
        tokens.group('search'), x.flatten(2).transpose(1, 2) + model.pos_embed_x)
    assert tokens.group('template').shape == (2, 4, 32)


def test_several_templates_stand_one_after_another():
    model, batch = backbone(tracker()), pair_batch()
    both = torch.cat([batch.templates, pair_batch(seed=1).templates], dim=1)
    tokens = model.join(model.encode(both), batch.searches[:, 0])
    assert tokens.groups == {'template': (2, 2, 2), 'search': (4, 4)}
    for i in range(2):
        alone = model.join(model.encode(both[:, i:i + 1]), batch.searches[:, 0])
        torch.testing.assert_close(
            tokens.group('template')[:, 4 * i:4 * i + 4], alone.group('template'))
    assert torch.equal(tokens.group('search'), alone.group('search'))


@pytest.mark.parametrize('eps', [1e-6, 0.3])
def test_epsilon_of_all_norms(eps):
    model = backbone(tracker(norm_eps=eps))
    norms = [module for module in model.modules() if isinstance(module, torch.nn.LayerNorm)]
    assert len(norms) == 2 * 4 + 1
    assert {norm.eps for norm in norms} == {eps}
    # Tokens as small as that show it.
    tokens = Tokens(torch.randn(2, 20, 32) * 0.1, model.groups)
    centred = tokens.x - tokens.x.mean(-1, keepdim=True)
    expected = centred / ((centred**2).mean(-1, keepdim=True) + eps).sqrt()
    expected = expected * model.norm.weight + model.norm.bias
    torch.testing.assert_close(model.finalize(tokens).x, expected)


def test_search_map_is_normed_and_row_major():
    whole = build(tracker()).eval()
    model, batch = whole.backbone, pair_batch()
    tokens = run_layers(model.layers, embedded(whole, batch))
    search = F.layer_norm(tokens.x[:, 4:], (32,), model.norm.weight, model.norm.bias, 1e-6)
    torch.testing.assert_close(
        search_map(model, batch), search.view(2, 4, 4, 32).permute(0, 3, 1, 2))


def test_dropped_paths_are_whole_samples():
    drop = Block(8, 2, drop_path=0.25).drop_path
    x = torch.ones(20000, 2, 3)
    torch.manual_seed(0)
    out = drop(x)
    assert set(out.unique().tolist()) == {0., torch.tensor(1.).div(0.75).item()}
    assert (out == out[:, :1, :1]).all()
    assert out.mean().item() == pytest.approx(1, abs=0.02)
    assert drop.eval()(x) is x


def test_a_dropped_block_passes_its_input():
    block = Block(8, 2, drop_path=1 - 1e-9)
    tokens = Tokens(torch.randn(2, 5, 8), {'template': (1,), 'search': (2, 2)})
    assert torch.equal(block(tokens).x, tokens.x)
    assert not torch.equal(block.eval()(tokens).x, tokens.x)


@pytest.mark.parametrize(('change', 'message'), [
    ({'search_size': 250}, 'search_size=250 is not a positive multiple of the patch size 16'),
    ({'template_size': 0}, 'template_size=0 is not a positive multiple'),
    ({'patch_size': 8, 'patch_embed': {'type': 'ConvStem'}},
     'patch_size=8: a ConvStem has a stride of 16 pixels'),
    ({'norm_eps': 0}, r'norm_eps=0 must be in \(0, 1\)'),
    ({'norm_eps': float('nan')}, 'norm_eps=nan must be in'),
    ({'num_heads': 5}, 'embed_dims=32 is not a multiple of num_heads=5'),
    ({'depth': 4, 'elimination': {'layers': [1]}, 'template_size': 48},
     r"'CTR_POINT' knows template grids of \[7, 8, 12, 14, 16, 24\] tokens a side, got 3"),
    ({'elimination': {'template_range': 'CENTER'}}, "'CENTER' is not one of"),
    ({'elimination': {'layers': [1, 4], 'template_range': 'ALL'}},
     r'layers\[1\]=4 must be in \[0, 4\)'),
    ({'elimination': {'layers': [1, 2], 'keep_ratio': [0.7], 'template_range': 'ALL'}},
     r'keep_ratio=\[0.7\] must be a list of 2 values'),
    ({'elimination': {'layers': [1], 'keep_ratio': [0.], 'template_range': 'ALL'}},
     r'keep_ratio\[0\]=0.0 must be in \(0, 1\]'),
])
def test_backbones_that_cannot_be_built(change, message):
    with pytest.raises(ValueError, match=message):
        MODELS.build(tracker(**change)['backbone'])


# Stage division

@pytest.mark.parametrize(('depth', 'division', 'sizes'), [
    (12, 4, [3, 3, 3, 3]), (12, 1, [12]), (12, 12, [1] * 12), (12, [2, 2, 6, 2], [2, 2, 6, 2]),
    (7, (1, 6), [1, 6]), (1, 1, [1]),
])
def test_divisions(depth, division, sizes):
    assert divide(depth, division) == sizes


@pytest.mark.parametrize(('depth', 'division'), [
    (12, 8), (12, 13), (12, 0), (12, [3, 3, 3]), (4, [1] * 5), (12, [6, 0, 6]), (12, [2.5, 9.5]),
    (12, []), (12, '4'),
])
def test_divisions_that_do_not_fit(depth, division):
    message = re.escape(f'division={division!r} does not make up the {depth} layers')
    with pytest.raises(ValueError, match=message):
        divide(depth, division)
    with pytest.raises(ValueError, match=message):
        MODELS.build(student(division, depth)['backbone'])


@pytest.mark.parametrize(('change', 'message'), [
    ({'layer_init': 'last'}, "layer_init='last' is not one of"),
    ({'depth': 3}, 'set division instead'),
])
def test_students_that_cannot_be_built(change, message):
    config = student()['backbone']
    with pytest.raises(ValueError, match=message):
        MODELS.build({**config, **change})


def test_drop_path_of_the_first_layer_of_each_stage():
    def rates(config):
        return [layer.drop_path.drop_prob for layer in MODELS.build(config['backbone']).layers]

    teacher = rates(tracker(depth=12, drop_path_rate=0.1))
    assert teacher == pytest.approx([0.1 * i / 11 for i in range(12)])
    assert rates(student(4, 12, drop_path_rate=0.1)) == [teacher[i] for i in (0, 3, 6, 9)]
    assert rates(student([2, 2, 6, 2], 12, drop_path_rate=0.1)) == [
        teacher[i] for i in (0, 2, 4, 10)]
    assert rates(student(1, 12, drop_path_rate=0.1)) == [0]


@pytest.mark.parametrize(('layer_init', 'division', 'sources'), [
    ('last_of_stage', 2, [2, 5]), ('last_of_stage', [1, 2, 3], [0, 2, 5]),
    ('first_k', 2, [0, 1]), ('random', 2, [None, None]),
])
def test_student_starts_from_teacher(layer_init, division, sources):
    teacher = backbone(tracker(depth=6))
    small = backbone(student(division, 6, layer_init=layer_init), seed=1)
    before = {name: value.clone() for name, value in small.layers.state_dict().items()}
    small.init_from_teacher(teacher)
    for own, source in zip(small.layers, sources, strict=True):
        assert [same_weights(own, layer) for layer in teacher.layers] == [
            i == source for i in range(6)]
    if layer_init == 'random':
        assert same_weights(before, small.layers)
    for name in ('patch_embed', 'norm'):
        assert same_weights(getattr(small, name), getattr(teacher, name))
    assert torch.equal(small.pos_embed_z, teacher.pos_embed_z)
    assert torch.equal(small.pos_embed_x, teacher.pos_embed_x)
    # The student is trained, so it must not be the teacher.
    small.pos_embed_x.data.zero_()
    assert teacher.pos_embed_x.any()


def test_student_from_scratch_takes_nothing():
    small = backbone(student(2, 4, layer_init='scratch', patch_embed={'type': 'ConvStem'}), seed=1)
    before = {name: value.clone() for name, value in small.state_dict().items()}
    small.init_from_teacher(backbone(tracker(patch_embed={'type': 'ConvStem'})))
    assert same_weights(before, small)


@pytest.mark.parametrize(('layer_init', 'fits'), [
    ('last_of_stage', False), ('first_k', False), ('random', True), ('scratch', True)])
def test_more_layers_a_stage_than_the_teacher(layer_init, fits):
    config = student(2, 2, layer_init=layer_init, layers_per_stage=3, drop_path_rate=0.2)
    if not fits:
        with pytest.raises(ValueError, match=r'layers_per_stage=3 must be in \[1, 1\]'):
            MODELS.build(config['backbone'])
        return
    model = MODELS.build(config['backbone'])
    assert len(model.layers) == 6
    rates = [layer.drop_path.drop_prob for layer in model.layers]
    assert rates == pytest.approx([0] * 3 + [0.2] * 3)


def test_student_as_deep_as_the_teacher_is_the_teacher():
    teacher, same = backbone(tracker()), backbone(student(4), seed=1)
    same.init_from_teacher(teacher)
    batch = pair_batch()
    assert torch.equal(search_map(same, batch), search_map(teacher, batch))
