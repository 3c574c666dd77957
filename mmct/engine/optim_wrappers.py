"""Steps of the optimizer: full or mixed precision, and none from what is not finite."""
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


class SkipNonFinite:
    """Leaves out a step if the loss or a gradient is not finite.

    Weights, optimizer and batch norm's statistics stay as they were before the iteration (with
    accumulated gradients, before the first of them). Processes share the gradients that decide it.

    Attributes:
        loss_is_finite: () bool, of this process and iteration.
        skipped_in_row: steps left out since the last one made.
    """

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.skipped_in_row = 0
        self._model, self._buffers = None, []

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        if self._inner_count % self._accumulative_counts == 0:
            if model is not self._model:  # looking for them takes longer than copying them
                self._model, self._buffers = model, [
                    (module, name) for module in model.modules() if isinstance(module, _BatchNorm)
                    for name, buffer in module.named_buffers() if buffer is not None]
            self._statistics = [(buffer, buffer.clone()) for buffer in (
                getattr(module, name) for module, name in self._buffers)]
        with super().optim_context(model):
            yield

    def update_params(self, loss: Tensor, *args, **kwargs) -> None:
        self.loss_is_finite = loss.detach().isfinite()
        # A loss may be infinite and its gradients not. This makes all gradients NaN, also those of
        # the other processes, with which they are averaged.
        loss = loss * torch.where(self.loss_is_finite, 1., torch.nan)
        super().update_params(loss, *args, **kwargs)

    def step(self, **kwargs) -> None:
        if self.gradients_are_finite():
            self.skipped_in_row = 0
            super().step(**kwargs)
        else:
            self.skipped_in_row += 1
            for buffer, before in self._statistics:
                buffer.copy_(before)
            self.skip(**kwargs)

    def gradients_are_finite(self) -> bool:
        # A sum is not finite if a value is not, and costs far less than a maximum.
        sums = [p.grad.sum() for group in self.optimizer.param_groups
                for p in group['params'] if p.grad is not None]
        return bool(torch.stack(sums).isfinite().all())

    def skip(self, **kwargs) -> None:
        """What is left of a step."""


@OPTIM_WRAPPERS.register_module()
class FiniteOptimWrapper(SkipNonFinite, OptimWrapper):
    """Full precision."""


@OPTIM_WRAPPERS.register_module()
class Bf16OptimWrapper(FiniteOptimWrapper):
    """Mixed precision in bfloat16, on any device; MMEngine's asks for an accelerator."""

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        device = next(model.parameters()).device.type
        with super().optim_context(model), torch.autocast(device, torch.bfloat16):
            yield


@OPTIM_WRAPPERS.register_module()
class Fp16OptimWrapper(SkipNonFinite, AmpOptimWrapper):
    """Mixed precision in float16 with loss scaling, on GPUs. A scale that is too large leads to
    skipped steps, too, and is halved by each of them."""

    def skip(self, **kwargs) -> None:
        # The scaler does not touch the optimizer either, and lowers the scale.
        self.loss_scaler.step(self.optimizer, **kwargs)
        self.loss_scaler.update(self._scale_update_param)
