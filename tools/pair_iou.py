"""Measure how well a tracker finds its target in single pairs of frames, video by video.

Pairs are drawn and cropped as in OSTrack's validation. The mean IoU of the predicted boxes with
ground truth takes seconds. Its error is far smaller than that of the AUC of whole videos, where one
target lost or kept decides, so it tells students of one teacher apart. With --teacher, the tool
also prints the IoU with the teacher's boxes on the same pairs.
"""
import argparse
import json
from collections import defaultdict
from pathlib import Path

from cli import bars, count, out_file, run


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', type=Path, help='config of a tracker, or of a compression')
    parser.add_argument('checkpoint', type=Path, help='weights')
    parser.add_argument('--data', type=Path, required=True, metavar='FOLDER',
                        help='videos in the layout for your own data (docs/datasets.md)')
    parser.add_argument('--pairs', type=count, default=64, metavar='N',
                        help='pairs a video, on average (default %(default)s)')
    parser.add_argument('--teacher', type=Path, nargs=2, metavar=('CONFIG', 'CHECKPOINT'),
                        help='also compare with the boxes of this tracker')
    parser.add_argument('--center-jitter', type=float, default=3., metavar='J',
                        help='targets are at most J / 2 from the centre of the crop, in units of '
                             'sqrt(width * height); between the frames of a video they move '
                             'less (default %(default)s)')
    parser.add_argument('--json', type=out_file, help='also write the figures to this file')
    return parser.parse_args()


def main(args) -> None:
    import numpy as np
    from mmengine.registry import init_default_scope
    from tabulate import tabulate

    from mmct import load_tracker
    from mmct.datasets import PairDataset
    from mmct.formats.layouts import own, part_of_video
    from mmct.utils.files import write_text

    tracker = load_tracker(args.config, args.checkpoint)
    init_default_scope('mmtrack')
    dataset = PairDataset([dict(type='FolderDataset', data_root=str(args.data))], pipeline=[])
    names = {}
    for name, one in own(args.data).items():
        place = args.data / one.frames  # which several parts or targets of a video share
        names[place] = part_of_video(name)[0] if place in names else name
    found = predict(tracker, dataset, args, 'pairs')
    rows = {'ground truth': iou(found['boxes'], found['truth'])}
    if args.teacher:
        theirs = predict(load_tracker(*args.teacher), dataset, args, "teacher's")
        rows['teacher'] = iou(found['boxes'], theirs['boxes'])
    videos = defaultdict(list)
    for i, name in enumerate(names[video_of(paths[0])] for paths in found['frames']):
        # One tracker's crop may be nothing but padding, for which another pair is drawn.
        if not args.teacher or found['frames'][i] == theirs['frames'][i]:
            videos[name].append(i)
    figures = {name: {kind: [float(values[index].mean()),
                             float(values[index].std(ddof=1) / len(index) ** 0.5)]
                      for kind, values in rows.items()} | {'pairs': len(index)}
               for name, index in sorted(videos.items()) if len(index) > 1}
    if not figures:
        raise ValueError(f'--pairs {args.pairs} gave no video two pairs; give a higher number')
    mean = {kind: float(np.mean([figure[kind][0] for figure in figures.values()]))
            for kind in rows}
    error = {kind: float(np.sqrt(sum(figure[kind][1] ** 2 for figure in figures.values()))
                         / len(figures)) for kind in rows}
    table = [[name, *(f'{value:.3f} ± {off:.3f}' for value, off in (figure[k] for k in rows)),
              figure['pairs']] for name, figure in figures.items()]
    table.append(['mean', *(f'{mean[k]:.4f} ± {error[k]:.4f}' for k in rows), ''])
    print(tabulate(table, ['video', *(f'IoU with {kind}' for kind in rows), 'pairs'],
                   tablefmt='github'))
    print('± standard error of the pairs')
    if args.json:
        write_text(args.json, json.dumps(dict(mean=mean, error=error, videos=figures), indent=1))


def predict(tracker, dataset, args, title: str) -> dict:
    """Boxes (N, 4) cx, cy, w, h around the centre of the search crop, in units of what it is cut
    around, sqrt(w * h); the truth likewise, and the frames of each pair."""
    import torch
    from mmtrack.registry import TRANSFORMS

    from mmct.datasets import collate_pairs

    info = tracker.info
    dataset.pipeline = [TRANSFORMS.build(cfg) for cfg in (
        dict(type='LoadPair'),
        dict(type='CropPair', size=[info.template_size, info.search_size],
             factor=[info.template_factor, info.search_factor],
             center_jitter=[0, args.center_jitter], scale_jitter=[0, 0.25],
             stretched=info.stretched_boxes),
        dict(type='PackPair'))]
    count = args.pairs * len(dataset.sources[0].videos)
    boxes, truth, frames = [], [], []
    with bars() as progress:
        for start in progress.track(range(0, count, 32), description=title):
            batch = collate_pairs([dataset[i] for i in range(start, min(start + 32, count))])
            with torch.inference_mode():
                boxes.append(tracker.test_step(batch)[:, 0])
            truth.append(batch['inputs']['clip'].gt_boxes[:, 0])
            frames += batch['img_path']
    centre = torch.tensor([0.5, 0.5, 0, 0])
    boxes, truth = ((torch.cat(values) - centre) * info.search_factor for values in (boxes, truth))
    return dict(boxes=boxes, truth=truth, frames=frames)


def video_of(path: str) -> Path:
    """The folder or video file that a frame is in."""
    from mmct.runtime.frames import frame_of_video

    file = frame_of_video(path)
    return Path(file[0]) if file else Path(path).parent


def iou(boxes, others):
    """(N,) IoU of boxes (N, 4) cx, cy, w, h, pair by pair."""
    from mmdet.structures.bbox import bbox_cxcywh_to_xyxy, bbox_overlaps

    return bbox_overlaps(bbox_cxcywh_to_xyxy(boxes), bbox_cxcywh_to_xyxy(others), is_aligned=True,
                         eps=1e-12).numpy()


if __name__ == '__main__':
    run(parse_args, main)
