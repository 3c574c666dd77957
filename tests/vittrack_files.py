"""ONNX files in the layout of the released VitTrack, and what users make of them."""
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import build, tracker
from torch import nn

from mmct.api import fuse_for_inference
from mmct.models.layers import Tokens, run_layers

onnx = pytest.importorskip('onnx', reason='the extra deploy is not installed')
pytest.importorskip('onnxruntime', reason='the extra deploy is not installed')

from onnx import helper, numpy_helper  # noqa: E402

SHAPE = {'width': 24, 'depth': 2, 'num_heads': 1, 'patch_embed': {'type': 'ConvStem'},
         'norm_eps': 1e-5}


class Released(nn.Module):
    """Normalised crops to the three maps, batch norm folded."""

    def __init__(self, model) -> None:
        super().__init__()
        self.model = fuse_for_inference(model)

    def forward(self, template, search):
        backbone = self.model.backbone
        x = torch.cat([backbone.patch_embed(template) + backbone.pos_embed_z,
                       backbone.patch_embed(search) + backbone.pos_embed_x], dim=1)
        tokens = run_layers(backbone.layers, Tokens(x, backbone.groups))
        maps = self.model.head(backbone.finalize(tokens))
        return maps['score'], maps['size'], maps['offset']


def write(path: Path, opset=17, dynamic=False, outputs=('output1', 'output2', 'output3'),
          **shape) -> Path:
    """A small VitTrack; ``shape`` replaces options of its backbone."""
    names = ['template', 'search', *outputs]
    config = tracker(**{**SHAPE, **shape})
    crops = tuple(torch.zeros(1, 3, *2 * [config['backbone'][f'{name}_size']])
                  for name in names[:2])
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        torch.onnx.export(
            Released(build(config)), crops, str(path), input_names=names[:2],
            output_names=names[2:], opset_version=opset, dynamo=False,
            dynamic_axes={name: {0: 'batch'} for name in names} if dynamic else None)
    return path


# What users make of it: each takes a model and changes it in place.

def rename(model) -> None:
    """Numbers in place of all names that are not those of inputs and outputs."""
    graph = model.graph
    ports = {port.name for port in (*graph.input, *graph.output)}
    names = {name for node in graph.node for name in (*node.input, *node.output)} - ports - {''}
    new = {name: f'v{i}' for i, name in enumerate(sorted(names))}
    for tensor in graph.initializer:
        tensor.name = new[tensor.name]
    for node in graph.node:
        node.name = ''
        for field in (node.input, node.output):
            field[:] = [new.get(name, name) for name in field]


def constant_nodes(model) -> None:
    """No initializers."""
    nodes = [helper.make_node('Constant', [], [tensor.name], value=tensor)
             for tensor in model.graph.initializer]
    replace(model, [*nodes, *model.graph.node])
    del model.graph.initializer[:]


def identities(model) -> None:
    """An Identity behind each initializer and each node that gives no output of the graph."""
    graph = model.graph
    outputs = {port.name for port in graph.output}
    nodes = [helper.make_node('Identity', [t.name], [f'{t.name}_same']) for t in graph.initializer]
    same = {node.input[0]: node.output[0] for node in nodes}
    for node in graph.node:
        node.input[:] = [same.get(name, name) for name in node.input]
        nodes.append(node)
        for name in set(node.output) - outputs:
            same[name] = f'{name}_same'
            nodes.append(helper.make_node('Identity', [name], [same[name]]))
    replace(model, nodes)


def gemms(model) -> None:
    """Linear layers as Gemm of flattened tokens, of a transposed weight if it is the first."""
    weights = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    users = {name: node for node in model.graph.node for name in node.input}
    nodes, gone = [], set()
    for node in model.graph.node:
        name = node.output[0]
        if node.op_type == 'MatMul' and node.input[1] in weights:
            weight, add = weights[node.input[1]], users[name]
            bias, = set(add.input) - {name}
            width, transposed = len(weight), not gone
            if transposed:
                weight = np.ascontiguousarray(weight.T)
            for key, value in ((f'{name}_w', weight), (f'{name}_flat', [-1, width])):
                model.graph.initializer.append(numpy_helper.from_array(np.asarray(value), key))
            nodes += [
                helper.make_node('Reshape', [node.input[0], f'{name}_flat'], [f'{name}_2d']),
                helper.make_node('Gemm', [f'{name}_2d', f'{name}_w', bias], [f'{name}_out'],
                                 transB=int(transposed)),
                helper.make_node('Shape', [node.input[0]], [f'{name}_shape'], end=-1),
                helper.make_node('Shape', [f'{name}_out'], [f'{name}_last'], start=-1),
                helper.make_node('Concat', [f'{name}_shape', f'{name}_last'], [f'{name}_back'],
                                 axis=0),
                helper.make_node('Reshape', [f'{name}_out', f'{name}_back'], [add.output[0]])]
            gone.add(add.output[0])
        elif name not in gone:
            nodes.append(node)
    replace(model, nodes)


def other_order(model) -> None:
    """The latest order of nodes that data allows, last output first."""
    users = {}
    for node in model.graph.node:
        users.update((name, node) for name in node.output)
    placed, nodes = set(), []

    def place(name):
        node = users.get(name)
        if node is not None and node.output[0] not in placed:
            placed.add(node.output[0])
            for source in reversed(node.input):
                place(source)
            nodes.append(node)

    for port in reversed(model.graph.output):
        place(port.name)
    replace(model, nodes)


def weights_as_inputs(model) -> None:
    """Initializers among the inputs, as old files have them."""
    model.graph.input.extend(
        helper.make_tensor_value_info(t.name, t.data_type, t.dims)
        for t in model.graph.initializer)


def replace(model, nodes) -> None:
    nodes = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


CHANGES = {change.__name__: change for change in (
    rename, constant_nodes, identities, gemms, other_order, weights_as_inputs)}


def changed(source: Path, target: Path, *changes) -> Path:
    """A copy of a file after some changes."""
    model = onnx.load(source)
    for change in changes:
        change(model)
    onnx.checker.check_model(model)
    onnx.save(model, target)
    return target
