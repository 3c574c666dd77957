"""Plots of trackers side by side; their look is that of :mod:`report_page.look`.

A tracker has the same colour, dash and marker in all of them. Figures are matplotlib's, to be saved
by the caller.
"""
from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter

from mmct.evaluation.metrics import OVERLAPS, PIXELS, RELATIVE

from .look import add_legend, colour, dash, marker
from .trackers import TrackerResults

# Of each curve: its score, the title of the plot, and the axes.
CURVES = dict(
    success=('auc', 'Success', 'overlap threshold', 'success rate [%]', OVERLAPS),
    precision=('precision', 'Precision', 'centre error threshold [pixels]', 'precision [%]',
               PIXELS),
    norm_precision=('norm_precision', 'Normalised precision',
                    "centre error threshold [of the target's size]", 'normalised precision [%]',
                    RELATIVE))
ATTRIBUTE_NAMES = dict(
    IV='illumination variation', POC='partial occlusion', DEF='deformation', MB='motion blur',
    CM='camera motion', ROT='rotation', BC='background clutter', VC='viewpoint change',
    SV='scale variation', FOC='full occlusion', FM='fast motion', OV='out of view',
    LR='low resolution', ARC='aspect ratio change')


def draw_curves(trackers: list[TrackerResults], kind: str) -> Figure:
    """One of ``CURVES``, mean over sequences; the legend has the scores, the best first."""
    score, title, across, up, thresholds = CURVES[kind]
    figure = Figure(figsize=(4.4, 3.6))
    axes = figure.subplots()
    order = sorted(range(len(trackers)), key=lambda i: -trackers[i].scores['total'][score])
    for i in order:
        mean = 100 * np.mean([getattr(own, kind) for own in trackers[i].curves.values()], axis=0)
        # Markers of different trackers at different thresholds, so that none covers another.
        step = len(thresholds) // 5
        axes.plot(thresholds, mean, color=colour(i), linestyle=(0, dash(i)), marker=marker(i),
                  markersize=5, markevery=(i % step, step),
                  label=f'{short(trackers[i].name)} [{trackers[i].scores["total"][score]:.1f}]')
    handles = axes.get_lines()[:]
    if kind != 'success':
        axes.axvline(thresholds[20], color=axes.xaxis.label.get_color(), linewidth=0.8,
                     linestyle=(0, (2, 3)))
    axes.set(title=title, xlabel=across, ylabel=up, xlim=(0, thresholds[-1]), ylim=(0, 100))
    add_legend(figure, handles, handlelength=3)
    return figure


def draw_speed(trackers: list[TrackerResults]) -> Figure:
    """AUC over frames a second, of the trackers whose times are known."""
    figure = Figure(figsize=(5.2, 4))
    axes = figure.subplots()
    known = [i for i, tracker in enumerate(trackers) if tracker.fps]
    fps = [trackers[i].fps for i in known]
    auc = [trackers[i].scores['total']['auc'] for i in known]
    if max(fps) > 5 * min(fps):
        axes.set_xscale('log')
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(ScalarFormatter())  # 200, not 2 × 10²
        axes.xaxis.set_minor_formatter(NullFormatter())
    for i, x, y in zip(known, fps, auc):
        axes.plot(x, y, color=colour(i), marker=marker(i), markersize=9, linestyle='',
                  label=f'{short(trackers[i].name)} [{x:.0f} FPS]')
    axes.margins(0.1)
    add_legend(figure, axes.get_lines())
    axes.set(title='Accuracy over speed', xlabel='frames a second', ylabel='AUC [%]')
    return figure


def draw_attributes(trackers: list[TrackerResults]) -> Figure:
    """AUC by attribute: a row each with a marker a tracker, the hardest attribute at the bottom,
    that of all sequences at the top."""
    attributes = trackers[0].scores['per_attribute']
    by_tracker = [{code: own['auc'] for code, own in tracker.scores['per_attribute'].items()}
                  for tracker in trackers]
    codes = sorted(attributes, key=lambda code: np.mean([own[code] for own in by_tracker]))
    auc = np.array([[own[code] for code in codes] + [tracker.scores['total']['auc']]
                    for own, tracker in zip(by_tracker, trackers)])
    figure = Figure(figsize=(5.6, 0.32 * len(codes) + 1.4))
    axes = figure.subplots()
    rows = np.arange(len(codes) + 1)
    axes.hlines(rows, auc.min(axis=0), auc.max(axis=0), linewidth=2.5,
                color=axes.spines['left'].get_edgecolor())
    for i, own in enumerate(auc):
        axes.plot(own, rows, color=colour(i), marker=marker(i), markersize=7, linestyle='',
                  label=short(trackers[i].name))
    labels = [f'{ATTRIBUTE_NAMES[code]} {code} ({attributes[code]["sequences"]})'
              for code in codes]
    axes.set_yticks(rows, [*labels, f'all sequences ({len(trackers[0].boxes)})'], fontsize=9)
    axes.axhline(len(codes) - 0.5, color=axes.spines['left'].get_edgecolor(), linewidth=0.8)
    axes.grid(axis='y', visible=False)
    axes.tick_params(axis='y', length=0)
    axes.margins(y=0.04)
    axes.set(title='AUC by attribute', xlabel='AUC [%]')
    add_legend(figure, axes.get_lines()[:len(trackers)])
    return figure


def draw_cost(change: Mapping[str, float], teacher: str, student: str) -> Figure:
    """A bar a sequence: AUC of the student less that of the teacher, the greatest loss first. Of
    more than 50 bars only those of the greatest losses are named."""
    loss, gain = colour(0), colour(1)
    values = np.array(list(change.values()))
    colours = [loss if value < 0 else gain for value in values]
    labels = [short(name) for name in change]
    title = 'What compression cost'
    difference = f'AUC of {short(student)}\nless that of {short(teacher)}'
    if len(values) <= 50:
        figure = Figure(figsize=(5.2, 0.22 * len(values) + 1.2))
        axes = figure.subplots()
        axes.barh(np.arange(len(values)), values, color=colours, height=0.72)
        axes.set_yticks(np.arange(len(values)), labels, fontsize=8)
        axes.invert_yaxis()
        axes.axvline(0, color=axes.xaxis.label.get_color(), linewidth=1)
        axes.grid(axis='y', visible=False)
        axes.tick_params(axis='y', length=0)
        axes.margins(y=0.01)
        axes.set(title=title, xlabel=difference)
        return figure
    figure = Figure(figsize=(5.6, 4.2))
    axes = figure.subplots()
    # Edges, so that no seams show between bars thinner than a pixel.
    axes.bar(np.arange(len(values)), values, color=colours, edgecolor=colours, linewidth=0.4,
             width=1)
    axes.axhline(0, color=axes.xaxis.label.get_color(), linewidth=1)
    axes.grid(axis='x', visible=False)
    axes.margins(x=0.01)
    for i in range(5):
        axes.annotate(f'{labels[i]} {values[i]:+.1f}', (i, values[i]), (0.16, 0.05 + 0.06 * i),
                      textcoords='axes fraction', va='center', fontsize=8,
                      bbox=dict(facecolor=axes.get_facecolor(), edgecolor='none', pad=1),
                      arrowprops=dict(arrowstyle='-', linewidth=0.6, relpos=(0, 0.5),
                                      color=axes.xaxis.label.get_color()))
    axes.set(title=title, xlabel=f'{len(values)} sequences, the greatest loss first',
             ylabel=difference)
    return figure


def short(name: str) -> str:
    """A name that fits into a legend."""
    return name if len(name) <= 32 else f'{name[:31]}…'
