"""How tokens cross between a student and a teacher of another width or resolution."""
from dataclasses import replace

import torch
from torch import Tensor, nn

from ..layers.tokens import Grid, Tokens, resize_grid


class Connector(nn.Module):
    """Takes tokens from the student to the teacher or back, at the boundaries between stages.

    Boundary 0 lies before the first stage, boundary i behind stage i. If the widths differ,
    each boundary has a projection of its own in either direction; if grids do, template and
    search maps are resized bilinearly. None of it belongs to the student.

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
        self._student_grids, self._teacher_grids = {}, {}

    def connect(self, student: nn.Module, teacher: nn.Module) -> None:
        """Learn the token groups of both backbones; ValueError if they do not have the same, or not
        the widths of this connector."""
        if (student.embed_dims, teacher.embed_dims) != self.dims:
            raise ValueError(f'the teacher has embed_dims={teacher.embed_dims}, its config says '
                             f'{self.dims[1]}; set embed_dims in teacher.backbone')
        ours, theirs = student.groups, teacher.groups
        if list(ours) != list(theirs):
            raise ValueError(f'the student has token groups {list(ours)}, the teacher '
                             f'{list(theirs)}; only students of the same kind can be trained')
        differing = [group for group in ours if ours[group] != theirs[group]]
        self._student_grids = {group: ours[group] for group in differing}
        self._teacher_grids = {group: theirs[group] for group in differing}

    def as_teacher(self, tokens: Tokens, boundary: int) -> Tokens:
        """The student's tokens as the teacher's would be."""
        tokens = resize_groups(tokens, self._teacher_grids)
        return tokens.with_x(self.to_teacher[boundary](tokens.x))

    def as_student(self, tokens: Tokens, boundary: int) -> Tokens:
        """The teacher's tokens as the student's would be; behind a stage, boundary > 0."""
        tokens = resize_groups(tokens, self._student_grids)
        return tokens.with_x(self.to_student[boundary - 1](tokens.x))


def resize_groups(tokens: Tokens, grids: dict[str, Grid]) -> Tokens:
    """Tokens with some groups resized to other grids, see :func:`resize_grid`."""
    if not grids:
        return tokens
    if tokens.kept is not None:
        raise ValueError('a student of another resolution needs a teacher that keeps all tokens; '
                         'leave out elimination')
    parts, groups = [], {}
    for group, grid in tokens.groups.items():
        part = tokens.group(group)
        groups[group] = grid
        if group in grids:
            # As many maps as there are, such as templates.
            groups[group] = (*grid[:-2], *grids[group][-2:])
            part = resize_grid(part, grid, groups[group])
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
