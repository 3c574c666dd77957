"""OSTrack, CompressTracker and VitTrack; crops, heat maps and windows."""
from collections.abc import Iterator

import torch

from mmct.api import fuse_for_inference
from mmct.checkpoint import load_weights
from mmct.engine.hooks import progressive_prob, scheduled_keep_ratio
from mmct.models.layers.elimination import TEMPLATE_RANGES
from mmct.models.losses import gaussian_heatmap
from mmct.models.structures import Clip
from mmct.models.torch_network import images
from mmct.runtime import geometry

from . import common
from .common import Comparison, Row, centred, relative

TEACHER, STUDENT, ELIMINATING = 'ostrack.pth.tar', 'compresstracker.pth.tar', 'ostrack_ce.pth.tar'
VITTRACK = 'object_tracking_vittrack_2023sep.onnx'


class OSTrackComparison(Comparison):

    @staticmethod
    def recognises(folder, meta) -> bool:
        """A list of crops, or one of the checkpoints."""
        return isinstance(meta, list) or any(
            (folder / name).is_file() for name in (TEACHER, STUDENT, ELIMINATING))

    def verify(self) -> Iterator[Row]:
        for file in (TEACHER, ELIMINATING):
            if 'embed_dim' in self.meta and self.has(file):
                yield self.shape_row(file, self.meta)
        if isinstance(self.meta, list):
            yield from self.verify_crops()
        elif 'stages' in self.meta or 'division' in self.meta:
            yield from self.verify_compression()
        if 'ce_loc' in self.meta:
            yield from self.verify_elimination()
        for key in self.recorded('hann'):
            yield relative(key, geometry.hann_window(int(key[4:])), self[key])
        for key in self.recorded('heatmap'):
            if key[7:].isdigit():
                boxes, side = centred(self.tensor('heatmap_boxes_xywh')), self[key].shape[-1]
                yield relative(key, gaussian_heatmap(boxes, side), self[key])
        yield from self.verify_tracking()

    def config(self, file, **backbone) -> dict:
        return common.centre_config(self.folder / file, 'OSTrack', 'OneStreamViT',
                                    num_heads=self.meta['num_heads'], **backbone)

    def run_tracker(self, run):
        return self.build(STUDENT if self.has(STUDENT) else TEACHER)

    def verify_compression(self) -> Iterator[Row]:
        """Teacher, student at initialisation and after training, mixed paths, losses, gradients."""
        clip = Clip(self.tensor('z')[:, None], None, self.tensor('x')[:, None],
                    centred(self.tensor('gt_xywh'))[:, None])
        distiller = self.compression(TEACHER, STUDENT)
        student = distiller.student
        ends = [stage[-1] for stage in student.backbone.teacher_stages()]
        yield from self.network_rows('teacher', distiller.teacher, clip, ends)
        yield from self.network_rows('student_init', student, clip)
        load_weights(student, self.folder / STUDENT, 'student')
        yield from self.network_rows('student', student, clip)
        for gates in self.meta.get('gates', []):
            prefix = f'mix{gates}'
            (frame, ), losses = common.run_mixed(distiller.train(), clip, gates)
            yield from self.rows(prefix, common.stage_values(frame.stages, frame.mixed))
            yield from common.loss_rows(prefix, self.meta['losses'][gates], {
                **common.loss_values(losses), 'Loss/total': losses['total']})
            yield from self.gradient_rows(
                prefix, student, dict(grad_norm=self.meta['grad_norm'][gates]))
        for epochs, probs in self.meta.get('schedule', {}).items():
            ours = [progressive_prob(epoch + 1, int(epochs)) for epoch in range(len(probs))]
            yield relative(f'schedule of {epochs} epochs', ours, probs)

    def verify_elimination(self) -> Iterator[Row]:
        """Maps and removed tokens for each template range and keep ratio, and the schedule."""
        meta = self.meta
        for case in sorted({key.rsplit('.', 1)[0] for key in self.recorded(TEMPLATE_RANGES)}):
            template_range, ratio = case.split('.', 1)
            tracker = self.build(ELIMINATING, elimination=dict(
                layers=meta['ce_loc'], keep_ratio=meta['ce_keep_ratio'],
                template_range=template_range))
            tracker.backbone.schedule_elimination(None if ratio == 'default' else float(ratio))
            num = len(self[f'{case}.pred_boxes'])
            z, x, boxes = (self.tensor(name)[:num, None] for name in ('z', 'x', 'template_xywh'))
            clip = Clip(z, boxes * meta['template_size'], x, None)
            values, _ = common.walk(tracker, common.embedded(tracker, clip))
            removed = [common.compared('', values.pop(name), self[f'{case}.{name}'])
                       for name in [f'removed{k}' for k in range(len(meta['ce_loc']))]]
            yield from self.rows(case, values)
            yield common.differing(
                f'{case} removed tokens', sum(row.error for row in removed), 'tokens')
        if rates := meta.get('keep_rate_per_epoch'):
            ours = [scheduled_keep_ratio(e, meta['ce_keep_ratio'][0]) for e in range(len(rates))]
            yield relative('keep ratio schedule', ours, rates)

    def verify_crops(self) -> Iterator[Row]:
        """Crops, bit for bit, and the target's box in them."""
        frames = self.frames('crossing', pictures=True)
        if frames is None:
            yield self.without_frames('crops', 'crossing', 0.)
            return
        for i, entry in enumerate(self.meta):
            box, size = entry['crop_box_xywh'], entry['size']
            row, scale = common.crop_row(
                f'crop {i}', frames / entry['frame'], box, entry['factor'], self[f'crop{i}'])
            yield row
            yield relative(f'crop {i} scale', scale, entry['resize_factor'])
            target = geometry.box_to_crop(entry['gt_xywh'], box, scale, size)
            yield relative(f'crop {i} target', target, entry['gt_in_crop_xywh'])


class VitTrackComparison(Comparison):
    pixel_tolerance = 0.1  # recorded by ONNX Runtime

    @staticmethod
    def recognises(folder, meta) -> bool:
        return (folder / VITTRACK).is_file()

    def verify(self) -> Iterator[Row]:
        """Maps and tracked boxes."""
        tracker = self.run_tracker({})
        if self.tensors:
            template, search = (images(tracker, self.tensor(f'{name}_bgr'))
                                for name in ('template', 'search'))
            with torch.no_grad():
                found = tracker.outputs_of(template[:, None], search)
            for name, value in found.items():
                yield relative(f'{name} map', value, self[name])
        yield from self.verify_tracking()

    def run_tracker(self, run):
        # Reading it needs packages of the extra deploy.
        from vittrack.reading import read_vittrack

        return fuse_for_inference(read_vittrack(self.folder / VITTRACK))

    def runs(self) -> Iterator[tuple[str, str, dict]]:
        for name, item, run in super().runs():
            # The scores are those of OpenCV.
            yield name, item, {key: value for key, value in run.items() if key != 'scores'}
