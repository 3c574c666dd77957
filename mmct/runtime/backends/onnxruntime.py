"""ONNX Runtime, on the CPU."""
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime

from ..network import EXPORT, METADATA, NetworkInfo
from . import LANES, OpenedNetwork, check_together, in_parts, step_inputs, template_file

LARGEST = 8  # batch: memory grows with it, and speed no more
# How long a thread that has nothing to do keeps its processor busy: longer than between two nodes
# of a network, or two frames of a file, and not the time to the next frame of a camera.
SPIN_US = 1000


class OnnxRuntimeNetwork(OpenedNetwork):
    """See :class:`mmct.runtime.network.Network`."""
    _single: 'Lane | None' = None  # on one thread

    def __init__(self, path: Path, checkpoint: None, precision: str | None,
                 threads: int | None) -> None:
        self._path = path.absolute()  # opened again by lanes
        self._most_lanes = min(LANES, threads or os.cpu_count())
        step = session(path, threads)
        self._says = step.get_modelmeta().custom_metadata_map
        self.info = NetworkInfo.from_json(metadata(step, METADATA), path)
        inputs = shapes(step.get_inputs())
        self.info.check_ports(inputs, list(shapes(step.get_outputs())), path)
        self._template = session(template_file(path), threads)
        self._encoded = shapes(self._template.get_outputs())
        check_together(self.info, inputs, self._encoded, metadata(step, EXPORT),
                       metadata(self._template, EXPORT), path)
        self._lane = Lane(self.info, step)

    def encode(self, crops: np.ndarray, boxes: np.ndarray) -> dict[str, np.ndarray]:
        given = dict(templates=crops[None], boxes=boxes[None])
        ports = [port.name for port in self._template.get_inputs()]
        values = self._template.run(None, {name: given[name] for name in ports})
        return dict(zip(self._encoded, values))

    def step(self, encoded: list[dict[str, np.ndarray]], crops: np.ndarray,
             memories: list[np.ndarray] | None = None) -> dict[str, np.ndarray]:
        return self._lane.step(encoded, crops, memories)

    def lanes(self, count: int) -> list['Lane']:
        """The network's own, or one on one thread, which serves as many threads as call it."""
        count = min(count, self._most_lanes)
        if count == 1:
            return [self._lane]
        if self._single is None:
            single = session(self._path, 1)
            if single.get_modelmeta().custom_metadata_map != self._says:
                raise ValueError(f'{self._path} is another export than when it was opened, and '
                                 'several targets need it again; open it anew')
            self._single = Lane(self.info, single)
        return [self._single] * count


class Lane:
    """Runs the network of frames; several threads may call it."""

    def __init__(self, info: NetworkInfo, session: onnxruntime.InferenceSession) -> None:
        self.info, self._session = info, session

    def step(self, encoded: list[dict[str, np.ndarray]], crops: np.ndarray,
             memories: list[np.ndarray] | None = None) -> dict[str, np.ndarray]:
        """See :meth:`mmct.runtime.network.Network.step`."""
        self.info.check_memories(memories)
        if len(crops) > LARGEST:
            return in_parts(self.step, LARGEST, encoded, crops, memories)
        names = self.info.output_names
        return dict(zip(names, self._session.run(
            names, step_inputs(encoded, crops, memories))))


def metadata(session: onnxruntime.InferenceSession, name: str) -> str | None:
    """An entry of the metadata, None if there is none."""
    return session.get_modelmeta().custom_metadata_map.get(name)


def shapes(ports: Sequence[onnxruntime.NodeArg]) -> dict[str, list]:
    """{name: shape}, sizes or names of sizes."""
    return {port.name: port.shape for port in ports}


def session(path: Path, threads: int | None) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    # Plans of the memory of each batch size take more of it than they save.
    options.enable_mem_pattern = False
    options.add_session_config_entry('session.intra_op.spin_duration_us', str(SPIN_US))
    if threads:
        options.intra_op_num_threads = threads
    try:
        return onnxruntime.InferenceSession(
            str(path), options, providers=['CPUExecutionProvider'])
    except Exception as error:  # ONNX Runtime has an exception of its own for each way to fail
        reason = str(error).strip().splitlines()[0]
        raise ValueError(f'{path} cannot be read by ONNX Runtime: {reason}') from None
