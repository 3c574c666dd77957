"""ODTrack: networks, losses, gradients, mixed paths, sampling, tracking."""
from collections.abc import Iterator

import numpy as np
import torch

from mmct.checkpoint import load_weights, names, tracker_weights
from mmct.datasets.sampling import make_sampling
from mmct.engine.hooks import scheduled_keep_ratio
from mmct.models.backbones.stage_division import divide
from mmct.models.layers.elimination import TEMPLATE_RANGES, box_tokens
from mmct.models.structures import Clip
from mmct.models.torch_network import images
from mmct.models.trackers import OneStreamTracker
from mmct.runtime.templates import SpreadHistory

from . import common
from .common import Comparison, Row, centred, differing, frame_rows, loss_rows, relative

TEACHER, STUDENT, SAMPLING = 'odtrack.pth.tar', 'student.pth.tar', 'sampling.json'
DEVIATIONS = 5.  # standard ones, of frequencies
WARM_UP = dict(keep_rate=(20, 100), keep_rate_got=(20, 70))
# Groups whose mimic errors are recorded, in the order of the records.
GROUPS = 'query', 'template', 'search'
# {beginning of recorded names: a network's file and options}
NETWORKS = {'full': (TEACHER, {}), 'separate': (TEACHER, dict(attention='separate')),
            'student': (STUDENT, {}), 'ce': (TEACHER, dict(eliminates=True)),
            **{f'ce_{kind}': (TEACHER, dict(eliminates=kind)) for kind in TEMPLATE_RANGES}}


class ODTrackComparison(Comparison):
    gradient_tolerance = 2e-3  # a ReLU's sign may flip on a value of 1e-7

    @staticmethod
    def recognises(folder, meta) -> bool:
        """By the checkpoint, or the order of tokens."""
        return (folder / TEACHER).is_file() or (
            isinstance(meta, dict) and 'query' in meta.get('net', {}).get('order', ()))

    @property
    def net(self):
        return self.meta['net']

    def verify(self) -> Iterator[Row]:
        meta, size = self.meta, self.net['template_size']
        yield from self.verify_shape()
        yield from self.verify_frames()
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
            yield from verify_sampling(common.read_meta(self.folder / SAMPLING))
        yield from self.verify_tracking()

    def config(self, file, eliminates: bool | str = False, **backbone) -> dict:
        """``eliminates`` as recorded, or by another template range."""
        if eliminates and self.net.get('elimination'):
            other = dict(template_range=eliminates) if isinstance(eliminates, str) else {}
            backbone['elimination'] = {**self.net['elimination'], **other}
        return common.centre_config(self.folder / file, 'ODTrack', 'ODTrackViT',
                                    num_heads=self.net['num_heads'], **backbone)

    def clip(self, tracker: OneStreamTracker, count: int | None = None) -> Clip:
        """Clips of the records, of which the first ``count``."""
        z, x = (images(tracker, self.tensor(name).flip(2).movedim(2, -1)).transpose(0, 1)
                for name in 'zx')
        boxes, gt = (self.tensor(f'{name}_gt_xywh').transpose(0, 1) for name in 'zx')
        return Clip(z, boxes * z.size(-1), x, centred(gt)).first(count)

    def verify_shape(self) -> Iterator[Row]:
        """Whether the checkpoint has the recorded shape, and goes back to the file's names."""
        yield self.shape_row(TEACHER, self.net)
        state = tracker_weights(self.folder / TEACHER)
        back = names.to_own(names.to_released(state, student=False, source=TEACHER), TEACHER)
        wrong = [key for key in state.keys() | back.keys()
                 if key not in state or key not in back or not torch.equal(state[key], back[key])]
        yield differing(f'{TEACHER} to released names and back', len(wrong), 'weights')

    def verify_frames(self) -> Iterator[Row]:
        """Tokens, maps and boxes of networks by themselves, frame by frame of the clip."""
        for case in dict.fromkeys(name.split('.')[0] for name in self.tensors):
            if case not in NETWORKS or 'ce' in case and not self.net.get('elimination'):
                continue
            file, options = NETWORKS[case]
            tracker = self.build(file, **options)
            clip = self.clip(tracker, len(self.tensors[self.recorded(f'{case}.')[0]]))
            sizes = divide(self.net['depth'], self.net['division'])
            depth = len(tracker.backbone.layers)
            if depth != sum(sizes):  # a student
                sizes = [depth // len(sizes)] * len(sizes)
            ends, memory = (np.cumsum(sizes) - 1).tolist(), None
            for i in range(clip.num_frames):
                for prefix, own in ((f'{case}.f{i}_without_carry', None), (f'{case}.f{i}', memory)):
                    tokens = common.embedded(tracker, clip, i, own)
                    values, prediction = common.walk(tracker, tokens, ends)
                    yield from self.rows(prefix, values)
                memory = prediction.memory

    def verify_training(self, prefix: str, recorded: dict) -> Iterator[Row]:
        """The published iteration of the teacher."""
        tracker = self.build(TEACHER, eliminates=True)
        tracker.backbone.schedule_elimination(recorded.get('keep_rate', 1.))
        clip = self.clip(tracker.train())
        found, total = common.train_step(tracker, clip)
        for i, (prediction, losses) in enumerate(found):
            yield from frame_rows(prefix, recorded, losses, prediction, clip.gt_boxes[:, i],
                                  f'{i}frame_')
        yield from loss_rows(prefix, recorded, dict(total=total))
        yield from self.gradient_rows(prefix, tracker, recorded)
        for key, value in recorded.get('bn_after', {}).items():
            yield relative(f'{prefix} {key}', getattr(tracker.head.score[0].bn, key), value)

    def verify_mix(self, name: str, recorded: dict) -> Iterator[Row]:
        """One gate pattern: tokens, maps, loss terms and gradient norms, frame by frame."""
        weights = {**common.WEIGHTS, 'mimic': float(self.meta.get('mimic_weight', 0.2))}
        gates, _, kind = name.removeprefix('mix').partition('_')
        distiller = self.compression(TEACHER, STUDENT, teacher_options=dict(
            eliminates=kind == 'ce'), loss_weight=weights['mimic'])
        load_weights(distiller.student, self.folder / STUDENT, 'student')
        clip = self.clip(distiller.train().student)
        frames, losses = common.run_mixed(distiller, clip, gates)
        for i, (frame, own) in enumerate(zip(frames, recorded.get('frames', [{}] * len(frames)))):
            yield from self.rows(f'{name}.f{i}', common.stage_values(frame.stages, frame.mixed))
            yield from frame_rows(name, recorded, frame.losses, frame.mixed, frame.gt_boxes,
                                  f'{i}frame_')
            errors = zip(*(common.mimic_errors(frame, group) for group in GROUPS))
            yield from loss_rows(f'{name}.f{i}', own, {
                **common.loss_values(frame.losses, weights),
                f'mimic_{"_".join(GROUPS)}': list(errors)})
        yield from loss_rows(name, recorded, {**common.loss_values(losses, weights), **losses})
        yield from self.gradient_rows(name, distiller.student, recorded)

    def run_tracker(self, run):
        templates = dict(type='SpreadHistory', count=run.get('template_number', 3))
        return self.build(TEACHER, dict(templates=templates) | common.factors(run),
                          eliminates=True)


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
        policy, used = SpreadHistory(int(count)), {}
        # Each box says of which frame the template is.
        templates = [(np.zeros((1, 1, 3), np.uint8), np.full(4, frame, np.float32))
                     for frame in range(1 + max(map(int, frames)))]
        policy.start(*templates[0])
        for frame, template in enumerate(templates[1:], 1):
            used[frame] = policy.current(frame)[1][:, 0].tolist()
            policy.observe(frame, 0., lambda template=template: template)
        yield differing(f'template frames, N = {count}', sum(
            used[int(frame)] != numbers for frame, numbers in frames.items()), 'frames')


def verify_sampling(videos: dict) -> Iterator[Row]:
    """How often frames are drawn, in standard deviations."""
    for name, video in videos.items():
        for key, values in statistics(video).items():
            if key in video:
                reference, mean = np.array(video[key]), values.mean(axis=0)
                deviation = values.std(axis=0) * np.sqrt(1 / len(values) + 1 / video['draws'])
                # Records have five digits; what never happens here must not happen there.
                difference = np.maximum(np.abs(mean - reference) - 1e-5, 0)
                error = np.where(difference == 0, 0., difference / np.maximum(deviation, 1e-12))
                yield Row(f'sampling of {name}, {key}', float(error.max()), DEVIATIONS,
                          f'standard deviations, {len(values)} draws')


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
