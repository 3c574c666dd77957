from contextlib import contextmanager

import torch
from mmengine.optim import OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS


@OPTIM_WRAPPERS.register_module()
class Bf16OptimWrapper(OptimWrapper):
    """Mixed precision in bfloat16, on any device.

    MMEngine's ``AmpOptimWrapper`` asks for an accelerator even where nothing needs one: bfloat16
    has the range of float32, so there is no loss to scale. Processors with AMX or AVX-512 BF16
    gain from it; others compute it slowly.
    """

    @contextmanager
    def optim_context(self, model):
        device = next(model.parameters()).device.type
        with super().optim_context(model), torch.autocast(device, torch.bfloat16):
            yield
