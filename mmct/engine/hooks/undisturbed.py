"""Looking at a network in the midst of its training."""
import copy
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


def views(model: ReplacementDistiller, data_batch: dict,
          samples: int | None = None) -> tuple[Clip, Clip]:
    """The pairs of a data loader's batch, or so many of them, as the student and as the teacher see
    them."""
    # Preprocessing changes the data samples.
    data = model.data_preprocessor(dict(
        inputs={key: images[:samples] for key, images in data_batch['inputs'].items()},
        data_samples=copy.deepcopy(data_batch['data_samples'][:samples])))
    if model.teacher is None:
        # The first iteration would; a new student starts from it.
        model.build_teacher()
    own = 'student_' if 'student_search_img' in data['inputs'] else ''
    return model.student.unpack(**data, view=own), model.teacher.unpack(**data)
