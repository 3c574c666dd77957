"""mmct's values by the names that records have for them."""
from collections.abc import Sequence
from itertools import accumulate
from types import SimpleNamespace

import torch
from torch import Tensor

from mmct.models.distillers import ReplacementDistiller
from mmct.models.layers import CEBlock, Tokens
from mmct.models.losses.stage_mimic_loss import stage_error
from mmct.models.structures import Clip, Prediction
from mmct.models.trackers import OneStreamTracker
from mmct.models.training import summed


def released_names(network: OneStreamTracker) -> dict[str, str]:
    """{name in any kind of released file: mmct's} of all weights of a network."""
    keys = list(network.state_dict())
    return {theirs: own for layout in network.names.released
            for theirs, own in layout.table(keys, ours=True).items()}


def centred(xywh: Tensor) -> Tensor:
    """Boxes (…, 4) x, y, w, h as cx, cy, w, h."""
    return torch.cat([xywh[..., :2] + xywh[..., 2:] / 2, xywh[..., 2:]], dim=-1)


@torch.no_grad()
def embedded(tracker: OneStreamTracker, clip: Clip, frame: int = 0,
             memory: Tensor | None = None) -> Tokens:
    """Tokens of a frame of a clip before the first layer."""
    search = clip.searches[:, frame]
    return tracker.embed(clip.templates, clip.template_boxes, search,
                         tracker.init_memory(search) if memory is None else memory)


@torch.no_grad()
def walk(tracker: OneStreamTracker, tokens: Tokens, ends: Sequence[int] = ()
         ) -> tuple[dict[str, Tensor | None], Prediction]:
    """All that may be recorded of a frame, by name, and what the head found.

    Args:
        tokens: before the first layer.
        ends: the last layer of each stage.
    """
    states = list(accumulate(tracker.backbone.layers, lambda x, layer: layer(x), initial=tokens))
    layers, present = states[1:], [state.search_present() for state in states]
    removed = [before & ~after for layer, before, after
               in zip(tracker.backbone.layers, present, present[1:]) if isinstance(layer, CEBlock)]
    prediction, last = tracker.forward_head(layers[-1]), tracker.backbone.finalize(layers[-1])
    groups = dict(search='search', reg_tokens='prediction')
    return {
        'embed': tokens.x, **dict.fromkeys(('tokens', 'norm', 'final_tokens'), whole(last)),
        **{f'layer{i}': state.x for i, state in enumerate(layers)},
        **{f'kept{i}': mask for i, mask in enumerate(present[1:])},
        **{f'removed{k}': mask for k, mask in enumerate(removed)},
        **{name: last.group(group) for name, group in groups.items() if group in last.groups},
        **stage_values([layers[i] for i in ends], prediction)}, prediction


def whole(tokens: Tokens) -> Tensor:
    """All tokens, with zeros in place of search tokens that were eliminated."""
    return torch.cat([tokens.whole_search() if group == 'search' else tokens.group(group)
                      for group in tokens.groups], dim=1)


def stage_values(stages: Sequence[Tokens], prediction: Prediction) -> dict[str, Tensor | None]:
    """Tokens after each stage, which search tokens are left, and what the head found, by name."""
    found = prediction.outputs
    values = {f'{name}_map': found[name] for name in ('score', 'size', 'offset') if name in found}
    for name, key in (('prob', 'edges'), ('logit', 'edge_logits')):
        if key in found:  # edges in the order of the prediction tokens
            values |= {f'{name}_{edge}': found[key][:, i] for i, edge in enumerate('lrtb')}
    for i, tokens in enumerate(stages):
        values |= {f'stage{i}': tokens.x, f'stage{i}_kept': tokens.search_present()}
    return {**values, 'pred_boxes': prediction.boxes, 'query_out': prediction.memory,
            'pred_scores': found.get('score_logits'), 'task_logits': found.get('task_logits')}


def run_mixed(distiller: ReplacementDistiller, clip: Clip, gates: str
              ) -> tuple[list[SimpleNamespace], dict[str, Tensor]]:
    """A clip by a gate pattern such as '0110': of each search frame its ``losses``, what these were
    given, see ``ReplacementDistiller.frame_losses``, and all that may be recorded, by name, as
    ``found``; and the losses of all with their total, after its backward pass."""
    given = []
    hook = distiller.mimic_loss.register_forward_hook(
        lambda module, args, named, found: given.append(named), with_kwargs=True)
    each = list(distiller.frame_losses(clip, clip, [gate == '1' for gate in gates]))
    hook.remove()
    distiller.zero_grad()
    losses = summed(each, len(each), distiller)
    total, _ = distiller.parse_losses(losses)
    total.backward()
    frames, memory, student = [], None, distiller.student
    for i, (named, own) in enumerate(zip(given, each)):
        frame = SimpleNamespace(**named, losses=own)
        last = student.backbone.finalize(frame.stages[-1])
        frame.found = {**stage_values(frame.stages, frame.mixed),
                       'embed': embedded(student, clip, i, memory).x, 'final_tokens': whole(last)}
        memory = frame.mixed.memory
        frames.append(frame)
    return frames, {**losses, 'total': total}


@torch.no_grad()
def mimic_errors(frame: SimpleNamespace) -> dict[str, list[float]]:
    """Of each token group, after each stage of a frame of :func:`run_mixed`."""
    return {group: [stage_error(*stages, [group]).item()
                    for stages in zip(frame.stages, frame.teacher_stages)]
            for group in frame.stages[0].groups}
