"""How similar a tracker's tokens are after each of its layers."""
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmtrack.registry import DATASETS, MODELS
from torch import Tensor, nn
from torch.utils.data import DataLoader, Subset

from mmct.checkpoint import load_weights
from mmct.datasets.collate import collate_pairs
from mmct.models.layers import Tokens
from mmct.models.structures import Clip
from mmct.models.trackers import OneStreamTracker


class LinearCKA:
    """Linear CKA of representations of the same tokens (Kornblith et al., 2019, section 3).

    ‖Xᵢᵀ Xⱼ‖² / (‖Xᵢᵀ Xᵢ‖ ‖Xⱼᵀ Xⱼ‖), Frobenius norms, Xᵢ (N, C) with columns of mean 0. It is in
    [0, 1], and blind to a rotation or a scale of all tokens of a representation. Only means and
    the covariances of all pairs of representations are kept, never the tokens.
    """

    def __init__(self) -> None:
        self.count = 0

    def update(self, representations: Sequence[Tensor]) -> None:
        """Take in some more tokens, (n, C) of each representation."""
        x = torch.stack(list(representations))
        number, tokens, channels = x.shape
        mean = x.mean(dim=1, dtype=torch.float64)
        x = x - mean[:, None].to(x)
        if not self.count:
            self.mean = torch.zeros_like(mean)
            self.products = [mean.new_zeros(channels, (number - i) * channels)
                             for i in range(number)]
        # Two parts of a sum of products around their means, as one (Chan et al., 1979).
        shift = mean - self.mean
        share = self.count * tokens / (self.count + tokens)
        for i, products in enumerate(self.products):
            rest = x[i:].transpose(0, 1).flatten(1)
            products += x[i].T @ rest
            products.addmm_(shift[i, :, None], shift[i:].reshape(1, -1), alpha=share)
        self.count += tokens
        self.mean += shift * (tokens / self.count)

    def result(self) -> np.ndarray:
        """(L, L) similarities of L representations."""
        number, channels = self.mean.shape
        similarity = np.empty((number, number))
        for i, products in enumerate(self.products):
            norms = products.square().view(channels, -1, channels).sum(dim=(0, 2))
            similarity[i, i:] = similarity[i:, i] = norms.cpu().numpy()
        own = np.sqrt(similarity.diagonal())
        with np.errstate(invalid='ignore'):  # a constant representation has no similarity
            return similarity / own[:, None] / own


class MeanCosine:
    """Mean cosine between the representations of a token, in [−1, 1]."""

    def __init__(self) -> None:
        self.count, self.sum = 0, 0.

    def update(self, representations: Sequence[Tensor]) -> None:
        """Take in some more tokens, (n, C) of each representation."""
        x = nn.functional.normalize(torch.stack(list(representations)), dim=2)
        # Numbers of millions of tokens add up: in float64.
        self.sum += torch.einsum('inc,jnc->ij', x, x).double().cpu().numpy()
        self.count += x.size(1)

    def result(self) -> np.ndarray:
        """(L, L) similarities of L representations."""
        return self.sum / self.count


METRICS = dict(cka=LinearCKA, cosine=MeanCosine)


def token_states(tracker: OneStreamTracker, clip: Clip) -> list[Tokens]:
    """Tokens (B, N, C) of the first search frame before the first layer and after each.

    Raises:
        ValueError: the tracker eliminates tokens.
    """
    tokens = tracker.embed(clip.templates, clip.template_boxes, clip.searches[:, 0],
                           tracker.no_memory(clip.searches))
    states = [tokens]
    for layer in tracker.backbone.layers:
        states.append(layer(states[-1]))
    if states[-1].x.size(1) != tokens.x.size(1):
        raise ValueError('layers that eliminate tokens cannot be compared: leave out elimination '
                         'in the config of the backbone')
    return states


@torch.no_grad()
def layer_similarity(tracker: nn.Module, batches: Iterable[dict], metric: str = 'cka',
                     progress: Callable[[int], None] = lambda pairs: None) -> np.ndarray:
    """Similarity of a tracker's tokens before the first layer and after each, all groups of tokens
    together.

    Args:
        tracker: in eval mode.
        batches: of training pairs, as a data loader gives them.
        metric: 'cka' or 'cosine'.
        progress: called after each batch with its number of pairs.

    Returns:
        (L + 1, L + 1) for L layers, row and column 0 the embedding's.

    Raises:
        ValueError: the tracker eliminates tokens, or gives some that cannot be compared.
    """
    similarity = METRICS[metric]()
    for data in batches:
        data = tracker.data_preprocessor(data)
        states = token_states(tracker, tracker.unpack(**data))
        similarity.update([state.x.flatten(0, 1).float() for state in states])
        progress(len(data['data_samples']))
    result = similarity.result()
    if not np.isfinite(result).all():
        raise ValueError('tokens are not finite, or all alike: are these the weights of a trained '
                         'tracker?')
    return result


def build_teacher(config: Config, checkpoint: Path) -> nn.Module:
    """The tracker of a config, or the teacher of a compression's, in eval mode.

    Raises:
        FileNotFoundError, CheckpointError: the weights are missing or of another network.
        ValueError: the tracker is not made of an embedding, layers and a head.
    """
    init_default_scope('mmtrack')
    teacher = MODELS.build(config.model.get('teacher', config.model))
    missing = [name for name in ('unpack', 'embed', 'read_out') if not hasattr(teacher, name)]
    if not hasattr(getattr(teacher, 'backbone', None), 'layers'):
        missing.append('backbone.layers')
    if missing:
        raise ValueError(f'the teacher, a {type(teacher).__name__}, has no {", ".join(missing)}: '
                         'it cannot be divided into stages; docs/add_teacher.md says what one '
                         'needs')
    load_weights(teacher, checkpoint, role='teacher')
    return teacher.eval()


def pair_loader(config: Config, split: str, samples: int, batch_size: int) -> DataLoader:
    """Some of the pairs that a config trains or validates on.

    Args:
        split: 'train' or 'val'.
        samples: how many, or all if there are less.

    Raises:
        ValueError: the config has no such pairs.
    """
    init_default_scope('mmtrack')
    loader = config.get(f'{split}_dataloader')
    if not loader:
        raise ValueError(f'the config has no {split}_dataloader: set one, or take other pairs with '
                         f'--pairs {"train" if split == "val" else "val"}')
    dataset = DATASETS.build(loader.dataset)
    return DataLoader(Subset(dataset, range(min(samples, len(dataset)))), batch_size,
                      collate_fn=collate_pairs)
