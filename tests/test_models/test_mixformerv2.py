"""MixFormerV2: what its recorded outputs cannot show."""
import math

import pytest
import torch
import torch.nn.functional as F
from mmtrack.registry import MODELS
from tiny import build, distiller, packed_pairs, same_weights, shake

from mmct.checkpoint import CheckpointError, convert, load_weights, read_checkpoint, save_tracker
from mmct.checkpoint.loading import starting_weights
from mmct.checkpoint.names import to_own, to_released
from mmct.models import EdgeHead, MixFormerV2
from mmct.models.backbones import MixViT, StageDividedMixViT
from mmct.models.backbones.mixvit import sine_table
from mmct.models.layers import RestrictedBlock, Tokens, run_layers
from mmct.models.losses import BoxLoss, PredictionGuidanceLoss, ScoreLoss
from mmct.models.losses.box_loss import EPS, ciou_loss
from mmct.models.structures import Clip, Prediction

WIDTH, TEMPLATE, SEARCH, BINS, DEPTH = 16, 32, 48, 10, 4
TABLES = ('backbone.pos_embed_t', 'backbone.pos_embed_s')


def mixformer(depth=DEPTH, bins=BINS, with_score=True, loss=None, search=SEARCH, width=WIDTH,
              **options) -> dict:
    """Config of a MixFormerV2: 4 + 4 template tokens, 9 of the search crop, 4 of prediction."""
    return {'type': 'MixFormerV2',
            'backbone': {'type': 'MixViT', 'embed_dims': width, 'num_heads': 2, 'depth': depth,
                         'template_size': TEMPLATE, 'search_size': search},
            'head': {'type': 'EdgeHead', 'in_channels': width, 'bins': bins,
                     'with_score': with_score, 'loss': loss}, **options}


def mix_student(**backbone) -> dict:
    config = mixformer()
    del config['backbone']['depth']
    config['backbone'].update(type='StageDividedMixViT', teacher_depth=DEPTH, division=2,
                              **backbone)
    return config


def mix_clip(size=3, templates=2, seed=0, labels=None) -> Clip:
    rng = torch.Generator().manual_seed(seed)
    return Clip(torch.randn(size, templates, 3, TEMPLATE, TEMPLATE, generator=rng), None,
                torch.randn(size, 1, 3, SEARCH, SEARCH, generator=rng),
                torch.rand(size, 1, 4, generator=rng) * 0.4 + 0.3, labels)


def compression(tmp_path, **student):
    file = tmp_path / 'teacher.pth'
    save_tracker(build(mixformer()).state_dict(), file, student=False)
    model = MODELS.build(distiller(
        file, mixformer(), student=mix_student(**student),
        guidance_loss={'type': 'PredictionGuidanceLoss', 'iou': 'ciou'}))
    model.build_teacher()
    return model


# Attention

def by_the_book(block: RestrictedBlock, x, mask):
    """A pre-norm block with a mask (N, N), True where a query sees a key."""
    heads, dims = block.attn.num_heads, x.size(-1)
    query, key, value = (part.unflatten(-1, (heads, -1)).transpose(1, 2)
                         for part in block.attn.qkv(block.norm1(x)).split(dims, dim=-1))
    weights = query @ key.transpose(-2, -1) / math.sqrt(dims / heads)
    weights = weights.masked_fill(~mask, -math.inf).softmax(dim=-1)
    x = x + block.attn.proj((weights @ value).transpose(1, 2).flatten(2))
    return x + block.mlp(block.norm2(x))


@pytest.mark.parametrize('sees', [
    {}, {'a': ('a', )}, {'a': ('a', ), 'b': ('b', )}, {'b': ('c', 'a')},
    {'a': ('b', ), 'b': ('b', )}])
def test_groups_see_by_the_rule(sees):
    torch.manual_seed(0)
    block = shake(RestrictedBlock(8, 2, sees=sees)).eval()
    groups = {'a': (2, 1, 1), 'b': (1, 3), 'c': (4, )}
    tokens = Tokens(torch.randn(2, 9, 8), groups)
    mask = torch.zeros(9, 9, dtype=torch.bool)
    for group in groups:
        for seen in sees.get(group, groups):
            mask[tokens.span(group), tokens.span(seen)] = True
    torch.testing.assert_close(block(tokens).x, by_the_book(block, tokens.x, mask))


def test_templates_never_depend_on_the_search_crop():
    model = build(mixformer()).eval()
    clip, other = mix_clip(), mix_clip(seed=1)
    with torch.no_grad():
        model_input = [(clip.templates, clip.searches), (clip.templates, other.searches),
                       (other.templates, clip.searches)]
        own, changed, moved = (run_layers(
            model.backbone.layers, model.embed(templates, None, searches[:, 0], None))
            for templates, searches in model_input)
    assert torch.equal(own.group('template'), changed.group('template'))
    for group in ('search', 'prediction'):
        for tokens in (changed, moved):
            assert (own.group(group) - tokens.group(group)).abs().amax(dim=2).min() > 1e-3
    # Each template sees the other.
    one = clip.templates.clone()
    one[:, 1] = other.templates[:, 1]
    with torch.no_grad():
        tokens = run_layers(model.backbone.layers,
                            model.embed(one, None, clip.searches[:, 0], None))
    difference = (own.group('template') - tokens.group('template')).abs().amax(dim=2)
    assert difference[:, :4].min() > 1e-3


def test_order_of_tokens():
    backbone = build(mixformer()).backbone
    clip = mix_clip()
    tokens = backbone.join(backbone.embed_templates(clip.templates), clip.searches[:, 0])
    assert tokens.groups == backbone.groups == {
        'template': (2, 2, 2), 'search': (3, 3), 'prediction': (4, )}
    expected = torch.cat([
        *(backbone.patch_embed(clip.templates[:, i]) + backbone.pos_embed_t for i in range(2)),
        backbone.patch_embed(clip.searches[:, 0]) + backbone.pos_embed_s,
        (backbone.reg_tokens + backbone.pos_embed_reg).repeat(3, 1, 1)], dim=1)
    torch.testing.assert_close(tokens.x, expected)
    assert backbone.finalize(tokens) is tokens


@pytest.mark.parametrize('online', [1, 2, 3])
def test_kept_templates_give_what_all_tokens_together_do(online):
    model = build(mixformer()).eval()
    clip, later = mix_clip(templates=1 + online), mix_clip(seed=2)
    with torch.no_grad():
        encoded = model.encode(clip.templates, None)
        assert {key: value.shape for key, value in encoded.items()} == dict.fromkeys(
            ('keys', 'values'), (3, DEPTH, 2, 4 * (1 + online), WIDTH // 2))
        for searches in (clip.searches, later.searches):
            whole = model.forward_head(run_layers(
                model.backbone.layers, model.embed(clip.templates, None, searches[:, 0], None)))
            step = model.step(encoded, searches[:, 0], model.init_memory(searches))
            torch.testing.assert_close(step.boxes, whole.boxes, atol=1e-5, rtol=1e-5)
            torch.testing.assert_close(step.outputs, whole.outputs, atol=1e-5, rtol=1e-5)


def test_width_that_sines_do_not_fit():
    with pytest.raises(ValueError, match='embed_dims=18 of a MixViT must be a multiple of 4'):
        MixViT(embed_dims=18, num_heads=2)


# Tables

def test_sine_table_by_the_book():
    table = sine_table(3, 16)
    for token in range(9):
        for half, place in enumerate((token % 3, token // 3)):  # column, then row
            angles = [place * 10000**(-k / 4) for k in range(4)]
            expected = [*map(math.sin, angles), *map(math.cos, angles)]
            assert table[token, 8 * half:8 * half + 8].tolist() == pytest.approx(
                expected, abs=1e-6)


def test_tables_do_not_move_in_training(tmp_path):
    model = compression(tmp_path).train()
    before = {key: value.clone() for key, value in model.student.state_dict().items()}
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1, weight_decay=0.1)
    clip = mix_clip()
    model.parse_losses(model.losses(clip, clip, [True, True]))[0].backward()
    optimizer.step()
    stayed = {key for key, value in model.student.state_dict().items()
              if torch.equal(value, before[key])}
    # No loss of the compression is for the score.
    assert stayed == {*TABLES, *(key for key in before if 'score_head' in key)}
    teacher = dict(model.teacher.named_parameters())
    assert all(torch.equal(before[name], teacher[name]) for name in TABLES)


def test_published_sizes():
    for expected, shape, head in (
            (58_855_201, {'depth': 8}, {'bins': 96}),
            (86_596_824, {'depth': 12}, {'bins': 72, 'with_score': False}),
            (16_228_897, {'depth': 4, 'mlp_ratio': 1, 'template_size': 112, 'search_size': 224},
             {'bins': 96})):
        with torch.device('meta'):
            model = MixFormerV2(dict(type='MixViT', **shape), dict(type='EdgeHead', **head))
        assert sum(value.numel() for value in model.state_dict().values()) == expected


# Head

def edge_head(**options):
    torch.manual_seed(0)
    return shake(EdgeHead(WIDTH, BINS, **options)).eval()


def behind(head, x):
    return head(Tokens(x, {'prediction': (4, )}))


def test_edges_are_expected_places():
    torch.manual_seed(1)
    x = torch.randn(5, 4, WIDTH)
    head = edge_head()
    outputs = behind(head, x)
    edges = outputs['edge_logits'].softmax(dim=2)
    torch.testing.assert_close(outputs['edges'], edges)
    places = [[sum(k * p for k, p in enumerate(edge)) / BINS for edge in box]
              for box in edges.tolist()]
    for box, (left, right, top, bottom) in zip(outputs['box'].tolist(), places, strict=True):
        assert box == pytest.approx([(left + right) / 2, (top + bottom) / 2,
                                     right - left, bottom - top], abs=1e-6)
    # Edges are nowhere kept in order.
    turned = behind(head, x[:, [1, 0, 3, 2]])['box']
    torch.testing.assert_close(turned, outputs['box'] * torch.tensor([1, 1, -1, -1]))
    score = head.score_head(x).mean(dim=1).sigmoid().flatten()
    torch.testing.assert_close(outputs['score'], score)
    assert 'score_logits' not in behind(edge_head(with_score=False), x)
    assert behind(edge_head(with_score=False), x)['score'].tolist() == [1.] * 5


def test_outputs_are_float32_under_autocast():
    head = edge_head()
    with torch.autocast('cpu', torch.bfloat16):
        outputs = behind(head, torch.randn(2, 4, WIDTH))
    assert {value.dtype for value in outputs.values()} == {torch.float32}


# CIoU

def test_a_box_and_itself():
    boxes = torch.tensor([[0.1, 0.2, 0.7, 0.9], [0.3, 0.3, 0.6, 0.6]], requires_grad=True)
    loss = ciou_loss(boxes, boxes.detach().clone(), eps=EPS)
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-6)
    assert boxes.grad.isfinite().all()


@pytest.mark.parametrize(('box', 'target'), [
    ([0.5, 0.5, 0.3, 0.9], [0.1, 0.1, 0.6, 0.7]),  # right of its left edge
    ([0.5, 0.9, 0.3, 0.5], [0.2, 0.4, 0.6, 0.7]),  # both
    ([0.2, 0.2, 0.2, 0.2], [0.1, 0.1, 0.6, 0.7]),  # a point
    ([0.2, 0.2, 0.5, 0.2], [0.1, 0.1, 0.6, 0.7]),  # a line
    ([0.2, 0.2, 0.5, 0.6], [1., 0.3, 1., 0.6]),  # truth outside the crop, cut to a line
    ([0.2, 0.2, 0.5, 0.6], [1., 1., 1., 1.]),  # or to a point
])
def test_ciou_of_odd_boxes(box, target):
    """The IoU and the term for the shape are 0, the loss is finite."""
    boxes = torch.tensor([box], requires_grad=True)
    loss = ciou_loss(boxes, torch.tensor([target]), eps=EPS)
    loss.backward()
    assert boxes.grad.isfinite().all()
    rho = sum((box[i] + box[i + 2] - target[i] - target[i + 2])**2 / 4 for i in range(2))
    hull = sum(max(max(box[i + 2], target[i + 2]) - min(box[i], target[i]), 0)**2
               for i in range(2))
    assert loss.item() == pytest.approx(1 + min(rho / hull, 2), rel=1e-5)


def test_ciou_is_clamped_without_gradient():
    """Only a box the wrong way round can be so far off."""
    boxes = torch.tensor([[0.9, 0.9, 0.1, 0.1]], requires_grad=True)
    loss = ciou_loss(boxes, torch.tensor([[0.95, 0.95, 0.96, 0.96]]), eps=EPS)
    loss.backward()
    assert loss.item() == 2
    assert boxes.grad.abs().sum() == 0


def test_truth_is_cut_to_the_crop():
    box, truth = torch.tensor([[0.7, 0.5, 0.5, 0.4]]), torch.tensor([[0.9, 0.5, 0.6, 0.4]])
    loss = BoxLoss(iou='ciou')
    cut = torch.tensor([[0.8, 0.5, 0.4, 0.4]])
    torch.testing.assert_close(loss(box, truth, clamp_target=True),
                               loss(box, cut, clamp_target=False))


# Guidance by distributions

def test_divergence_of_edges_by_the_book():
    head, rng = edge_head(), torch.Generator().manual_seed(3)
    own, teacher = (Prediction(behind(head, torch.randn(3, 4, WIDTH, generator=rng)),
                               torch.zeros(3, 0, WIDTH), head.decode) for _ in range(2))
    p, q = teacher.outputs['edges'], own.outputs['edges']
    expected = sum((p[:, edge] * (p[:, edge] / q[:, edge]).log()).sum() / 3
                   for edge in range(4)) / 4
    terms = PredictionGuidanceLoss(2., iou='ciou', edge_kl=5.)(own, teacher)
    assert set(terms) == {f'loss_guidance_{name}' for name in ('ciou', 'l1', 'edge_kl')}
    torch.testing.assert_close(terms['loss_guidance_edge_kl'], 10 * expected)
    assert 'loss_guidance_edge_kl' not in PredictionGuidanceLoss(iou='ciou')(own, teacher)


# The score stage

def labelled_pairs(size=4):
    clip = packed_pairs(size, TEMPLATE, SEARCH)['inputs']['clip']
    return {'inputs': {'clip': clip._replace(
        templates=clip.templates.repeat(1, 2, 1, 1, 1),
        template_boxes=clip.template_boxes.repeat(1, 2, 1),
        labels=torch.arange(size)[:, None] % 2 * 1.)}}


def test_only_the_score_head_is_trained():
    config = mixformer(loss={'type': 'ScoreLoss'}, frozen=['backbone', 'head.box_head'])
    config['backbone']['drop_path_rate'] = 0.9
    model = build(config).train()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1, weight_decay=0.1)
    data = model.data_preprocessor(labelled_pairs())
    losses = model.loss(**data)
    losses['loss_score'].backward()
    optimizer.step()
    moved = {key for key, value in model.state_dict().items()
             if not torch.equal(value, before[key])}
    assert moved == {key for key in before if 'score_head' in key}
    modes = {name: module.training for name, module in model.named_modules() if name}
    assert not any(mode for name, mode in modes.items()
                   if name.startswith(('backbone', 'head.box_head')))
    assert modes['head.score_head']
    # By the book, of the network as it was.
    model.load_state_dict(before)
    logits = next(model.eval().predictions(data['inputs']['clip'])).outputs['score_logits']
    labels = [0., 1., 0., 1.]
    expected = sum(math.log(1 + math.exp(-logit if label else logit))
                   for logit, label in zip(logits.tolist(), labels, strict=True)) / 4
    assert losses['loss_score'].item() == pytest.approx(expected, rel=1e-5)
    assert set(losses) == {'loss_score'}


def test_what_the_score_stage_needs():
    clip = mix_clip()
    prediction = next(build(mixformer()).predictions(clip))
    with pytest.raises(ValueError, match='needs clips with labels'):
        ScoreLoss()(prediction, clip.gt_boxes[:, 0])
    with pytest.raises(ValueError, match="frozen='head.score' is no part of the network"):
        MODELS.build(mixformer(frozen=['head.score']))


# Templates

def test_policy_goes_by_what_the_head_knows():
    best = {'type': 'BestOfInterval', 'interval': 200}
    assert MODELS.build(mixformer()).info.templates == best
    static = {'type': 'Fixed', 'copies': 2}
    assert MODELS.build(mixformer(with_score=False)).info.templates == static
    often = {**best, 'interval': 10}
    assert MODELS.build(mixformer(test_cfg={'templates': often})).info.templates == often
    with pytest.raises(ValueError, match='goes by the score, but the head has none'):
        MODELS.build(mixformer(with_score=False, test_cfg={'templates': often}))


# Compression

@pytest.mark.parametrize('ratio', [4., 1.])
def test_student_starts_from_what_fits_as_a_whole(tmp_path, ratio):
    model = compression(tmp_path, mlp_ratio=ratio)
    own, teacher = model.student.state_dict(), model.teacher.state_dict()
    for key, value in own.items():
        source = key.replace('layers.1', 'layers.3').replace('layers.0', 'layers.1') \
            if key.startswith('backbone.layers.') else key
        if ratio == 1 and '.mlp.' in key:
            assert value.shape != teacher[source].shape or key.endswith('fc2.bias')
            assert key.endswith('weight') or not value.any()
        else:
            assert torch.equal(value, teacher[source])


@pytest.mark.parametrize('ratio', [4., 1.])
@pytest.mark.parametrize('gates', [[True, False], [False, True], [True, True]])
def test_compression_by_the_unchanged_distiller(tmp_path, gates, ratio):
    model = compression(tmp_path, mlp_ratio=ratio).train()
    shake(model.student)
    clip = mix_clip()
    student, teacher = model.student, model.teacher
    losses = model.losses(clip, clip, gates)
    stages = [student.backbone.layers[i:i + 1] if gate else teacher.backbone.layers[2 * i:2 * i + 2]
              for i, gate in enumerate(gates)]
    own = student.embed(clip.templates, None, clip.searches[:, 0], None)
    other = teacher.embed(clip.templates, None, clip.searches[:, 0], None)
    for i, layers in enumerate(stages):
        own = run_layers(layers, own)
        other = run_layers(teacher.backbone.layers[2 * i:2 * i + 2], other)
        spans = slice(0, 8), slice(8, 17), slice(17, 21)  # both templates, search, prediction
        errors = [F.mse_loss(own.x[:, span], other.x[:, span]) for span in spans]
        torch.testing.assert_close(losses[f'mimic_error_{i + 1}'], sum(errors).detach() / 3)
    found, truth = student.forward_head(own).boxes, teacher.forward_head(other).boxes
    loss = BoxLoss(iou='ciou')
    for name, target, clamp in (('track', clip.gt_boxes[:, 0], True), ('guidance', truth, False)):
        terms = loss(found, target, clamp)
        for term in ('ciou', 'l1'):
            torch.testing.assert_close(losses[f'loss_{name}_{term}'], terms[term])
    assert {name for name in losses if name.startswith('loss')} == {
        'loss_track_ciou', 'loss_track_l1', 'loss_guidance_ciou', 'loss_guidance_l1', 'loss_mimic'}
    model.parse_losses(losses)[0].backward()
    for i, gate in enumerate(gates):
        gradients = [p.grad is not None for p in student.backbone.layers[i].parameters()]
        assert all(gradients) if gate else not any(gradients)


@pytest.mark.parametrize('gates', [[True, False], [False, True], [True, True]])
def test_student_of_another_width_and_resolution(tmp_path, gates):
    file = tmp_path / 'teacher.pth'
    save_tracker(build(mixformer()).state_dict(), file, student=False)
    config = mix_student(embed_dims=12, template_size=16, search_size=32)
    config['head']['in_channels'] = 12
    model = MODELS.build(distiller(file, mixformer(), student=config))
    model.build_teacher()
    # Tables of another grid are sines, not those of the teacher.
    assert torch.equal(model.student.backbone.pos_embed_s[0], sine_table(2, 12))
    teacher_clip = mix_clip()
    clip = teacher_clip._replace(
        templates=F.avg_pool2d(teacher_clip.templates.flatten(0, 1), 2).unflatten(0, (3, 2)),
        searches=teacher_clip.searches[:, :, :, 8:40, 8:40])
    stages, prediction = model.mixed_path(clip, 0, model.student.init_memory(clip.searches), gates)
    for tokens, gate in zip(stages, gates, strict=True):
        assert tokens.groups == (model.student if gate else model.teacher).backbone.groups
    losses = model.losses(clip, teacher_clip, gates)
    model.parse_losses(losses)[0].backward()
    assert prediction.boxes.shape == (3, 4)
    assert model.student.backbone.reg_tokens.grad.abs().sum() > 0


def test_student_of_the_middle_has_the_middle_of_the_table(tmp_path):
    """Tables are not trained, and the teacher's stages know these places."""
    file = tmp_path / 'teacher.pth'
    teacher = build(mixformer(search=80))
    save_tracker(teacher.state_dict(), file, student=False)
    own = dict(mix_student(search_size=SEARCH),
               test_cfg={'search_factor': teacher.test_cfg['search_factor'] * SEARCH / 80})
    model = MODELS.build(distiller(file, mixformer(search=80), student=own))
    model.build_teacher()
    table = model.teacher.backbone.pos_embed_s.unflatten(1, (5, 5))[:, 1:4, 1:4].flatten(1, 2)
    assert torch.equal(model.student.backbone.pos_embed_s, table)
    assert torch.equal(model.student.backbone.pos_embed_t, model.teacher.backbone.pos_embed_t)


def test_drop_path_is_the_teachers_of_the_first_layer_of_a_stage():
    backbone = StageDividedMixViT(embed_dims=WIDTH, num_heads=2, teacher_depth=8, division=4,
                                  drop_path_rate=0.1)
    rates = [layer.drop_path.drop_prob for layer in backbone.layers]
    assert rates == pytest.approx([0.1 * i / 7 for i in (0, 2, 4, 6)])
    with pytest.raises(ValueError, match='depth of a StageDividedMixViT is the number of its'):
        StageDividedMixViT(depth=4)


# Files

@pytest.mark.parametrize('with_score', [True, False])
@pytest.mark.parametrize('student', [True, False])
def test_names_there_and_back(tmp_path, with_score, student):
    model = build(mixformer(with_score=with_score))
    own = model.state_dict()
    released = to_released(own, student, 'own.pth')
    assert ('score_head.layers.1.weight' in released) == with_score
    assert {'backbone.blocks.3.mlp.fc2.bias', 'box_head.layers.1.1.weight',
            'backbone.reg_tokens'} < set(released)
    assert same_weights(to_own(released, 'released.pth'), own)
    source, out, back = (tmp_path / name for name in ('own.pth', 'released.pth.tar', 'back.pth'))
    save_tracker(own, source, student)
    assert convert(source, out, 'released', 0, 0) == ('student' if student else 'tracker')
    assert set(read_checkpoint(out)['net']) == set(released)
    assert convert(out, back, 'mmct', 0, 0) == 'tracker'  # files do not tell
    assert same_weights(read_checkpoint(back)['state_dict'], own)
    other = build(mixformer(with_score=with_score), seed=1)
    load_weights(other, out)
    assert same_weights(other, model)


@pytest.mark.parametrize(('options', 'message'), [
    ({'depth': 6}, 'layers: 6, the teacher of the config: 4'),
    ({'bins': 12}, 'bins of the head: 12, the teacher of the config: 10'),
    ({'search': 64}, r'search tokens \(search_size\): 16, the teacher of the config: 9'),
    ({'width': 32}, 'embed_dims: 32, the teacher of the config: 16'),
    ({'with_score': False}, r"no: \['head.score_head.0.bias', .*all of them"),
])
def test_file_of_another_shape(tmp_path, options, message):
    file = tmp_path / 'other.pth.tar'
    torch.save({'net': to_released(build(mixformer(**options)).state_dict(), False, '')}, file)
    with pytest.raises(CheckpointError, match=f'^teacher checkpoint .* has {message}') as caught:
        load_weights(MODELS.build(mixformer()), file, 'teacher')
    assert '\n' not in str(caught.value)


def test_start_from_a_file_for_other_crops():
    """As from the released MixFormerV2-S: all fits but the tables, which are sines anyway."""
    released = to_released(build(mixformer(search=64)).state_dict(), False, '')
    state, lacking = starting_weights(MODELS.build(mixformer()), released, 'small.pth')
    assert lacking == ['backbone.pos_embed_s']
    assert 'backbone.layers.3.mlp.fc2.bias' in state


def test_what_a_file_lacks(tmp_path):
    released = to_released(build(mixformer()).state_dict(), False, '')
    del released['backbone.pos_embed_reg']
    with pytest.raises(CheckpointError, match='lacks 1 keys: backbone.pos_embed_reg$'):
        to_own(released, 'file.pth')
