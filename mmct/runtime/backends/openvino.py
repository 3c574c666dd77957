"""OpenVINO, on the CPU."""
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from threading import Lock

import numpy as np
import openvino as ov
from openvino import opset13 as ops

from ..geometry import hann_window
from ..network import EXPORT, FOUND, METADATA, NetworkInfo
from . import LANES, OpenedNetwork, check_together, in_parts, step_inputs, template_file

SIZES = 8, 4, 2, 1  # of batches


class OpenVinoNetwork(OpenedNetwork):
    """See :class:`mmct.runtime.network.Network`. Several targets run in streams, which share the
    threads.

    A batch is compiled for, and so is a number of streams, so there are few of either: memory does
    not grow with the number of targets.
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
        inputs, outputs = shapes(self._model.inputs), shapes(self._model.outputs)
        self.info.check_ports(inputs, list(outputs), path)
        template = self._read(template_file(path))
        self._encoded = shapes(template.outputs)
        check_together(self.info, inputs, self._encoded, metadata(self._model, EXPORT),
                       metadata(template, EXPORT), path)
        self._template_inputs = [port.get_any_name() for port in template.inputs]
        template = self._compile(template, 1)
        self._most_lanes = min(LANES, template.get_property('INFERENCE_NUM_THREADS'))
        self._template = template.create_infer_request()
        self._lock, self._compiled, self._lanes = Lock(), {}, {}
        # In bf16 scores would be rounded once more before the best cell is chosen.
        decodes = (self.info.head == 'center' and precision != 'bf16'
                   and outputs['score'][1:] == [1, self.info.grid, self.info.grid])
        self._decoding = decoding(self._model, self.info) if decodes else self._model
        self._maps = Lane(self.info, partial(self._request, self._model, 1))

    def encode(self, crops: np.ndarray, boxes: np.ndarray) -> dict[str, np.ndarray]:
        given = dict(templates=crops[None], boxes=boxes[None])
        with self._lock:
            self._template.infer({name: given[name] for name in self._template_inputs})
            return {name: self._template.get_tensor(name).data.copy() for name in self._encoded}

    def step(self, encoded: list[dict[str, np.ndarray]], crops: np.ndarray,
             memories: list[np.ndarray] | None = None) -> dict[str, np.ndarray]:
        return self._maps.step(encoded, crops, memories)

    def lanes(self, count: int) -> list['Lane']:
        streams = min(1 << count.bit_length() - 1, self._most_lanes)
        with self._lock:
            if streams not in self._lanes:
                request = partial(self._request, self._decoding, streams)
                self._lanes[streams] = [Lane(self.info, request) for _ in range(streams)]
            return self._lanes[streams]

    def _request(self, model: ov.Model, streams: int, batch: int) -> ov.InferRequest:
        """A request to a network that is compiled once for all that are alike."""
        with self._lock:
            kind = model is self._model, streams, batch
            if kind not in self._compiled:
                self._compiled[kind] = self._compile(model.clone(), batch, streams)
            return self._compiled[kind].create_infer_request()

    def _read(self, path: Path) -> ov.Model:
        try:
            return self._core.read_model(path)
        except Exception as error:  # OpenVINO raises RuntimeError and others
            reason = str(error).strip().splitlines()[-1]
            raise ValueError(f'{path} cannot be read by OpenVINO: {reason}') from None

    def _compile(self, model: ov.Model, batch: int, streams: int = 1) -> ov.CompiledModel:
        model.reshape({port: [batch, *list(port.partial_shape)[1:]] for port in model.inputs})
        options = {**self._options, 'NUM_STREAMS': streams} if streams > 1 else self._options
        return self._core.compile_model(model, 'CPU', options)


class Lane:
    """Runs a network in one thread at a time.

    Args:
        info: of the network.
        request: gives an infer request for batches of a size.
    """

    def __init__(self, info: NetworkInfo, request: Callable[[int], ov.InferRequest]) -> None:
        self.info, self._make = info, request
        self._requests, self._lock = {}, Lock()

    def step(self, encoded: list[dict[str, np.ndarray]], crops: np.ndarray,
             memories: list[np.ndarray] | None = None) -> dict[str, np.ndarray]:
        """See :meth:`mmct.runtime.network.Network.step`."""
        self.info.check_memories(memories)
        size = next(size for size in SIZES if size <= len(crops))
        if size < len(crops):
            return in_parts(self.step, size, encoded, crops, memories)
        inputs = step_inputs(encoded, crops, memories)
        with self._lock:
            if size not in self._requests:
                request = self._make(size)
                names = [port.get_any_name() for port in request.model_outputs]
                self._requests[size] = request, {}, names
            request, given, names = self._requests[size]
            for name, value in inputs.items():
                value = np.require(value, requirements='CW')  # itself, or a copy to be given anew
                # OpenVINO still has an array that comes again, as a tracker's do.
                if given.get(name) is not value:
                    request.set_tensor(name, ov.Tensor(value, shared_memory=True))
                    given[name] = value
            request.infer()
            return {name: request.get_output_tensor(i).data.copy() for i, name in enumerate(names)}


def decoding(model: ov.Model, info: NetworkInfo) -> ov.Model:
    """A step that gives FOUND in place of the maps: what ``geometry.decode_center`` reads off them,
    to the bit."""
    model, cells = model.clone(), info.grid**2
    outputs = {port.get_any_name(): port.node for port in model.outputs}
    score, size, offset = (
        ops.reshape(outputs.pop(name).input_value(0), np.int64([0, channels, cells]), True)
        for name, channels in (('score', 1), ('size', 2), ('offset', 2)))
    response = ops.multiply(score, hann_window(info.grid).reshape(1, 1, cells))
    # Of equals the first.
    best = ops.topk(response, np.int64(1), 2, 'max', 'value', stable=True).output(1)
    told = dict(chosen=score, windowed=response,
                highest=ops.maximum(score, ops.reduce_max(score, np.int64([2]), True)))[info.score]
    values = ops.gather_elements(
        ops.concat([told, size, offset], 1), ops.concat([best] * 5, 1), 2)
    found = ops.squeeze(
        ops.concat([values, ops.convert(best, np.float32)], 1), np.int64([2]))
    found.output(0).get_tensor().set_names({FOUND})
    return ov.Model([ops.result(found), *outputs.values()], model.get_parameters())


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
