"""OpenVINO, on the CPU."""
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from threading import Lock

import numpy as np
import openvino as ov

from ..network import EXPORT, METADATA, NetworkInfo
from . import OpenedNetwork, check_together, step_inputs, template_file

SIZES = 8, 4, 2, 1  # of batches


class OpenVinoNetwork(OpenedNetwork):
    """See :class:`mmct.runtime.network.Network`. Serves one thread at a time.

    A batch is compiled for, which takes some 50 MB for good, so there are a few sizes of batches,
    and other numbers of targets are split into these: 7 into 4, 2 and 1.
    """

    def __init__(self, path: Path, checkpoint: None, precision: str | None,
                 threads: int | None) -> None:
        self._core = core()
        # Without a hint OpenVINO takes the lowest precision that the processor has.
        self._options = {'PERFORMANCE_HINT': 'LATENCY',
                         'INFERENCE_PRECISION_HINT': 'bf16' if precision == 'bf16' else 'f32'}
        if threads:
            self._options['INFERENCE_NUM_THREADS'] = threads
        self._model = self._read(path)
        self.info = NetworkInfo.from_json(metadata(self._model, METADATA), path)
        self._outputs = [output.get_any_name() for output in self._model.outputs]
        inputs = shapes(self._model.inputs)
        self.info.check_ports(inputs, self._outputs, path)
        template = self._read(template_file(path))
        self._encoded = shapes(template.outputs)
        check_together(self.info, inputs, self._encoded, metadata(self._model, EXPORT),
                       metadata(template, EXPORT), path)
        self._template_inputs = [port.get_any_name() for port in template.inputs]
        self._template = self._compile(template, 1)
        self._requests, self._lock = {}, Lock()

    def encode(self, crops: np.ndarray, boxes: np.ndarray) -> dict[str, np.ndarray]:
        given = dict(templates=crops[None], boxes=boxes[None])
        with self._lock:
            self._template.infer({name: given[name] for name in self._template_inputs})
            return {name: self._template.get_tensor(name).data.copy() for name in self._encoded}

    def step(self, encoded: list[dict[str, np.ndarray]], crops: np.ndarray,
             memories: list[np.ndarray] | None = None) -> dict[str, np.ndarray]:
        self.info.check_memories(memories)
        if len(crops) not in SIZES:
            size = next(size for size in SIZES if size < len(crops))
            parts = [self.step(encoded[own], crops[own], memories and memories[own])
                     for own in (slice(size), slice(size, None))]
            return {name: np.concatenate([part[name] for part in parts])
                    for name in self._outputs}
        inputs = step_inputs(encoded, crops, memories)
        with self._lock:
            if len(crops) not in self._requests:
                self._requests[len(crops)] = self._compile(self._model.clone(), len(crops)), {}
            request, given = self._requests[len(crops)]
            for name, value in inputs.items():
                value = np.require(value, requirements='CW')  # itself, or a copy to be given anew
                # OpenVINO still has an array that comes again, as a tracker's do.
                if given.get(name) is not value:
                    request.set_tensor(name, ov.Tensor(value, shared_memory=True))
                    given[name] = value
            request.infer()
            return {name: request.get_tensor(name).data.copy() for name in self._outputs}

    def _read(self, path: Path) -> ov.Model:
        try:
            return self._core.read_model(path)
        except Exception as error:  # OpenVINO raises RuntimeError and others
            reason = str(error).strip().splitlines()[-1]
            raise ValueError(f'{path} cannot be read by OpenVINO: {reason}') from None

    def _compile(self, model: ov.Model, batch: int) -> ov.InferRequest:
        model.reshape({port: [batch, *list(port.partial_shape)[1:]] for port in model.inputs})
        return self._core.compile_model(model, 'CPU', self._options).create_infer_request()


@cache
def core() -> ov.Core:
    """The one of this process. A Core brings a stack for signal handlers (2026.4.1), and several
    that do not end in reverse order leave one behind that is freed, so that Ctrl-C would crash."""
    return ov.Core()


def shapes(ports: Sequence[ov.Output]) -> dict[str, list]:
    """{name: shape}, None for a size that may be any."""
    return {port.get_any_name(): [size.get_length() if size.is_static else None
                                  for size in port.partial_shape] for port in ports}


def metadata(model: ov.Model, name: str) -> str | None:
    """An entry of the metadata, None if there is none."""
    for place in ([name], ['framework', name]):  # the latter of an ONNX file
        if model.has_rt_info(place):
            return model.get_rt_info(place).astype(str)
    return None
