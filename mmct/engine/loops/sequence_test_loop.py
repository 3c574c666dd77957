"""Testing that can be interrupted, and shared by several processes."""
import json
import time
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from mmengine.dist import broadcast_object_list, is_main_process
from mmengine.evaluator import Evaluator
from mmengine.runner import Runner, TestLoop
from mmengine.runner.amp import autocast
from mmtrack.registry import LOOPS
from mmtrack.structures import TrackDataSample
from torch.utils.data import DataLoader

from ...checkpoint import decisive
from ...formats.results import (
    SERVERS,
    finished_boxes,
    sequence_names,
    write_sequence,
    write_submission,
)
from ...utils.files import free_name, read_text, write_text


@LOOPS.register_module()
class SequenceTestLoop(TestLoop):
    """MMEngine's test loop, which writes the results of a sequence as soon as it is done.

    A sequence that fails is not written. The metrics of a resumed run are those of an uninterrupted
    one.

    Args:
        results: folder of :mod:`mmct.formats.results`; None for ``results/NAME`` in the work
            folder, by the annotation file.
        resume: do not track the sequences that are in ``results``; else they are moved aside.
        tracker: what is tested, an identity and perhaps a name; results of another one, or with
            other settings or data, are not resumed.
        settings: what decides the boxes beside the config, such as the backend.
        submission: 'got10k' or 'trackingnet', to pack the results for that server.
    """

    def __init__(self, runner: Runner, dataloader: DataLoader | dict,
                 evaluator: Evaluator | dict | list, results: str | None = None,
                 resume: bool = False, tracker: str = '', submission: str | None = None,
                 fp16: bool = False, settings: dict | None = None) -> None:
        super().__init__(runner, dataloader, evaluator, fp16)
        self.settings = dict(settings or {}, fp16=fp16)
        self.dataset = self.dataloader.dataset
        self.names = sequence_names(self.dataset)
        self.evaluator.dataset_meta = {**self.dataset.metainfo, 'dataset': self.dataset,
                                       'sequences': self.names}
        # Named by the annotation file: lasot_test_infos.txt gives lasot_test.
        name = Path(self.dataset.ann_file).name.removesuffix('.txt').removesuffix('_infos')
        self.folder = Path(results or Path(runner.work_dir, 'results', name))
        self.resume, self.tracker, self.submission = resume, tracker, submission
        # Box, score and seconds of each frame so far, of each sequence that is being tracked.
        self.found = defaultdict(list)

    def run(self) -> dict[str, float]:
        """Track what is not done, write it, and give the metrics of all; ValueError if results of
        another tracker were to be resumed."""
        done, error = self.open_folder() if is_main_process() else ({}, None)
        message = [list(done), error]
        broadcast_object_list(message)
        numbers, error = message
        if error:
            raise ValueError(error)
        if numbers:
            self.dataloader.batch_sampler.sampler.leave_out(numbers)
            self.runner.logger.info(
                f'{len(numbers)} of {len(self.names)} sequences are done already')
        for sequence, boxes in done.items():
            self.replay(sequence, boxes)
        metrics = super().run()
        self.runner.logger.info(f'results in {self.folder}')
        if self.submission and is_main_process():
            self.pack()
        return metrics

    def open_folder(self) -> tuple[dict[int, np.ndarray], str | None]:
        """Sequences that are done, with their boxes (N, 4), and what speaks against resuming, or
        against results in this folder at all."""
        if error := self.what_is_in_the_way():
            return {}, error
        stamp = self.folder / '.tracker'
        now = decisive.of_test(self.runner.cfg, self.names, self.dataset, **self.settings)
        if self.resume:
            done = {i: finished_boxes(self.folder, name, self.dataset.get_len_per_video(i))
                    for i, name in enumerate(self.names)}
            done = {i: boxes for i, boxes in done.items() if boxes is not None}
            error = self.what_differs(read_text(stamp) if stamp.is_file() else '', now, done)
            if error:
                return {}, error
        else:
            done = {}
            if any((self.folder / f'{name}.txt').is_file() for name in self.names):
                folder = self.folder.resolve()
                if Path.cwd().is_relative_to(folder):
                    return {}, (f'earlier results are in {folder}, which cannot be moved aside, as '
                                'it is the current folder or holds it; name another folder')
                aside = free_name(folder)
                folder.rename(aside)
                self.runner.logger.info(f'earlier results are in {aside}')
        write_text(stamp, f'{self.tracker}\n{json.dumps(now)}')
        return done, None

    def what_is_in_the_way(self) -> str | None:
        """Why results cannot be in this folder: the next run would take them for annotations, or
        these for results."""
        data = self.dataset
        frames = Path(data.data_prefix['img_path'])
        root = Path(getattr(data, 'annotations', frames))
        files = (root / data.get_data_info(i)['ann_path'] for i in range(len(self.names)))
        if self.folder.resolve() in {frames.resolve(), *(file.resolve().parent for file in files)}:
            return (f'{self.folder} is the folder of the annotations that are tested on; name '
                    'another folder for the results')
        return None

    def what_differs(self, stamp: str, now: dict[str, str], done: Iterable[int]) -> str | None:
        """What speaks against going on with results that have a stamp, '' if they have none."""
        tracker, _, settings = stamp.partition('\n')
        finished = {decisive.sequence_key(self.names[i]) for i in done}
        before = json.loads(settings) if settings else now  # of an earlier version
        found = decisive.differences(
            before, now,
            lambda key: key in finished or not key.startswith(decisive.sequence_key('')))
        if not found and tracker.split()[:1] in ([], self.tracker.split()[:1]):
            return None
        found = found or f'the checkpoint (was {tracker.partition(" ")[2]})'
        return (f'{self.folder} has results of another tracker, or with other settings: {found} '
                'changed; leave out --resume to start again, or name another folder')

    def replay(self, sequence: int, boxes: np.ndarray) -> None:
        """Hand the frames of a finished sequence, by its number and boxes (N, 4) x, y, w, h, to the
        evaluator, without reading an image."""
        boxes = torch.from_numpy(np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], 1))
        for frame, box in enumerate(boxes):
            self.evaluator.process(data_batch=None, data_samples=[dict(
                frame_id=frame, video_id=sequence, video_length=len(boxes),
                pred_track_instances={'bboxes': box[None]})])

    @torch.no_grad()
    def run_iter(self, idx: int, data_batch: dict) -> None:
        """Track one frame, or one of each of several sequences."""
        self.runner.call_hook('before_test_iter', batch_idx=idx, data_batch=data_batch)
        samples = data_batch['data_samples']
        for sample in samples:
            if sample.frame_id == 0:
                # As it is written: the sample's corners in float32 are others by a rounding.
                box = self.dataset.get_bboxes_from_video(sample.video_id)[0].tolist()
                sample.set_metainfo(dict(first_box=box))
        start = time.perf_counter()
        with autocast(enabled=self.fp16):
            outputs = self.runner.model.test_step(data_batch)
        elapsed = (time.perf_counter() - start) / len(samples)
        self.evaluator.process(data_samples=outputs, data_batch=data_batch)
        for sample in outputs:
            self.keep(sample, elapsed)
        self.runner.call_hook('after_test_iter', batch_idx=idx, data_batch=data_batch,
                              outputs=outputs)

    def keep(self, sample: TrackDataSample, elapsed: float) -> None:
        """Collect the box of a frame, xyxy in its pixels, and the seconds that it took; write the
        sequence after its last one."""
        found = sample.pred_track_instances
        x1, y1, x2, y2 = found.bboxes[0].tolist()
        self.found[sample.video_id].append((
            (x1, y1, x2 - x1, y2 - y1),
            # MMTracking's score of the first box, which is given, is -1.
            found.scores.item() if sample.frame_id else 1.,
            # A tracker may know better what of this was its own work.
            sample.metainfo.get('seconds', elapsed)))
        if sample.frame_id == sample.video_length - 1:
            boxes, scores, seconds = zip(*self.found.pop(sample.video_id))
            if not sample.metainfo.get('failure'):
                write_sequence(self.folder, self.names[sample.video_id], np.array(boxes), scores,
                               seconds)

    def pack(self) -> None:
        """Write the file to submit, if the results of all sequences are there."""
        missing = [name for name in self.names if not (self.folder / f'{name}.txt').is_file()]
        if missing:
            self.runner.logger.error(f'nothing to submit: no results of {", ".join(missing)}')
        else:
            file = write_submission(self.folder, self.names, self.submission)
            self.runner.logger.info(f'the ground truth is secret: submit {file} at '
                                    f'{SERVERS[self.submission]} for the metrics')
