"""Replacement training: student and teacher stages, randomly swapped (CompressTracker)."""
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from math import isclose
from pathlib import Path

import numpy as np
import torch
from mmengine.dist import get_rank
from mmtrack.models.sot.base import BaseSingleObjectTracker
from mmtrack.registry import MODELS
from torch import Tensor, nn

from ...checkpoint import load_weights
from ...utils.checks import check_number
from ..backbones.stage_division import divide
from ..initialise import children, copy_what_fits
from ..layers.tokens import Tokens, run_layers
from ..losses.box_loss import mean_iou
from ..structures import Clip, Prediction
from ..training import check_statistics, freeze, keep_statistics, summed
from .connector import Connector, middle_share

AT_LEAST_ONE, EXACTLY_ONE = 'at_least_one', 'exactly_one'


def draw_gates(num_stages: int, prob: float, rng: np.random.Generator,
               low_prob: str = AT_LEAST_ONE) -> list[bool]:
    """Which stages are the student's in this iteration (CompressTracker, section 3.3), each with
    probability ``prob`` in (0, 1]. ``low_prob`` says what p < 0.5 means: 'at_least_one', as for any
    p, or 'exactly_one', as in the published code."""
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
    Prediction runs only the student: the teacher is built when training starts, never earlier,
    and is no part of the checkpoints.

    Both are trackers of one kind (``OneStreamTracker``). The student's backbone, a
    ``StageDivision``, may be of another width, and see its own crops: see ``Connector``.

    Args:
        teacher: config of the teacher; its backbone's ``embed_dims`` must be there if it is not
            the student's.
        student: config of the student, such as an ``OSTrack`` with a ``StageDividedViT``.
        teacher_checkpoint: file with the teacher's weights, released or converted.
        guidance_loss, mimic_loss: configs, None for none.
        extra_losses: configs of more losses, which are called with the same as these two, by name,
            see :meth:`frame_losses`.
        replace_prob: p in (0, 1], the probability that a stage is the student's; 1 trains only
            the student. ``ReplacementScheduleHook`` changes it from epoch to epoch.
        low_prob: see :func:`draw_gates`.
        head_init: the student's head starts from the 'teacher', if that fits, or 'random'.
        frozen: parts of the student that stay as they are initialised, weights and statistics,
            such as 'head' or 'backbone.patch_embed'.
        teacher_bf16: run the teacher's own pass in bfloat16.
        shared_gates: all processes draw the same gates, instead of each its own. A step takes as
            long as its slowest process, the one with most of the teacher's stages.
        seed: key of the gates, with the iteration and the process.
    """

    def __init__(self, teacher: dict, student: dict, teacher_checkpoint: str | None = None,
                 guidance_loss: dict | None = None, mimic_loss: dict | None = None,
                 extra_losses: Sequence[dict] = (), replace_prob: float = 0.5,
                 low_prob: str = AT_LEAST_ONE, head_init: str = 'teacher',
                 frozen: Sequence[str] = (), teacher_bf16: bool = False,
                 shared_gates: bool = False, seed: int = 0,
                 data_preprocessor: dict | None = None, init_cfg: dict | None = None) -> None:
        preprocessor = data_preprocessor or dict(type='PairDataPreprocessor')
        super().__init__(MODELS.build(preprocessor), init_cfg)
        for name, value, known in (('head_init', head_init, ('teacher', 'random')),
                                   ('low_prob', low_prob, (AT_LEAST_ONE, EXACTLY_ONE))):
            if value not in known:
                raise ValueError(f'{name}={value!r} is not one of {known}')
        self.student = MODELS.build(student)
        self._check_normalised('student', self.student)
        backbone = self.student.backbone
        # Testing needs no teacher, not even its config.
        teacher_dims = (teacher or {}).get('backbone', {}).get('embed_dims', backbone.embed_dims)
        self.bridge = Connector(backbone.embed_dims, teacher_dims, len(backbone.division))
        self.guidance_loss = guidance_loss and MODELS.build(guidance_loss)
        self.mimic_loss = mimic_loss and MODELS.build(mimic_loss)
        self.extra_losses = nn.ModuleList(map(MODELS.build, extra_losses))
        self.set_replace_prob(replace_prob)
        check_number('seed', seed, '[0, inf)', whole=True)
        self.low_prob, self.seed, self.shared_gates = low_prob, seed, shared_gates
        self.head_init, self.teacher_bf16 = head_init, teacher_bf16
        self.frozen = freeze(self.student, frozen)
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
        """Build, load and freeze the teacher; start the student from it in a new run."""
        # Happens within an iteration, a resumed one too, whose own draws it must not change.
        with torch.random.fork_rng(devices=[]):
            teacher = MODELS.build(self._teacher_cfg)
        self._check_normalised('teacher', teacher)
        student = self.student.backbone
        divide(len(teacher.backbone.layers), student.division)
        share = middle_share(self.student, teacher)
        self.bridge.connect(student, teacher.backbone, share)
        checkpoint = self._teacher_checkpoint
        if checkpoint is None or not Path(checkpoint).exists():
            raise FileNotFoundError(
                f'there is no teacher checkpoint {checkpoint}; give model.teacher_checkpoint a '
                "file with the teacher's weights (tools/convert_weights.py makes it of a released "
                'one)')
        load_weights(teacher, checkpoint, role='teacher')
        teacher.requires_grad_(False).eval()
        # Beside nn.Module's books: .train(), state_dict(), parameters() and DDP pass it by.
        object.__setattr__(self, 'teacher', teacher.to(self.iteration.device))
        if not self.started:
            student.init_from_teacher(teacher.backbone, middle=share is not None)
            if self.head_init == 'teacher':
                names = children(self.student.head)
                copy_what_fits(self.student.head, teacher.head, dict(zip(names, names)),
                               prefix='head.')
            check_statistics(self.student)
            self.started.fill_(True)

    def _check_normalised(self, role: str, tracker: BaseSingleObjectTracker) -> None:
        """See that crops are normalised as those that a part is used with outside."""
        # Preprocessors of others need not say how.
        own, other = (getattr(model.data_preprocessor, 'normalisation', {})
                      for model in (self, tracker))
        for name in own.keys() & other.keys():
            if not all(map(isclose, own[name], other[name])):  # 57.12/255 is not quite 0.224
                raise ValueError(f'data_preprocessor.{name} of model and model.{role} differ, so '
                                 f'the {role} would be given other values than by itself; make '
                                 'them the same')

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
        keep_statistics(self.frozen)
        return self

    def loss(self, inputs: dict[str, Clip], data_samples: None = None) -> dict[str, Tensor]:
        """Losses of one iteration: tracking, guidance and mimicking of the mixed path.

        Args:
            inputs: ``clip`` and, for a student of another resolution, ``student_clip``.
        """
        if self.teacher is None:
            self.build_teacher()
        gates = self.fixed_gates or self.next_gates()
        self.iteration += 1
        clip = inputs['clip']
        return self.losses(inputs.get('student_clip', clip), clip, gates)

    def next_gates(self) -> list[bool]:
        """The gates of this iteration and process."""
        process = 0 if self.shared_gates else get_rank()
        rng = np.random.default_rng([self.seed, int(self.iteration), process])
        return draw_gates(
            len(self.student.backbone.division), self.replace_prob, rng, self.low_prob)

    def losses(self, clip: Clip, teacher_clip: Clip, gates: Sequence[bool]) -> dict[str, Tensor]:
        """Losses of a clip for a gate pattern, True = student stage, summed over its frames.

        Args:
            clip, teacher_clip: the same frames as each sees them.

        Returns:
            losses, named ``loss…``, and scalars that MMEngine only logs: mean IoU with ground truth
            of the mixed path and, if it runs, of the teacher, and each stage's mimic error.
        """
        if clip.labels is not None:
            raise ValueError('a compression trains on clips that all show the target, but these '
                             "have labels; set sampling=dict(type='mixformer') of the data set")
        return summed(self.frame_losses(clip, teacher_clip, gates), clip.num_frames, self)

    def frame_losses(self, clip: Clip, teacher_clip: Clip,
                     gates: Sequence[bool]) -> Iterator[dict[str, Tensor]]:
        """Losses and scalars of each search frame in order; the teacher and the mixed path each
        hand on a memory of their own.

        Each loss that compares the two gets, by name, ``mixed`` and ``teacher``, predictions;
        ``stages`` and ``teacher_stages``, tokens after each stage, both as the teacher has them in
        what the student sees; and ``gt_boxes`` (B, 4) cx, cy, w, h in [0, 1] of the student's
        search crop. It gives named losses and scalars to log.
        """
        comparing = [loss for loss in (self.guidance_loss, self.mimic_loss, *self.extra_losses)
                     if loss is not None]
        memory = self.student.init_memory(clip.searches)
        teacher_memory = self.teacher.init_memory(teacher_clip.searches)
        for i in range(clip.num_frames):
            stages, mixed = self.mixed_path(clip, i, memory, gates)
            gt_boxes = clip.gt_boxes[:, i]
            losses = self.student.head.loss(mixed, gt_boxes)
            losses['iou_mixed'] = mean_iou(mixed.boxes, gt_boxes)
            if comparing:
                teacher_stages, teacher = self.run_teacher(teacher_clip, i, teacher_memory)
                teacher_memory = teacher.memory
                teacher_stages, teacher = self.bridge.in_view(teacher_stages, teacher)
                losses['iou_teacher'] = mean_iou(teacher.boxes, gt_boxes)
                if comparing != [self.guidance_loss]:  # which does not look at them
                    stages = self.as_teacher(stages, gates)
            for loss in comparing:
                found = loss(mixed=mixed, teacher=teacher, stages=stages,
                             teacher_stages=teacher_stages, gt_boxes=gt_boxes)
                if twice := found.keys() & losses.keys():
                    raise ValueError(f'{type(loss).__name__} gives {", ".join(sorted(twice))}, as '
                                     'another loss of the model does; each needs names of its own')
                losses.update(found)
            memory = mixed.memory
            yield losses

    def mixed_path(self, clip: Clip, frame: int, memory: Tensor,
                   gates: Sequence[bool]) -> tuple[list[Tokens], Prediction]:
        """From the student's embedding to its head, through stages of either; gradients flow
        through the teacher's frozen stages to what lies before them.

        Returns:
            tokens after each stage, as its own side has them, and what the student's head makes of
            the last.
        """
        tokens = self.student.embed(
            clip.templates, clip.template_boxes, clip.searches[:, frame], memory)
        stages, at_student = [], True
        for i, student_runs in enumerate(gates):
            if student_runs and not at_student:
                tokens = self.bridge.as_student(tokens, i)
            elif at_student and not student_runs:
                tokens = self.bridge.as_teacher(tokens, i)
            layers = self.student.backbone.stage(i) if student_runs else self.teacher_stage(i)
            tokens = run_layers(layers, tokens)
            stages.append(tokens)
            at_student = student_runs
        if not at_student:
            tokens = self.bridge.as_student(tokens, len(gates))
        return stages, self.student.forward_head(tokens)

    def as_teacher(self, stages: Sequence[Tokens], gates: Sequence[bool]) -> list[Tokens]:
        """Tokens of the mixed path after each stage, those of student stages as the teacher's."""
        return [self.bridge.as_teacher(tokens, boundary) if student_ran else tokens
                for boundary, (tokens, student_ran) in enumerate(zip(stages, gates), 1)]

    @torch.no_grad()
    def run_teacher(self, clip: Clip, frame: int,
                    memory: Tensor) -> tuple[list[Tokens], Prediction]:
        """The teacher's tokens after each stage, and what it finds."""
        stages = []
        # Not autocast(enabled=...): False would end the autocast of mixed precision training.
        with torch.autocast(self.iteration.device.type, torch.bfloat16) \
                if self.teacher_bf16 else nullcontext():
            tokens = self.teacher.embed(
                clip.templates, clip.template_boxes, clip.searches[:, frame], memory)
            for i in range(len(self.student.backbone.division)):
                tokens = run_layers(self.teacher_stage(i), tokens)
                stages.append(tokens)
            prediction = self.teacher.forward_head(tokens)
            prediction.boxes  # noqa: B018  decoded here, without gradient
            return stages, prediction

    def teacher_stage(self, stage: int) -> list[nn.Module]:
        """Layers of one of the teacher's stages."""
        layers = self.teacher.backbone.layers
        return [layers[i] for i in self.student.backbone.teacher_stages()[stage]]

    # Testing: the student only

    def predict(self, inputs: dict, data_samples: list | None = None) -> Tensor | list:
        return self.student.predict(inputs, data_samples)

    def _forward(self, inputs: dict[str, Clip], data_samples: None = None) -> dict[str, Tensor]:
        return self.student(inputs, mode='tensor')

    def init(self, frame, box) -> None:
        self.student.init(frame, box)

    def track(self, frame):
        return self.student.track(frame)


def accept_plain_student(distiller: ReplacementDistiller, state_dict: dict, prefix: str,
                         *_) -> None:
    """Let a distiller load the checkpoint of an extracted student, too, and go on from it;
    ValueError if it is a tracker of another depth, such as the teacher."""
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
