"""What runs a network; one file each, imported when asked for.

A backend is a file here, with a class as of :class:`mmct.runtime.network.Network`, and a line in
``BACKENDS``.
"""
import importlib
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from ...utils.backends import BACKENDS, Backend
from ...utils.checks import check_number
from ..network import EXPORT, Network, NetworkInfo

BACKENDS.update(
    onnxruntime=Backend(
        f'{__name__}.onnxruntime', 'OnnxRuntimeNetwork', '.onnx', ('fp32', ), 'deploy'),
    openvino=Backend(
        f'{__name__}.openvino', 'OpenVinoNetwork', '.xml', ('fp32', 'bf16'), 'deploy'))
LANES = 8  # at most


class OpenedNetwork:
    """What :func:`open_network` gives: a copy is the network itself, and another process opens the
    same files anew."""
    _threads = None  # that lanes run in

    def opened_by(self, reopen: partial) -> None:
        self._reopen, self._process = reopen, os.getpid()

    def warn_if_forked(self) -> None:
        """Say once if this process is a fork of the one that opened the network."""
        if self._process != os.getpid():
            warnings.warn(
                f'the network was opened by process {self._process}, of which this one is a fork: '
                "threads of backends do not survive that, so it may hang; open it here, Tracker("
                f"'{self._reopen.args[0]}'), or start processes by multiprocessing's 'spawn'",
                RuntimeWarning, stacklevel=3)
            self._process = os.getpid()

    def lanes(self, count: int) -> list:
        """Parts of the network that follow so many targets fastest, each in a thread of its own.
        All have a ``step`` like the network's, which may give FOUND in place of maps."""
        return [self]

    def side_by_side(self, work: Callable[[Any, Sequence], list], targets: Sequence) -> list:
        """``work(lane, targets)``, a list, of all targets, which the lanes share out; in order."""
        lanes = self.lanes(len(targets))
        if len(lanes) == 1:
            return work(lanes[0], targets)
        from concurrent.futures import ThreadPoolExecutor, wait  # of no use to a single target

        if self._threads is None:
            self._threads = ThreadPoolExecutor(LANES, 'mmct')
        jobs = [self._threads.submit(work, lane, targets[i::len(lanes)])
                for i, lane in enumerate(lanes)]
        wait(jobs)  # also of those that fail, so that none goes on behind an error
        results = [None] * len(targets)
        for i, job in enumerate(jobs):
            results[i::len(lanes)] = job.result()
        return results

    def __deepcopy__(self, memo: dict[int, Any]) -> 'OpenedNetwork':
        return self

    def __reduce__(self) -> tuple:
        return self._reopen, ()


def open_network(path: str | PathLike, checkpoint: str | PathLike | None = None, *,
                 backend: str | None = None, precision: str | None = None,
                 threads: int | None = None) -> Network:
    """Load a network; arguments and errors as of :class:`mmct.runtime.Tracker`."""
    path = Path(path)
    if threads is not None:
        check_number('threads', threads, '[1, inf)', whole=True)
    if backend is None:
        backend = next((name for name, b in BACKENDS.items() if b.suffix == path.suffix), None)
        if backend is None:
            raise ValueError(f'{path}: no backend for files {path.suffix!r}; known are '
                             f'{sorted({b.suffix for b in BACKENDS.values()})}; for a checkpoint '
                             'give its config, too, or what tools/export.py CONFIG CHECKPOINT '
                             'OUT.onnx makes of both')
    if backend not in BACKENDS:
        raise ValueError(f'backend={backend!r} is not one of {list(BACKENDS)}')
    chosen = BACKENDS[backend]
    if path.suffix != chosen.suffix and not (backend == 'openvino' and path.suffix == '.onnx'):
        raise ValueError(f'backend {backend} runs files {chosen.suffix}, got {path}')
    if precision not in (None, *chosen.precisions):
        others = [name for name, b in BACKENDS.items() if precision in b.precisions]
        raise ValueError(f'backend {backend} computes in {", ".join(chosen.precisions)}, not in '
                         f'{precision}; ' + (f'backends that do: {", ".join(others)}' if others
                                             else 'no backend does'))
    if not path.is_file():
        raise FileNotFoundError(f'{path} does not exist')
    if checkpoint is not None and path.suffix != '.py':
        raise ValueError(f'{path} holds its own weights, so {checkpoint} would not be used; leave '
                         'out the checkpoint, or give the config of its tracker')
    try:
        module = importlib.import_module(chosen.module)
    except ImportError as error:
        if error.name is None:  # it says itself what is missing, such as MMTracking
            raise
        raise ImportError(f'backend {backend} needs the package {error.name}; install it alone, or '
                          f"with pip install -e '.[{chosen.extra}]' in the folder of mmct"
                          ) from None
    network = getattr(module, chosen.opener)(path, checkpoint, precision, threads)
    network.opened_by(partial(
        open_network, path.absolute(), checkpoint and Path(checkpoint).absolute(),
        backend=backend, precision=precision, threads=threads))
    return network


def step_inputs(encoded: list[dict[str, np.ndarray]], crops: np.ndarray,
                memories: list[np.ndarray] | None) -> dict[str, np.ndarray]:
    """Inputs of a step's graph by name, those of several targets as one batch."""
    def batch(parts: list[np.ndarray]) -> np.ndarray:
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    inputs = {name: batch([own[name] for own in encoded]) for name in encoded[0]}
    inputs['search'] = crops
    if memories is not None:
        inputs['memory'] = batch(memories)
    return inputs


def in_parts(step: Callable[..., dict[str, np.ndarray]], size: int,
             encoded: list[dict[str, np.ndarray]], crops: np.ndarray,
             memories: list[np.ndarray] | None) -> dict[str, np.ndarray]:
    """A step of more targets than ``size``, that many first; see
    :meth:`mmct.runtime.network.Network.step`."""
    parts = [step(encoded[own], crops[own], memories and memories[own])
             for own in (slice(size), slice(size, None))]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def files_beside(path: Path) -> list[Path]:
    """The network that encodes templates; of OpenVINO, which keeps weights in files of their own,
    also those of both networks."""
    template = template_file(path)
    if path.suffix == '.onnx':
        return [template]
    return [template, template.with_suffix('.bin'), path.with_suffix('.bin')]


def check_together(info: NetworkInfo, inputs: Mapping[str, Sequence],
                   encoded: Mapping[str, Sequence], export: str | None,
                   template_export: str | None, path: Path) -> None:
    """See that the files of a tracker, whose step is in ``path``, belong together.

    Args:
        info: what its step says of itself.
        inputs: {name: shape} of the step; a size that is not known beforehand is no number.
        encoded: likewise, what the network gives that encodes templates.
        export: EXPORT of the step, which files of 0.2 do not have.
        template_export: that of the network that encodes templates.
    """
    taken = {name: inputs[name] for name in inputs if name not in info.input_names}
    if encoded.keys() != taken.keys() or not all(
            fit(encoded[name][1:], taken[name][1:]) for name in taken):
        raise ValueError(f'{template_file(path)} is not of the tracker of {path.name}: it encodes '
                         f'templates as {dict(encoded)}, not as {taken}; keep the two files '
                         'together that tools/export.py wrote')
    if export is None and template_export is None:  # of 0.2
        return
    if template_export is None:
        raise ValueError(f'{template_file(path)} does not say of which export it is: it is of an '
                         'earlier one, or was rewritten without its metadata; in the latter case '
                         f'give it the entry {EXPORT!r} of {path.name}')
    weights = (file for file in files_beside(path) if file.suffix == '.bin')
    if {export, template_export, *map(marked_export, weights)} - {export, None}:
        files = ', '.join(file.name for file in files_beside(path))
        raise ValueError(f'{path} was written with other files than those beside it ({files}); '
                         'keep the files of one export together, or write them again by '
                         'tools/export.py')


def mark_weights(file: Path, export: str) -> None:
    """Write the id of an export behind the weights of an OpenVINO file, which itself has no place
    for it."""
    with open(file, 'ab') as content:
        content.write(f'\n{EXPORT} {export}'.encode())


def marked_export(file: Path) -> str | None:
    """What :func:`mark_weights` wrote; None if a tool has written the weights anew."""
    with open(file, 'rb') as content:
        content.seek(-min(200, file.stat().st_size), os.SEEK_END)
        _, found, export = content.read().rpartition(f'\n{EXPORT} '.encode())
    return export.decode(errors='replace') if found else None


def fit(shape: Sequence, other: Sequence) -> bool:
    """Whether two shapes are the same in all that is known of them."""
    return len(shape) == len(other) and all(
        one == two for one, two in zip(shape, other)
        if isinstance(one, int) and isinstance(two, int))


def template_file(path: Path) -> Path:
    """The file beside ``path`` with the network that embeds templates, if it is there."""
    template = path.with_suffix(f'.template{path.suffix}')
    if not template.is_file():
        raise FileNotFoundError(f'{template} does not exist; it is written beside {path.name} by '
                                'tools/export.py and has to be kept with it')
    return template
