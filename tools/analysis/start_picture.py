"""A picture of how well divisions start."""
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from mmct.utils.files import atomic_write

from .start_scores import Division, Start


def draw_starts(path: Path, starts: dict[str, tuple[Division, Start]], title: str = '') -> None:
    """Bars of the start scores.

    Args:
        path: of a PNG file.
        starts: what a division is, such as '3rd' or 'even', with the division and its scores; the
            first one at the top.
    """
    figure = Figure(figsize=(7, 1.6 + 0.42 * len(starts)), dpi=110, layout='constrained')
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    places = range(len(starts))
    for shift, field, label, colour in ((-0.2, 'truth', 'with ground truth', '#d62728'),
                                        (0.2, 'teacher', "with the teacher's boxes", '#7f7f7f')):
        values = [getattr(start, field) for _, start in starts.values()]
        bars = axes.barh([place + shift for place in places], values, 0.4, color=colour,
                         label=label)
        axes.bar_label(bars, fmt='%.3f', padding=3, fontsize=8)
    axes.set_yticks(places, [f'{name}  {list(division)}'
                             for name, (division, _) in starts.items()])
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.set(xlabel='mean IoU of the untrained student')
    figure.legend(loc='outside lower center', ncols=2)
    figure.suptitle(title, fontsize=11)
    with atomic_write(path) as part:
        figure.savefig(part, format='png')
