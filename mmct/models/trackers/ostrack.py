"""OSTrack inside MMTracking: crop, forward, window, map back."""
import logging
import time
from dataclasses import asdict
from typing import NamedTuple

import torch
from mmdet.structures.bbox import bbox_cxcywh_to_xyxy, bbox_xyxy_to_cxcywh
from mmengine.logging import print_log
from mmengine.structures import InstanceData
from mmtrack.models.sot.base import BaseSingleObjectTracker
from mmtrack.registry import MODELS
from torch import Tensor

from ...runtime import Tracker
from ...runtime.network import NetworkInfo
from ...utils.checks import check_number
from ..batch_norm import check_statistics
from ..layers import Tokens
from ..torch_network import TorchNetwork

TEST_CFG = dict(template_factor=2., search_factor=4., margin=10)


class PairBatch(NamedTuple):
    """A training batch as the network takes it.

    template (B, 3, Sz, Sz) and search (B, 3, Sx, Sx) normalised RGB; template_boxes (B, 4)
    x, y, w, h in pixels of the template crop; gt_boxes (B, 4) cx, cy, w, h in [0, 1] of the
    search crop.
    """
    template: Tensor
    search: Tensor
    template_boxes: Tensor
    gt_boxes: Tensor


@MODELS.register_module()
class OSTrack(BaseSingleObjectTracker):
    """A one-stream tracker: backbone and head, and the tracking loop around them.

    Args:
        backbone: config of a stageable backbone.
        head: config of a head.
        data_preprocessor: config of the preprocessor of training pairs; also gives the mean and
            standard deviation of the crops at test.
        test_cfg: ``template_factor`` and ``search_factor``, side of a crop over sqrt(w · h) of
            the box; ``margin``, pixels of a box that stay inside the frame.
    """

    def __init__(self,
                 backbone: dict,
                 head: dict,
                 data_preprocessor: dict | None = None,
                 train_cfg: dict | None = None,
                 test_cfg: dict | None = None,
                 init_cfg: dict | None = None) -> None:
        preprocessor = data_preprocessor or dict(type='PairDataPreprocessor')
        super().__init__(MODELS.build(preprocessor), init_cfg)
        self.backbone = MODELS.build(backbone)
        self.head = MODELS.build(head)
        width = getattr(self.head, 'in_channels', self.backbone.embed_dims)
        if width != self.backbone.embed_dims:
            raise ValueError(f'head.in_channels={width} must be the same as backbone.embed_dims='
                             f'{self.backbone.embed_dims}')
        self.train_cfg = train_cfg
        self.test_cfg = {**TEST_CFG, **(test_cfg or {})}
        for name, interval in (('template_factor', '(0, 100]'), ('search_factor', '(0, 100]'),
                               ('margin', '(0, inf)')):
            check_number(f'test_cfg.{name}', self.test_cfg[name], interval)
        self._failed = None
        self._tracking = Tracker(TorchNetwork(self))

    # Training

    def train(self, mode: bool = True) -> 'OSTrack':
        """Raises:
            ValueError: a batch norm is unfit for training, see :func:`check_statistics`.
        """
        if mode:
            check_statistics(self)
        return super().train(mode)

    @staticmethod
    def unpack(inputs: dict, data_samples: list, view: str = '') -> PairBatch:
        """MMTracking's training batch: ``inputs['img']`` (B, 1, 3, Sz, Sz), ``'search_img'``
        (B, 1, 3, Sx, Sx), boxes xyxy in pixels of these.

        Args:
            view: 'student_' for crops of the same boxes at another size, ``'student_img'`` and
                ``'student_search_img'``.
        """
        template, search = inputs[f'{view}img'][:, 0], inputs[f'{view}search_img'][:, 0]
        boxes = torch.cat([s.search_gt_instances.bboxes for s in data_samples]).to(search)
        template_boxes = torch.cat([s.gt_instances.bboxes for s in data_samples]).to(search)
        template_boxes = torch.cat(
            [template_boxes[:, :2], template_boxes[:, 2:] - template_boxes[:, :2]], dim=1)
        template_boxes = template_boxes * (template.size(-1) / inputs['img'].size(-1))
        gt_boxes = bbox_xyxy_to_cxcywh(boxes) / inputs['search_img'].size(-1)
        return PairBatch(template, search, template_boxes, gt_boxes)

    def embed(self, batch: PairBatch) -> Tokens:
        """Tokens of a batch before the first layer."""
        return self.backbone.embed(batch.template, batch.search, batch.template_boxes)

    def read_out(self, tokens: Tokens):
        """The head's maps of the tokens behind the last layer."""
        return self.head(self.backbone.search_map(self.backbone.finalize(tokens)))

    def loss(self, inputs: dict, data_samples: list, **kwargs) -> dict:
        """Tracking losses of a batch of pairs."""
        batch = self.unpack(inputs, data_samples)
        maps = self.head(self.backbone(*batch[:3]))
        return self.head.loss(maps, batch.gt_boxes)

    def _forward(self, inputs: dict, data_samples=None, **kwargs):
        """The head's maps of a batch of pairs; ``data_samples`` are needed by GT_BOX alone."""
        boxes = self.unpack(inputs, data_samples).template_boxes if data_samples else None
        return self.head(self.backbone(inputs['img'][:, 0], inputs['search_img'][:, 0], boxes))

    # Testing

    def predict(self, inputs: dict, data_samples: list, **kwargs) -> list:
        """Boxes, for one frame of a sequence or for a batch of training-like pairs.

        Returns:
            the data samples with ``pred_track_instances``: ``bboxes`` (1, 4) xyxy in pixels of the
            frame (of the search crop for pairs) and ``scores`` (1,).
        """
        if 'search_img' in inputs:
            return self._predict_pairs(inputs, data_samples)
        if self.test_cfg.get('test_mode', 'OPE') != 'OPE':
            raise ValueError(f'test_mode={self.test_cfg["test_mode"]!r}: OSTrack runs OPE alone')
        sample = data_samples[0]
        self._seconds = 0.
        box, score = self._step(inputs['img'], sample)
        x, y, w, h = box
        pred = InstanceData()
        # float64, because the box lines of result files are compared to a hundredth of a pixel
        pred.bboxes = torch.tensor([[x, y, x + w, y + h]], dtype=torch.float64)
        pred.scores = torch.tensor([score])
        sample.pred_track_instances = pred
        sample.set_metainfo(dict(failure=self._failed, seconds=self._seconds))
        return [sample]

    def _step(self, frames: Tensor, sample) -> tuple[list[float], float]:
        """One frame of a sequence; a sequence that fails once is not tracked any further."""
        frame_id = sample.metainfo.get('frame_id', -1)
        if frame_id == 0:
            self._failed = None
        try:
            if sample.metainfo.get('load_error'):
                raise ValueError(sample.metainfo['load_error'])
            if self._failed is None:
                frame = frames[0, 0].permute(1, 2, 0).to(torch.uint8).cpu().numpy()
                start = time.perf_counter()
                if frame_id == 0:
                    x1, y1, x2, y2 = sample.gt_instances.bboxes.reshape(-1).tolist()
                    self.init(frame, (x1, y1, x2 - x1, y2 - y1))
                    found = self._tracking.box, -1.
                else:
                    found = self.track(frame)
                self._seconds = time.perf_counter() - start
                return found
        except ValueError as error:
            if self._failed is None:
                self._failed = f'frame {frame_id}: {error}'
                name = sample.metainfo.get('img_path', '')
                print_log(f'sequence failed at {name}: {error}', 'current', logging.ERROR)
        return [0., 0., 0., 0.], 0.

    def track_by(self, network) -> None:
        """Track by another network than the own one, such as an exported file
        (:func:`mmct.runtime.open_network`).

        Raises:
            ValueError: it is of another shape.
        """
        own, other = (asdict(info) for info in (self.info, network.info))
        differing = {key: (other[key], own[key]) for key in own
                     if own[key] != other[key] and key not in ('precision', 'mean', 'std')}
        if differing:
            raise ValueError('the file is not of the tracker of this config; (file, config) '
                             f'differ in {differing}')
        self._tracking = Tracker(network)

    def init(self, frame, box) -> None:
        """Take the target in the first frame, see :class:`mmct.runtime.Tracker`."""
        self._tracking.init(frame, box)

    def track(self, frame) -> tuple[list[float], float]:
        """Follow the target into the next frame, see :class:`mmct.runtime.Tracker`."""
        return self._tracking.update(frame)

    @property
    def info(self) -> NetworkInfo:
        """What the tracking loop needs to know of this network."""
        backbone, preprocessor = self.backbone, self.data_preprocessor
        mean, std = ((values.flatten() / 255).tolist()
                     for values in (preprocessor.mean, preprocessor.std))
        return NetworkInfo(
            template_size=backbone.template_size, search_size=backbone.search_size,
            template_factor=self.test_cfg['template_factor'],
            search_factor=self.test_cfg['search_factor'], margin=self.test_cfg['margin'],
            grid=backbone.search_grid, head=self.head.kind, mean=tuple(mean), std=tuple(std))

    def _predict_pairs(self, inputs: dict, data_samples: list) -> list:
        maps = self._forward(inputs, data_samples)
        boxes = bbox_cxcywh_to_xyxy(self.head.decode(maps)) * self.backbone.search_size
        for sample, box in zip(data_samples, boxes):
            sample.pred_track_instances = InstanceData(bboxes=box[None])
        return data_samples
