"""Steps that are left out because of what is not finite."""
import copy

import pytest
import torch
from torch import nn

from mmct.engine import Bf16OptimWrapper, FiniteOptimWrapper, Fp16OptimWrapper


@pytest.fixture
def model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))


@pytest.fixture
def fp16(monkeypatch):
    """MMEngine refuses it without a GPU, PyTorch's scaler does not."""
    def build(*args, **kwargs):
        monkeypatch.setattr(
            'mmengine.optim.optimizer.amp_optimizer_wrapper.is_cuda_available', lambda: True)
        wrapper = Fp16OptimWrapper(optimizer=args[0], **kwargs)
        wrapper.loss_scaler = torch.amp.GradScaler('cpu')
        wrapper.optim_context = FiniteOptimWrapper.optim_context.__get__(wrapper)
        return wrapper
    return build


def step(model, wrapper, batch, change=lambda loss: loss):
    with wrapper.optim_context(model):
        loss = model(batch).float().square().mean()
    wrapper.update_params(change(loss))


def state(model, wrapper):
    return copy.deepcopy((model.state_dict(), wrapper.optimizer.state_dict()['state']))


def same(one, other):
    return all(torch.equal(value, other[0][key]) for key, value in one[0].items()) and all(
        torch.equal(value, other[1][i][key])
        for i, values in one[1].items() for key, value in values.items())


@pytest.mark.parametrize('kind', ['FiniteOptimWrapper', 'Bf16OptimWrapper', 'fp16'])
@pytest.mark.parametrize('fault', ['loss', 'gradient', 'batch'])
def test_nothing_is_touched(model, kind, fault, request):
    build = (request.getfixturevalue(kind) if kind == 'fp16'
             else {'FiniteOptimWrapper': FiniteOptimWrapper, 'Bf16OptimWrapper': Bf16OptimWrapper}[
                 kind])
    wrapper = build(torch.optim.AdamW(model.parameters(), 1e-2), clip_grad={'max_norm': 1.})
    good, bad = torch.rand(8, 4), torch.rand(8, 4)
    step(model, wrapper, good)
    before = state(model, wrapper)
    change = {'loss': lambda loss: loss + torch.inf, 'batch': lambda loss: loss,
              # The square root's slope at 0.
              'gradient': lambda loss: loss + (model[0].weight[0, 0] * 0).sqrt()}[fault]
    if fault == 'batch':
        bad[0, 0] = torch.nan
    for count in (1, 2):
        step(model, wrapper, bad, change)
        assert wrapper.skipped_in_row == count
        assert bool(wrapper.loss_is_finite) == (fault == 'gradient')
        assert same(before, state(model, wrapper))
    if kind == 'fp16':
        assert wrapper.loss_scaler.get_scale() == 2**14
    step(model, wrapper, good)
    assert wrapper.skipped_in_row == 0
    assert not same(before, state(model, wrapper))


def test_the_scale_of_the_loss_is_resumed(model, fp16):
    wrapper, other = (fp16(torch.optim.AdamW(model.parameters(), 1e-2)) for _ in range(2))
    step(model, wrapper, torch.full((8, 4), torch.nan))
    step(model, wrapper, torch.rand(8, 4))
    saved = wrapper.state_dict()
    other.load_state_dict(copy.deepcopy(saved))
    assert other.loss_scaler.get_scale() == 2**15
    assert other.loss_scaler.state_dict() == wrapper.loss_scaler.state_dict()
    assert saved['loss_scaler']['_growth_tracker'] == 1


def test_accumulated_gradients_are_left_out_together(model):
    wrapper = FiniteOptimWrapper(torch.optim.SGD(model.parameters(), 0.1), accumulative_counts=3)
    wrapper.initialize_count_status(model, 0, 6)
    before = state(model, wrapper)
    for fault in (torch.nan, 0., 0.):
        step(model, wrapper, torch.rand(8, 4) + fault)
    assert wrapper.skipped_in_row == 1
    assert same(before, state(model, wrapper))
    for _ in range(3):
        step(model, wrapper, torch.rand(8, 4))
    assert wrapper.skipped_in_row == 0
    assert not same(before, state(model, wrapper))


def test_a_good_step_is_what_it_was(model):
    other, batch = copy.deepcopy(model), torch.rand(8, 4)
    step(model, FiniteOptimWrapper(torch.optim.AdamW(model.parameters(), 1e-2)), batch)
    plain = torch.optim.AdamW(other.parameters(), 1e-2)
    other(batch).square().mean().backward()
    plain.step()
    assert all(torch.equal(value, other.state_dict()[key])
               for key, value in model.state_dict().items())
