"""Options that make training cheaper: what they compute stays the same, or nearly."""
import copy

import pytest
import torch
from mmengine.runner import turn_on_activation_checkpointing
from tiny import (
    build,
    distiller,
    pair_batch,
    predicted,
    same_weights,
    save_teacher,
    shake,
    student,
    teacher_path,
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
    batch = pair_batch()
    losses = model.losses(batch, batch, gates)
    sum(losses.values()).backward()
    return losses, {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


def assert_equal(one, other):
    for ours, theirs in zip(one, other, strict=True):
        assert ours.keys() == theirs.keys()
        for key in ours:
            torch.testing.assert_close(ours[key], theirs[key], rtol=0, atol=0)


# What is frozen

def test_frozen_stem_keeps_its_batch_statistics(tmp_path):
    stem = {'patch_embed': {'type': 'ConvStem'}}
    file = save_teacher(tmp_path / 'teacher.pth', tracker(**stem))
    for frozen in ([], ['backbone.patch_embed']):
        model = build(distiller(file, tracker(**stem), student=student(**stem), frozen=frozen),
                      seed=1).train()
        model.build_teacher()
        assert same_weights(model.student.backbone.patch_embed, model.teacher.backbone.patch_embed)
        gradients(model.train(), [True, True])
        norm = model.student.backbone.patch_embed.layers[0].bn
        assert torch.equal(
            norm.running_mean, model.teacher.backbone.patch_embed.layers[0].bn.running_mean
        ) == bool(frozen)
        assert norm.training != bool(frozen)
        assert (norm.weight.grad is None) == bool(frozen)


def test_what_lies_behind_a_frozen_embedding_learns_as_before(started):
    embedding = [f'backbone.{name}' for name in ('patch_embed', 'pos_embed_z', 'pos_embed_x')]
    losses, grads = gradients(started(frozen=embedding), [True, False])
    expected, free = gradients(started(), [True, False])
    assert {name for name in free if 'embed' in name} == free.keys() - grads.keys()
    assert_equal((losses, grads), (expected, {name: free[name] for name in grads}))


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
    _, prediction = teacher_path(model, pair_batch())
    assert prediction.boxes.dtype == torch.float32


def test_training_in_bfloat16_on_a_processor(started):
    model = started()
    wrapper = Bf16OptimWrapper(torch.optim.SGD(model.parameters(), 0.01))
    expected, exact = gradients(copy.deepcopy(model), [True, False])
    before = copy.deepcopy(model.state_dict())
    batch = pair_batch()
    with wrapper.optim_context(model):
        losses = model.losses(batch, batch, [True, False])
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
        prediction = predicted(model, pair_batch())
    assert {value.dtype for value in prediction.outputs.values()} == {torch.float32}
    assert prediction.boxes.dtype == torch.float32
    assert prediction.outputs['score'].max() < 1


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
