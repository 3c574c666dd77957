"""Looking at a network in the midst of its training."""
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from ...models import ReplacementDistiller
from ...models.structures import Clip


@contextmanager
def undisturbed(model: nn.Module) -> Iterator[None]:
    """Evaluate a model which then trains on as if nothing had been: without gradients, without
    batch statistics, and without moving on the random numbers."""
    modes = [(module, module.training) for module in model.modules()]
    device = next(model.parameters()).device
    with torch.no_grad(), torch.random.fork_rng([device] if device.type == 'cuda' else []):
        model.eval()
        try:
            yield
        finally:
            for module, training in modes:
                module.training = training


def clips(model: ReplacementDistiller, data_batch: dict,
          samples: int | None = None) -> tuple[Clip, Clip]:
    """A data loader's batch, or so many samples of it, as the student and as the teacher see it."""
    data = {name: clip.first(samples) for name, clip in data_batch['inputs'].items()}
    inputs = model.data_preprocessor(dict(inputs=data))['inputs']
    if model.teacher is None:
        # The first iteration would; a new student starts from it.
        model.build_teacher()
    return inputs.get('student_clip', inputs['clip']), inputs['clip']
