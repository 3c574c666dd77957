"""The parameters of an ONNX graph, in the order in which crops meet them.

Nothing is found by the name of an initializer or the number of a node: exporters and simplifiers
change both.
"""
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mmct.checkpoint import CheckpointError
from mmct.utils.extras import require

# What only moves values or has no parameters of its own, by the exporters that are about.
PLAIN = {
    'Cast', 'Clip', 'Concat', 'Div', 'Dropout', 'Erf', 'Expand', 'Flatten', 'Gather', 'Gelu',
    'HardSigmoid', 'HardSwish', 'Identity', 'Max', 'Min', 'Pow', 'Reciprocal', 'ReduceMean',
    'Relu', 'Reshape', 'Shape', 'Sigmoid', 'Size', 'Slice', 'Softmax', 'Split', 'Sqrt', 'Squeeze',
    'Sub', 'Transpose', 'Unsqueeze'
}
ELEMENTWISE = {'Mul': 'scale', 'Add': 'shift'}


class Parameter(NamedTuple):
    """A constant that a crop meets on its way.

    Attributes:
        kind: 'kernel' (O, I, H, W), 'matrix' (O, I), 'scale' or 'shift' (C,), or 'table',
            which is of two or more dimensions.
        value: float32.
        node: which one has it, in words.
        inputs, outputs: the graph's inputs before it and outputs behind it.
    """
    kind: str
    value: np.ndarray
    node: str
    inputs: frozenset[str]
    outputs: frozenset[str]


def read_graph(path: Path):
    """An ONNX file.

    Raises:
        FileNotFoundError: no such file.
        ImportError: the package onnx is missing.
        CheckpointError: not a valid ONNX file.
    """
    onnx = require('onnx')
    if not path.is_file():
        raise FileNotFoundError(f'{path} does not exist')
    try:
        model = onnx.load(path)
        onnx.checker.check_model(model)
    except Exception as error:  # protobuf and ONNX have exceptions of their own
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise CheckpointError(f'{path} is not a valid ONNX file: {reason[0]}') from None
    return model


def ports(model) -> tuple[list[str], list[str]]:
    """Names of a model's inputs and outputs; old files list their initializers among the former."""
    stored = {tensor.name for tensor in model.graph.initializer}
    return ([port.name for port in model.graph.input if port.name not in stored],
            [port.name for port in model.graph.output])


def parameters(model) -> list[Parameter]:
    """All parameters between a model's inputs and outputs.

    Those that depend on each other stand in the order of data; an exporter may have put branches
    side by side in any order.

    Raises:
        CheckpointError: a node on the way is not understood; names it.
    """
    nodes = list(model.graph.node)
    for node in nodes:
        if any(attribute.HasField('g') or attribute.graphs for attribute in node.attribute):
            raise _not_understood(node, 'it chooses between networks')
    constants = _constants(model)
    inputs, outputs = ports(model)
    before = {name: frozenset([name]) for name in inputs}
    for node in nodes:
        # A size is not the image.
        found = frozenset() if node.op_type in ('Shape', 'Size') else frozenset().union(
            *(before.get(name, ()) for name in node.input))
        before.update((name, found) for name in node.output)
    behind = {name: frozenset([name]) for name in outputs}
    for node in reversed(nodes):
        found = frozenset().union(*(behind.get(name, ()) for name in node.output))
        for name in node.input:
            behind[name] = behind.get(name, frozenset()) | found
    return [
        Parameter(kind, value, _words(node), before[node.output[0]], behind[node.output[0]])
        for node in nodes if before[node.output[0]] and behind.get(node.output[0])
        for kind, value in _parameters_of(node, constants)]


def _constants(model) -> dict[str, np.ndarray]:
    """All that can be computed without an input: initializers and what is made of them."""
    onnx = require('onnx')
    graph = model.graph
    known = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    names, nodes = set(known) | {''}, []
    for node in graph.node:
        if names.issuperset(node.input):
            names.update(node.output)
            nodes.append(node)
    made = [name for node in nodes for name in node.output if name]
    if made:
        part = onnx.helper.make_graph(
            nodes, 'constants', [], [onnx.helper.make_empty_tensor_value_info(n) for n in made],
            graph.initializer)
        evaluator = require('onnx.reference').ReferenceEvaluator(
            onnx.helper.make_model(part, opset_imports=model.opset_import))
        known.update(zip(made, evaluator.run(None, {})))
    return known


def _parameters_of(node, constants: dict) -> Iterator[tuple[str, np.ndarray]]:
    """(kind, value) of a node, in the order in which data meets them."""
    values = [constants.get(name) for name in node.input]
    if node.op_type in ('Conv', 'Gemm', 'LayerNormalization'):
        kind = dict(Conv='kernel', Gemm='matrix', LayerNormalization='scale')[node.op_type]
        weight, bias = values[1], values[2] if len(values) > 2 else None
        if weight is None or (bias is None and node.input[2:]):
            raise _not_understood(node, 'its weights are not constant')
        if node.op_type == 'Gemm' and not any(a.name == 'transB' and a.i for a in node.attribute):
            weight = weight.T
        yield kind, _float32(weight, node)
        if bias is not None:
            yield 'shift', _float32(bias, node)
    elif node.op_type == 'MatMul':
        if values[0] is not None:
            raise _not_understood(node, 'its first factor is constant')
        if values[1] is not None:
            yield 'matrix', _float32(values[1].T, node)
    elif node.op_type in PLAIN or node.op_type in ELEMENTWISE:
        for value in values:
            if value is None or value.size < 2 or value.dtype.kind != 'f':
                continue
            if node.op_type not in ELEMENTWISE:
                raise _not_understood(node, f'it has a constant of shape {value.shape}')
            if sum(size > 1 for size in value.shape) == 1:
                yield ELEMENTWISE[node.op_type], _float32(value.reshape(-1), node)
            else:
                yield 'table', _float32(value, node)
    else:
        raise _not_understood(node, 'no part of a VitTrack')


def _float32(value: np.ndarray, node) -> np.ndarray:
    if value.dtype != np.float32:
        raise _not_understood(node, f'its weights are {value.dtype}, give a file in float32')
    return np.ascontiguousarray(value)


def _words(node) -> str:
    return f'node {node.name or node.output[0]} ({node.op_type})'


def _not_understood(node, reason: str) -> CheckpointError:
    return CheckpointError(f'{_words(node)} is not understood: {reason}')
