"""Where to divide a teacher: stages within which its tokens change as little as can be."""
import json
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from mmct.utils.files import atomic_write, write_text


def even_division(depth: int, num_stages: int) -> list[int]:
    """Stages as even as can be, the longer ones first.

    Raises:
        ValueError: there are no N stages of so many layers.
    """
    if not 1 <= num_stages <= depth:
        raise ValueError(f'{num_stages} stages: a teacher of {depth} layers has 1 to {depth}')
    size, longer = divmod(depth, num_stages)
    return [size + (stage < longer) for stage in range(num_stages)]


def stage_change(similarity: np.ndarray, start: int, end: int) -> float:
    """How much tokens change in a stage of the layers ``start`` + 1 … ``end``.

    The states that a stage goes through, its input included, are n = ``end`` − ``start`` + 1 rows
    of the similarity matrix. Its change is their scatter, the sum of squared distances to their
    mean, which for unit vectors of similarity s is Σ (1 − s) over all n² pairs, divided by n. (CKA
    is the inner product of centred Gram matrices of unit norm, cosine that of unit tokens.)
    """
    states = similarity[start:end + 1, start:end + 1]
    return float((1 - states).sum() / len(states))


def total_change(similarity: np.ndarray, division: list[int]) -> float:
    """Sum of the changes in all stages of a division."""
    bounds = np.cumsum([0, *division])
    return sum(stage_change(similarity, a, b) for a, b in zip(bounds, bounds[1:]))


def best_division(similarity: np.ndarray, num_stages: int) -> list[int]:
    """The division of the least total change, by dynamic programming (Fisher, 1958: grouping in
    order for maximum homogeneity).

    Args:
        similarity: (L + 1, L + 1) of a teacher's states, see ``layer_similarity``.
        num_stages: N, 1 to L.

    Returns:
        layers of each stage.
    """
    depth = len(similarity) - 1
    # {layers: (least change of so many first layers in as many stages as yet, their sizes)}
    best = {0: (0., [])}
    for stages in range(1, num_stages + 1):
        best = {end: min((change + stage_change(similarity, start, end), [*sizes, end - start])
                         for start, (change, sizes) in best.items() if start < end)
                for end in range(stages, depth - num_stages + stages + 1)}
    return best[depth][1]


def write_division(path: Path, similarity: np.ndarray, division: list[int], **origin) -> None:
    """Write what ``division='auto'`` takes; ``origin`` says what it was computed from."""
    write_text(path, json.dumps(dict(
        teacher_depth=sum(division), division=division, **origin,
        similarity=similarity.round(6).tolist())))


def draw_divisions(path: Path, similarity: np.ndarray, suggested: list[int], even: list[int],
                   metric: str, title: str = '') -> None:
    """A heat map of the similarities with the stages of both divisions on it, and the change in
    each layer beside it."""
    depth = len(similarity) - 1
    side = 3.2 + 0.42 * (depth + 1)
    figure = Figure(figsize=(side + 1.2, side + 1.9), dpi=110, layout='constrained')
    FigureCanvasAgg(figure)
    axes, steps = figure.subplots(2, 1, height_ratios=[side, 1.3])
    image = axes.imshow(similarity, cmap='viridis', vmax=1, vmin=min(similarity.min(), 0.999))
    label = dict(cka='linear CKA', cosine='mean cosine')[metric]
    figure.colorbar(image, ax=axes, label=label, shrink=0.8)
    names = ['none', *map(str, range(1, depth + 1))]
    axes.set(xticks=range(depth + 1), yticks=range(depth + 1), yticklabels=names,
             xlabel='tokens after layer (none: the embedding)', ylabel='tokens after layer')
    axes.set_xticks(range(depth + 1), names, rotation=90)
    if depth <= 16:
        middle = (similarity.min() + 1) / 2
        for (i, j), value in np.ndenumerate(similarity):
            axes.text(j, i, f'{value:.2f}', ha='center', va='center', fontsize=6.5,
                      color='white' if value < middle else 'black')
    handles = []
    for name, division, colour, style, inset in (('even', even, 'white', '--', 0.06),
                                                 ('suggested', suggested, '#d62728', '-', -0.02)):
        change = total_change(similarity, division)
        bounds = np.cumsum([0, *division]) + 0.5
        for start, end in zip(bounds, bounds[1:]):
            size = end - start - 2 * inset
            for edge, width in (('black', 4), (colour, 2)):
                box = axes.add_patch(Rectangle(
                    (start + inset, start + inset), size, size, fill=False, edgecolor=edge,
                    linestyle=style, linewidth=width, clip_on=False))
        box.set_label(f'{name} {division}, change within stages {change:.3f}')
        handles.append(box)
        for bound in bounds[1:-1]:
            steps.axvline(bound, color='grey' if name == 'even' else colour, linestyle=style)
    steps.bar(range(1, depth + 1), 1 - similarity.diagonal(1), color='#4c72b0')
    steps.set(xlim=(0.5, depth + 0.5), xticks=range(1, depth + 1), xlabel='layer',
              ylabel='1 − similarity\nto the layer before')
    legend = figure.legend(handles=handles, loc='outside lower center', facecolor='#808080',
                           labelcolor='white')
    legend.get_frame().set_edgecolor('none')
    figure.suptitle(title, fontsize=11)
    with atomic_write(path) as part:
        figure.savefig(part, format='png')
