"""Replacement training: student and teacher stages, randomly swapped (CompressTracker)."""
from collections.abc import Sequence
from contextlib import nullcontext

import numpy as np
import torch
from mmengine.dist import get_rank
from mmtrack.models.sot.base import BaseSingleObjectTracker
from mmtrack.registry import MODELS
from torch import nn

from ...checkpoint import load_weights
from ...utils.checks import check_number
from ..backbones import divide
from ..batch_norm import check_statistics
from ..initialise import children, copy_what_fits
from ..layers import Tokens, run_layers
from ..losses import mean_iou
from .bridge import Bridge

AT_LEAST_ONE, EXACTLY_ONE = 'at_least_one', 'exactly_one'


def draw_gates(num_stages: int, prob: float, rng: np.random.Generator,
               low_prob: str = AT_LEAST_ONE) -> list[bool]:
    """Which stages are the student's in this iteration (CompressTracker, section 3.3).

    Args:
        num_stages: number of stages.
        prob: p, probability in (0, 1] that a stage is the student's.
        rng: source of randomness.
        low_prob: what p < 0.5 means: 'at_least_one', as for any p, or 'exactly_one', as in the
            published code.
    """
    if low_prob == EXACTLY_ONE and prob < 0.5:
        gates = np.zeros(num_stages, dtype=bool)
    else:
        gates = rng.random(num_stages) < prob
    if not gates.any():
        gates[rng.integers(num_stages)] = True
    return gates.tolist()


@MODELS.register_module()
class ReplacementDistiller(BaseSingleObjectTracker):
    """Compresses a teacher into a student of fewer layers a stage.

    Training runs the frozen teacher, draws gates, runs the mixed path and adds up the losses.
    Prediction is the student's alone: the teacher is built when training starts, never earlier,
    and is no part of the checkpoints.

    Teacher and student are trackers with a stageable backbone (see ``OneStreamViT``) and

    - ``unpack(inputs, data_samples, view)``: a training batch, with ``gt_boxes``;
    - ``embed(batch)``: its tokens before the first layer;
    - ``read_out(tokens)``: what the head makes of the tokens behind the last layer, with ``score``;
    - ``head.loss(out, gt_boxes)`` and ``head.decode(out)``, boxes (B, 4).

    The student's backbone is also a ``StageDivision``. It may be of another width than the
    teacher's, and see its own crops of the same boxes: ``Bridge`` is between them.

    Args:
        teacher: config of the teacher, such as an ``OSTrack``; its backbone's ``embed_dims`` must
            be there if it is not the student's.
        student: config of the student, such as an ``OSTrack`` with a ``StageDividedViT``.
        teacher_checkpoint: file with the teacher's weights, released or converted.
        guidance_loss: config of the prediction guidance, None for none.
        mimic_loss: config of the stage-wise mimicking, None for none.
        replace_prob: p in (0, 1], the probability that a stage is the student's; 1 trains the
            student alone. ``ReplacementScheduleHook`` changes it from epoch to epoch.
        low_prob: see :func:`draw_gates`.
        head_init: the student's head starts from the 'teacher', where that fits, or 'random'.
        freeze_head: keep the student's head as it is initialised.
        freeze_embedding: keep the student's embedding as the teacher's (its backbone has
            ``freeze_embedding()``). Stages of the teacher before the first of the student's are
            then no other in the mixed path than in the teacher's own pass, and taken from there.
        teacher_bf16: run the teacher's own pass in bfloat16.
        shared_gates: all processes draw the same gates, instead of each its own. A step takes as
            long as its slowest process, the one with most of the teacher's stages.
        seed: key of the gates, with the iteration and the process.
    """

    def __init__(self,
                 teacher: dict,
                 student: dict,
                 teacher_checkpoint: str | None = None,
                 guidance_loss: dict | None = None,
                 mimic_loss: dict | None = None,
                 replace_prob: float = 0.5,
                 low_prob: str = AT_LEAST_ONE,
                 head_init: str = 'teacher',
                 freeze_head: bool = False,
                 freeze_embedding: bool = False,
                 teacher_bf16: bool = False,
                 shared_gates: bool = False,
                 seed: int = 0,
                 data_preprocessor: dict | None = None,
                 init_cfg: dict | None = None) -> None:
        preprocessor = data_preprocessor or dict(type='PairDataPreprocessor')
        super().__init__(MODELS.build(preprocessor), init_cfg)
        for name, value, known in (('head_init', head_init, ('teacher', 'random')),
                                   ('low_prob', low_prob, (AT_LEAST_ONE, EXACTLY_ONE))):
            if value not in known:
                raise ValueError(f'{name}={value!r} is not one of {known}')
        self.student = MODELS.build(student)
        backbone = self.student.backbone
        # Testing needs no teacher, not even its config.
        teacher_dims = (teacher or {}).get('backbone', {}).get('embed_dims', backbone.embed_dims)
        self.bridge = Bridge(backbone.embed_dims, teacher_dims, len(backbone.division))
        self.guidance_loss = guidance_loss and MODELS.build(guidance_loss)
        self.mimic_loss = mimic_loss and MODELS.build(mimic_loss)
        self.set_replace_prob(replace_prob)
        self.low_prob = low_prob
        check_number('seed', seed, '[0, inf)', whole=True)
        self.head_init = head_init
        self.shared_gates = shared_gates
        self.seed = seed
        if freeze_head:
            self.student.head.requires_grad_(False)
        self.freeze_head = freeze_head
        if freeze_embedding:
            backbone.freeze_embedding()
        self.freeze_embedding = freeze_embedding
        self.teacher_bf16 = teacher_bf16
        # Set by a hook that decides the gates itself.
        self.fixed_gates = None
        self._teacher_cfg = teacher
        self._teacher_checkpoint = teacher_checkpoint
        object.__setattr__(self, 'teacher', None)
        # Both are training state: a resumed run must draw the gates of the interrupted one, and
        # must not start the student from the teacher again.
        self.register_buffer('iteration', torch.tensor(0))
        self.register_buffer('started', torch.tensor(False))
        self._register_load_state_dict_pre_hook(accept_plain_student, with_module=True)

    # The teacher

    def build_teacher(self) -> None:
        """Build, load and freeze the teacher; start the student from it in a new run.

        Raises:
            FileNotFoundError, CheckpointError: the teacher's checkpoint is missing or not fitting.
            ValueError: the student's division does not sum to the teacher's depth, or it got batch
                norms that are unfit for training.
        """
        # Happens within an iteration, a resumed one too, whose own draws it must not change.
        with torch.random.fork_rng(devices=[]):
            teacher = MODELS.build(self._teacher_cfg)
        student = self.student.backbone
        divide(len(teacher.backbone.layers), student.division)
        self.bridge.connect(student, teacher.backbone)
        if self._teacher_checkpoint is None:
            raise FileNotFoundError('no teacher_checkpoint given; set model.teacher_checkpoint to '
                                    "the file with the teacher's weights")
        load_weights(teacher, self._teacher_checkpoint, role='teacher')
        teacher.requires_grad_(False).eval()
        # Beside nn.Module's books: .train(), state_dict(), parameters() and DDP pass it by.
        object.__setattr__(self, 'teacher', teacher.to(self.iteration.device))
        if not self.started:
            student.init_from_teacher(teacher.backbone)
            if self.head_init == 'teacher':
                names = children(self.student.head)
                copy_what_fits(self.student.head, teacher.head, dict(zip(names, names)),
                               prefix='head.')
            check_statistics(self.student)
            self.started.fill_(True)
        if self.freeze_embedding:
            self._check_embedding()

    def _check_embedding(self) -> None:
        """Raises:
            ValueError: the frozen embedding is not the teacher's.
        """
        theirs = dict(self.teacher.backbone.named_parameters())
        differing = [name for name, own in self.student.backbone.named_parameters()
                     if not own.requires_grad and not (
                         name in theirs and torch.equal(own, theirs[name]))]
        if differing:
            raise ValueError("freeze_embedding=True needs a student whose embedding is the "
                             f"teacher's; {', '.join(differing)} differ: leave freeze_embedding "
                             'out, or start a new run with a student of the same width and crops')

    def _apply(self, fn, *args, **kwargs) -> nn.Module:
        super()._apply(fn, *args, **kwargs)
        if self.teacher is not None:
            self.teacher._apply(fn, *args, **kwargs)
        return self

    # Training

    def set_replace_prob(self, prob: float) -> None:
        """Set p, the probability in (0, 1] that a stage is the student's."""
        check_number('replace_prob', prob, '(0, 1]')
        self.replace_prob = prob

    def train(self, mode: bool = True) -> nn.Module:
        super().train(mode)
        # Frozen means batch statistics, too.
        if self.freeze_head:
            self.student.head.eval()
        if self.freeze_embedding:
            self.student.backbone.patch_embed.eval()
        return self

    def loss(self, inputs: dict, data_samples: list, **kwargs) -> dict:
        """Losses of one iteration: tracking, guidance and mimicking of the mixed path."""
        if self.teacher is None:
            self.build_teacher()
        gates = self.fixed_gates or self.next_gates()
        self.iteration += 1
        batch = teacher_batch = self.teacher.unpack(inputs, data_samples)
        if 'student_search_img' in inputs:
            batch = self.student.unpack(inputs, data_samples, view='student_')
        return self.losses(batch, gates, teacher_batch)

    def next_gates(self) -> list[bool]:
        """The gates of this iteration and process."""
        process = 0 if self.shared_gates else get_rank()
        rng = np.random.default_rng([self.seed, int(self.iteration), process])
        return draw_gates(
            len(self.student.backbone.division), self.replace_prob, rng, self.low_prob)

    def losses(self, batch, gates: Sequence[bool], teacher_batch=None) -> dict:
        """Losses of a batch for a gate pattern, True = student stage.

        Args:
            batch: as the student sees it.
            teacher_batch: the same pairs as the teacher sees them; None for the same crops.

        Returns:
            losses, named ``loss…``, and scalars that MMEngine logs without adding them up: mean
            IoU with ground truth of the mixed path and, where it runs, of the teacher, and the
            mimic error of each stage.
        """
        known = []
        if self.guidance_loss or self.mimic_loss:
            teacher_stages, teacher_boxes = self.run_teacher(teacher_batch or batch)
            if self.freeze_embedding:
                known = teacher_stages[:gates.index(True)]
        stages, out = self.mixed_path(batch, gates, known)
        losses = self.student.head.loss(out, batch.gt_boxes)
        boxes = self.student.head.decode(out)
        losses['iou_mixed'] = mean_iou(boxes, batch.gt_boxes)
        if self.guidance_loss or self.mimic_loss:
            losses['iou_teacher'] = mean_iou(teacher_boxes, batch.gt_boxes)
        if self.guidance_loss:
            losses.update(self.guidance_loss(out.score, boxes, teacher_boxes))
        if self.mimic_loss:
            stages = [self.bridge(tokens, i, from_student=gate, to_student=False)
                      for i, (tokens, gate) in enumerate(zip(stages, gates), 1)]
            losses.update(self.mimic_loss(stages, teacher_stages))
        return losses

    def mixed_path(self, batch, gates: Sequence[bool], known: Sequence[Tokens] = ()):
        """From the student's embedding to its head, through stages of either.

        Gradients flow through the teacher's frozen stages to what lies before them.

        Args:
            known: tokens after each of the first stages, all of them the teacher's, to go on from.

        Returns:
            tokens after each stage, each as its own side has them, and what the student's head
            makes of the last.
        """
        stages, at_student = list(known), not known
        tokens = stages[-1] if known else self.student.embed(batch)
        for i, gate in enumerate(gates[len(known):], len(known)):
            tokens = self.bridge(tokens, i, at_student, gate)
            tokens = run_layers(self.student_stage(i) if gate else self.teacher_stage(i), tokens)
            stages.append(tokens)
            at_student = gate
        tokens = self.bridge(tokens, len(gates), at_student, to_student=True)
        return stages, self.student.read_out(tokens)

    @torch.no_grad()
    def run_teacher(self, batch):
        """The teacher's tokens after each stage, and its boxes (B, 4) cx, cy, w, h in [0, 1]."""
        stages = []
        # Not autocast(enabled=...): False would end the autocast of mixed precision training.
        with torch.autocast(self.iteration.device.type, torch.bfloat16) \
                if self.teacher_bf16 else nullcontext():
            tokens = self.teacher.embed(batch)
            for i in range(len(self.student.backbone.division)):
                tokens = run_layers(self.teacher_stage(i), tokens)
                stages.append(tokens)
            return stages, self.teacher.head.decode(self.teacher.read_out(tokens))

    def student_stage(self, stage: int) -> Sequence[nn.Module]:
        """Layers of one of the student's stages."""
        return self.student.backbone.stage(stage)

    def teacher_stage(self, stage: int) -> list[nn.Module]:
        """Layers of one of the teacher's stages."""
        layers = self.teacher.backbone.layers
        return [layers[i] for i in self.student.backbone.teacher_stages()[stage]]

    # Testing: the student alone

    def predict(self, inputs: dict, data_samples: list, **kwargs) -> list:
        return self.student.predict(inputs, data_samples, **kwargs)

    def _forward(self, inputs: dict, data_samples=None, **kwargs):
        return self.student(inputs, data_samples, mode='tensor')

    def init(self, frame, box) -> None:
        self.student.init(frame, box)

    def track(self, frame):
        return self.student.track(frame)


def accept_plain_student(distiller: ReplacementDistiller, state_dict: dict, prefix: str,
                         *_) -> None:
    """Let a distiller load the checkpoint of an extracted student, too, and go on from it.

    Raises:
        ValueError: it is a tracker of another depth, such as the teacher.
    """
    if any(key.startswith(f'{prefix}student.') for key in state_dict):
        return
    layers = len({key.split('.')[2] for key in state_dict if key.startswith('backbone.layers.')})
    expected = len(distiller.student.backbone.layers)
    if layers not in (0, expected):
        raise ValueError(f'the checkpoint has {layers} layers, the student {expected}; a teacher '
                         'is given as model.teacher_checkpoint, not as load_from')
    for key in list(state_dict):
        if key.startswith((f'{prefix}backbone.', f'{prefix}head.')):
            state_dict[f'{prefix}student.{key[len(prefix):]}'] = state_dict.pop(key)
            state_dict.setdefault(f'{prefix}started', torch.tensor(True))
            state_dict.setdefault(f'{prefix}iteration', torch.tensor(0))
