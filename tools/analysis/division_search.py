"""Which divisions of a teacher are tried: all, or those around the best ones yet."""
import math
from collections.abc import Callable, Sequence
from itertools import combinations, pairwise
from typing import TypeVar

from .divisions import Division

Score = TypeVar('Score')

ALL_UP_TO = 200  # divisions; 12 layers into 4 stages have 165


def all_divisions(depth: int, num_stages: int) -> list[Division]:
    """Every division of ``depth`` layers into stages."""
    return [tuple(end - start for start, end in pairwise((0, *cuts, depth)))
            for cuts in combinations(range(1, depth), num_stages - 1)]


def neighbours(division: Division) -> list[Division]:
    """The divisions with one boundary moved by one layer."""
    found = []
    for i, j in pairwise(range(len(division))):
        for step in (1, -1):
            sizes = list(division)
            sizes[i] += step
            sizes[j] -= step
            if min(sizes) > 0:
                found.append(tuple(sizes))
    return found


def search_divisions(starts: Sequence[Division],
                     score: Callable[[list[Division]], dict[Division, Score]],
                     all_up_to: int = ALL_UP_TO) -> dict[Division, Score]:
    """Score all divisions if they are few; otherwise go from each of some divisions to the best
    of its neighbours, as long as that is better.

    Args:
        starts: where to begin, one division at least, all of as many layers and stages.
        score: of some divisions, higher is better; no division is given to it twice.
        all_up_to: how many are few.

    Returns:
        scores of all divisions that were tried, those of ``starts`` among them.
    """
    depth, num_stages = sum(starts[0]), len(starts[0])
    if math.comb(depth - 1, num_stages - 1) <= all_up_to:
        return score(all_divisions(depth, num_stages))
    scores = {}
    for better in starts:
        best = None
        while better != best:
            best = better
            around = [best, *neighbours(best)]
            new = [division for division in around if division not in scores]
            if new:
                scores |= score(new)
            better = max(around, key=scores.get)
    return scores
