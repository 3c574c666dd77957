"""ODTrack: networks, losses, gradients, mixed paths, sampling, tracking."""
from collections.abc import Iterator

import numpy as np
import torch

from mmct.checkpoint import load_weights, names, tracker_weights
from mmct.datasets.sampling import make_sampling
from mmct.engine.hooks import scheduled_keep_ratio
from mmct.models.layers.elimination import TEMPLATE_RANGES, box_tokens
from mmct.models.structures import Clip
from mmct.models.torch_network import images
from mmct.models.trackers import OneStreamTracker

from . import networks
from .comparison import Comparison, read_meta
from .rows import Row, differing, recorded_rows, relative
from .tracking import template_frames

TEACHER, STUDENT, SAMPLING = 'odtrack.pth.tar', 'student.pth.tar', 'sampling.json'
DEVIATIONS = 5.  # standard ones, of frequencies
WARM_UP = dict(keep_rate=(20, 100), keep_rate_got=(20, 70))
# {beginning of recorded names: a network's file and options}
NETWORKS = {'full': (TEACHER, {}), 'separate': (TEACHER, dict(attention='separate')),
            'student': (STUDENT, {}), 'ce': (TEACHER, dict(eliminates=True)),
            **{f'ce_{kind}': (TEACHER, dict(eliminates=kind)) for kind in TEMPLATE_RANGES}}


class ODTrackComparison(Comparison):
    files, types = (TEACHER, ), ('ODTrack', 'ODTrackViT')
    shape_key = 'net'
    gradient_tolerance = 2e-3  # a ReLU's sign may flip on a value of 1e-7

    def verify(self) -> Iterator[Row]:
        meta, size = self.meta, self.net['template_size']
        yield from self.verify_shape()
        for case in dict.fromkeys(name.split('.')[0] for name in self.tensors):
            if case in NETWORKS and ('ce' not in case or self.net.get('elimination')):
                yield from self.verify_network(case, *NETWORKS[case])
        if 'gt_box_tokens' in meta:
            boxes = box_tokens(self.tensor('z_gt_xywh')[:, 0] * size, size)
            yield relative('tokens of GT_BOX', boxes.sum(dim=1), meta['gt_box_tokens'])
        for name, recorded in meta.get('train', {}).items():
            yield from self.verify_training(f'train {name}', recorded)
        for name, recorded in meta.get('mix', {}).items():
            yield from self.verify_mix(name, recorded)
        yield from verify_schedules(meta)
        yield from verify_template_frames(meta)
        if self.has(SAMPLING):
            yield from verify_sampling(read_meta(self.folder / SAMPLING))
        yield from self.verify_tracking()

    def config(self, file, eliminates: bool | str = False, **backbone) -> dict:
        """``eliminates`` as recorded, or by another template range."""
        if eliminates and self.net.get('elimination'):
            other = dict(template_range=eliminates) if isinstance(eliminates, str) else {}
            backbone['elimination'] = {**self.net['elimination'], **other}
        return super().config(file, **backbone)

    def clip(self, tracker: OneStreamTracker, count: int | None = None) -> Clip:
        """Clips of the records, of which the first ``count``."""
        z, x = (images(tracker, self.tensor(name).flip(2).movedim(2, -1)).transpose(0, 1)
                for name in 'zx')
        boxes, gt = (self.tensor(f'{name}_gt_xywh').transpose(0, 1) for name in 'zx')
        return Clip(z, boxes * z.size(-1), x, networks.centred(gt)).first(count)

    def of_frame(self, prefix, frame):
        return f'{prefix}.f{frame}'

    def verify_shape(self) -> Iterator[Row]:
        """Whether the checkpoint has the recorded shape, and goes back to the file's names."""
        yield self.shape_row(TEACHER, self.net)
        state = tracker_weights(self.folder / TEACHER)
        back = names.to_own(names.to_released(state, student=False, source=TEACHER), TEACHER)
        wrong = [key for key in state.keys() | back.keys()
                 if key not in state or key not in back or not torch.equal(state[key], back[key])]
        yield differing(f'{TEACHER} to released names and back', len(wrong), 'weights')

    def verify_network(self, case: str, file: str, options: dict) -> Iterator[Row]:
        """A network by itself, of as many samples as are recorded."""
        tracker = self.build(file, **options)
        count = len(self.tensors[self.recorded(f'{case}.')[0]])
        yield from self.network_rows(case, tracker, self.clip(tracker, count))

    def frame_rows(self, prefix, recorded, number, found) -> Iterator[Row]:
        """What compares with the teacher is recorded by itself."""
        yield from recorded_rows(prefix, recorded, {
            f'{number}frame_{name}': value for name, value in found.items()})
        if 'frames' in recorded:
            yield from recorded_rows(
                self.of_frame(prefix, number), recorded['frames'][number], found)

    def verify_training(self, prefix: str, recorded: dict) -> Iterator[Row]:
        """The published iteration of the teacher."""
        tracker = self.build(TEACHER, eliminates=True).train()
        tracker.backbone.schedule_elimination(recorded.get('keep_rate', 1.))
        yield from self.training_rows(prefix, recorded, tracker, self.clip(tracker))
        for key, value in recorded.get('bn_after', {}).items():
            yield relative(f'{prefix} {key}', getattr(tracker.head.score[0].bn, key), value)

    def verify_mix(self, name: str, recorded: dict) -> Iterator[Row]:
        """One gate pattern, with the teacher's elimination or without."""
        gates, _, kind = name.removeprefix('mix').partition('_')
        distiller = self.compression(TEACHER, STUDENT, eliminates=kind == 'ce').train()
        load_weights(distiller.student, self.folder / STUDENT, 'student')
        clip = self.clip(distiller.student)
        yield from self.mixed_rows(name, recorded, distiller, clip, gates)

    def run_tracker(self, run):
        templates = dict(type='SpreadHistory', count=run.get('template_number', 3))
        return self.build(TEACHER, run, templates, eliminates=True)


# What happens by rule


def verify_schedules(meta: dict) -> Iterator[Row]:
    """Keep ratios of epochs."""
    elimination = meta['net'].get('elimination')
    for name, epochs in WARM_UP.items():
        if name in meta and elimination:
            ratio = elimination['keep_ratio'][0]
            ours = [scheduled_keep_ratio(int(epoch), ratio, *epochs) for epoch in meta[name]]
            yield relative(f'{name} of {len(ours)} epochs', ours, list(meta[name].values()))


def verify_template_frames(meta: dict) -> Iterator[Row]:
    """Whose crops the template policy gives to a frame."""
    for count, frames in meta.get('template_frames', {}).items():
        last = max(map(int, frames))
        used, _ = template_frames(dict(type='SpreadHistory', count=int(count)), [0.] * last)
        yield differing(f'template frames, N = {count}', sum(
            used[int(frame)] != numbers for frame, numbers in frames.items()), 'frames')


def verify_sampling(videos: dict) -> Iterator[Row]:
    """How often frames are drawn, in standard deviations."""
    for name, video in videos.items():
        for key, drawn in statistics(video).items():
            if key in video:
                reference, mean = np.array(video[key]), drawn.mean(axis=0)
                deviation = drawn.std(axis=0) * np.sqrt(1 / len(drawn) + 1 / video['draws'])
                # Records have five digits; what never happens here must not happen there.
                difference = np.maximum(np.abs(mean - reference) - 1e-5, 0)
                error = np.where(difference == 0, 0., difference / np.maximum(deviation, 1e-12))
                yield Row(f'sampling of {name}, {key}', float(error.max()), DEVIATIONS,
                          f'standard deviations, {len(drawn)} draws')


def statistics(video: dict) -> dict[str, np.ndarray]:
    """Of each of as many draws as recorded, (n, …), by the names of the records."""
    sampling = make_sampling(dict(
        type='odtrack', num_templates=video['num_templates'], num_searches=video['num_search'],
        max_gap=video['max_gap']))
    rng, visible, length = np.random.default_rng(0), np.array(video['visible']), video['length']
    draws = [sampling.frames(rng, visible, length) for _ in range(video['draws'])]
    templates, searches = map(np.array, zip(*draws))
    base, first = templates[:, -1], searches[:, 0]
    counts = {name: (frames[:, :, None] == np.arange(length)).sum(axis=1) for name, frames in (
        ('base', base[:, None]), ('other_templates', templates[:, :-1]), ('search', searches))}
    return {
        **counts,
        'share_all_search_equal': (searches == first[:, None]).all(axis=1),
        'share_repeated_template': np.array([len(set(own)) < len(own) for own, _ in draws]),
        'mean_base_minus_first': base - templates[:, 0],
        'mean_first_search_minus_base': first - base,
        'mean_last_search_minus_base': searches[:, -1] - base}
