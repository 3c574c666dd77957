"""Students of another width, other layers, another resolution; teachers of another kind."""
import copy
import math
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from benchmarks.complexity import count_macs, count_parameters
from mmengine.config import Config
from mmengine.optim import OptimWrapper
from mmtrack.registry import MODELS
from tiny import (
    build,
    distiller,
    embedded,
    mixed_path,
    packed_pairs,
    pair_batch,
    predicted,
    same_weights,
    save_teacher,
    student,
    teacher_path,
    tracker,
    two_sizes,
)
from toy import toy_batch, toy_student, toy_teacher

from mmct.checkpoint import extract_student, load_weights, save_checkpoint, save_tracker
from mmct.models.distillers.connector import Connector, middle_share
from mmct.models.layers import SeparableBlock, Tokens, resize_grid, run_layers
from mmct.models.layers.separable_block import SeparableAttention
from mmct.models.losses import PredictionGuidanceLoss
from mmct.models.losses.box_loss import mean_iou

ROOT = Path(__file__).parents[2]
PATTERNS = [[a, b] for a in (False, True) for b in (False, True)]
WIDTHS = (16, 48)


@pytest.fixture(scope='module')
def teacher_file(tmp_path_factory):
    return save_teacher(tmp_path_factory.mktemp('teacher') / 'teacher.pth')


def compression(teacher_file, **options):
    """A compression that has started, of a student with these options."""
    model = build(distiller(teacher_file, student=student(**options)), seed=1).train()
    model.build_teacher()
    return model


# Width


@pytest.mark.parametrize('width', WIDTHS)
@pytest.mark.parametrize('pattern', PATTERNS)
def test_mixed_path_of_another_width(teacher_file, width, pattern):
    """The path written out: which projection stands where (SPEC of the method, any student)."""
    model = compression(teacher_file, width=width).eval()
    with torch.no_grad():  # projections of their own, so that a wrong one is seen
        for p in model.bridge.parameters():
            p.add_(torch.randn_like(p), alpha=0.1)
    batch, bridge = pair_batch(), model.bridge
    own, other = model.student.backbone, model.teacher.backbone
    x, at_student, expected = embedded(model.student, batch).x, True, []
    for i, gate in enumerate(pattern):
        if at_student and not gate:
            x = bridge.to_teacher[i](x)
        if gate and not at_student:
            x = bridge.to_student[i - 1](x)
        layers = [own.layers[i]] if gate else other.layers[2 * i:2 * i + 2]
        x, at_student = run_layers(layers, Tokens(x, own.groups)).x, gate
        expected.append(x)
    if not at_student:
        x = bridge.to_student[1](x)
    maps = model.student.head(own.finalize(Tokens(x, own.groups)))
    stages, ours = mixed_path(model, batch, pattern)
    assert all(torch.equal(a.x, b) for a, b in zip(stages, expected, strict=True))
    assert same_weights(ours.outputs, maps)


@pytest.mark.parametrize('width', WIDTHS)
def test_mimicking_compares_in_the_teachers_space(teacher_file, width):
    model = compression(teacher_file, width=width).eval()
    batch, pattern = pair_batch(), [True, False]
    stages, _ = mixed_path(model, batch, pattern)
    theirs, _ = teacher_path(model, batch)
    projected = [stages[0].with_x(model.bridge.to_teacher[1](stages[0].x)), stages[1]]
    expected = model.mimic_loss(projected, theirs)['loss_mimic']
    assert torch.equal(model.losses(batch, batch, pattern)['loss_mimic'], expected)


@pytest.mark.parametrize('width', WIDTHS)
@pytest.mark.parametrize('pattern', PATTERNS)
def test_projections_that_a_path_uses_are_trained(teacher_file, width, pattern):
    model, batch = compression(teacher_file, width=width), pair_batch()
    sum(model.losses(batch, batch, pattern).values()).backward()
    used = {name for name, p in model.bridge.named_parameters() if p.grad is not None}
    first, second = pattern
    crossings = {'to_teacher.0': not first, 'to_teacher.1': first, 'to_teacher.2': second,
                 'to_student.0': second and not first, 'to_student.1': not second}
    assert used == {f'{name}.{kind}' for name, there in crossings.items() if there
                    for kind in ('weight', 'bias')}


def test_projections_start_as_one_basis_and_its_transpose():
    narrow, wide = Connector(16, 32, 3), Connector(48, 32, 3)
    tokens = Tokens(torch.randn(2, 6, 16), {'search': (2, 3)})
    back = narrow.as_student(narrow.as_teacher(tokens, 1), 3)
    torch.testing.assert_close(back.x, tokens.x)
    tokens = Tokens(torch.randn(2, 6, 32), {'search': (2, 3)})
    back = wide.as_teacher(wide.as_student(tokens, 1), 2)
    torch.testing.assert_close(back.x, tokens.x)
    same = Connector(32, 32, 3)
    assert not list(same.parameters())
    assert same.as_teacher(tokens, 1).x is tokens.x
    assert same.as_student(tokens, 1).x is tokens.x


@pytest.mark.parametrize('options', [
    {'width': 16}, {'width': 48}, {'search_size': 96, 'template_size': 48},
    {'block': {'type': 'SeparableBlock', 'mlp_ratio': 1.}}, {'layers_per_stage': 2},
], ids=str)
def test_extracted_student_holds_nothing_of_the_training(teacher_file, tmp_path, options):
    """Weights and MACs are those of the student alone, and so, exactly, are its outputs."""
    config = student(**options)
    model = compression(teacher_file, **options)
    save_checkpoint({'state_dict': model.state_dict()}, tmp_path / 'epoch_1.pth')
    extract_student(tmp_path / 'epoch_1.pth', tmp_path / 'student.pth')
    alone = MODELS.build(config).eval()
    load_weights(alone, tmp_path / 'student.pth')
    assert same_weights(alone, model.student)
    width, layers = config['backbone']['embed_dims'], len(alone.backbone.layers)
    tokens = sum(map(math.prod, alone.backbone.groups.values()))
    head = count_macs(alone).full - tokens * width * 768
    per_layer = {None: tokens * 12 * width**2 + 2 * tokens**2 * width,
                 'SeparableBlock': tokens * (width * (2 * width + 1) + 3 * width**2 + width)}
    head -= layers * per_layer[options.get('block', {}).get('type')]
    cells = math.prod(alone.backbone.groups['search'])
    convs = [(width, 16), (16, 8), (8, 4), (4, 2)]
    assert head == cells * (3 * 9 * sum(a * b for a, b in convs) + 5 * 2)
    batch = pair_batch(template=config['backbone']['template_size'],
                       search=config['backbone']['search_size'])
    _, found = mixed_path(model.eval(), batch, [True, True])
    assert same_weights(found.outputs, predicted(alone, batch).outputs)


def test_width_of_the_teacher_must_be_in_its_config(teacher_file):
    teacher = tracker()
    del teacher['backbone']['embed_dims']
    teacher['head']['in_channels'] = 768
    with pytest.raises(ValueError, match='has embed_dims=768, its config says 32; set embed_dims'):
        build(distiller(None, teacher=teacher)).build_teacher()


# Layers


def test_separable_attention_written_out():
    torch.manual_seed(0)
    attention, x = SeparableAttention(8).double(), torch.randn(2, 5, 8).double()
    weight, bias = attention.qkv.weight, attention.qkv.bias
    expected = torch.zeros_like(x)
    for b in range(2):
        scores = torch.stack([x[b, n] @ weight[0] + bias[0] for n in range(5)])
        share = scores.exp() / scores.exp().sum()
        context = sum(share[n] * (weight[1:9] @ x[b, n] + bias[1:9]) for n in range(5))
        for n in range(5):
            value = (weight[9:] @ x[b, n] + bias[9:]).clamp(min=0)
            expected[b, n] = attention.proj(value * context)
    out, rows = attention(x)
    assert rows is None
    torch.testing.assert_close(out, expected)


def test_separable_attention_is_linear_in_the_tokens():
    def cost(side):
        config = student(search_size=side, block={'type': 'SeparableBlock'})
        model = MODELS.build(config).eval()
        return count_macs(model).full, sum(map(math.prod, model.backbone.groups.values()))

    (small, few), (large, many), (huge, most) = cost(64), cost(128), cost(256)
    assert (large - small) / (many - few) == (huge - large) / (most - many)


def test_block_options_of_the_config():
    model = build(student(mlp_ratio=3., block={'type': 'SeparableBlock', 'mlp_ratio': 1.}))
    assert all(type(layer) is SeparableBlock for layer in model.backbone.layers)
    assert model.backbone.layers[0].mlp.fc1.out_features == 32
    assert build(student(mlp_ratio=3.)).backbone.layers[0].mlp.fc1.out_features == 96
    with pytest.raises(ValueError, match='a SeparableBlock has none; leave out elimination'):
        build(student(block={'type': 'SeparableBlock'},
                      elimination={'layers': [1], 'template_range': 'ALL'}))


def test_more_than_one_layer_a_stage(teacher_file):
    model = compression(teacher_file, layers_per_stage=2).eval()
    assert len(model.student.backbone.layers) == 4
    batch = pair_batch()
    stages, _ = mixed_path(model, batch, [True, False])
    tokens = run_layers(model.student.backbone.layers[:2], embedded(model.student, batch))
    assert torch.equal(stages[0].x, tokens.x)
    # Two layers for each two of the teacher, in order: at the start it is the teacher.
    assert all(same_weights(a, b) for a, b in zip(
        model.student.backbone.layers, model.teacher.backbone.layers, strict=True))


@pytest.mark.parametrize(('layer_init', 'sources'), [
    ('last_of_stage', [1, 2, 4, 5]), ('first_k', [0, 1, 2, 3])])
def test_where_two_layers_of_a_stage_start(layer_init, sources):
    model = build(student(2, 6, layers_per_stage=2, layer_init=layer_init)).backbone
    assert [model.teacher_layer(i) for i in range(4)] == sources
    with pytest.raises(ValueError, match=r'layers_per_stage=3 must be in \[1, 2\]'):
        build(student([2, 4], 6, layers_per_stage=3))


@pytest.mark.parametrize('layer_init', ['scratch', 'random'])
def test_a_student_deeper_than_its_teacher_learns(tmp_path, layer_init):
    """Four layers for each of the teacher's, on smaller crops, as the demo's teacher is trained."""
    stem = {'patch_embed': {'type': 'ConvStem'}}
    teacher = tracker(depth=2, template_size=48, search_size=96, norm_eps=1e-5, **stem)
    model = build(distiller(
        save_teacher(tmp_path / 'teacher.pth', teacher), teacher, replace_prob=1.,
        head_init='random', student=student(
            2, 2, layers_per_stage=4, layer_init=layer_init, **stem)), seed=1).train()
    before = copy.deepcopy(model.student.state_dict())
    model.build_teacher()
    start = model.student.state_dict()
    assert [len(model.student.backbone.stage(i)) for i in range(2)] == [4, 4]
    if layer_init == 'scratch':
        assert same_weights(before, start)
    else:
        assert same_weights(model.student.backbone.patch_embed, model.teacher.backbone.patch_embed)
    kept = copy.deepcopy(model.teacher.state_dict())
    data = packed_pairs(template=48, search=96)
    data = two_sizes(data, packed_pairs(seed=1))
    wrapper = OptimWrapper(torch.optim.SGD(model.parameters(), 0.1))
    before = copy.deepcopy(model.student.state_dict())
    logged = model.train_step(data, wrapper)
    assert {'loss_mimic', 'mimic_error_2', 'loss_guidance_giou', 'loss_track_l1'} <= set(logged)
    assert all(value.isfinite() for value in logged.values())
    for name, value in model.student.named_parameters():
        # Of a convolution before batch norm the bias changes nothing.
        if not name.endswith('conv.bias'):
            assert not torch.equal(value, before[name]), name
    assert same_weights(kept, model.teacher)
    # What it becomes is a tracker of its own.
    build(tracker(depth=8, **stem)).load_state_dict(model.student.state_dict())


# Resolution


def test_resized_grids_are_bilinear():
    rows, columns = torch.meshgrid(torch.arange(8.), torch.arange(8.), indexing='ij')
    plane = (2 * rows - columns).flatten()[None, :, None]
    small = resize_grid(plane, (8, 8), (4, 4))
    at = torch.arange(4.) * 2 + 0.5
    expected = (2 * at[:, None] - at).flatten()
    torch.testing.assert_close(small[0, :, 0], expected)
    # Templates stand one after another, each is resized by itself; a grid need not be square.
    both = torch.cat([plane, 3 * plane], dim=1)
    resized = resize_grid(both, (2, 8, 8), (2, 4, 2))
    assert resized.shape == (1, 16, 1)
    torch.testing.assert_close(resized[:, 8:], 3 * resized[:, :8])
    torch.testing.assert_close(resized[:, :8], resize_grid(plane, (8, 8), (4, 2)))


def test_bridge_resizes_as_many_templates_as_there_are():
    own, other = ({'template': (1, side, side), 'search': (2 * side, 2 * side)} for side in (2, 3))
    bridge = Connector(8, 8, 1)
    bridge.connect(*(SimpleNamespace(embed_dims=8, groups=groups) for groups in (own, other)))
    tokens = Tokens(torch.randn(2, 2 * 4 + 16, 8), {**own, 'template': (2, 2, 2)})
    there = bridge.as_teacher(tokens, 0)
    assert there.groups == {**other, 'template': (2, 3, 3)}
    assert there.x.shape == (2, 2 * 9 + 36, 8)
    for i in range(2):
        torch.testing.assert_close(
            there.group('template')[:, 9 * i:9 * i + 9],
            resize_grid(tokens.group('template')[:, 4 * i:4 * i + 4], (2, 2), (3, 3)))
    assert bridge.as_student(there, 1).groups == tokens.groups


@pytest.mark.parametrize('pattern', PATTERNS)
def test_mixed_path_of_another_resolution(teacher_file, pattern):
    model = compression(teacher_file, template_size=48, search_size=96, width=16)
    batch = pair_batch(template=48, search=96)
    stages, found = mixed_path(model, batch, pattern)
    for tokens, gate in zip(stages, pattern, strict=True):
        assert tokens.groups == ({'template': (1, 3, 3), 'search': (6, 6)} if gate else
                                 {'template': (1, 2, 2), 'search': (4, 4)})
        assert tokens.x.shape == ((2, 45, 16) if gate else (2, 20, 32))
    assert found.score_map.shape == (2, 1, 6, 6)
    losses = model.losses(batch, pair_batch(), pattern)
    sum(losses.values()).backward()
    assert model.student.backbone.patch_embed.proj.weight.grad.abs().sum() > 0


def test_student_sees_its_own_crops_of_the_same_boxes(teacher_file):
    model = compression(teacher_file, template_size=48, search_size=96)
    both = two_sizes(packed_pairs(), packed_pairs(template=48, search=96, seed=5))
    both = model.data_preprocessor(both, True)
    theirs, mine = both['inputs']['clip'], both['inputs']['student_clip']
    model.fixed_gates = [True, False]
    losses = model(**both, mode='loss')
    expected = model.losses(mine, theirs, [True, False])
    assert all(torch.allclose(losses[key], expected[key]) for key in expected)


def test_no_elimination_across_resolutions(tmp_path):
    teacher = tracker(elimination={'layers': [1], 'keep_ratio': [0.5], 'template_range': 'ALL'})
    file = save_teacher(tmp_path / 'teacher.pth', teacher)
    model = build(distiller(file, teacher, student=student(template_size=48, search_size=96)))
    model.build_teacher()
    with pytest.raises(ValueError, match='keeps all tokens; leave out elimination'):
        mixed_path(model, pair_batch(template=48, search=96), [False, True])


# Where weights start


@pytest.mark.parametrize(('options', 'lines', 'copied'), [
    ({}, set(), 'layers.0.attn from layers.1.attn'),
    ({'block': {'type': 'SeparableBlock'}},
     {"backbone.layers.1.attn: from the teacher's layers.3.attn, random where that does not fit: "
      'layers.1.attn.qkv'}, 'layers.1.mlp from layers.3.mlp'),
    ({'mlp_ratio': 1.}, {'backbone.layers.0.mlp: random'}, 'layers.0.attn from layers.1.attn'),
    ({'width': 16}, {'backbone.patch_embed: random', 'backbone.layers.0.norm1: random',
                     'backbone.pos_embed_z: random',
                     "head.score: from the teacher's score, random where that does not fit: "
                     'score.0.conv'}, None),
], ids=['all', 'block', 'mlp_ratio', 'width'])
def test_the_log_says_where_parameters_start(teacher_file, options, lines, copied, monkeypatch):
    said = []
    monkeypatch.setattr('mmct.models.initialise.print_log', lambda text, *_: said.append(text))
    model = build(distiller(teacher_file, student=student(**options)), seed=1)
    before = copy.deepcopy(model.student.state_dict())
    model.build_teacher()
    assert lines <= set(said)
    groups = {}
    for line in said:
        part, text = line.split(': ', 1)
        if text.startswith("the teacher's "):
            names = text.removeprefix("the teacher's ").split(', ')
            assert part == 'head' or copied in names
            groups.update((f'{part}.{name.split()[0]}', '') for name in names)
        else:
            groups[part] = text
    assert options or len(said) == 2  # backbone and head
    # Each parameter is in a group, and is random where its group says so.
    for key, value in model.student.state_dict().items():
        text, = [text for group, text in groups.items() if f'{key}.'.startswith(f'{group}.')]
        module = key.split('.', 1)[1].rpartition('.')[0]
        left = text.partition('does not fit: ')[2]
        if text == 'random' or left and module in left.split(', '):
            assert torch.equal(value, before[key]), key
        elif value.is_floating_point():
            assert not torch.equal(value, before[key]), key


def test_position_tables_of_another_grid_are_resized(teacher_file):
    model = compression(teacher_file, template_size=48, search_size=96)
    own, teacher = model.student.backbone, model.teacher.backbone
    torch.testing.assert_close(
        own.pos_embed_x, resize_grid(teacher.pos_embed_x, (4, 4), (6, 6)))
    torch.testing.assert_close(
        own.pos_embed_z, resize_grid(teacher.pos_embed_z, (2, 2), (3, 3)))


# Field of view


def nearer(teacher_file, **options):
    """A compression into a student that sees the middle half of the teacher's search crops."""
    own = student(search_size=32, **options) | {'test_cfg': {'search_factor': 2.}}
    model = build(distiller(teacher_file, student=own), seed=1).train()
    model.build_teacher()
    return model


def middle(clip):
    """The middle half of a clip's search crops; boxes that lie in it, in its units."""
    return clip._replace(searches=clip.searches[..., 16:48, 16:48], gt_boxes=torch.cat(
        [clip.gt_boxes[..., :2] * 2 - 0.5, clip.gt_boxes[..., 2:] * 2], dim=-1))


def test_student_of_the_middle_starts_from_the_middle(teacher_file):
    model = nearer(teacher_file)
    own, teacher = model.student.backbone, model.teacher.backbone
    table = teacher.pos_embed_x.unflatten(1, (4, 4))[:, 1:3, 1:3].flatten(1, 2)
    assert torch.equal(own.pos_embed_x, table)
    assert torch.equal(own.pos_embed_z, teacher.pos_embed_z)


def test_what_the_teacher_finds_is_compared_in_the_middle(teacher_file):
    """The losses written out, from crops, maps and boxes cut by hand."""
    model, batch = nearer(teacher_file).eval(), pair_batch()
    theirs, found = teacher_path(model, batch)
    stages, mixed = mixed_path(model, middle(batch), [True, True])
    boxes = torch.cat([found.boxes[:, :2] * 2 - 0.5, found.boxes[:, 2:] * 2], dim=1)
    losses = model.losses(middle(batch), batch, [True, True])
    for name, value in model.guidance_loss(mixed, SimpleNamespace(boxes=boxes)).items():
        torch.testing.assert_close(losses[name], value)
    errors = []
    for ours, tokens in zip(stages, theirs, strict=True):
        search = tokens.group('search').unflatten(1, (4, 4))[:, 1:3, 1:3].flatten(1, 2)
        errors += [(ours.group('template') - tokens.group('template')).square().mean(),
                   (ours.group('search') - search).square().mean()]
    torch.testing.assert_close(losses['loss_mimic'], 0.2 * torch.stack(errors).mean())
    # The teacher is as good in either unit, unless it found what the student cannot see.
    whole = mean_iou(found.boxes, batch.gt_boxes[:, 0])
    torch.testing.assert_close(losses['iou_teacher'], whole)
    seen = model.bridge.in_view((), found)[1].score_map
    assert torch.equal(seen, found.score_map[..., 1:3, 1:3])


def test_edges_of_the_whole_crop_are_not_compared_in_the_middle(teacher_file):
    """As many bins as the student's are elsewhere in the frame."""
    model, batch = nearer(teacher_file).eval(), pair_batch()
    _, found = teacher_path(model, batch)
    found.outputs['edge_logits'] = torch.zeros(2, 4, 12)
    seen = model.bridge.in_view((), found)[1]
    with pytest.raises(ValueError, match="the student's head has 12, the teacher's none; "):
        PredictionGuidanceLoss(edge_kl=1.)(found, seen)


@pytest.mark.parametrize('pattern', PATTERNS)
@pytest.mark.parametrize('width', [16, 32])
def test_teacher_stages_run_on_the_middle(teacher_file, pattern, width):
    model, batch = nearer(teacher_file, width=width), pair_batch()
    stages, found = mixed_path(model, middle(batch), pattern)
    for tokens in stages:
        assert tokens.groups == {'template': (1, 2, 2), 'search': (2, 2)}
    assert found.score_map.shape == (2, 1, 2, 2)
    sum(model.losses(middle(batch), batch, pattern).values()).backward()
    assert model.student.backbone.patch_embed.proj.weight.grad.abs().sum() > 0


@pytest.mark.parametrize(('factors', 'size', 'share'), [
    ((2., 2.), 32, 0.5), ((2., 4.), 32, None), ((2., 3.), 32, None), ((2., 2.), 64, None),
    ((1., 2.), 32, None), ((2., 4.), 64, None), ((2., 6.), 96, None), ((1., 2.), (16, 32), 0.5)])
def test_middle_has_pixels_of_the_same_size(factors, size, share):
    template, search = size if isinstance(size, tuple) else (32, size)
    own = tracker(template_size=template, search_size=search)
    own['test_cfg'] = dict(zip(('template_factor', 'search_factor'), factors))
    assert middle_share(build(own), build(tracker())) == share


@pytest.mark.parametrize('options', [
    {'search_size': 48}, {'search_size': 32, 'patch_size': 8}], ids=str)
def test_middle_of_whole_patches(teacher_file, options):
    own = student(**options) | {'test_cfg': {'search_factor': options['search_size'] / 16}}
    with pytest.raises(ValueError, match='an even number of patches of the same size, or test_cfg'):
        build(distiller(teacher_file, student=own)).build_teacher()


def test_no_elimination_in_a_teacher_of_larger_crops(tmp_path):
    teacher = tracker(elimination={'layers': [1], 'keep_ratio': [0.5], 'template_range': 'ALL'})
    file = save_teacher(tmp_path / 'teacher.pth', teacher)
    own = student(search_size=32) | {'test_cfg': {'search_factor': 2.}}
    with pytest.raises(ValueError, match='keeps all tokens; leave out elimination'):
        build(distiller(file, teacher, student=own)).build_teacher()


# Another kind of teacher


@pytest.mark.parametrize('width', [16, 12])
def test_a_teacher_of_another_kind(tmp_path, width):
    """Two templates, a query token, memory, a head on that token: the distiller does not notice."""
    file = tmp_path / 'toy.pth'
    save_tracker(build(toy_teacher()).state_dict(), file, student=False)
    torch.manual_seed(1)
    model = MODELS.build(distiller(
        file, toy_teacher(), student=toy_student(width), head_init='random')).train()
    model.build_teacher()

    def distance():
        batch = toy_batch(16, seed=99)
        with torch.no_grad():
            _, teacher = teacher_path(model, batch)
            _, mixed = mixed_path(model, batch, [True, True])
        return (mixed.boxes - teacher.boxes).abs().mean().item()

    before = distance()
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    rng = np.random.default_rng(0)
    for i in range(100):
        batch = toy_batch(16, seed=i)
        losses = model.losses(batch, batch, rng.random(2) < 0.6)
        assert losses.keys() == {'loss_track_l1', 'loss_guidance_giou', 'loss_guidance_l1',
                                 'loss_mimic', 'iou_mixed', 'iou_teacher', 'mimic_error_1',
                                 'mimic_error_2'}
        optimizer.zero_grad()
        (sum(losses.values()) - losses['loss_track_l1']).backward()
        optimizer.step()
    assert distance() < 0.5 * before


def test_a_student_of_another_kind_is_refused(teacher_file):
    with pytest.raises(ValueError, match=r"groups \['query', 'first', .*the teacher \['template'"):
        build(distiller(teacher_file, student=toy_student(32))).build_teacher()


def test_parameters_are_counted():
    model = build(student())
    assert count_parameters(model) == sum(v.numel() for v in model.parameters())


# The documentation's example


def test_the_layer_of_the_documentation(tmp_path, monkeypatch):
    text = (ROOT / 'docs' / 'students.md').read_text()
    layers, config, *_ = re.findall(r'```python\n(# my_\w+.py\n.*?)```', text, re.DOTALL)
    (tmp_path / 'my_layers.py').write_text(layers)
    (tmp_path / 'my_student.py').write_text(config)
    (tmp_path / 'configs').symlink_to(ROOT / 'configs')
    monkeypatch.syspath_prepend(tmp_path)
    config = Config.fromfile(tmp_path / 'my_student.py').model
    config.teacher_checkpoint = str(save_teacher(tmp_path / 'teacher.pth', config.teacher))
    model = MODELS.build(config).train()
    model.build_teacher()
    own, teacher = model.student.backbone.layers[1], model.teacher.backbone.layers[5]
    assert type(own).__name__ == 'PoolBlock'
    assert same_weights(own.mlp, teacher.mlp)
    batch = pair_batch(2, 96, 192)
    losses = model.losses(batch, batch, [True, False, True, True])
    sum(losses.values()).backward()
    assert own.mix.weight.grad is None
    assert model.student.backbone.layers[0].mix.weight.grad.abs().sum() > 0


@pytest.mark.parametrize('name', re.findall(
    r'`((?:ct|ablation/)\w+\.py)`', (ROOT / 'docs' / 'students.md').read_text()))
def test_configs_of_the_documentation(name):
    assert (ROOT / 'configs' / name).is_file()
