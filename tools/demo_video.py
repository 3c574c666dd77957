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
from pathlib import Path
from typing import TYPE_CHECKING

from cli import add_device, bars, box, run, stopped_status, threads, use_device

if TYPE_CHECKING:
    import numpy as np

WINDOW = 'mmct'


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('video', metavar='VIDEO|CAMERA|FOLDER', help='what to track in')
    parser.add_argument('model', type=Path, metavar='MODEL', help='exported file or config')
    parser.add_argument('--checkpoint', type=Path, help='weights, if MODEL is a config')
    first = parser.add_mutually_exclusive_group(required=True)
    first.add_argument('--box', type=box, metavar='X,Y,W,H',
                       help='the target in the first frame, in pixels')
    first.add_argument('--select', action='store_true',
                       help='draw the box in the first frame with the mouse')
    parser.add_argument('--out', type=Path, metavar='OUT.mp4', help='video to write')
    parser.add_argument('--boxes', type=Path, metavar='FILE',
                        help='also write boxes, one line x,y,w,h per frame')
    parser.add_argument('--levels', type=float, nargs=2, metavar=('LOW', 'HIGH'),
                        help='for 16-bit images: the levels that become black and white '
                        '(default: the whole range of 16 bits)')
    parser.add_argument('--show', action='store_true',
                        help='show the video in a window; Escape ends it')
    parser.add_argument('--backend', help='what runs the network (default: onnxruntime, openvino '
                        'or torch, by the kind of MODEL)')
    parser.add_argument('--precision', help='precision of the arithmetic: fp32, bf16 or '
                        'fp16, if the backend supports it')
    parser.add_argument('--threads', type=threads, help='number of threads of the backend')
    add_device(parser)
    return parser.parse_args()


def main(args: argparse.Namespace) -> int | None:
    # Without a screen OpenCV's windows abort the process.
    if (args.show or args.select) and sys.platform == 'linux' and not any(
            os.environ.get(name) for name in ('DISPLAY', 'WAYLAND_DISPLAY', 'QT_QPA_PLATFORM')):
        raise ValueError('--show and --select need a screen, and there is none (DISPLAY is not '
                         'set); leave out --show, and give the box with --box X,Y,W,H')
    import cv2
    from drawing.target import draw_target
    from drawing.video import VideoFile

    from mmct.formats.annotations import box_text
    from mmct.runtime import Tracker
    from mmct.runtime.conventions import doubt
    from mmct.runtime.frames import FrameError, Frames
    from mmct.utils.files import write_text

    use_device(args.device)
    if args.show:
        open_window()
    frames = Frames(args.video, args.levels)
    tracker = Tracker(args.model, args.checkpoint, backend=args.backend,
                      precision=args.precision, threads=args.threads)
    out = args.out
    if out is None and not args.show:
        out = Path(result_name(args.video))
    boxes, seconds, stop = [], 0., None
    try:
        with bars() as progress, VideoFile(out, frames.fps or 30) as video:
            task = progress.add_task('tracking', total=frames.length)
            try:
                for frame in frames:
                    if not boxes:
                        box, score = args.box or select(frame), 1.
                        tracker.init(frame, box)
                    if other := doubt([box], frame.shape[1::-1]):
                        print(f'warning: --box may be {other.text}; expected x,y,w,h in pixels',
                              file=sys.stderr)
                    else:
                        start = time.perf_counter()
                        box, score = tracker.update(frame)
                        seconds += time.perf_counter() - start
                    draw_target(frame, box, score, len(boxes) / seconds if seconds else None)
                    video.write(frame)
                    boxes.append(box)
                    progress.advance(task)
                    if args.show:
                        cv2.imshow(WINDOW, frame)
                        if cv2.waitKey(1) == 27:
                            break
            except (KeyboardInterrupt, FrameError, ValueError) as error:
                stop = error
    finally:  # also if the disk has no room for the video
        if args.boxes and boxes:
            write_text(args.boxes, box_text(boxes, '.4f'))
    interrupted = isinstance(stop, KeyboardInterrupt)
    if not boxes and not interrupted:
        raise stop or ValueError(f'{args.video} has no frame that can be read')
    speed = f', {(len(boxes) - 1) / seconds:.0f} frames a second (tracking alone)' \
        if seconds else ''
    print(f'{"interrupted after " if interrupted else ""}{len(boxes)} frames{speed}'
          f'{f"; written to {out}" if out and boxes else ""}')
    if interrupted:
        return stopped_status(stop)
    if stop:
        raise stop


def result_name(video: str) -> str:
    """What the result is called, unless somebody says."""
    from mmct.formats.layouts import TRACKED

    source = Path(video)
    if source.is_dir():
        source = source.resolve()  # the current folder has a name, too
    name = source.stem if source.is_file() else source.name
    if name == 'img' and source.is_dir():  # of a sequence of a data set, which has the name
        name = source.parent.name
    return re.sub(r'[^\w.-]+', '_', name) + TRACKED


def open_window() -> None:
    """Open the window to show frames in.

    Raises:
        ValueError: OpenCV has no windows.
    """
    import cv2
    try:
        cv2.namedWindow(WINDOW, cv2.WINDOW_AUTOSIZE)
    except cv2.error:
        raise ValueError('--show needs an OpenCV with windows (opencv-python, not its headless '
                         'build); leave it out, and see the video that is written') from None


def select(frame: 'np.ndarray') -> tuple[int, int, int, int]:
    """Ask for the box x, y, w, h in pixels with the mouse."""
    import cv2
    try:
        box = cv2.selectROI('drag a box, then press Enter', frame, showCrosshair=False)
        cv2.destroyAllWindows()
    except cv2.error:
        raise ValueError('--select needs a screen, and an OpenCV with windows (opencv-python, not '
                         'its headless build); give the box with --box X,Y,W,H') from None
    if not (box[2] and box[3]):
        raise ValueError('no box was drawn; drag one in the window, then press Enter')
    return box


if __name__ == '__main__':
    run(parse_args, main)
