"""ODTrack: what its recorded outputs cannot show."""
import copy
import math

import pytest
import torch
import torch.nn.functional as F
from tiny import MODELS, build, distiller, same_weights, tracker
from torch.nn.parallel import DistributedDataParallel

from mmct.checkpoint import (
    CheckpointError,
    convert,
    load_weights,
    read_checkpoint,
    save_tracker,
    tracker_weights,
)
from mmct.checkpoint.loading import starting_weights
from mmct.checkpoint.names import to_own, to_released
from mmct.models import ODTrack
from mmct.models.backbones import StageDividedODTrackViT
from mmct.models.layers import Tokens, run_layers
from mmct.models.layers.elimination import box_tokens
from mmct.models.losses import mean_iou
from mmct.models.structures import Clip
from mmct.models.torch_network import TorchNetwork

WIDTH, TEMPLATE, SEARCH, DEPTH = 16, 112, 64, 4
GRID, CELLS = 7, 16  # of a template; of the search crop
RANGES = ('ALL', 'CTR_POINT', 'CTR_REC', 'GT_BOX')


def odtrack(width=WIDTH, depth=DEPTH, **backbone) -> dict:
    """Config of an ODTrack: 1 query, 49 tokens of each template, 16 of the search crop."""
    return {'type': 'ODTrack',
            'backbone': {'type': 'ODTrackViT', 'embed_dims': width, 'num_heads': 2, 'depth': depth,
                         'template_size': TEMPLATE, 'search_size': SEARCH, **backbone},
            'head': {'type': 'CenterHead', 'in_channels': width, 'channels': 16}}


def od_student(**backbone) -> dict:
    config = odtrack(type='StageDividedODTrackViT', teacher_depth=DEPTH, division=2, **backbone)
    del config['backbone']['depth']
    return config


def eliminating(template_range='CTR_POINT', layers=(1, ), ratio=0.7) -> dict:
    return {'layers': list(layers), 'keep_ratio': [ratio] * len(layers),
            'template_range': template_range}


def od_clip(size=2, templates=3, frames=2, seed=0) -> Clip:
    rng = torch.Generator().manual_seed(seed)
    corner = torch.rand(size, templates, 2, generator=rng) * 20 + 30
    boxes = torch.cat([corner, torch.rand(size, templates, 2, generator=rng) * 20 + 30], dim=2)
    return Clip(torch.randn(size, templates, 3, TEMPLATE, TEMPLATE, generator=rng), boxes,
                torch.randn(size, frames, 3, SEARCH, SEARCH, generator=rng),
                torch.rand(size, frames, 4, generator=rng) * 0.3 + 0.35)


def embed(model, clip, frame=0, memory=None) -> Tokens:
    search = clip.searches[:, frame]
    return model.embed(clip.templates, clip.template_boxes, search,
                       model.init_memory(search) if memory is None else memory)


def compression(tmp_path, teacher=None, **kwargs):
    file = tmp_path / 'teacher.pth'
    teacher = teacher or odtrack()
    save_tracker(build(teacher).state_dict(), file, student=False)
    model = MODELS.build(distiller(file, teacher, student=od_student(), head_init='random',
                                   **kwargs))
    model.build_teacher()
    return model.train()


# Tokens

def test_order_of_tokens_and_what_the_query_is_made_of():
    model, clip = build(odtrack()), od_clip()
    backbone, memory = model.backbone, torch.randn(2, 1, WIDTH)
    tokens = embed(model, clip, memory=memory)
    assert tokens.groups == {
        'query': (1, ), 'template': (3, GRID, GRID), 'search': (4, 4)}
    assert list(backbone.groups) == list(tokens.groups)
    expected = torch.cat([
        backbone.cls_token + backbone.cls_pos_embed + memory,
        *(backbone.patch_embed(clip.templates[:, i]) + backbone.pos_embed_z for i in range(3)),
        backbone.patch_embed(clip.searches[:, 0]) + backbone.pos_embed_x], dim=1)
    torch.testing.assert_close(tokens.x, expected)
    none = embed(model, clip)
    torch.testing.assert_close(
        none.group('query'), (backbone.cls_token + backbone.cls_pos_embed).expand(2, -1, -1))


@pytest.mark.parametrize('attention', ['concat', 'separate'])
def test_order_of_templates_does_not_matter(attention):
    model, clip = build(odtrack(attention=attention)).eval(), od_clip()
    turned = clip._replace(templates=clip.templates[:, [2, 0, 1]])
    with torch.no_grad():
        one, other = (next(model.predictions(own)) for own in (clip, turned))
    torch.testing.assert_close(one.outputs, other.outputs)
    torch.testing.assert_close(one.memory, other.memory)


def test_the_two_parts_of_the_query_get_the_same_gradient():
    model, clip = build(odtrack()).train(), od_clip()
    sum(model.head.loss(next(model.predictions(clip)), clip.gt_boxes[:, 0]).values()).backward()
    backbone = model.backbone
    assert torch.equal(backbone.cls_token.grad, backbone.cls_pos_embed.grad)
    assert backbone.cls_token.grad.abs().sum() > 0


# Attention

def by_the_book(block, x, mask):
    """A pre-norm block with a mask (N, N), True where a query sees a key; and its attention."""
    heads, dims = block.attn.num_heads, x.size(-1)
    query, key, value = (part.unflatten(-1, (heads, -1)).transpose(1, 2)
                         for part in block.attn.qkv(block.norm1(x)).split(dims, dim=-1))
    weights = query @ key.transpose(-2, -1) / math.sqrt(dims / heads)
    weights = weights.masked_fill(~mask, -math.inf).softmax(dim=-1)
    x = x + block.attn.proj((weights @ value).transpose(1, 2).flatten(2))
    return x + block.mlp(block.norm2(x)), weights


@pytest.mark.parametrize('attention', ['concat', 'separate'])
def test_attention_by_the_book(attention):
    model, clip = build(odtrack(attention=attention)), od_clip()
    tokens = embed(model, clip)
    mask = torch.ones(tokens.x.size(1), tokens.x.size(1), dtype=torch.bool)
    if attention == 'separate':
        template, search = tokens.span('template'), tokens.span('search')
        mask[template] = False
        mask[template, template] = True
        mask[search, 0] = False
    expected, _ = by_the_book(model.backbone.layers[0], tokens.x, mask)
    torch.testing.assert_close(model.backbone.layers[0](tokens).x, expected)
    # The names of the weights are the same.
    assert model.state_dict().keys() == build(odtrack()).state_dict().keys()


def test_in_separate_attention_the_memory_reaches_the_map_by_the_last_product_only():
    model, clip = build(odtrack(attention='separate')).eval(), od_clip()
    with torch.no_grad():
        none, some = (run_layers(model.backbone.layers, embed(model, clip, memory=memory))
                      for memory in (torch.zeros(2, 1, WIDTH), torch.randn(2, 1, WIDTH)))
        for group in ('template', 'search'):
            assert torch.equal(none.group(group), some.group(group))
        one, other = (model.forward_head(tokens).outputs['size'] for tokens in (none, some))
    assert (one - other).abs().max() > 1e-4


def test_settings_that_do_not_go_together():
    with pytest.raises(ValueError, match="attention='separate' has none; leave out elimination"):
        build(odtrack(attention='separate', elimination=eliminating()))
    with pytest.raises(ValueError, match=r"attention='seperate' is not one of \('concat', 'sep"):
        build(odtrack(attention='seperate'))


# Candidate elimination

@pytest.mark.parametrize('template_range', RANGES)
def test_elimination_by_the_book(template_range):
    """Ranked by the chosen tokens of every template, in a softmax that the query takes part in."""
    torch.manual_seed(1)
    model = build(odtrack(elimination=eliminating(template_range, ratio=0.5)))
    with torch.no_grad():  # more than noise decides
        model.backbone.layers[1].attn.qkv.weight *= 5
    clip = od_clip()
    # As wide as five tokens, two and a half, and so on: numbers differ between templates.
    clip.template_boxes[0, 1] = torch.tensor([30., 30, 15, 20])
    clip.template_boxes[1, 2] = torch.tensor([5., 5, 100, 100])
    tokens = embed(model, clip)
    with torch.no_grad():
        tokens = model.backbone.layers[0](tokens)
        out = model.backbone.layers[1](tokens)
        whole, weights = by_the_book(
            model.backbone.layers[1], tokens.x, torch.ones(1, 1, dtype=torch.bool))
    chosen = torch.zeros(2, 3, GRID, GRID, dtype=torch.bool)
    if template_range == 'ALL':
        chosen[:] = True
    elif template_range == 'GT_BOX':
        for i in range(2):
            for k in range(3):
                x, y, w, h = clip.template_boxes[i, k].tolist()
                pixels = torch.zeros(1, 1, TEMPLATE, TEMPLATE)
                pixels[..., int(y):int(y + h - 1), int(x):int(x + w - 1)] = 1
                chosen[i, k] = F.interpolate(
                    pixels, (GRID, GRID), mode='bilinear', align_corners=False)[0, 0] != 0
        assert len(set(chosen.sum(dim=(2, 3)).flatten().tolist())) > 2
    else:
        chosen[:, :, 3, 3] = True
    rows = weights.mean(dim=1)[:, tokens.span('template'), -CELLS:]
    for i in range(2):
        score = rows[i, chosen[i].flatten()].mean(dim=0)
        expected = score.topk(CELLS // 2).indices.sort().values
        assert torch.equal(out.kept[i], expected)
        places = [*range(tokens.x.size(1) - CELLS), *(expected - CELLS)]
        torch.testing.assert_close(out.x[i], whole[i, places], rtol=1e-4, atol=1e-4)
    assert out.length('query') == 1


@pytest.mark.parametrize(('grid', 'centre'), [(7, 3), (8, 3), (12, 5), (14, 6), (16, 7), (24, 11)])
def test_centres_of_templates(grid, centre):
    backbone = build(odtrack(template_size=16 * grid, elimination=eliminating(),
                             depth=2)).backbone
    mask = backbone.layers[1].centre.view(grid, grid)
    assert mask.nonzero().tolist() == [[centre, centre]]


def test_boxes_without_a_token():
    boxes = torch.tensor([[[30., 30, 20, 20], [50., 50, 3, 3]], [[50., 50, 3, 3]] * 2])
    assert box_tokens(boxes[:1], TEMPLATE).sum() == box_tokens(boxes[:1, 0], TEMPLATE).sum() > 0
    message = (r'template box \[50.0, 50.0, 3.0, 3.0\], \[50.0, 50.0, 3.0, 3.0\] \(x, y, w, h in '
               r'pixels of the template crop\) covers no token; .*"GT_BOX" needs a larger target')
    with pytest.raises(ValueError, match=message):
        box_tokens(boxes, TEMPLATE)
    model, clip = build(odtrack(elimination=eliminating('GT_BOX'))), od_clip(templates=2)
    with pytest.raises(ValueError, match='covers no token'):
        next(model.predictions(clip._replace(template_boxes=boxes)))


# Read-out and memory

@pytest.mark.parametrize('elimination', [None, eliminating()])
def test_map_weighted_by_the_query(elimination):
    model, clip = build(odtrack(elimination=elimination)), od_clip()
    tokens = run_layers(model.backbone.layers, embed(model, clip))
    prediction = model.forward_head(tokens)
    x = F.layer_norm(tokens.x, (WIDTH, ), model.backbone.norm.weight, model.backbone.norm.bias,
                     1e-6)
    query, search = x[:, 0], torch.zeros(2, CELLS, WIDTH)
    for i in range(2):
        kept = range(CELLS) if tokens.kept is None else tokens.kept[i].tolist()
        for place, own in zip(kept, x[i, -len(kept):], strict=True):
            search[i, place] = (own @ query[i]) * own
    weighted = Tokens(search, {'search': (4, 4)})
    torch.testing.assert_close(prediction.outputs, model.head(weighted))
    assert torch.equal(prediction.memory, x[:, :1])
    assert not prediction.memory.requires_grad
    # Negative products count as they are.
    assert (search.sum(dim=2) != 0).any()
    # Gradient through the query, too.
    own, = torch.autograd.grad(prediction.outputs['size'].sum(), tokens.x)
    assert own[:, 0].abs().sum() > 0


def test_memory_is_a_value():
    """Targets in turns, or each alone: nothing stays in the network."""
    model = build(odtrack()).eval()
    clips = od_clip(seed=1), od_clip(seed=2)
    with torch.no_grad():
        alone = [list(model.predictions(clip)) for clip in clips]
        turns = list(zip(*map(model.predictions, clips)))
    for own, other in zip(zip(*alone), turns, strict=True):
        for one, two in zip(own, other, strict=True):
            assert all(torch.equal(one.outputs[key], two.outputs[key]) for key in one.outputs)
    one = alone[0][1]
    with torch.no_grad():
        fresh = model.forward_frame(clips[0].templates, None, clips[0].searches[:, 1],
                           torch.zeros(2, 1, WIDTH))
    assert (one.outputs['score'] - fresh.outputs['score']).abs().max() > 1e-5


def test_kept_templates_give_what_all_tokens_together_do():
    model = build(odtrack()).eval()
    for templates in (1, 2, 4):
        clip, memory = od_clip(templates=templates), torch.randn(2, 1, WIDTH)
        with torch.no_grad():
            encoded = model.encode(clip.templates, None)
            step = model.step(encoded, clip.searches[:, 0], memory)
            whole = model.forward_frame(clip.templates, None, clip.searches[:, 0], memory)
        assert encoded['template_tokens'].shape == (2, templates * GRID**2, WIDTH)
        torch.testing.assert_close(step.outputs, whole.outputs)


def test_memory_of_another_width():
    network = TorchNetwork(build(odtrack()).eval())
    encoded = network.encode(torch.zeros(1, TEMPLATE, TEMPLATE, 3).byte().numpy(),
                             torch.zeros(1, 4).numpy())
    crops = torch.zeros(1, SEARCH, SEARCH, 3).byte().numpy()
    for memories, shape in (([torch.zeros(1, 1, 8).numpy()], r'\(1, 1, 8\)'), (None, r'\(1, 0')):
        with pytest.raises(ValueError, match=rf'the memory has the shape {shape}.* \(1, 1, 16\)'):
            network.step([encoded], crops, memories)


# Training on clips

def gradients(model) -> dict:
    return {name: weight.grad.clone() for name, weight in model.named_parameters()
            if weight.grad is not None}


def test_loss_of_a_clip_is_the_sum_over_its_frames():
    """And so is its gradient, whose parts are taken frame by frame."""
    model, clip = build(odtrack()).train(), od_clip(frames=3)
    other = copy.deepcopy(model)
    frames = [model.head.loss(found, clip.gt_boxes[:, i])
              for i, found in enumerate(model.predictions(clip))]
    sum(sum(losses.values()) for losses in frames).backward()
    losses = other.losses(clip)
    for name, value in losses.items():
        torch.testing.assert_close(value, sum(frame[name] for frame in frames))
    (2 * sum(losses.values())).backward()
    expected, found = gradients(model), gradients(other)
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], 2 * value, rtol=1e-4, atol=1e-6, msg=name)
    # The head saw each frame as a batch of its own.
    norm = other.head.score[0].bn
    assert norm.num_batches_tracked == model.head.score[0].bn.num_batches_tracked
    assert torch.equal(norm.running_mean, model.head.score[0].bn.running_mean)


class Total(torch.nn.Module):
    """A compression whose forward pass gives the sum of its losses."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, clip, gates):
        return self.model.parse_losses(self.model.losses(clip, clip, gates))[0]


def test_processes_share_the_gradients_of_all_frames(tmp_path):
    """Those are taken while DDP is not yet waiting for any."""
    plain, shared = (compression(tmp_path) for _ in range(2))
    shared.load_state_dict(plain.state_dict())
    torch.distributed.init_process_group('gloo', store=torch.distributed.HashStore(), rank=0,
                                         world_size=1)
    try:
        wrapped = DistributedDataParallel(Total(shared), find_unused_parameters=True)
        for seed, gates in enumerate(([True, False], [False, True], [True, True])):
            clip = od_clip(frames=3, seed=seed)
            for model, total in ((plain, Total(plain)), (shared, wrapped)):
                model.zero_grad()
                total(clip, gates).backward()
            expected, found = gradients(plain), gradients(shared)
            moved = [value.abs().sum() > 0 for value in expected.values()]
            assert sum(moved) > 30
            for name, value in expected.items():
                torch.testing.assert_close(found[name], value, msg=name)
    finally:
        torch.distributed.destroy_process_group()


def test_float16_takes_its_gradient_of_the_scaled_loss():
    """So all frames stay, and each term has its gradient."""
    model, clip = build(odtrack()).train(), od_clip()
    with torch.autocast('cpu', torch.float16):
        losses = model.losses(clip)
    assert all(value.requires_grad for value in losses.values())
    with torch.autocast('cpu', torch.bfloat16):
        losses = model.losses(clip)
    assert sum(value.requires_grad for value in losses.values()) == 1


def test_without_gradient_a_clip_is_only_added_up():
    model, clip = build(odtrack()).eval(), od_clip()
    with torch.no_grad():
        losses = model.losses(clip)
    assert not any(value.requires_grad for value in losses.values())


class Saved:
    """Bytes that autograd keeps for the backward pass, now and at the most."""

    def __init__(self):
        self.now = self.most = 0

    def pack(self, tensor):
        counter = self

        class Kept:
            def __init__(self, tensor):
                self.tensor, self.size = tensor, tensor.numel() * tensor.element_size()
                counter.now += self.size
                counter.most = max(counter.most, counter.now)

            def __del__(self):
                counter.now -= self.size

        return Kept(tensor)


def saved_bytes(run) -> int:
    """The most that is kept for the backward pass of what ``run`` gives."""
    saved = Saved()
    with torch.autograd.graph.saved_tensors_hooks(saved.pack, lambda kept: kept.tensor):
        sum(value for name, value in run().items() if name.startswith('loss')).backward()
    return saved.most


def test_memory_of_a_step_does_not_grow_with_the_frames(tmp_path):
    model = compression(tmp_path)
    clips = {count: od_clip(frames=count) for count in (1, 2, 6)}

    def of_tracker(count):
        return model.student.losses(clips[count])

    def of_compression(count):
        return model.losses(clips[count], clips[count], [True, False])

    for losses in (of_tracker, of_compression):
        most = {count: saved_bytes(lambda: losses(count)) for count in clips}  # noqa: B023
        assert most[6] == most[2] < 1.1 * most[1]


# Compression

@pytest.mark.parametrize('elimination', [None, eliminating(layers=(1, 3))])
def test_groups_are_mimicked_alike(tmp_path, elimination):
    """Query, templates and search crop by a third each; the search crop where both kept it."""
    model = compression(tmp_path, odtrack(elimination=elimination))
    clip, gates = od_clip(), [False, True]
    memory = model.student.init_memory(clip.searches)
    with torch.no_grad():
        stages, _ = model.mixed_path(clip, 0, memory, gates)
        theirs, _ = model.run_teacher(clip, 0, memory)
        loss = model.mimic_loss(stages, theirs)['loss_mimic']
    expected = []
    for own, other in zip(stages, theirs, strict=True):
        query = F.mse_loss(own.x[:, :1], other.x[:, :1])
        templates = F.mse_loss(own.group('template'), other.group('template'))
        assert own.length('template') == 3 * GRID**2
        pairs = [(own.group('search')[i][list(kept).index(place)],
                  other.group('search')[i][list(others).index(place)])
                 for i, (kept, others) in enumerate(zip(*(
                     ([range(CELLS)] * 2 if side.kept is None else side.kept.tolist())
                     for side in (own, other)), strict=True))
                 for place in set(kept) & set(others)]
        search = F.mse_loss(*(torch.stack(side) for side in zip(*pairs)))
        expected.append((query + templates + search) / 3)
    torch.testing.assert_close(loss, 0.2 * sum(expected) / 2)
    if elimination:
        assert theirs[1].length('search') < stages[1].length('search') < CELLS


def test_two_memories(tmp_path):
    """Each of its own path; both start from nothing in every iteration."""
    model, clip = compression(tmp_path), od_clip(frames=3)
    given = {'mixed': [], 'teacher': []}
    for name, side in (('mixed', model.student), ('teacher', model.teacher)):
        embedding = side.embed

        def noted(*args, embedding=embedding, name=name):
            given[name].append(args[3])
            return embedding(*args)

        side.embed = noted
    for _ in range(2):
        model.losses(clip, clip, [False, True])
    for memories in given.values():
        assert [bool(memory.any()) for memory in memories] == [False, True, True] * 2
    assert not torch.allclose(given['mixed'][1], given['teacher'][1])
    assert not any(memory.requires_grad for memories in given.values() for memory in memories)


def test_student_starts_from_the_last_layers(tmp_path):
    model = compression(tmp_path)
    assert isinstance(model.student.backbone, StageDividedODTrackViT)
    own, teacher = model.student.backbone, model.teacher.backbone
    for i, source in enumerate((1, 3)):
        assert same_weights(own.layers[i], teacher.layers[source])
    for name in ('cls_token', 'cls_pos_embed', 'pos_embed_z', 'pos_embed_x'):
        assert torch.equal(getattr(own, name), getattr(teacher, name))
    clip = od_clip()
    losses = model.losses(clip, clip, [True, True])
    with torch.no_grad():
        found = list(model.student.predictions(clip))
    expected = sum(mean_iou(own.boxes, clip.gt_boxes[:, i]) for i, own in enumerate(found)) / 2
    torch.testing.assert_close(losses['iou_mixed'], expected)


# Files

def test_names_both_ways(tmp_path):
    model = build(odtrack())
    released = to_released(model.state_dict(), False, '')
    assert released['backbone.cls_token'] is not None
    assert released['backbone.pos_embed'].shape == (1, 197, WIDTH)
    assert {'backbone.cls_pos_embed', 'backbone.blocks.3.attn.qkv.weight', 'backbone.norm.bias',
            'box_head.conv1_ctr.1.running_mean', 'box_head.conv5_size.weight'} <= set(released)
    assert same_weights(to_own(released, ''), model.state_dict())
    # An OSTrack's weights go the other way, as ever.
    plain = to_released(build(tracker()).state_dict(), False, '')
    assert 'backbone.cls_pos_embed' not in plain
    student = build(od_student()).state_dict()
    save_tracker(student, tmp_path / 'student.pth', student=True)
    convert(tmp_path / 'student.pth', tmp_path / 'out.pth.tar', 'released', 0, 0)
    content = read_checkpoint(tmp_path / 'out.pth.tar')['net']
    assert {key.split('.')[2] for key in content if 'blocks' in key} == {'0', '1'}
    assert same_weights(tracker_weights(tmp_path / 'out.pth.tar'), student)


def pretrained(grid=14):
    """Weights of a masked auto-encoder, of an ODTrack's layers."""
    state = {key.removeprefix('backbone.'): value for key, value in to_released(
        build(odtrack()).state_dict(), False, '').items() if key.startswith('backbone.')}
    for name in ('pos_embed_z', 'pos_embed_x', 'cls_pos_embed'):
        del state[name]
    rng = torch.Generator().manual_seed(0)
    return {**state, 'pos_embed': torch.randn(1, 1 + grid**2, WIDTH, generator=rng),
            'cls_token': torch.randn(1, 1, WIDTH, generator=rng)}


def test_start_from_a_pretrained_vit(tmp_path):
    source, state = tmp_path / 'mae.pth', pretrained()
    torch.save({'model': state}, source)
    convert(source, tmp_path / 'out.pth', 'mmct', TEMPLATE, SEARCH, starts='ODTrack')
    own = read_checkpoint(tmp_path / 'out.pth')['state_dict']
    assert torch.equal(own['backbone.cls_token'], state['cls_token'])
    assert torch.equal(own['backbone.cls_pos_embed'], state['pos_embed'][:, :1])
    assert own['backbone.pos_embed_z'].shape == (1, GRID**2, WIDTH)
    model = MODELS.build(odtrack())
    _, lacking = starting_weights(model, own, '')
    assert {key.split('.')[0] for key in lacking} == {'head'}
    assert own.keys() == {key for key in model.state_dict() if key.startswith('backbone.')}
    # For an OSTrack the class token is of no use.
    convert(source, tmp_path / 'plain.pth', 'mmct', TEMPLATE, SEARCH)
    plain = read_checkpoint(tmp_path / 'plain.pth')['state_dict']
    assert own.keys() - plain.keys() == {'backbone.cls_token', 'backbone.cls_pos_embed'}


def test_files_of_another_tracker(tmp_path):
    file = tmp_path / 'other.pth'
    plain = tracker(width=WIDTH, template_size=TEMPLATE, search_size=SEARCH)
    save_tracker(build(plain).state_dict(), file, student=False)
    with pytest.raises(CheckpointError, match=r"has no: \['backbone.cls_pos_embed', 'backbone.cls"):
        load_weights(MODELS.build(odtrack()), file)
    save_tracker(build(odtrack()).state_dict(), file, student=False)
    with pytest.raises(CheckpointError, match=r"has unknown keys: \['backbone.cls_pos_embed"):
        load_weights(MODELS.build(plain), file)
    with pytest.raises(CheckpointError, match='has layers: 4, the tracker of the config: 6'):
        load_weights(MODELS.build(odtrack(depth=6)), file)
    with pytest.raises(CheckpointError, match=r'template tokens \(template_size\): 49, the .*: 64'):
        load_weights(MODELS.build(odtrack(template_size=128)), file)


def test_published_sizes():
    """Of the layers and tables by hand: C² 12 + 13 C a layer."""
    for dims, depth, heads in ((768, 12, 12), (1024, 24, 16)):
        with torch.device('meta'):
            model = ODTrack(
                dict(type='ODTrackViT', embed_dims=dims, depth=depth, num_heads=heads,
                     template_size=192, search_size=384),
                dict(type='CenterHead', in_channels=dims))
        tokens = 144 + 576 + 2
        expected = depth * (12 * dims**2 + 13 * dims) + dims * (tokens + 2 + 3 * 256 + 1)
        assert sum(weight.numel() for weight in model.backbone.parameters()) == expected
        assert model.info.templates == {'type': 'SpreadHistory', 'count': 3}
        assert model.info.memory == (1, dims)
