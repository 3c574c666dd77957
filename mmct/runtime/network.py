"""What a tracker asks of its network, and what a file says of itself."""
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Protocol

import numpy as np

from ..utils.checks import check_number, check_numbers
from .geometry import decode_center

# Name of the entry in the metadata of an exported file.
METADATA = 'mmct'
# What a network gives, in this order, by the kind of its head.
MAPS = {'center': ('score', 'size', 'offset'), 'corner': ('box', 'score')}


@dataclass(frozen=True)
class NetworkInfo:
    """What tracking needs to know of a network.

    Attributes:
        template_size, search_size: sides of the crops in pixels.
        template_factor, search_factor: sides of the crops over sqrt(w * h) of the box.
        margin: pixels of a box that stay inside the frame.
        grid: the search map has grid * grid cells.
        head: 'center' (maps ``score``, ``size``, ``offset``, and a Hann window) or 'corner'
            (``box`` and ``score``).
        precision: of the weights in the file, 'fp32', 'fp16' or 'int8'.
        mean, std: of R, G, B in [0, 1]; the network itself normalises its crops by them.
    """
    template_size: int
    search_size: int
    template_factor: float
    search_factor: float
    margin: float
    grid: int
    head: str
    precision: str = 'fp32'
    mean: tuple = (0.485, 0.456, 0.406)
    std: tuple = (0.229, 0.224, 0.225)

    def decode(self, outputs: dict[str, np.ndarray], window: np.ndarray | None = None):
        """Box cx, cy, w, h in [0, 1] of the search crop, and its score, of one crop's outputs;
        see ``decode_center``, a window has no meaning for corners."""
        if self.head == 'corner':
            return outputs['box'], float(outputs['score'])
        return decode_center(outputs['score'], outputs['size'], outputs['offset'], window)

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str | None, path) -> 'NetworkInfo':
        """Raises:
            ValueError: the file has no such entry, or one that is not understood.
        """
        try:
            values = json.loads(text)
            info = cls(**{field.name: values[field.name] for field in fields(cls)})
            for name in ('template_size', 'search_size', 'grid'):
                check_number(name, getattr(info, name), '[1, 4096]', whole=True)
            for name in ('template_factor', 'search_factor'):
                check_number(name, getattr(info, name), '(0, 100]')
            check_number('margin', info.margin, '(0, inf)')
            check_numbers('mean', info.mean, '(-inf, inf)', 3)
            check_numbers('std', info.std, '(0, inf)', 3)
            if info.head not in MAPS:
                raise ValueError(f'head={info.head!r} is not one of {list(MAPS)}')
            return info
        except (TypeError, ValueError, KeyError, RecursionError) as error:
            raise ValueError(f'{path} does not say what tracking needs to know ({error}); give a '
                             'file written by tools/export.py') from None

    def check_ports(self, inputs: Mapping[str, Sequence], outputs: Sequence[str], path) -> None:
        """See that a network is what its file says of it.

        Args:
            inputs: {name: shape}, sizes or names of sizes.
            outputs: names.

        Raises:
            ValueError: it is not.
        """
        size = self.search_size
        if (inputs.keys() != {'template_tokens', 'search'}
                or list(inputs['search'])[1:] != [size, size, 3]
                or set(outputs) != set(MAPS[self.head])):
            raise ValueError(f'{path} has the inputs {dict(inputs)} and outputs {sorted(outputs)}, '
                             f'but says that it takes search crops of {size} pixels and has a '
                             f'{self.head} head; give a file written by tools/export.py')


class Network(Protocol):
    """A network, loaded by some backend. Several trackers may share one."""

    info: NetworkInfo

    def embed(self, crop: np.ndarray, box: tuple) -> Any:
        """Take up a target.

        Args:
            crop: (Sz, Sz, 3) uint8 BGR, the template.
            box: x, y, w, h of the target in pixels of the crop.

        Returns:
            what :meth:`run` needs of the template, in the backend's own form.
        """

    def run(self, templates: list, crops: np.ndarray) -> dict[str, np.ndarray]:
        """Find targets in search crops.

        Args:
            templates: N results of :meth:`embed`.
            crops: (N, Sx, Sx, 3) uint8 BGR.

        Returns:
            float32 (N, ...), by the names that ``info.head`` stands for.
        """
