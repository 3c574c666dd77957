"""Names of ODTrack's weights: mmct's, those of released files, of whichever depth (no student was
released), and those of the masked auto-encoder that training starts from."""
import torch

from ...checkpoint.names import State
from .ostrack_names import CENTER, CLASSIFIER, OSTrackNames, released

PLAIN = released('blocks', CENTER)
QUERY = {name: name for name in ('backbone.cls_token', 'backbone.cls_pos_embed')}


class ODTrackNames(OSTrackNames):
    """OSTrack's, and the query's."""
    own_sign = 'backbone.cls_pos_embed'
    released = (PLAIN._replace(
        sign=own_sign, student=None, rules=PLAIN.rules | QUERY,
        ignored={'backbone.pos_embed': CLASSIFIER}), )
    pretrained = OSTrackNames.pretrained._replace(needs=('pos_embed', 'cls_token'))

    def unused(self, width: int) -> State:
        return {'backbone.pos_embed': torch.zeros(1, 197, width)}

    def from_pretrained(self, state: State, source: str, crops: tuple[int, int]) -> State:
        """OSTrack's, and the class token and its place, which become the query's."""
        return super().from_pretrained(state, source, crops) | {
            'backbone.cls_token': state['cls_token'],
            'backbone.cls_pos_embed': state['pos_embed'][:, :1].clone()}
