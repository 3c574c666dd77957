"""Names of ODTrack's weights: mmct's, those of released files, of whichever depth (no student was
released), and those of the masked auto-encoder that training starts from."""
import torch

from ...checkpoint.names import Sizes, State
from . import ostrack_names as ostrack

QUERY = {name: name for name in ('backbone.cls_token', 'backbone.cls_pos_embed')}


def for_the_published_loader(state: State) -> State:
    """Zeros for the table of the image classifier, which it demands and does not use."""
    return {'backbone.pos_embed': torch.zeros(1, 197, len(state['backbone.norm.weight']))}


def with_query(state: State, sizes: Sizes, source: str) -> State:
    """OSTrack's tables, and the class token and its place, which become the query's."""
    return {**ostrack.position_tables(state, sizes, source),
            'backbone.cls_token': state['cls_token'],
            'backbone.cls_pos_embed': state['pos_embed'][:, :1].clone()}


_plain = ostrack.released('blocks', ostrack.CENTER)
_own, *_, _vit = ostrack.LAYOUTS
LAYOUTS = (
    _own._replace(sign='backbone.cls_pos_embed', rules={**_own.rules, **QUERY}),
    _plain._replace(
        sign='backbone.cls_pos_embed', student=None, rules={**_plain.rules, **QUERY},
        ignored={'backbone.pos_embed': ostrack.CLASSIFIER}, complete=for_the_published_loader),
    _vit._replace(
        pretrained='ODTrack', needs=(*_vit.needs, 'cls_token'), compute=with_query))
