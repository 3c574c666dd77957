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

from . import networks
from .comparison import Comparison
from .rows import Row, compared, crop_row, differing, relative

TEACHER, STUDENT, ELIMINATING = 'ostrack.pth.tar', 'compresstracker.pth.tar', 'ostrack_ce.pth.tar'
VITTRACK = 'object_tracking_vittrack_2023sep.onnx'


class OSTrackComparison(Comparison):
    files, types = (TEACHER, STUDENT, ELIMINATING), ('OSTrack', 'OneStreamViT')

    def verify(self) -> Iterator[Row]:
        for file in (TEACHER, ELIMINATING):
            if 'embed_dim' in self.meta and self.has(file):
                yield self.shape_row(file, self.meta)
        if 'crops' in self.meta:
            yield from self.verify_crops()
        if 'stages' in self.meta or 'division' in self.meta:
            yield from self.verify_compression()
        if 'ce_loc' in self.meta:
            yield from self.verify_elimination()
        for key in self.recorded('hann'):
            yield relative(key, geometry.hann_window(int(key[4:])), self[key])
        for key in self.recorded('heatmap'):
            if key[7:].isdigit():
                boxes = networks.centred(self.tensor('heatmap_boxes_xywh'))
                yield relative(key, gaussian_heatmap(boxes, self[key].shape[-1]), self[key])
        yield from self.verify_tracking()

    def loss_values(self, losses, *args):
        """The total is that of all losses."""
        total = sum(loss for name, loss in losses.items() if name.startswith('loss'))
        return {**super().loss_values(losses, *args), 'Loss/total': total}

    def run_tracker(self, run):
        return self.build(STUDENT if self.has(STUDENT) else TEACHER)

    def verify_compression(self) -> Iterator[Row]:
        """Teacher, student at initialisation and after training, mixed paths, losses, gradients."""
        meta, distiller = self.meta, self.compression(TEACHER, STUDENT)
        student, clip = distiller.student, Clip(
            self.tensor('z')[:, None], None, self.tensor('x')[:, None],
            networks.centred(self.tensor('gt_xywh'))[:, None])
        yield from self.network_rows('teacher', distiller.teacher, clip)
        yield from self.network_rows('student_init', student, clip)
        load_weights(student, self.folder / STUDENT, 'student')
        yield from self.network_rows('student', student, clip)
        for gates in meta.get('gates', []):
            recorded = {**meta['losses'][gates], 'grad_norm': meta['grad_norm'][gates]}
            yield from self.mixed_rows(f'mix{gates}', recorded, distiller.train(), clip, gates)
        for epochs, probs in meta.get('schedule', {}).items():
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
            found, _ = networks.walk(tracker, networks.embedded(tracker, clip))
            removed = [compared('', found.pop(name), self[f'{case}.{name}'])
                       for name in [f'removed{k}' for k in range(len(meta['ce_loc']))]]
            yield from self.rows(case, found)
            yield differing(f'{case} removed tokens', sum(row.error for row in removed), 'tokens')
        if rates := meta.get('keep_rate_per_epoch'):
            ours = [scheduled_keep_ratio(e, meta['ce_keep_ratio'][0]) for e in range(len(rates))]
            yield relative('keep ratio schedule', ours, rates)

    def verify_crops(self) -> Iterator[Row]:
        """Crops, bit for bit, and the target's box in them."""
        frames = self.frames('crossing', pictures=True)
        if frames is None:
            yield self.without_frames('crops', 'crossing', 0.)
            return
        for i, entry in enumerate(self.meta['crops']):
            box, size = entry['crop_box_xywh'], entry['size']
            row, scale = crop_row(
                f'crop {i}', frames / entry['frame'], box, entry['factor'], self[f'crop{i}'])
            yield row
            yield relative(f'crop {i} scale', scale, entry['resize_factor'])
            target = geometry.box_to_crop(entry['gt_xywh'], box, scale, size)
            yield relative(f'crop {i} target', target, entry['gt_in_crop_xywh'])


class VitTrackComparison(Comparison):
    files = VITTRACK,
    pixel_tolerance = 0.1  # recorded by ONNX Runtime
    scores = False  # those of OpenCV

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
