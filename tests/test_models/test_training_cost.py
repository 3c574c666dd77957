"""Options that make training cheaper: what they compute stays the same, or nearly."""
import copy

import pytest
import torch
from mmengine.runner import turn_on_activation_checkpointing
from tiny import (
    build,
    distiller,
    pair_batch,
    same_weights,
    save_teacher,
    shake,
    student,
    tracker,
)

from mmct.engine import Bf16OptimWrapper

GATES = [[True, True], [False, True], [True, False]]


@pytest.fixture(scope='module')
def teacher_file(tmp_path_factory):
    return save_teacher(tmp_path_factory.mktemp('teacher') / 'teacher.pth')


@pytest.fixture
def started(teacher_file):
    """A compression whose student's layers have moved away from the teacher's."""
    def start(**kwargs):
        model = build(distiller(teacher_file, **kwargs), seed=1).train()
        model.build_teacher()
        torch.manual_seed(2)
        shake(model.student.backbone.layers)
        return model
    return start


def gradients(model, gates):
    """Losses, and gradients by parameter."""
    model.zero_grad()
    losses = model.losses(pair_batch(), gates)
    sum(losses.values()).backward()
    return losses, {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


def assert_equal(one, other):
    for ours, theirs in zip(one, other, strict=True):
        assert ours.keys() == theirs.keys()
        for key in ours:
            torch.testing.assert_close(ours[key], theirs[key], rtol=0, atol=0)


# The teacher's own tokens

@pytest.mark.parametrize('gates', GATES)
def test_reused_tokens_change_nothing(started, gates):
    model = started(freeze_embedding=True)
    reused = gradients(model, gates)
    model.freeze_embedding = False
    assert_equal(reused, gradients(model, gates))
    assert not any('embed' in name for name in reused[1])


def test_leading_stages_run_once(started):
    model = started(freeze_embedding=True)
    calls = []
    for i, layer in enumerate(model.teacher.backbone.layers):
        layer.register_forward_hook(lambda *_, i=i: calls.append(i))
    model.losses(pair_batch(), [False, True])
    assert calls == [0, 1, 2, 3]
    calls.clear()
    model.losses(pair_batch(), [True, False])
    assert calls == [0, 1, 2, 3, 2, 3]


def test_frozen_embedding_stays_the_teachers(started):
    model = started(freeze_embedding=True)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2, weight_decay=0.1)
    gradients(model, [True, True])
    optimizer.step()
    for name in ('patch_embed.proj.weight', 'pos_embed_z', 'pos_embed_x'):
        assert torch.equal(*(side.backbone.get_parameter(name)
                             for side in (model.student, model.teacher)))


def test_frozen_stem_keeps_its_batch_statistics(tmp_path):
    stem = {'patch_embed': {'type': 'ConvStem'}}
    file = save_teacher(tmp_path / 'teacher.pth', tracker(**stem))
    for frozen in (True, False):
        model = build(distiller(file, tracker(**stem), student=student(**stem),
                                freeze_embedding=frozen), seed=1).train()
        model.build_teacher()
        assert same_weights(model.student.backbone.patch_embed, model.teacher.backbone.patch_embed)
        gradients(model.train(), [True, True])
        norm = model.student.backbone.patch_embed.layers[0].bn
        assert torch.equal(
            norm.running_mean, model.teacher.backbone.patch_embed.layers[0].bn.running_mean
        ) == frozen
        assert norm.training != frozen
        assert (norm.weight.grad is None) == frozen


def test_frozen_embedding_of_another_kind(teacher_file):
    narrow = student(width=16)
    model = build(distiller(teacher_file, student=narrow, freeze_embedding=True))
    with pytest.raises(ValueError, match='freeze_embedding=True needs a student whose embedding '
                                         'is the teacher.*pos_embed_z.*differ'):
        model.build_teacher()


# bfloat16

@pytest.mark.parametrize('gates', GATES)
def test_teacher_in_bfloat16(started, gates):
    model, exact = started(teacher_bf16=True), started()
    (losses, grads), (expected, _) = gradients(model, gates), gradients(exact, gates)
    assert {grad.dtype for grad in grads.values()} == {torch.float32}
    # What the teacher has no part in is the same to the last bit.
    for name, value in losses.items():
        if name.startswith('loss_track'):
            assert torch.equal(value, expected[name])
        else:
            torch.testing.assert_close(value, expected[name], rtol=0.05, atol=1e-3)
    assert not torch.equal(losses['loss_mimic'], expected['loss_mimic'])
    _, boxes = model.run_teacher(pair_batch())
    assert boxes.dtype == torch.float32


def test_training_in_bfloat16_on_a_processor(started):
    model = started()
    wrapper = Bf16OptimWrapper(torch.optim.SGD(model.parameters(), 0.01))
    expected, exact = gradients(copy.deepcopy(model), [True, False])
    before = copy.deepcopy(model.state_dict())
    with wrapper.optim_context(model):
        losses = model.losses(pair_batch(), [True, False])
    for name, value in losses.items():
        assert value.dtype == torch.float32
        torch.testing.assert_close(value, expected[name], rtol=0.05, atol=1e-3)
    wrapper.update_params(sum(losses.values()))
    assert any(not torch.equal(value, before[name]) for name, value in model.state_dict().items())
    for name, parameter in model.named_parameters():
        assert parameter.dtype == torch.float32
        if parameter.grad is not None and exact[name].norm() > 1e-2:
            assert torch.cosine_similarity(
                parameter.grad.flatten(), exact[name].flatten(), dim=0) > 0.95, name


@pytest.mark.parametrize('head', ['CenterHead', 'CornerHead'])
def test_maps_are_read_in_float32(head):
    model = build(tracker(head))
    with torch.autocast('cpu', torch.bfloat16):
        maps = model.head(torch.randn(2, 32, 4, 4))
    assert {value.dtype for value in maps if value is not None} == {torch.float32}
    assert model.head.decode(maps).dtype == torch.float32
    if maps.score is not None:
        assert maps.score.max() < 1


# MMEngine's options

def test_activation_checkpointing(started):
    model = started()
    plain = gradients(model, [True, False])
    turn_on_activation_checkpointing(
        model, [f'student.backbone.layers.{i}' for i in range(2)])
    calls = []
    model.student.backbone.layers[0].norm1.register_forward_hook(lambda *_: calls.append(0))
    assert_equal(gradients(model, [True, False]), plain)
    assert len(calls) == 2  # forward, and again for the backward
