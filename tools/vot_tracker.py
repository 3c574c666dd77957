"""A tracker for the VOT toolkit (vot-toolkit), which starts it and speaks TraX with it.

In trackers.ini of the toolkit's workspace, with absolute paths:

[NAME]
protocol = trax
command = /.../python /.../tools/vot_tracker.py /.../MODEL

MODEL is a file written by tools/export.py, or a config with --checkpoint. Targets are rectangles.
Several targets of a sequence are followed at once.
"""
import argparse
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from cli import count, run


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('model', type=Path, metavar='MODEL', help='exported file or config')
    parser.add_argument('--checkpoint', type=Path, help='weights, if MODEL is a config')
    parser.add_argument('--backend', help='what runs the network (default: onnxruntime, '
                        'openvino or torch, by the kind of MODEL)')
    parser.add_argument('--precision', help='precision of the arithmetic, if the backend '
                        'supports it')
    parser.add_argument('--threads', type=count, help='number of threads')
    return parser.parse_args()


def main(args: argparse.Namespace) -> None:
    from mmct.utils.extras import require
    trax = require('trax', 'vot')
    # First of all: the toolkit waits for it, and shows the reason if what follows fails.
    server = trax.Server([trax.Region.RECTANGLE], [trax.Image.PATH], tracker_name='mmct',
                         multiobject=True)
    reason = 'interrupted'
    try:
        from mmct.runtime import Tracker, open_network
        network = open_network(args.model, args.checkpoint, backend=args.backend,
                               precision=args.precision, threads=args.threads)
        follow(trax, server, lambda: Tracker(network))
        reason = None
    except (ValueError, OSError, ImportError) as error:
        reason = str(error)
        raise
    finally:
        server.quit(reason)


def follow(trax: ModuleType, server: object, new_tracker: Callable) -> None:
    """Answer each frame with the boxes of all targets, until the toolkit ends it.

    Raises:
        ValueError, OSError: a target cannot be followed, or a frame not be read.
    """
    from mmct.runtime import update_many
    from mmct.runtime.frames import read_image

    trackers = []
    while True:
        request = server.wait()
        if request.type == trax.TraxStatus.QUIT:
            return
        if request.type == trax.TraxStatus.INITIALIZE:
            trackers = []
        frame = read_image(request.image[trax.ImageChannel.COLOR].path())
        found = update_many(trackers, frame)
        for region, _ in request.objects or ():  # those that begin in this frame
            tracker = new_tracker()
            tracker.init(frame, region.bounds())
            trackers.append(tracker)
            found.append((tracker.box, 1.))
        server.status([(trax.Rectangle.create(*box), {'confidence': score})
                       for box, score in found])


if __name__ == '__main__':
    run(parse_args, main)
