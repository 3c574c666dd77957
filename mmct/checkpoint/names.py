"""What released files call the weights of trackers, and what mmct does.

Each tracker class bears its :class:`Names`, in ``models/trackers``. The functions here find those
of a file of any tracker.
"""
import re
from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from itertools import product
from string import Formatter
from typing import NamedTuple

from torch import Tensor

from .files import CheckpointError

State = dict[str, Tensor]
OWN_LAYERS = 'backbone.layers.'  # every backbone of mmct has them, under this name


class Layout(NamedTuple):
    """What a kind of file calls the weights of a network.

    A rule stands for many names: ``'blocks.{i}.{kind}'`` for those with each value of ``kind`` in
    ``fields``, and, since ``i`` is not in there, with each number from 0 to the largest in a file.
    """
    sign: str  # beginning of a key by which such a file is known
    # {name in the file: mmct's}; or what gives it, from keys and whether they are mmct's, if
    # numbers in names depend on what else there is.
    rules: Mapping[str, str] | Callable[[Iterable[str], bool], Mapping[str, str]]
    # Values of the fields of the rules, {in the file: mmct's} or alike in both.
    fields: Mapping[str, Mapping[str, str] | tuple[str, ...]]
    ignored: Mapping[str, str] = {}  # {key, * stands for any text: why it is left out}
    student: bool | None = False  # the network is a compressed one; None if files do not tell
    needs: tuple[str, ...] = ()  # names in the file of what :class:`Names` computes weights from

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
        known = dict.fromkeys(table.values() if ours else (*table, *self.needs))
        ignored = () if ours else self.ignored
        return ([key for key in state if key not in known
                 and not any(fnmatchcase(key, pattern) for pattern in ignored)],
                [key for key in known if key not in state])


class Names:
    """Of a kind of tracker. Most say what the attributes are; what is more than renaming is in the
    methods.

    Attributes:
        released: layouts of released files; a student may have another than its teacher.
        pretrained: that of the network that training starts from, if there is one.
        own_sign: beginning of a key by which a file under mmct's names is known.
        free: beginnings of mmct's names that vary with the config (the head's kind, the stem's).
        shapes: {what a config says: (mmct's key, axis of it)}.
    """
    released: tuple[Layout, ...] = ()
    pretrained: Layout | None = None
    own_sign = OWN_LAYERS
    free: tuple[str, ...] = ('head.', )
    shapes: Mapping[str, tuple[str, int]] = {}

    def to_own(self, layout: Layout, state: State, source: str) -> State:
        """Weights of the file ``source`` in one of the layouts under mmct's names; CheckpointError
        if some are not understood or missing."""
        complain(source, *layout.faults(state))
        return {new: state[old] for old, new in layout.table(state).items()}

    def to_released(self, layout: Layout, state: State, source: str, rest: tuple[State, str]
                    ) -> State:
        """The reverse; ``rest`` are the weights of a released file, and its name, for what mmct
        does not keep."""
        complain(source, *layout.faults(state, ours=True))
        return {old: state[new] for old, new in layout.table(state, ours=True).items()}

    def from_pretrained(self, state: State, source: str, crops: tuple[int, int]) -> State:
        """The backbone's weights from a network as ``pretrained`` says, for sides of template and
        search crop in pixels."""
        return self.to_own(self.pretrained, state, source)

    def sizes(self, state: State) -> dict[str, int]:
        """What a config says of a tracker with these weights; those of another may not have all."""
        return {'layers': count(state, f'{OWN_LAYERS}{{i}}')} | {
            what: state[key].size(axis) for what, (key, axis) in self.shapes.items()
            if key in state and state[key].dim() > axis}


def all_names() -> dict[str, Names]:
    """Those of all registered trackers, by the tracker's name."""
    from mmtrack.registry import MODELS  # whose first import registers mmct's trackers
    found = {name: getattr(model, 'names', None) for name, model in MODELS.module_dict.items()}
    return {name: names for name, names in found.items() if isinstance(names, Names)}


def count(keys: Iterable[str], rule: str, field: str = 'i', least: int = 1) -> int:
    """How many numbers a field has in ``keys``: at least 1, so that what is missing is named."""
    before = rule.partition(f'{{{field}}}')[0]
    pattern = ''.join(re.escape(text) + ('[^.]+' if name else '')
                      for text, name, _, _ in Formatter().parse(before))
    found = (re.match(rf'{pattern}(\d{{1,3}})(\.|$)', key) for key in keys)
    return max((1 + int(match[1]) for match in found if match), default=least)


def find(state: State, source: str, starts: str = 'OSTrack') -> tuple[Names, Layout]:
    """The layout that understands most of a file's keys of those whose sign is there, and the names
    that it belongs to; ``starts`` is the tracker that a pretrained network is to start."""
    trackers = all_names()
    starting = [name for name, names in trackers.items() if names.pretrained]
    if starts not in starting:
        raise CheckpointError(f'{starts} does not start from a pretrained network; choose one of '
                              f'{", ".join(sorted(starting))}')
    layouts = [(names, layout) for names in trackers.values() for layout in names.released]
    layouts.append((trackers[starts], trackers[starts].pretrained))
    signed = [found for found in layouts if has(state, found[1].sign)]
    if not signed:
        raise CheckpointError(f'{source} is not a checkpoint of a known tracker: its first keys '
                              f'are {sorted(state)[:3]}')
    return min(signed, key=lambda found: lengths(found[1].faults(state)))


def to_own(state: State, source: str) -> State:
    """A tracker's weights of the file ``source`` under mmct's names, if they have others; of a
    released file, with the teacher inside or not, all of them, or CheckpointError."""
    if has(state, OWN_LAYERS):
        return state
    names, layout = find(state, source)
    if layout is names.pretrained:
        raise CheckpointError(f'{source} is not a checkpoint of a tracker but a pretrained ViT; '
                              'tools/convert_weights.py makes one of it')
    return names.to_own(layout, state, source)


def to_released(state: State, student: bool, source: str,
                rest: tuple[State, str] = ({}, '')) -> State:
    """The reverse of :func:`to_own`; ``student`` names the layers as released students do, for
    ``rest`` see :meth:`Names.to_released`."""
    fitting = [(names, layout) for names in all_names().values() for layout in names.released
               if layout.student in (student, None)]
    names, layout = min(fitting, key=lambda found: lengths(found[1].faults(state, ours=True)))
    return names.to_released(layout, state, source, rest)


def check_own(state: State, source: str) -> None:
    """CheckpointError if these are not mmct's names of a tracker, or of its whole backbone."""
    faults = ([[key for key in keys if not key.startswith(names.free)]
               for keys in layout.faults(state, ours=True)]
              for names in all_names().values() if has(state, names.own_sign)
              for layout in names.released)
    complain(source, *min(faults, key=lengths))


def has(state: Iterable[str], sign: str) -> bool:
    """Whether one of the keys begins so."""
    return any(key.startswith(sign) for key in state)


def lengths(faults: Iterable[list[str]]) -> list[int]:
    """How far from a whole network keys are; the first number counts first."""
    return [len(keys) for keys in faults]


def complain(source: str, unknown: list[str], missing: list[str]) -> None:
    """CheckpointError if there are keys that are not understood or missing."""
    parts = [
        f'{what} {len(keys)} keys: {", ".join(sorted(keys))}'
        for what, keys in (('does not understand', unknown), ('lacks', missing)) if keys
    ]
    if parts:
        raise CheckpointError(f'{source}: the conversion {"; it ".join(parts)}')
