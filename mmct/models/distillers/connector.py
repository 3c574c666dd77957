"""How tokens cross between a student and a teacher of another width, resolution or view."""
from collections.abc import Sequence
from dataclasses import replace
from math import isclose

import torch
from torch import Tensor, nn

from ..layers import CEBlock
from ..layers.tokens import Grid, Tokens, middle_of, resize_grid
from ..structures import Prediction

ALL_TOKENS = ('a student of other crops needs a teacher that keeps all tokens; leave out '
              'elimination')


class Connector(nn.Module):
    """Takes tokens from the student to the teacher or back, at the boundaries between stages.

    Boundary 0 lies before the first stage, boundary i behind stage i. If the widths differ,
    each boundary has a projection of its own in either direction; if grids do, template and
    search maps are resized bilinearly. None of it belongs to the student.

    If the student's crops are the middle of the teacher's (:func:`middle_share`), tokens cross as
    they are, and what is compared is this part of what the teacher finds.

    The projections start as one orthonormal basis and its transpose, at every boundary the same:
    a transformer adds up its layers' outputs in one space.
    """

    def __init__(self, student_dims: int, teacher_dims: int, num_stages: int) -> None:
        super().__init__()
        self.dims = student_dims, teacher_dims
        basis = None
        if student_dims != teacher_dims:
            basis = nn.init.orthogonal_(torch.empty(teacher_dims, student_dims))
        boundaries = range(num_stages + 1)
        self.to_teacher = nn.ModuleList(_projection(basis) for _ in boundaries)
        # A path begins with the student's embedding, so nothing enters it at boundary 0.
        self.to_student = nn.ModuleList(
            _projection(basis if basis is None else basis.T) for _ in boundaries[1:])
        # By group, which grids tokens get as they cross, and as they are compared in the middle.
        self._student_grids, self._teacher_grids, self._middle_grids = {}, {}, {}
        self.share = None

    def connect(self, student: nn.Module, teacher: nn.Module, share: float | None = None) -> None:
        """Learn the token groups of both backbones; ValueError if they do not have the same, not
        the widths of this connector, or no common middle of whole token maps.

        Args:
            share: see :func:`middle_share`.
        """
        if (student.embed_dims, teacher.embed_dims) != self.dims:
            raise ValueError(f'the teacher has embed_dims={teacher.embed_dims}, its config says '
                             f'{self.dims[1]}; set embed_dims in teacher.backbone')
        ours, theirs = student.groups, teacher.groups
        if list(ours) != list(theirs):
            raise ValueError(f'the student has token groups {list(ours)}, the teacher '
                             f'{list(theirs)}; only students of the same kind can be trained')
        differing = [group for group in ours if ours[group] != theirs[group]]
        self.share = share
        if share is None:
            self._student_grids = {group: ours[group] for group in differing}
            self._teacher_grids = {group: theirs[group] for group in differing}
            return
        self._middle_grids = {group: ours[group] for group in differing}
        patches = [backbone.search_size / backbone.search_grid for backbone in (student, teacher)]
        if patches[0] != patches[1] or any(
                (a - b) % 2 for group in differing for a, b in zip(ours[group], theirs[group])):
            raise ValueError(f'token maps of the student, {ours}, are not the middle of those of '
                             f'the teacher, {theirs}; choose crops that are smaller by an even '
                             'number of patches of the same size, or test_cfg with the factors of '
                             'the teacher')
        if any(isinstance(layer, CEBlock) for layer in teacher.layers):
            raise ValueError(ALL_TOKENS)

    def as_teacher(self, tokens: Tokens, boundary: int) -> Tokens:
        """The student's tokens as the teacher's would be."""
        tokens = resize_groups(tokens, self._teacher_grids)
        return tokens.with_x(self.to_teacher[boundary](tokens.x))

    def as_student(self, tokens: Tokens, boundary: int) -> Tokens:
        """The teacher's tokens as the student's would be; behind a stage, boundary > 0."""
        tokens = resize_groups(tokens, self._student_grids)
        return tokens.with_x(self.to_student[boundary - 1](tokens.x))

    def in_view(self, stages: Sequence[Tokens],
                found: Prediction) -> tuple[Sequence[Tokens], Prediction]:
        """The teacher's tokens and what it finds, of what the student sees: the middle of its maps,
        with values as they are, boxes cx, cy, w, h in units of the student's search crop, and of a
        larger search crop nothing else, such as distributions of edges."""
        if self.share is None:
            return stages, found
        maps, boxes = found.outputs, found.boxes
        if grid := self._middle_grids.get('search'):
            maps = {name: middle_of(value, *grid[-2:]) for name, value in maps.items()
                    if value.dim() == 4}
        boxes = torch.cat([(boxes[:, :2] - 0.5) / self.share + 0.5, boxes[:, 2:] / self.share], 1)
        return ([resize_groups(tokens, self._middle_grids, middle=True) for tokens in stages],
                Prediction(maps, found.memory, lambda _: boxes))


def middle_share(student: nn.Module, teacher: nn.Module) -> float | None:
    """Side of a tracker's search crops over that of another's, if its crops, templates too, are the
    middle of the other's, patch by patch: as much smaller in pixels as in the frame. Else None."""
    shares = []
    for kind in ('template', 'search'):
        share, size = (own / other for own, other in (
            (student.test_cfg[f'{kind}_factor'], teacher.test_cfg[f'{kind}_factor']),
            (getattr(student.backbone, f'{kind}_size'), getattr(teacher.backbone, f'{kind}_size'))))
        if share > 1 or not isclose(share, size):
            return None
        shares.append(share)
    return share if min(shares) < 1 else None


def resize_groups(tokens: Tokens, grids: dict[str, Grid], middle: bool = False) -> Tokens:
    """Tokens with some groups resized to other grids, see :func:`resize_grid`."""
    if not grids:
        return tokens
    if tokens.kept is not None:
        raise ValueError(ALL_TOKENS)
    parts, groups = [], {}
    for group, grid in tokens.groups.items():
        part = tokens.group(group)
        groups[group] = grid
        if group in grids:
            # As many maps as there are, such as templates.
            groups[group] = (*grid[:-2], *grids[group][-2:])
            part = resize_grid(part, grid, groups[group], middle)
        parts.append(part)
    return replace(tokens, x=torch.cat(parts, dim=1), groups=groups)


def _projection(weight: Tensor | None) -> nn.Module:
    if weight is None:
        return nn.Identity()
    layer = nn.Linear(weight.size(1), weight.size(0))
    with torch.no_grad():
        layer.weight.copy_(weight)
        layer.bias.zero_()
    return layer
