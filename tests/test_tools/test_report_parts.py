"""What the report is made of, on small arrays."""
import base64

import cv2
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from report_page import look, plots
from report_page.clips import find_clip
from report_page.look import COLOURS, DARK, LIGHT
from report_page.player import sequence_data
from report_page.trackers import (
    changes,
    frames_per_second,
    highlights,
    named_folders,
    read_trackers,
)
from report_page.zoom import window, zoom_of
from two_trackers import NAMES

from mmct.evaluation import evaluate
from mmct.formats import Annotation, read_annotations
from mmct.runtime.frames import Frames


@pytest.fixture
def trackers(material):
    return read_trackers({'teacher': material / 'teacher', 'student': material / 'student'},
                         read_annotations(material / 'annos'), 'published')


def test_trackers_have_their_scores_and_speed(material, trackers):
    truth = read_annotations(material / 'annos')
    for tracker in trackers:
        assert tracker.scores == evaluate(tracker.boxes, truth)
    assert [round(tracker.fps) for tracker in trackers] == [20, 50]


def test_speed_leaves_out_first_frames_and_what_is_no_time():
    seconds = {'a': np.array([9, 0.1, 0.1]), 'b': np.array([9, 0.3, 0, np.nan])}
    assert frames_per_second(seconds) == pytest.approx(3 / 0.5)
    assert frames_per_second({}) is None
    assert frames_per_second({'a': np.array([9.])}) is None


def test_what_compression_cost(trackers):
    found = changes(*trackers)
    assert list(found) == [NAMES[2], NAMES[1], NAMES[0]]
    assert found[NAMES[0]] == 0
    assert found[NAMES[2]] == trackers[1].auc(NAMES[2]) - trackers[0].auc(NAMES[2])
    reasons = highlights(trackers, best=1, worst=1, cost=2)
    assert reasons['cat-1'] == 'best'
    loss = f'{-found[NAMES[2]]:.1f} AUC lost'
    assert reasons[NAMES[2]] in (loss, f'worst, {loss}')
    assert highlights(trackers[:1], cost=3).keys() == set(NAMES)  # best and worst alone


def test_names_of_trackers(tmp_path):
    (tmp_path / 'a=b').mkdir()
    found = named_folders(['x=results/one', 'results/two/', str(tmp_path / 'a=b')])
    assert [(name, path.name) for name, path in found.items()] == [
        ('x', 'one'), ('two', 'two'), ('a=b', 'a=b')]
    with pytest.raises(ValueError, match="two trackers are called 'one'; tell them apart"):
        named_folders(['a/one', 'b/one'])


def test_sequences_that_one_tracker_lacks_are_an_error(material, tmp_path):
    truth = read_annotations(material / 'annos')
    (tmp_path / 'cat-1.txt').write_bytes((material / 'student/cat-1.txt').read_bytes())
    with pytest.raises(FileNotFoundError, match='lacks the result files of .*, dog-2; test'):
        read_trackers({'a': material / 'teacher', 'b': tmp_path}, truth, 'published')
    alone, = read_trackers({'b': tmp_path}, truth, 'published')
    assert list(alone.boxes) == ['cat-1']
    (tmp_path / 'runs/one').mkdir(parents=True)
    (tmp_path / 'cat-1.txt').rename(tmp_path / 'runs/one/cat-1.txt')
    with pytest.raises(FileNotFoundError, match=f'; they are in {tmp_path}/runs/one$'):
        read_trackers({'b': tmp_path / 'runs'}, truth, 'published')
    with pytest.raises(FileNotFoundError, match='none is not a folder of result files NAME.txt'):
        read_trackers({'c': tmp_path / 'none'}, truth, 'published')


# Plots

def test_legend_has_scores_the_best_first(trackers):
    for kind, (score, *_) in plots.CURVES.items():
        assert trackers[0].scores['total'][score] > trackers[1].scores['total'][score]
        figure = plots.draw_curves(trackers[::-1], kind)  # the better one comes last
        axes, = figure.axes
        assert [text.get_text() for text in figure.legends[0].get_texts()] == [
            f'{tracker.name} [{tracker.scores["total"][score]:.1f}]' for tracker in trackers]
        # A tracker keeps its colour in whatever order.
        assert [line.get_color() for line in axes.get_lines()[:2]] == [COLOURS[1], COLOURS[0]]
    mean = 100 * np.mean([own.success for own in trackers[0].curves.values()], axis=0)
    line = plots.draw_curves(trackers, 'success').axes[0].get_lines()[0]
    np.testing.assert_allclose(line.get_ydata(), mean)
    assert line.get_ydata().mean() == pytest.approx(trackers[0].scores['total']['auc'])


def test_other_plots(trackers):
    axes, = plots.draw_speed(trackers).axes
    assert [float(line.get_xdata()[0]) for line in axes.get_lines()] == pytest.approx([20, 50])
    axes, = plots.draw_attributes(trackers).axes
    assert [t.get_text() for t in axes.get_yticklabels()][-1] == 'all sequences (3)'
    assert len(axes.get_yticklabels()) == 1 + 7
    assert 'illumination variation IV (3)' in [t.get_text() for t in axes.get_yticklabels()]
    axes, = plots.draw_cost(changes(*trackers), 'teacher', 'student').axes
    assert axes.get_yticklabels()[0].get_text() == NAMES[2]
    many = {f's{i}': i - 200. for i in range(280)}
    figure = plots.draw_cost(many, 'teacher', 'student')
    assert isinstance(figure, Figure)
    assert len(figure.axes[0].patches) == 280
    assert [text.get_text() for text in figure.axes[0].texts][:2] == ['s0 -200.0', 's1 -199.0']


def test_eight_trackers_are_told_apart_without_colour():
    looks = [(look.dash(i), look.marker(i)) for i in range(45)]
    assert len(set(looks)) == 45
    assert len({look.marker(i) for i in range(8)}) == len({look.colour(i) for i in range(8)}) == 8


@pytest.mark.parametrize('count', [2, 9])
def test_legends_cover_nothing(trackers, count):
    names = ['x', 'a name of a tracker that is too long for it', *map(str, range(7))]
    many = [trackers[i % 2]._replace(name=name) for i, name in enumerate(names[:count])]
    for draw in (lambda: plots.draw_curves(many, 'success'), lambda: plots.draw_speed(many),
                 lambda: plots.draw_attributes(many)):
        with look.style():
            figure = draw()
            FigureCanvasAgg(figure).draw()
        legend, = figure.legends
        assert len(legend.get_texts()) == count
        box, whole = legend.get_window_extent(), figure.bbox
        assert not any(box.overlaps(axes.get_tightbbox()) for axes in figure.axes)
        assert (whole.x0 <= box.x0, box.x1 <= whole.x1, whole.y0 <= box.y0) == (True, ) * 3


def test_speeds_are_written_out(trackers):
    fast = [trackers[0], trackers[1]._replace(fps=900.)]
    figure = plots.draw_speed(fast)
    FigureCanvasAgg(figure).draw()
    axes, = figure.axes
    low, high = axes.get_xlim()
    shown = [text.get_text() for text in axes.get_xticklabels(which='both')
             if low <= text.get_position()[0] <= high]
    assert [text for text in shown if text] == ['20', '50', '100', '200', '500', '1000']


def luminance(colour):
    """Relative, of WCAG 2."""
    parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return np.dot(parts, (0.2126, 0.7152, 0.0722))


@pytest.mark.parametrize('theme', [LIGHT, DARK])
def test_contrast(theme):
    paper = luminance(theme['paper'])

    def contrast(colour):
        light, dark = sorted((paper, luminance(colour)), reverse=True)
        return (light + 0.05) / (dark + 0.05)
    assert all(contrast(colour) >= 3 for colour in COLOURS)
    assert contrast(theme['ink']) >= 7


# Small targets

def test_zoom():
    boxes = np.array([[0, 0, 20, 20.], [0, 0, 0, 0], [50, 40, 20, 20]])
    assert [zoom_of(boxes, width, 90) for width in (90, 640)] == [1, 1]
    assert [zoom_of(boxes, side, side) for side in (120, 121, 300, 900, 9000)] == [1, 2, 4, 8, 16]
    assert zoom_of(boxes[1:2], 640, 480) == 1
    assert window(boxes[2], 2, 100, 80) == (35, 30, 50, 40)
    assert window(boxes[0], 2, 100, 80) == (0, 0, 50, 40)
    assert window(np.array([90, 70, 30, 30.]), 4, 100, 80) == (75, 60, 25, 20)


# Frames

def write_frames(folder, count):
    folder.mkdir(parents=True)
    for i in range(count):
        cv2.imwrite(str(folder / f'{i:03d}.png'), np.full((40, 60, 3), 5 * i, np.uint8))


@pytest.mark.parametrize('path', ['cat-1', 'cat-1/img', 'cat/cat-1/img',
                                  'LaSOTBenchmark/cat/cat-1/img'])
def test_where_frames_lie(tmp_path, path):
    write_frames(tmp_path / path, 6)
    clip = find_clip(tmp_path, 'cat-1', 6)
    assert [int(clip[i][0, 0, 0]) for i in (0, 5, 2)] == [0, 25, 10]
    with pytest.raises(ValueError, match='6 frames of cat-1, the annotation 7'):
        find_clip(tmp_path, 'cat-1', 7)
    with pytest.raises(FileNotFoundError, match='has no frames of cat-2: expected a folder cat-2'):
        find_clip(tmp_path, 'cat-2', 6)


@pytest.mark.parametrize(('name', 'path', 'first', 'length'), [
    ('BlurCar3', 'data/BlurCar3/img', 3, 10), ('BlurCar3', 'BlurCar3', 1, 12),
    ('Jogging_2', 'Jogging/img', 1, 12), ('car16_2', 'UAV123/car16', 415, 7),
    ('Cat_done', 'Cat_done/imgs', 1, 12), ('cat_2', 'cat_2', 1, 12)])
def test_frames_of_parts_of_videos(tmp_path, name, path, first, length):
    """They are those that belong to the boxes, as the data set says."""
    (tmp_path / path).mkdir(parents=True)
    for i in range(first - 5 if first > 400 else 1, first + 7 if first > 400 else 13):
        cv2.imwrite(str(tmp_path / path / f'{i:04d}.png'), np.full((40, 60, 3), i % 256, np.uint8))
    clip = find_clip(tmp_path, name, length)
    assert [clip[i][0, 0, 0] for i in range(length)] == [
        i % 256 for i in range(first, first + length)]
    with pytest.raises(ValueError, match=f' frames of {name}, the annotation 99'):
        find_clip(tmp_path, name, 99)
    (tmp_path / path / f'{first + 3:04d}.png').unlink()
    with pytest.raises(ValueError, match=f' frames of {name}, the annotation {length}'):
        find_clip(tmp_path, name, length)


def test_digits_that_are_no_number(tmp_path):
    write_frames(tmp_path / 'car1_²', 3)
    assert find_clip(tmp_path, 'car1_²', 3).length == 3


def test_frames_of_a_video(tmp_path):
    video = cv2.VideoWriter(str(tmp_path / 'cat-1.avi'), cv2.VideoWriter_fourcc(*'MJPG'), 10,
                            (64, 48))
    for i in range(8):
        video.write(np.full((48, 64, 3), 20 * i, np.uint8))
    video.release()
    write_frames(tmp_path / 'cat-1/masks', 8)
    clip = find_clip(tmp_path, 'cat-1', 8)
    assert [round(clip[i].mean() / 20) for i in (0, 3, 4, 7, 2)] == [0, 3, 4, 7, 2]


def test_levels_of_frames_of_16_bits(tmp_path):
    (tmp_path / 'a').mkdir()
    cv2.imwrite(str(tmp_path / 'a/1.png'), np.full((8, 8), 3100, np.uint16))
    assert np.unique(find_clip(tmp_path, 'a', 1, (3000, 3255))[0]) == 100
    video = cv2.VideoWriter(
        str(tmp_path / 'b.avi'), cv2.CAP_FFMPEG, cv2.VideoWriter_fourcc(*'FFV1'), 30, (64, 48),
        [cv2.VIDEOWRITER_PROP_DEPTH, cv2.CV_16U, cv2.VIDEOWRITER_PROP_IS_COLOR, 0])
    video.write(np.full((48, 64), 3100, np.uint16))
    video.release()
    assert np.unique(find_clip(tmp_path, 'b', 1, (3000, 3255))[0]) == 100


def test_broken_frame(tmp_path):
    (tmp_path / 'a.jpg').write_text('no picture')
    with pytest.raises(OSError, match='a.jpg cannot be read'):
        Frames([tmp_path / 'a.jpg'])[0]


def test_data_of_the_player():
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 255, (90, 960, 3), dtype=np.uint8) for _ in range(20)]
    truth = np.tile([10., 10, 30, 20], (20, 1))
    truth[4] = 0
    absent = np.isin(np.arange(20), [4, 5, 19])
    boxes = truth + [3, 0, 0, 0]
    everything = sequence_data('a', frames, Annotation(truth, absent), [truth, boxes], 10 ** 9)
    assert everything['shown'] == list(range(20))
    assert everything['absent'] == [[4, 6], [19, 20]]
    assert everything['truth'][4] is None
    assert everything['boxes'][1][0] == [13, 10, 30, 20]
    assert everything['overlaps'][0][3:7] == [1, None, None, 1]
    assert everything['overlaps'][1][0] == pytest.approx(27 / 33, abs=1e-3)
    picture = cv2.imdecode(np.frombuffer(base64.b64decode(everything['jpegs'][0]), np.uint8), 1)
    assert picture.shape == (45, 480, 3)
    assert everything['zoom'] == 1
    small = sequence_data('a', frames[:1], Annotation(truth[:1] * [1, 1, 0.1, 0.1], absent[:1]),
                          [], 10 ** 9)
    assert small['zoom'] == 8
    picture = cv2.imdecode(np.frombuffer(base64.b64decode(small['jpegs'][0]), np.uint8), 1)
    assert picture.shape == (90, 960, 3)
    size = len(everything['jpegs'][0])
    few = sequence_data('a', frames, Annotation(truth, absent), [truth], 5 * size + 100)
    assert (few['shown'][0], few['shown'][-1]) == (0, 19)
    assert len(few['jpegs']) == len(few['truth']) == len(few['boxes'][0]) == 5
    assert len(few['overlaps'][0]) == 20
