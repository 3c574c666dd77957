"""Divisions of a teacher's layers into stages, and those within which its tokens change least."""
from collections.abc import Sequence

import numpy as np

Division = tuple[int, ...]  # layers of each stage


def even_division(depth: int, num_stages: int) -> Division:
    """Stages as even as can be, the longer ones first.

    Raises:
        ValueError: there are no N stages of so many layers.
    """
    if not 1 <= num_stages <= depth:
        raise ValueError(f'{num_stages} stages: a teacher of {depth} layers has 1 to {depth}')
    size, longer = divmod(depth, num_stages)
    return (size + 1,) * longer + (size,) * (num_stages - longer)


def stage_change(similarity: np.ndarray, start: int, end: int) -> float:
    """How much tokens change in a stage of the layers ``start`` + 1 … ``end``.

    The states that a stage goes through, its input included, are n = ``end`` − ``start`` + 1 rows
    of the similarity matrix, the mean cosines between them. Its change is their scatter, the sum
    of squared distances to their mean, which for unit vectors of similarity s is Σ (1 − s) over
    all n² pairs, divided by n.
    """
    states = similarity[start:end + 1, start:end + 1]
    return float((1 - states).sum() / len(states))


def total_change(similarity: np.ndarray, division: Sequence[int]) -> float:
    """Sum of the changes in all stages of a division."""
    bounds = np.cumsum([0, *division])
    return sum(stage_change(similarity, a, b) for a, b in zip(bounds, bounds[1:]))


def best_division(similarity: np.ndarray, num_stages: int) -> Division:
    """The division of the least total change, by dynamic programming (Fisher, 1958: grouping in
    order for maximum homogeneity).

    Args:
        similarity: (L + 1, L + 1) of a teacher's states, see ``layer_similarity``.
        num_stages: N, 1 to L.
    """
    depth = len(similarity) - 1
    # best[end]: the least change of the first ``end`` layers in as many stages as yet, and how
    # these are divided. Without a stage only no layer is divided.
    best: dict[int, tuple[float, Division]] = {0: (0., ())}
    for _ in range(num_stages):
        longer = {}
        for end in range(1, depth + 1):
            candidates = []
            for start, (change, division) in best.items():
                if start < end:
                    candidates.append((change + stage_change(similarity, start, end),
                                       (*division, end - start)))
            if candidates:
                longer[end] = min(candidates)
        best = longer
    return best[depth][1]
