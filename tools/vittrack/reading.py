"""The network in OpenCV's ``object_tracking_vittrack_2023sep.onnx``."""
import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from mmtrack.registry import MODELS
from torch import Tensor, nn

from mmct.checkpoint import CheckpointError, weights_in
from mmct.models import OSTrack
from mmct.models.trackers.ostrack import LAYER
from mmct.utils.extras import require

from .graph import Parameter, parameters, ports, read_graph

PATCH = 16
INPUTS = ('template', 'search')
# The file's outputs, and the branches of the head.
OUTPUTS = {'output1': 'score', 'output2': 'size', 'output3': 'offset'}
# Of the parameters of a layer, in the order of LAYER.
KINDS = ('scale', 'shift', 'matrix', 'shift', 'matrix', 'shift') * 2
# Largest error of an output against the file's, over the largest value of that output.
TOLERANCE = 1e-4

Place = tuple[str, str]  # name of a weight, its kind


def read_vittrack(path: Path) -> OSTrack:
    """The tracker of a released VitTrack file, or of one that was re-exported or simplified.

    Its batch norms are folded into the convolutions before them; here they are identities.

    Args:
        path: ONNX file with inputs ``template`` and ``search``, normalised RGB, and outputs
            ``output1`` (score), ``output2`` (size) and ``output3`` (offset).

    Returns:
        an OSTrack in eval mode, whose maps were compared with the file's.

    Raises:
        FileNotFoundError: no such file.
        ImportError: a package of the extra ``deploy`` is missing.
        CheckpointError: it is not a VitTrack; names the node that is not understood.
    """
    model = read_graph(path)
    if [set(names) for names in ports(model)] != [set(INPUTS), set(OUTPUTS)]:
        own, out = (', '.join(names) for names in ports(model))
        raise CheckpointError(f'{path} is no VitTrack: it has inputs {own} and outputs {out}, '
                              f'expected {", ".join(INPUTS)} and {", ".join(OUTPUTS)}')
    try:
        state = _state(parameters(model))
        weights_in(dict(state_dict=state), path)
        tracker = _build(state)
    except CheckpointError as error:
        raise CheckpointError(f'{path}: {error}') from None
    _compare(tracker, path)
    return tracker


def _state(found: list[Parameter]) -> dict[str, Tensor]:
    """Weights under mmct's names, without batch norm."""
    template, search = (frozenset([name]) for name in INPUTS)
    everything = frozenset(OUTPUTS)
    trunk = [p for p in found if p.inputs == template | search and p.outputs == everything]
    groups = {
        (template, everything): [*_stem(), ('backbone.pos_embed_z', 'table')],
        (search, everything): [*_stem(), ('backbone.pos_embed_x', 'table')],
        (template | search, everything): _trunk(max(len(trunk) // len(LAYER), 1)),
        **{(template | search, frozenset([output])): _branch(name)
           for output, name in OUTPUTS.items()}}
    for parameter in found:
        if (parameter.inputs, parameter.outputs) not in groups:
            raise CheckpointError(
                f'{parameter.node} is not understood: a {parameter.kind} between '
                f'{_list(parameter.inputs)} and {_list(parameter.outputs)} is in no VitTrack')
    state = {}
    for (inputs, outputs), places in groups.items():
        own = [p for p in found if (p.inputs, p.outputs) == (inputs, outputs)]
        for name, parameter in _assign(own, places):
            value = torch.from_numpy(parameter.value.copy())
            if name in state and not torch.equal(state[name], value):
                raise CheckpointError(f'{parameter.node} is not understood: {name} of the search '
                                      'crop is another than of the template')
            state[name] = value
    return state


def _assign(found: Sequence[Parameter], places: Sequence[Place]
            ) -> Iterable[tuple[str, Parameter]]:
    """A name for each parameter.

    Raises:
        CheckpointError: one is of another kind, there are too many or too few.
    """
    for i, parameter in enumerate(found):
        if i == len(places):
            raise CheckpointError(f'{parameter.node} is not understood: there is a '
                                  f'{parameter.kind} behind {places[-1][0]}')
        name, kind = places[i]
        if parameter.kind != kind:
            raise CheckpointError(f'{parameter.node} is not understood: expected {name}, a {kind}, '
                                  f'got a {parameter.kind} of shape {parameter.value.shape}')
        yield name, parameter
    if len(found) < len(places):
        raise CheckpointError(f'the network lacks {places[len(found)][0]}')


def _stem() -> list[Place]:
    return [place for i in range(4) for place in _conv(f'backbone.patch_embed.layers.{i}.conv')]


def _trunk(depth: int) -> list[Place]:
    layers = [(f'backbone.layers.{i}.{name}', kind)
              for i in range(depth) for name, kind in zip(LAYER, KINDS)]
    return [*layers, ('backbone.norm.weight', 'scale'), ('backbone.norm.bias', 'shift')]


def _branch(name: str) -> list[Place]:
    layers = [f'head.{name}.{i}.conv' for i in range(4)] + [f'head.{name}.4']
    return [place for layer in layers for place in _conv(layer)]


def _conv(name: str) -> list[Place]:
    return [(f'{name}.weight', 'kernel'), (f'{name}.bias', 'shift')]


def _list(names: Iterable[str]) -> str:
    return ', '.join(sorted(names))


def _build(state: dict[str, Tensor]) -> OSTrack:
    """The tracker of these weights, with batch norms that do nothing."""
    width, sizes = state['backbone.norm.weight'].numel(), []
    for name in ('backbone.pos_embed_z', 'backbone.pos_embed_x'):
        state[name] = _channels_last(state[name], width)
        sizes.append(PATCH * math.isqrt(state[name].size(1)))
    hidden = state['backbone.layers.0.mlp.fc1.bias'].numel()
    depth = 1 + max(int(key.split('.')[2]) for key in state if key.startswith('backbone.layers.'))
    try:
        tracker = MODELS.build(dict(
            type='OSTrack',
            backbone=dict(
                type='OneStreamViT', embed_dims=width, depth=depth, num_heads=1,
                mlp_ratio=hidden / width, template_size=sizes[0], search_size=sizes[1],
                patch_embed=dict(type='ConvStem'), norm_eps=1e-5),
            head=dict(type='CenterHead', in_channels=width,
                      channels=len(state['head.score.0.conv.bias']))))
        norms = [(name, module) for name, module in tracker.named_modules()
                 if isinstance(module, nn.BatchNorm2d)]
        for _, norm in norms:
            # Not 1: eps is undone, too, which also tells it from one that was never trained.
            nn.init.constant_(norm.weight, math.sqrt(1 + norm.eps))
        tracker.load_state_dict({**state, **{
            f'{name}.{key}': value for name, norm in norms
            for key, value in norm.state_dict().items()}})
    except (RuntimeError, ValueError) as error:
        reason = str(error).strip().splitlines()[-1].strip()
        raise CheckpointError(f'its weights make no VitTrack: {reason}') from None
    return tracker.eval()


def _channels_last(table: Tensor, width: int) -> Tensor:
    """(1, L, C), or (1, C, L) and (1, C, n, n) of simplifiers that put it before a transposition,
    to (1, L, C)."""
    if table.size(-1) != width and table.size(1) == width:
        table = table.flatten(2).transpose(1, 2)
    return table.reshape(1, -1, table.size(-1))


@torch.no_grad()
def _compare(tracker: OSTrack, path: Path) -> None:
    """See that a tracker does what the file does.

    Raises:
        CheckpointError: it does not.
    """
    sizes = tracker.backbone.template_size, tracker.backbone.search_size
    rng = np.random.default_rng(0)
    crops = [rng.standard_normal((1, 3, size, size), dtype=np.float32) for size in sizes]
    try:
        session = require('onnxruntime').InferenceSession(
            str(path), providers=['CPUExecutionProvider'])
        theirs = session.run(list(OUTPUTS), dict(zip(INPUTS, crops)))
    except ImportError:
        raise
    except Exception as error:  # ONNX Runtime has an exception of its own for each way to fail
        reason = str(error).strip().splitlines()[0]
        raise CheckpointError(f'{path} cannot be run by ONNX Runtime: {reason}') from None
    template, search = map(torch.from_numpy, crops)
    ours = tracker.outputs_of(template[:, None], search)
    for (output, name), value in zip(OUTPUTS.items(), theirs):
        own = ours[name].numpy()
        error = np.abs(own - value).max() / np.abs(value).max() if own.shape == value.shape \
            else math.inf
        if not error <= TOLERANCE:
            raise CheckpointError(
                f'{path} is no VitTrack: it has such weights but computes something else, '
                f'{output} differs by {error:.1g} of its largest value')
