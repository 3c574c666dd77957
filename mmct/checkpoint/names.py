"""Names of weights in the files of others, and mmct's.

Beside each tracker, in ``models/trackers/*_names.py``, lies a table of them, a :class:`Layout` for
each kind of file. Here is what reads these tables, in both directions.
"""
import re
from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from itertools import product
from string import Formatter
from typing import NamedTuple

import torch
from torch import Tensor

from .errors import CheckpointError

State = dict[str, Tensor]
Sizes = tuple[int, int]  # sides of template and search crop in pixels
OWN_LAYERS = 'backbone.layers.'  # every backbone of mmct has them, under this name


class Layout(NamedTuple):
    """What a kind of file calls the weights of a network.

    A rule stands for many names: ``'blocks.{i}.{kind}'`` for those with each value of ``kind`` in
    ``fields``, and, since ``i`` is not in there, with each number from 0 to the largest in a file.
    """
    title: str  # what such a file holds, in words
    sign: str  # beginning of a key by which such a file is known
    # {name in the file: mmct's}; or what gives it, from keys and whether they are mmct's, where
    # numbers in names depend on what else there is.
    rules: Mapping[str, str] | Callable[[Iterable[str], bool], Mapping[str, str]]
    # Values of the fields of the rules, {in the file: mmct's} or alike in both.
    fields: Mapping[str, Mapping[str, str] | tuple[str, ...]]
    ignored: Mapping[str, str] = {}  # {key, * stands for any text: why it is left out}
    own: bool = False  # the names are mmct's own
    student: bool | None = False  # the network is a compressed one; None where files do not tell
    # From a file's weights, crop sizes and the file's name (for errors) to weights under mmct's
    # names that are not in the file as they are.
    compute: Callable[[State, Sizes, str], State] = lambda state, sizes, source: {}
    needs: tuple[str, ...] = ()  # names in the file of the weights that it takes
    computed: tuple[str, ...] = ()  # names of its results that a file to be written must not lack
    # Beginning of keys of which mmct keeps nothing, or only what is computed. A file that is
    # written takes them from another.
    borrowed: str = ''
    # The tracker that it is to start, if it is not a whole one and has to be converted before use.
    pretrained: str = ''
    # From weights under the file's names to those that its readers ask for besides.
    complete: Callable[[State], State] = lambda state: {}
    unreleased: Mapping[str, str] = {}  # {beginning of a key that no other layout has: of what}
    sizes: Mapping[str, tuple[str, int]] = {}  # {what a config says: (mmct's key, axis of it)}
    counts: Mapping[str, str] = {}  # {likewise: beginning of mmct's keys; its field i is counted}

    def table(self, keys: Iterable[str], ours: bool = False) -> dict[str, str]:
        """{name in the file: mmct's} of the whole network of which ``keys`` are some, as in the
        file or mmct's (``ours``)."""
        names = {}
        rules = self.rules(keys, ours) if callable(self.rules) else self.rules
        for theirs, own in rules.items():
            fields = [name for _, name, _, _ in Formatter().parse(theirs) if name]
            choices = [self.fields.get(name) or
                       [str(i) for i in range(count(keys, own if ours else theirs, name))]
                       for name in fields]
            for values in product(*choices):
                old = dict(zip(fields, values))
                new = {name: self.fields[name][value] if isinstance(self.fields.get(name), Mapping)
                       else value for name, value in old.items()}
                names[theirs.format(**old)] = own.format(**new)
        return names

    def faults(self, state: Iterable[str], ours: bool = False) -> tuple[list[str], list[str]]:
        """Keys of a file (or mmct's) that are in no rule, and those that a whole network has
        besides."""
        table = self.table(state, ours)
        known = dict.fromkeys(
            [*table.values(), *self.computed] if ours else [*table, *self.needs])
        ignored = () if ours else self.ignored
        return ([key for key in state if key not in known
                 and not any(fnmatchcase(key, pattern) for pattern in ignored)],
                [key for key in known if key not in state])

    def distance(self, state: Iterable[str], ours: bool = False) -> list[int]:
        """How far from a whole network of this layout keys are; the first number counts first."""
        return [len(keys) for keys in self.faults(state, ours)]


def count(keys: Iterable[str], rule: str, field: str = 'i', least: int = 1) -> int:
    """How many numbers a field has in ``keys``: at least 1, so that what is missing is named."""
    before = rule.partition(f'{{{field}}}')[0]
    pattern = ''.join(re.escape(text) + ('[^.]+' if name else '')
                      for text, name, _, _ in Formatter().parse(before))
    found = (re.match(rf'{pattern}(\d{{1,3}})(\.|$)', key) for key in keys)
    return max((1 + int(match[1]) for match in found if match), default=least)


def layouts() -> tuple[Layout, ...]:
    """Those of all trackers."""
    from ..registration import LAYOUTS  # below this room, and in need of it
    return LAYOUTS


def layout_of(state: Iterable[str], own: bool = False, starts: str = 'OSTrack') -> Layout | None:
    """The layout, of mmct's ``own`` or others, that understands most of a file's keys, if one has
    its sign there; ``starts`` is the tracker that a pretrained network is to start."""
    signed = [layout for layout in layouts()
              if layout.own == own and layout.pretrained in ('', starts)
              and any(key.startswith(layout.sign) for key in state)]
    return min(signed, key=lambda layout: layout.distance(state), default=None)


def from_released(state: State, source: str, sizes: Sizes = (0, 0),
                  starts: str = 'OSTrack') -> State:
    """Weights of another layout under mmct's names.

    Args:
        state: weights of a file, such as a released tracker's, with the teacher inside or not.
        source: name of the file, for errors.
        sizes, starts: of the crops, for a pretrained network, and which tracker it is to start.

    Raises:
        CheckpointError: no layout has such keys, or some are not understood or missing.
    """
    layout = layout_of(state, starts=starts)
    if layout is None:
        raise CheckpointError(f'{source} is not a checkpoint of a known tracker: its first keys '
                              f'are {sorted(state)[:3]}')
    complain(source, *layout.faults(state))
    weights = {new: state[old] for old, new in layout.table(state).items()}
    return weights | layout.compute(state, sizes, source)


def to_released(state: State, student: bool, source: str,
                rest: tuple[State, str] | None = None) -> State:
    """The reverse of :func:`from_released`.

    Args:
        state: weights of a tracker under mmct's names.
        student: name the layers as released students do.
        source: name of the file, for errors.
        rest: weights of a released file, and its name, for what mmct does not keep.

    Raises:
        CheckpointError: keys are not understood or missing, or there is no released layout for
            them; there is no rest, or that of another network.
    """
    for layout in layouts():
        for beginning, what in layout.unreleased.items():
            if any(key.startswith(beginning) for key in state):
                raise CheckpointError(f'{source} has {what}; there is no released layout for such '
                                      'trackers, tools/export.py writes ONNX')
    fitting = [layout for layout in layouts()
               if not (layout.own or layout.pretrained) and layout.student in (student, None)]
    layout = min(fitting, key=lambda layout: layout.distance(state, ours=True))
    complain(source, *layout.faults(state, ours=True))
    released = {old: state[new] for old, new in layout.table(state, ours=True).items()}
    if layout.borrowed:
        released |= borrow(layout, state, source, rest or ({}, ''))
    return released | layout.complete(released)


def borrow(layout: Layout, state: State, source: str, rest: tuple[State, str]) -> State:
    """What a released file holds that mmct does not keep; arguments and errors as of
    :func:`to_released`."""
    weights, name = rest
    table = layout.table(weights)
    taken = {key: value for key, value in weights.items()
             if key.startswith(layout.borrowed) and key not in table}
    if not taken:
        raise CheckpointError(f'released files of the kind of {source} hold more than mmct keeps '
                              f'({layout.borrowed}*); name the released file that it came from, '
                              '--released FILE')
    for key, value in layout.compute(weights, (0, 0), name).items():
        if value.shape != state[key].shape or not torch.allclose(value, state[key], rtol=1e-4,
                                                                 atol=1e-5):
            raise CheckpointError(f'{source} did not come from {name}: its {key} is another; name '
                                  'the released file that it came from, --released FILE')
    return taken


def is_own(state: Iterable[str]) -> bool:
    """Whether keys are mmct's, going by their beginnings."""
    return any(key.startswith(OWN_LAYERS) for key in state)


def complain(source: str, unknown: list[str], missing: list[str]) -> None:
    """Raises:
        CheckpointError: there are keys that are not understood or missing.
    """
    parts = [
        f'{what} {len(keys)} keys: {", ".join(sorted(keys))}'
        for what, keys in (('does not understand', unknown), ('lacks', missing)) if keys
    ]
    if parts:
        raise CheckpointError(f'{source}: the conversion {"; it ".join(parts)}')
