"""PyTorch, eager or compiled, for trackers built from a config."""
from pathlib import Path

import numpy as np
import torch

DTYPES = {None: None, 'fp32': None, 'bf16': torch.bfloat16, 'fp16': torch.float16}


class TorchNetwork:
    """See :class:`mmct.runtime.network.Network`.

    Args:
        tracker: an ``OSTrack``; runs where its parameters are.
        compiled: by ``torch.compile``; the first steps take minutes.
        dtype: of autocast, None for none.
    """

    def __init__(self, tracker, compiled: bool = False, dtype: torch.dtype | None = None) -> None:
        self._tracker, self._dtype = tracker, dtype
        self.info = tracker.info
        self._search = torch.compile(self._forward) if compiled else self._forward

    @torch.inference_mode()
    def embed(self, crop, box):
        template = self._tracker.backbone.embed_template(self._images(crop[None]))
        return template, template.new_tensor([box])

    @torch.inference_mode()
    def run(self, templates, crops):
        tokens, boxes = templates[0] if len(templates) == 1 else map(torch.cat, zip(*templates))
        with torch.autocast(tokens.device.type, self._dtype, enabled=self._dtype is not None):
            outputs = self._search(tokens, self._images(crops), boxes)
        return {key: value.float().cpu().numpy() for key, value in outputs.items()}

    def _forward(self, tokens, images, boxes):
        backbone, head = self._tracker.backbone, self._tracker.head
        return head.outputs(head(backbone.track(tokens, images, boxes)))

    def _images(self, crops: np.ndarray) -> torch.Tensor:
        """(N, S, S, 3) uint8 BGR -> (N, 3, S, S) normalised RGB on the tracker's device."""
        preprocessor = self._tracker.data_preprocessor
        images = torch.from_numpy(crops).to(preprocessor.mean.device)
        return preprocessor.normalize(images.permute(0, 3, 1, 2))


def open_config(path: Path, checkpoint, compiled: bool, precision: str | None,
                threads: int | None) -> TorchNetwork:
    from mmct.api import load_tracker  # MMTracking takes seconds to import

    if checkpoint is None:
        raise ValueError(f'the config {path} needs a checkpoint beside it')
    if threads:
        torch.set_num_threads(threads)
    tracker = load_tracker(path, checkpoint)
    if torch.cuda.is_available():
        tracker = tracker.cuda()
    return TorchNetwork(tracker, compiled, DTYPES[precision])
