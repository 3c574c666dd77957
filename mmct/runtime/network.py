"""What a tracker asks of its network, and what a file says of itself."""
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from ..utils.checks import check_number, check_numbers
from .geometry import box_at, decode_center
from .templates import make_policy, policy_text

# Names of entries in the metadata of exported files: NetworkInfo, and an id that all files of an
# export share.
METADATA = 'mmct'
EXPORT = 'mmct_export'
SCORES = ('chosen', 'windowed', 'highest')
# What a step is read by, in this order, by the kind of the head.
OUTPUTS = {'center': ('score', 'size', 'offset'), 'corner': ('box', 'score'),
           'edge': ('box', 'score')}
# What a lane may give in place of a centre head's maps, see OpenedNetwork.lanes: (N, 6) float32,
# the score, w and h in [0, 1], x and y in cells, and the number of the cell.
FOUND = 'found'


class NetworkInfo(NamedTuple):
    """What tracking needs to know of a network.

    Attributes:
        template_size, search_size: sides of the crops in pixels.
        template_factor, search_factor: sides of the crops over sqrt(w * h) of the box.
        margin: pixels of a box that stay inside the frame.
        shrink: pixels that a found box loses in width and in height, see ``geometry.shrink_box``.
        exact_crops: whether crops have the same bits everywhere, see ``geometry.crop_square``.
        grid: the search map has grid * grid cells.
        head: 'center' (maps ``score``, ``size``, ``offset``, and a Hann window), 'corner' or
            'edge' (``box`` and ``score``, no window).
        templates: name and arguments of the template policy, see ``runtime.templates``.
        memory: M and C of the memory that a step hands on to the next; (0, 0) for none.
        score: of a centre head: the map's at the box's cell, 'chosen' before the window or
            'windowed' after it; or the 'highest' of the map.
        stretched_boxes: boxes of templates are SUTrack's, see ``geometry.box_to_crop``.
        precision: of the weights in the file, 'fp32', 'fp16' or 'int8'.
    """
    template_size: int
    search_size: int
    template_factor: float
    search_factor: float
    margin: float
    grid: int
    head: str
    templates: dict = dict(type='Fixed')
    memory: tuple[int, int] = (0, 0)
    score: str = 'chosen'
    stretched_boxes: bool = False
    shrink: float = 0.
    exact_crops: bool = False
    precision: str = 'fp32'

    @property
    def output_names(self) -> list[str]:
        """Of a step, in order."""
        # Not 'memory' again, a graph's ports have different names.
        return [*OUTPUTS[self.head], *(['next_memory'] if self.memory[0] else [])]

    @property
    def input_names(self) -> set[str]:
        """Of a step, beside the encoded templates."""
        return {'search', 'memory'} if self.memory[0] else {'search'}

    def decode(self, outputs: dict[str, np.ndarray],
               window: np.ndarray | None = None) -> tuple[Sequence[float], float]:
        """Box cx, cy, w, h in [0, 1] of the search crop, and its score, of one crop's outputs. A
        window has no meaning for a head that gives the box itself."""
        if FOUND in outputs:
            score, w, h, x, y, cell = outputs[FOUND].tolist()
            return box_at(int(cell), self.grid, (w, h), (x, y)), score
        if self.head == 'edge':  # stays float32, in which MixFormerV2 scales it
            return outputs['box'], float(outputs['score'])
        if self.head == 'corner':
            return outputs['box'].tolist(), float(outputs['score'])
        return decode_center(
            outputs['score'], outputs['size'], outputs['offset'], window, self.score)

    def differences(self, other: 'NetworkInfo') -> str:
        """What differs from another network, in words; nothing is said of precision."""
        words = [{**info._asdict(), 'template policy': policy_text(info.templates)}
                 for info in (self, other)]
        return '; '.join(f'{name.replace("_", " ")} {value}, not {words[1][name]}'
                         for name, value in words[0].items()
                         if value != words[1][name] and name not in ('templates', 'precision'))

    def to_json(self) -> str:
        return json.dumps(self._asdict())

    @classmethod
    def from_json(cls, text: str | None, path) -> 'NetworkInfo':
        """Of an entry in the file's metadata; ValueError if there is none, or another."""
        if text is None:
            raise ValueError(f'{path} does not say what tracking needs to know; give OUT of '
                             "tools/export.py, not OUT.template; convert OpenCV's VitTrack by "
                             'tools/convert_weights.py FILE weights/vittrack.pth')
        try:
            values = json.loads(text)
            if 'highest_score' in values:  # of a file from when there were two flags
                values['score'] = ('highest' if values['highest_score'] else
                                   'windowed' if values['windowed_score'] else 'chosen')
            # Of a file from before they could be set.
            values = {'shrink': 0., 'exact_crops': False} | values
            info = cls(*(values[name] for name in cls._fields))
            for name in ('template_size', 'search_size', 'grid'):
                check_number(name, getattr(info, name), '[1, 4096]', whole=True)
            for name in ('template_factor', 'search_factor'):
                check_number(name, getattr(info, name), '(0, 100]')
            check_number('margin', info.margin, '(0, inf)')
            check_number('shrink', info.shrink, '[0, inf)')
            if not isinstance(info.exact_crops, bool):
                raise ValueError(f'exact_crops={info.exact_crops!r} must be true or false')
            check_numbers('memory', info.memory, '[0, 65536]', 2, whole=True)
            for name, known in (('head', list(OUTPUTS)), ('score', SCORES)):
                if getattr(info, name) not in known:
                    raise ValueError(f'{name}={getattr(info, name)!r} is not one of {known}')
            make_policy(info.templates)
            return info._replace(memory=tuple(info.memory))
        except (TypeError, ValueError, KeyError, RecursionError) as error:
            raise ValueError(f'{path} does not say what tracking needs to know ({error}); give a '
                             'file written by tools/export.py of this version') from None

    def check_memories(self, memories: Sequence[np.ndarray] | None) -> None:
        """See that memories are those of this network, (1, M, C) each, or None for none."""
        expected = (1, *self.memory)
        for shape in {np.shape(memory) for memory in memories or ()} or {(1, 0, 0)}:
            if shape != expected:
                raise ValueError(f'the memory has the shape {shape}, this network hands on '
                                 f'{expected}; give the next_memory of its own last step, or '
                                 'zeros for a first frame')

    def check_ports(self, inputs: Mapping[str, Sequence], outputs: Sequence[str], path) -> None:
        """See that a network has the inputs, {name: shape}, and outputs that its file says."""
        size = self.search_size
        if (not self.input_names < inputs.keys()
                or list(inputs['search'])[1:] != [size, size, 3]
                or set(outputs) != set(self.output_names)):
            raise ValueError(f'{path} has the inputs {dict(inputs)} and outputs {sorted(outputs)}, '
                             f'but says that it takes search crops of {size} pixels and has a '
                             f'{self.head} head; give a file written by tools/export.py without '
                             '--layout and --target')


class Network(Protocol):
    """A network, loaded by some backend. Several trackers may share one."""

    info: NetworkInfo

    def encode(self, crops: np.ndarray, boxes: np.ndarray) -> dict[str, Any]:
        """What :meth:`step` needs of templates (T, Sz, Sz, 3) uint8 BGR with boxes (T, 4) float32
        x, y, w, h of the target in pixels of them; by name, in the backend's own form."""

    def step(self, encoded: list[dict[str, Any]], crops: np.ndarray,
             memories: list[np.ndarray] | None = None) -> dict[str, np.ndarray]:
        """Find targets in search crops.

        Args:
            encoded: N results of :meth:`encode`.
            crops: (N, Sx, Sx, 3) uint8 BGR.
            memories: N times (1, M, C) float32, of the step before; zeros at first. None if M = 0.

        Returns:
            float32 (N, ...), by the names of ``info.output_names``.
        """
