"""What all one-stream trackers have in common, inside MMTracking."""
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace

import torch
from mmengine.logging import print_log
from mmengine.structures import InstanceData
from mmtrack.models.sot.base import BaseSingleObjectTracker
from mmtrack.registry import MODELS
from mmtrack.structures import TrackDataSample
from torch import Tensor

from ...checkpoint.names import Names
from ...runtime.network import Network, NetworkInfo
from ...runtime.templates import make_policy
from ...runtime.tracker import Tracker, update_many
from ...utils.checks import check_number
from ..layers.tokens import Tokens, run_layers
from ..structures import Clip, Prediction
from ..torch_network import TorchNetwork
from ..training import check_statistics, freeze, keep_statistics, summed

TEST_CFG = dict(template_factor=2., search_factor=4., margin=10, shrink=0., exact_crops=False)


class OneStreamTracker(BaseSingleObjectTracker):
    """A backbone, a head, and four answers that a tracker gives: :meth:`embed` and
    :meth:`forward_head` for code that runs the layers itself, :meth:`encode` and :meth:`step` for
    tracking. Trackers differ in their backbones, which join encoded templates with a search crop
    and the memory, and in the attributes below.

    Args:
        backbone: config of a stageable backbone.
        head: config of a head.
        data_preprocessor: config of the preprocessor; its mean and standard deviation count at
            test, too.
        test_cfg: ``template_factor`` and ``search_factor``, side of a crop over sqrt(w · h) of
            the box; ``margin``, pixels of a box that stay inside the frame; ``shrink``, pixels that
            a found box loses in width and in height, see :func:`runtime.geometry.shrink_box`;
            ``exact_crops``, for crops that have the same bits on every processor;
            ``templates``, config of a policy in place of ``template_policy``.
        frozen: parts that stay as they are, weights and statistics, such as 'backbone'.

    Attributes:
        memory_tokens: M, tokens that a frame hands on to the next; 0 for trackers without.
        template_policy: which templates a frame is searched with, see ``runtime.templates``.
        score, stretched_boxes: see :class:`mmct.runtime.network.NetworkInfo`.
        names: what released files call the weights.
    """
    names = Names()
    memory_tokens = 0
    template_policy: dict = dict(type='Fixed')
    score, stretched_boxes = 'chosen', False

    def __init__(self, backbone: dict, head: dict, data_preprocessor: dict | None = None,
                 train_cfg: dict | None = None, test_cfg: dict | None = None,
                 frozen: Sequence[str] = (), init_cfg: dict | None = None) -> None:
        preprocessor = data_preprocessor or dict(type='PairDataPreprocessor')
        super().__init__(MODELS.build(preprocessor), init_cfg)
        self.backbone = MODELS.build(backbone)
        self.head = MODELS.build(head)
        width = getattr(self.head, 'in_channels', self.backbone.embed_dims)
        if width != self.backbone.embed_dims:
            raise ValueError(f'head.in_channels={width} must be the same as backbone.embed_dims='
                             f'{self.backbone.embed_dims}')
        self.train_cfg = train_cfg
        self.test_cfg = {**TEST_CFG, 'templates': self.template_policy, **(test_cfg or {})}
        if unknown := self.test_cfg.keys() - {*TEST_CFG, 'templates', 'test_mode'}:
            raise ValueError(f'test_cfg has {", ".join(sorted(unknown))}, which nothing reads; '
                             f'expected {", ".join(TEST_CFG)} or templates')
        for name, interval in (('template_factor', '(0, 100]'), ('search_factor', '(0, 100]'),
                               ('margin', '(0, inf)'), ('shrink', '[0, inf)')):
            check_number(f'test_cfg.{name}', self.test_cfg[name], interval)
        if not isinstance(self.test_cfg['exact_crops'], bool):
            raise ValueError(f'test_cfg.exact_crops={self.test_cfg["exact_crops"]!r} must be True '
                             'or False')
        make_policy(self.test_cfg['templates'])
        self.frozen = freeze(self, frozen)
        # Who follows what init takes, by the network of all; and by their numbers the sequences of
        # a test, or why one is not followed any more.
        self._tracking, self._sequences = None, {}

    # The four answers

    def embed(self, templates: Tensor, template_boxes: Tensor | None, search: Tensor,
              memory: Tensor) -> Tokens:
        """Tokens of a frame before the first layer.

        Args:
            templates: (B, T, 3, Sz, Sz) normalised RGB.
            template_boxes: (B, T, 4) x, y, w, h in pixels of the template crops, or None.
            search: (B, 3, Sx, Sx) normalised RGB.
            memory: (B, M, C) of the frame before.
        """
        embedded = self.backbone.embed_templates(templates, template_boxes)
        # Also if only a teacher, whose stages may follow, ranks by the box.
        return replace(self.backbone.join(embedded, search, memory), template_boxes=template_boxes)

    def forward_head(self, tokens: Tokens) -> Prediction:
        """What the head makes of the tokens behind the last layer."""
        outputs = self.head(self.backbone.finalize(tokens))
        return Prediction(outputs, self.init_memory(tokens.x), self.head.decode)

    def encode(self, templates: Tensor, template_boxes: Tensor | None) -> dict[str, Tensor]:
        """What depends on templates only, once a target or update; arguments as of
        :meth:`embed`, tensors by name."""
        return self.backbone.encode(templates, template_boxes)

    def step(self, encoded: dict[str, Tensor], search: Tensor, memory: Tensor) -> Prediction:
        """A frame of targets that were encoded before."""
        tokens = self.backbone.join(encoded, search, memory)
        return self.forward_head(run_layers(self.backbone.layers, tokens))

    def forward_frame(self, templates: Tensor, template_boxes: Tensor | None, search: Tensor,
                      memory: Tensor) -> Prediction:
        """A frame with all its tokens through all layers; arguments as of :meth:`embed`."""
        tokens = self.embed(templates, template_boxes, search, memory)
        return self.forward_head(run_layers(self.backbone.layers, tokens))

    def outputs_of(self, templates: Tensor, search: Tensor) -> dict[str, Tensor]:
        """What the head gives for first frames; templates (B, T, 3, Sz, Sz) and search
        (B, 3, Sx, Sx) normalised RGB."""
        return self.step(self.encode(templates, None), search, self.init_memory(search)).outputs

    def init_memory(self, like: Tensor) -> Tensor:
        """Memory (B, M, C) before the first frame, for a batch of the size of ``like``."""
        return like.new_zeros(like.size(0), self.memory_tokens, self.backbone.embed_dims)

    # Training

    def train(self, mode: bool = True) -> 'OneStreamTracker':
        if mode:
            check_statistics(self)
        super().train(mode)
        keep_statistics(self.frozen)
        return self

    def predictions(self, clip: Clip) -> Iterator[Prediction]:
        """Of each search frame of a clip, in order."""
        memory = self.init_memory(clip.searches)
        for search in clip.searches.unbind(1):
            prediction = self.forward_frame(clip.templates, clip.template_boxes, search, memory)
            yield prediction
            memory = prediction.memory

    def loss(self, inputs: dict[str, Clip], data_samples: None = None) -> dict[str, Tensor]:
        """Tracking losses of a batch."""
        return self.losses(inputs['clip'])

    def losses(self, clip: Clip) -> dict[str, Tensor]:
        """Tracking losses of a clip, summed over its search frames."""
        return summed((losses for _, losses in self.frame_losses(clip)), clip.num_frames, self)

    def frame_losses(self, clip: Clip) -> Iterator[tuple[Prediction, dict[str, Tensor]]]:
        """What is found in each search frame of a clip, in order, and its tracking losses."""
        truths = [clip.gt_boxes] if clip.labels is None else [clip.gt_boxes, clip.labels]
        frames = zip(self.predictions(clip), *(truth.unbind(1) for truth in truths))
        for prediction, *truth in frames:
            yield prediction, self.head.loss(prediction, *truth)

    def _forward(self, inputs: dict[str, Clip], data_samples: None = None) -> dict[str, Tensor]:
        """What the head gives for the last search frame of a batch."""
        *_, prediction = self.predictions(inputs['clip'])
        return prediction.outputs

    # Testing

    def predict(self, inputs: dict, data_samples: list | None = None) -> Tensor | list:
        """Of a clip, boxes (B, S, 4) cx, cy, w, h in [0, 1] of each search crop; of the next frames
        of sequences, their data samples with ``pred_track_instances``: ``bboxes`` (1, 4) xyxy in
        pixels of the frame and ``scores`` (1,)."""
        if 'clip' in inputs:
            frames = self.predictions(inputs['clip'])
            return torch.stack([prediction.boxes for prediction in frames], dim=1)
        if self.test_cfg.get('test_mode', 'OPE') != 'OPE':
            raise ValueError(f'test_mode={self.test_cfg["test_mode"]!r}: '
                             f'{type(self).__name__} runs OPE only')
        start = time.perf_counter()
        found = self._track_samples(inputs['img'], data_samples)
        seconds = (time.perf_counter() - start) / len(data_samples)
        for sample, ((x, y, w, h), score) in zip(data_samples, found):
            sample.pred_track_instances = InstanceData(
                # float64, because the lines of result files are compared to a hundredth of a pixel
                bboxes=torch.tensor([[x, y, x + w, y + h]], dtype=torch.float64),
                scores=torch.tensor([score]))
            followed = self._sequences[number_of(sample)]
            sample.set_metainfo(dict(failure=followed if isinstance(followed, str) else None,
                                     seconds=seconds))
            if sample.frame_id + 1 == sample.metainfo.get('video_length'):
                del self._sequences[number_of(sample)]
        return data_samples

    def _track_samples(self, images: Sequence[Tensor], samples: Sequence[TrackDataSample]
                       ) -> list[tuple[list[float], float]]:
        """Box and score of a frame (1, 3, H, W) of each sequence; one that fails is not tracked any
        further."""
        found, going_on = [([0., 0., 0., 0.], 0.)] * len(samples), []
        for i, (image, sample) in enumerate(zip(images, samples)):
            number = number_of(sample)
            if sample.frame_id == 0 or number not in self._sequences:
                self._sequences[number] = Tracker(self._follower().network)
            followed = self._sequences[number]
            if isinstance(followed, str):
                continue
            with self._failing(sample):
                if sample.metainfo.get('load_error'):
                    raise ValueError(sample.metainfo['load_error'])
                frame = image[0].permute(1, 2, 0).to(torch.uint8).cpu().numpy()
                if sample.frame_id > 0:
                    going_on.append((i, followed, frame))
                    continue
                x1, y1, x2, y2 = sample.gt_instances.bboxes.reshape(-1).tolist()
                followed.init(frame, sample.metainfo.get('first_box') or (x1, y1, x2 - x1, y2 - y1))
                found[i] = followed.box, -1.
        if len(going_on) > 1:
            places, trackers, frames = zip(*going_on)
            with suppress(ValueError):  # all stay: one by one, it is seen whose it is
                for i, result in zip(places, update_many(trackers, frames)):
                    found[i] = result
                return found
        for i, tracker, frame in going_on:
            with self._failing(samples[i]):
                found[i] = tracker.update(frame)
        return found

    @contextmanager
    def _failing(self, sample: TrackDataSample) -> Iterator[None]:
        """With a ValueError, the sequence of a sample ends with a line."""
        try:
            yield
        except ValueError as error:
            self._sequences[number_of(sample)] = f'frame {sample.frame_id}: {error}'
            print_log(f'sequence failed at {sample.metainfo.get("img_path", "")}: {error}',
                      'current', logging.ERROR)

    def track_by(self, network: Network) -> None:
        """Track by another network, such as an exported file; ValueError if it is of another
        shape or kind."""
        differing = network.info.differences(self.info)
        if differing:
            raise ValueError(f'the file is not of the tracker of this config: {differing}')
        self._tracking = Tracker(network)

    def _follower(self) -> Tracker:
        if self._tracking is None:
            self._tracking = Tracker(TorchNetwork(self))
        return self._tracking

    def init(self, frame, box: Sequence[float]) -> None:
        """Take the target in the first frame, see :class:`mmct.runtime.Tracker`."""
        self._follower().init(frame, box)

    def track(self, frame) -> tuple[list[float], float]:
        """Follow the target into the next frame, see :class:`mmct.runtime.Tracker`."""
        if self._tracking is None:
            raise ValueError('a tracker needs init(frame, box) before track(frame)')
        return self._tracking.update(frame)

    @property
    def info(self) -> NetworkInfo:
        """What the tracking loop needs to know of this network."""
        backbone = self.backbone
        return NetworkInfo(
            template_size=backbone.template_size, search_size=backbone.search_size,
            template_factor=self.test_cfg['template_factor'],
            search_factor=self.test_cfg['search_factor'], margin=self.test_cfg['margin'],
            shrink=self.test_cfg['shrink'], exact_crops=self.test_cfg['exact_crops'],
            grid=backbone.search_grid, head=self.head.kind, templates=self.test_cfg['templates'],
            score=self.score, stretched_boxes=self.stretched_boxes,
            memory=(self.memory_tokens, backbone.embed_dims if self.memory_tokens else 0))


def number_of(sample: TrackDataSample) -> int:
    """Of the sequence of a frame; MMTracking's ``inference_sot`` gives its only one none."""
    return sample.metainfo.get('video_id', 0)
