"""Track a target through a video, a camera or a folder of images, and draw what is found.

VIDEO is a video file, a folder of images, or anything else that OpenCV opens: the number or path of
a camera, the address of a stream, a pattern such as img_%d.jpg. MODEL is a file written by
tools/export.py, or a config with --checkpoint. Without --out and --show, the result is
NAME.tracked.mp4 in the current folder. After Ctrl-C, SIGTERM, a closed terminal, or a frame that
cannot be read, video and boxes up to that frame are written.
"""
import argparse
import os
import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cli import (
    add_device,
    bars,
    box,
    count,
    ends_later,
    out_file,
    run,
    stopped_status,
    use_device,
)

if TYPE_CHECKING:
    import numpy as np
    from drawing.window import Window

    from mmct.runtime import Tracker


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('video', metavar='VIDEO|CAMERA|FOLDER', help='what to track in')
    parser.add_argument('model', type=Path, metavar='MODEL', help='exported file or config')
    parser.add_argument('--checkpoint', type=Path, help='weights, if MODEL is a config')
    first = parser.add_mutually_exclusive_group(required=True)
    first.add_argument('--box', type=box, metavar='X,Y,W,H', action='append',
                       help='the target in the first frame, in pixels; again for another target')
    first.add_argument('--select', action='store_true',
                       help='draw the box in the first frame with the mouse')
    parser.add_argument('--out', type=Path, metavar='OUT.mp4',
                        help='video to write, .mp4, .webm or .avi')
    parser.add_argument('--boxes', type=out_file, metavar='FILE',
                        help='also write boxes, one line x,y,w,h per frame; of several targets '
                        'lines frame,target,x,y,w,h,score,-1,-1,-1, both numbers from 1')
    parser.add_argument('--lost', type=float, metavar='SCORE', help='below this score a target is '
                        'drawn as lost')
    parser.add_argument('--every-frame', action='store_true', help='track every frame of a camera '
                        'or stream, however late, instead of the newest')
    parser.add_argument('--levels', type=float, nargs=2, metavar=('LOW', 'HIGH'),
                        help='for 16-bit images: the levels that become black and white '
                        '(default: the whole range of 16 bits)')
    parser.add_argument('--show', action='store_true',
                        help='show the video in a window, in which a drag selects again or, with '
                        'Shift, another target; Space pauses, Escape, q or closing it ends')
    parser.add_argument('--backend', help='what runs the network (default: onnxruntime, openvino '
                        'or torch, by the kind of MODEL)')
    parser.add_argument('--precision', help='precision of the arithmetic: fp32, bf16 or '
                        'fp16, if the backend supports it')
    parser.add_argument('--threads', type=count, help='number of threads of the backend')
    add_device(parser)
    return parser.parse_args()


def main(args: argparse.Namespace) -> int | None:
    check(args)
    from drawing.video import VideoFile
    from drawing.window import KEYS, Window

    from mmct.runtime import Tracker
    from mmct.runtime.frames import FrameError, Frames
    from mmct.utils.files import write_text

    use_device(args.device)
    window = Window() if args.show or args.select else None
    frames = Frames(args.video, args.levels, args.every_frame)
    stream = iter(frames)  # from now on the newest of a camera
    targets = Targets(Tracker(args.model, args.checkpoint, backend=args.backend,
                              precision=args.precision, threads=args.threads), args.lost)
    out = args.out
    if out is None and not args.show:
        out = Path(result_name(args.video))
    if args.show:
        print(KEYS, flush=True)
    tracks, stop = [], None
    try:
        with bars() as progress, VideoFile(
                out, None if frames.live else frames.fps or 30) as video:
            task = progress.add_task('tracking', total=frames.length)
            try:
                for frame in stream:
                    if tracks:
                        targets.follow(frame)
                    else:
                        begin(targets, frame, args.box or [drawn_box(window, frame)])
                    if window and not args.show:
                        window = window.close()
                    picture = shown(window, targets, frame)
                    with ends_later():  # so that there are as many boxes as frames
                        tracks.append(targets.found)
                        video.write(picture)
                    progress.advance(task)
                    if window and window.closed:
                        break
            except (KeyboardInterrupt, FrameError, ValueError) as error:
                stop = error
    finally:  # also if the disk has no room for the video
        if args.boxes and tracks:
            write_text(args.boxes, boxes_text(tracks))
    interrupted = isinstance(stop, KeyboardInterrupt)
    if not tracks and not interrupted:
        raise stop or ValueError(f'{args.video} has no frame that can be read')
    speed = f', {targets.speed:.0f} frames a second (tracking alone)' if targets.speed else ''
    skipped = f', {frames.skipped} skipped to keep up' if frames.skipped else ''
    print(f'{"interrupted after " if interrupted else ""}{len(tracks)} frames{speed}{skipped}'
          f'{f"; written to {out}" if out and tracks else ""}')
    if interrupted:
        return stopped_status(stop)
    if stop:
        raise stop
    if len(tracks) == 1 and not args.show:
        print(f'warning: {args.video} has one frame, so nothing was tracked; give a video, or the '
              'folder of all frames', file=sys.stderr)


def check(args: argparse.Namespace) -> None:
    """See that there is a screen if one is needed, that no file would be written over, and that
    --lost is a score."""
    from mmct.utils.checks import check_number

    if args.lost is not None:
        check_number('--lost', args.lost, '[0, 1]')
    # Without a screen OpenCV's windows abort the process.
    if (args.show or args.select) and sys.platform == 'linux' and not any(
            os.environ.get(name) for name in ('DISPLAY', 'WAYLAND_DISPLAY', 'QT_QPA_PLATFORM')):
        raise ValueError('--show and --select need a screen, and there is none (DISPLAY is not '
                         'set); leave out --show, and give the box with --box X,Y,W,H')
    if args.out and args.boxes and args.out.resolve() == args.boxes.resolve():
        raise ValueError(f'--out and --boxes are both {args.out}; give each a file of its own')
    for name, file in (('--out', args.out), ('--boxes', args.boxes)):
        for what, read in (('video that is tracked in', args.video), ('model', args.model),
                           ('checkpoint', args.checkpoint)):
            if file and file.is_file() and read and Path(read).exists() and file.samefile(read):
                raise ValueError(f'{name} {file} is the {what}, which would be lost; give another '
                                 'file')


class Targets:
    """What is followed.

    Args:
        tracker: whose network follows all of them.
        lost: the score below which a target counts as lost, None for never.

    Attributes:
        found: {number of a target, from 1: (box, score)} in the last frame.
        seconds: spent on tracking.
    """

    def __init__(self, tracker: 'Tracker', lost: float | None) -> None:
        self.found, self.seconds = {}, 0.
        self._free, self._trackers, self._frames, self._lost = tracker, {}, 0, lost

    @property
    def speed(self) -> float | None:
        """Frames a second."""
        return self._frames / self.seconds if self.seconds else None

    def add(self, frame: 'np.ndarray', box: Sequence[float]) -> None:
        """Follow another target, too; the first one if there is none."""
        from mmct.runtime import Tracker

        number = len(self._trackers) + 1
        tracker = Tracker(self._free.network) if self._trackers else self._free
        tracker.init(frame, box)
        self._trackers[number] = tracker
        self.found = {**self.found, number: (list(box), 1.)}

    def forget(self) -> None:
        """Follow none; the next one is the first again."""
        self._trackers, self.found = {}, {}

    def follow(self, frame: 'np.ndarray') -> None:
        """Follow them into the next frame."""
        from mmct.runtime import update_many

        start, trackers = time.perf_counter(), list(self._trackers.values())
        found = [trackers[0].update(frame)] if len(trackers) == 1 else update_many(trackers, frame)
        self.seconds += time.perf_counter() - start
        self._frames += 1
        self.found = dict(zip(self._trackers, found))

    def drawn(self, frame: 'np.ndarray') -> 'np.ndarray':
        """A copy of a frame with all of them."""
        from drawing.target import draw_target

        picture = frame.copy()
        for number, (found, score) in self.found.items():
            draw_target(picture, found, score, self.speed if number == 1 else None, number - 1,
                        self._lost is not None and score < self._lost)
        return picture


def boxes_text(tracks: 'list[dict[int, tuple[list[float], float]]]') -> str:
    """The content of a box file: see --boxes.

    Args:
        tracks: :attr:`Targets.found` of each frame.
    """
    from mmct.formats.annotations import box_text

    if all(len(found) == 1 for found in tracks):
        return box_text([found[1][0] for found in tracks], '.4f')
    return ''.join(
        f'{frame},{number},{x:.4f},{y:.4f},{w:.4f},{h:.4f},{score:.4f},-1,-1,-1\n'
        for frame, found in enumerate(tracks, 1)
        for number, ((x, y, w, h), score) in found.items())


def begin(targets: Targets, frame: 'np.ndarray', boxes: Sequence[Sequence[float]]) -> None:
    """Take the targets in the first frame; warn of boxes that are hardly x, y, w, h in pixels."""
    from mmct.runtime.conventions import doubt

    for first in boxes:
        targets.add(frame, first)
        if other := doubt([first], frame.shape[1::-1]):
            print(f'warning: --box may be {other.text}; expected x,y,w,h in pixels',
                  file=sys.stderr)


def shown(window: 'Window | None', targets: Targets, frame: 'np.ndarray') -> 'np.ndarray':
    """The picture of a frame, which was in the window, if there is one, until nothing more was
    selected in it."""
    picture = targets.drawn(frame)
    while window and (selection := window.show(picture)):
        if not selection.another:
            targets.forget()
        targets.add(frame, selection.box)
        picture = targets.drawn(frame)
    return picture


def drawn_box(window: 'Window', frame: 'np.ndarray') -> tuple[int, int, int, int]:
    """The box x, y, w, h in pixels of the first target, drawn with the mouse."""
    selection = window.show(frame, select=True)
    if selection is None:
        raise ValueError('no box was drawn; drag one in the window')
    return selection.box


def result_name(video: str) -> str:
    """What the result is called, unless somebody says."""
    from mmct.formats.layouts import IMAGE_FOLDERS, TRACKED

    source = Path(video)
    if source.is_dir():
        source = source.resolve()  # the current folder has a name, too
    name = source.stem if source.is_file() else source.name
    if name in IMAGE_FOLDERS and source.is_dir():  # of a sequence of a data set, which has the name
        name = source.parent.name
    return re.sub(r'[^\w.-]+', '_', name) + TRACKED


if __name__ == '__main__':
    run(parse_args, main)
