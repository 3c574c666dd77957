"""How similar a tracker's tokens are after each of its layers."""
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmtrack.registry import DATASETS, MODELS
from torch import nn
from torch.utils.data import DataLoader, Subset

from mmct.checkpoint import load_weights
from mmct.datasets import collate_pairs
from mmct.models.layers import Tokens
from mmct.models.structures import Clip
from mmct.models.trackers import OneStreamTracker


def token_states(tracker: OneStreamTracker, clip: Clip) -> list[Tokens]:
    """Tokens (B, N, C) of the first search frame before the first layer and after each.

    Raises:
        ValueError: the tracker eliminates tokens.
    """
    tokens = tracker.embed(clip.templates, clip.template_boxes, clip.searches[:, 0],
                           tracker.init_memory(clip.searches))
    states = [tokens]
    for layer in tracker.backbone.layers:
        states.append(layer(states[-1]))
    if states[-1].x.size(1) != tokens.x.size(1):
        raise ValueError('layers that eliminate tokens cannot be compared: leave out elimination '
                         'in the config of the backbone')
    return states


@torch.no_grad()
def layer_similarity(tracker: nn.Module, batches: Iterable[dict],
                     progress: Callable[[int], None] = lambda pairs: None,
                     groups: Sequence[str] = ()) -> np.ndarray:
    """Mean cosine, in [−1, 1], between a token before the first layer and after each.

    Args:
        tracker: in eval mode.
        batches: of training pairs, as a data loader gives them.
        progress: called after each batch with its number of pairs.
        groups: names of groups of tokens, each of which counts alike, however few tokens it has;
            all tokens together if there are none.

    Returns:
        (L + 1, L + 1) for L layers, row and column 0 the embedding's.

    Raises:
        ValueError: the tracker eliminates tokens, gives some that cannot be compared, or has no
            such group.
    """
    total, count = 0., 0
    for data in batches:
        clip = tracker.data_preprocessor(data)['inputs']['clip']
        states = token_states(tracker, clip)
        missing = [name for name in groups if name not in states[0].groups]
        if missing:
            raise ValueError(f'there are no groups {missing} of tokens, only '
                             f'{list(states[0].groups)}')
        parts = [[state.group(name) for state in states] for name in groups] or [
            [state.x for state in states]]
        size = len(clip.searches)
        for part in parts:
            x = torch.stack([x.flatten(0, 1).float() for x in part])
            x = nn.functional.normalize(x, dim=2)
            weight = size / (x.size(1) * len(parts))
            # Numbers of millions of tokens add up: in float64.
            total = total + weight * torch.einsum('inc,jnc->ij', x, x).double().cpu().numpy()
        count += size
        progress(size)
    similarity = total / count
    if not np.isfinite(similarity).all():
        raise ValueError('tokens are not finite: are these the weights of a trained tracker?')
    return similarity


def build_teacher(config: Config, checkpoint: Path) -> nn.Module:
    """The tracker of a config, or the teacher of a compression's, in eval mode.

    Raises:
        FileNotFoundError, CheckpointError: the weights are missing or of another network.
        ValueError: the tracker is not made of an embedding, layers and a head.
    """
    init_default_scope('mmtrack')
    teacher = MODELS.build(config.model.get('teacher', config.model))
    missing = [name for name in ('embed', 'forward_head') if not hasattr(teacher, name)]
    if not hasattr(getattr(teacher, 'backbone', None), 'layers'):
        missing.append('backbone.layers')
    if missing:
        raise ValueError(f'the teacher, a {type(teacher).__name__}, has no {", ".join(missing)}: '
                         'it cannot be divided into stages; docs/add_teacher.md says what one '
                         'needs')
    load_weights(teacher, checkpoint, role='teacher')
    return teacher.eval()


def pair_loader(config: Config, teacher: nn.Module, split: str, samples: int, batch_size: int
                ) -> DataLoader:
    """Some of the pairs that a config trains or validates on, in crops that the teacher takes.

    Args:
        split: 'train' or 'val'.
        samples: how many, or all if there are fewer.

    Raises:
        ValueError: the config has no such pairs.
    """
    init_default_scope('mmtrack')
    loader = config.get(f'{split}_dataloader')
    if not loader:
        raise ValueError(f'the config has no {split}_dataloader: set one, or take other pairs with '
                         f'--pairs {"train" if split == "val" else "val"}')
    size = [teacher.backbone.template_size, teacher.backbone.search_size]
    for step in loader.dataset.get('pipeline', ()):
        if step.type == 'CropPair' and list(step.size) != size:  # a student's, of validation
            step.update(size=size, factor=[
                teacher.test_cfg['template_factor'], teacher.test_cfg['search_factor']])
    dataset = DATASETS.build(loader.dataset)
    return DataLoader(Subset(dataset, range(min(samples, len(dataset)))), batch_size,
                      collate_fn=collate_pairs)
