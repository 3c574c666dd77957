"""ONNX Runtime, on the CPU."""
from pathlib import Path

import numpy as np
import onnxruntime

from ..network import METADATA, NetworkInfo
from . import template_file


class OnnxRuntimeNetwork:
    """See :class:`mmct.runtime.network.Network`."""

    def __init__(self, path: Path, threads: int | None) -> None:
        self._search = session(path, threads)
        metadata = self._search.get_modelmeta().custom_metadata_map
        self.info = NetworkInfo.from_json(metadata.get(METADATA), path)
        self._outputs = [output.name for output in self._search.get_outputs()]
        inputs = {port.name: port.shape for port in self._search.get_inputs()}
        self.info.check_ports(inputs, self._outputs, path)
        self._template = session(template_file(path), threads)

    def embed(self, crop, box):
        return self._template.run(None, {'template': crop[None]})[0]

    def run(self, templates, crops):
        tokens = templates[0] if len(templates) == 1 else np.concatenate(templates)
        values = self._search.run(self._outputs, {'template_tokens': tokens, 'search': crops})
        return dict(zip(self._outputs, values))


def session(path: Path, threads: int | None) -> onnxruntime.InferenceSession:
    """Raises:
        ValueError: the file cannot be read.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    if threads:
        options.intra_op_num_threads = threads
    try:
        return onnxruntime.InferenceSession(
            str(path), options, providers=['CPUExecutionProvider'])
    except Exception as error:  # ONNX Runtime has an exception of its own for each way to fail
        reason = str(error).strip().splitlines()[0]
        raise ValueError(f'{path} cannot be read by ONNX Runtime: {reason}') from None


def open_file(path: Path, precision: str | None, threads: int | None) -> OnnxRuntimeNetwork:
    return OnnxRuntimeNetwork(path, threads)
