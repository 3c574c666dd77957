"""PyTorch, eager or compiled, as a network of the runtime."""
import torch
from torch import Tensor, nn

DTYPES = {None: None, 'fp32': None, 'bf16': torch.bfloat16, 'fp16': torch.float16}


class TemplateNetwork(nn.Module):
    """An ``OSTrack``'s step for a first frame: (N, Sz, Sz, 3) uint8 BGR -> tokens (N, Lz, C)."""

    def __init__(self, tracker) -> None:
        super().__init__()
        self.tracker = tracker

    def forward(self, template: Tensor) -> Tensor:
        return self.tracker.backbone.embed_template(images(self.tracker, template))


class SearchNetwork(nn.Module):
    """An ``OSTrack``'s step for any other frame.

    Takes template tokens (N, Lz, C), search crops (N, Sx, Sx, 3) uint8 BGR and boxes (N, 4)
    x, y, w, h in pixels of the template crops, which GT_BOX elimination alone needs; gives what a
    tracking step reads, by the names of ``NetworkInfo.head``.
    """

    def __init__(self, tracker) -> None:
        super().__init__()
        self.tracker = tracker

    def forward(self, template_tokens: Tensor, search: Tensor,
                template_boxes: Tensor | None = None) -> dict[str, Tensor]:
        backbone, head = self.tracker.backbone, self.tracker.head
        return head.outputs(head(backbone.track(
            template_tokens, images(self.tracker, search), template_boxes)))


def images(tracker, crops: Tensor) -> Tensor:
    """(N, S, S, 3) uint8 BGR -> (N, 3, S, S) normalised RGB."""
    return tracker.data_preprocessor.normalize(crops.permute(0, 3, 1, 2))


class TorchNetwork:
    """See :class:`mmct.runtime.network.Network`.

    Args:
        tracker: an ``OSTrack``; runs where its parameters are.
        compiled: by ``torch.compile``; the first steps take minutes.
        dtype: of autocast, None for none.
    """

    def __init__(self, tracker, compiled: bool = False, dtype: torch.dtype | None = None) -> None:
        self.info, self._dtype = tracker.info, dtype
        self._template, self._search = TemplateNetwork(tracker), SearchNetwork(tracker)
        if compiled:
            self._search = torch.compile(self._search)

    @torch.inference_mode()
    def embed(self, crop, box):
        device = next(self._template.parameters()).device
        template = self._template(torch.from_numpy(crop[None]).to(device))
        return template, template.new_tensor([box])

    @torch.inference_mode()
    def run(self, templates, crops):
        tokens, boxes = templates[0] if len(templates) == 1 else map(torch.cat, zip(*templates))
        with torch.autocast(tokens.device.type, self._dtype, enabled=self._dtype is not None):
            outputs = self._search(tokens, torch.from_numpy(crops).to(tokens.device), boxes)
        return {key: value.float().cpu().numpy() for key, value in outputs.items()}
