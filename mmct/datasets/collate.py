import torch
from mmengine.registry import FUNCTIONS  # where MMEngine looks for a collate_fn


@FUNCTIONS.register_module()
def collate_pairs(samples: list[dict]) -> dict:
    """Stack packed samples in the worker, so that a batch is handed over in two tensors.

    Args:
        samples: B of ``PackPair``.

    Returns:
        ``inputs`` of tensors, templates (B, T, 3, Sz, Sz) and search frames (B, S, 3, Sx, Sx), and
        ``data_samples``, their list.
    """
    inputs = {key: torch.stack([sample['inputs'][key] for sample in samples])
              for key in samples[0]['inputs']}
    return {'inputs': inputs, 'data_samples': [sample['data_samples'] for sample in samples]}
