import torch
from mmengine.registry import FUNCTIONS  # where MMEngine looks for a collate_fn

from ..models.structures import Clip


@FUNCTIONS.register_module()
def collate_pairs(samples: list[dict]) -> dict:
    """Stack B packed samples of ``PackPair`` in the worker: ``inputs`` of clips, and ``img_path``,
    lists of names."""
    inputs = {}
    for name in samples[0]['inputs']:
        parts = zip(*(sample['inputs'][name] for sample in samples))
        inputs[name] = Clip(*(part[0] if part[0] is None else torch.stack(part) for part in parts))
    return {'inputs': inputs, 'img_path': [sample['img_path'] for sample in samples]}
