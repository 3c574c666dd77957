"""The shortest ways to a tracker; the one place that opens configs."""
from os import PathLike
from pathlib import Path

import torch
from mmcv.cnn import fuse_conv_bn
from mmengine.config import Config
from mmtrack.registry import MODELS

from .checkpoint import load_weights
from .models import OSTrack
from .models.torch_network import DTYPES, TorchNetwork
from .runtime import Tracker
from .utils.checks import check_number

TORCH_BACKENDS = ('torch', 'compile')


def load_tracker(config: str | PathLike, checkpoint: str | PathLike) -> OSTrack:
    """Build a tracker and load its weights.

    Args:
        config: config file of a tracker, or of a compression: then its student is built.
        checkpoint: weights, see :func:`mmct.checkpoint.tracker_weights`.

    Returns:
        a tracker for inference only: ``init(frame, box)``, then ``track(frame)`` for each frame.

    Raises:
        FileNotFoundError: config or checkpoint is missing.
        CheckpointError: the weights are of another network.
    """
    if not Path(config).is_file():
        raise FileNotFoundError(f'config {config} does not exist')
    model = Config.fromfile(config).model
    tracker = MODELS.build(model.get('student', model))
    load_weights(tracker, checkpoint)
    return fuse_for_inference(tracker)


def open_tracker(model: str | PathLike, checkpoint: str | PathLike | None = None, *,
                 backend: str | None = None, precision: str | None = None,
                 threads: int | None = None) -> Tracker:
    """A :class:`mmct.runtime.Tracker` of a config with its checkpoint, or of an exported file.

    Args:
        model: config file, or a file written by ``tools/export.py``.
        checkpoint: weights for a config.
        backend: 'torch' or 'compile' for a config, 'onnxruntime' or 'openvino' for a file; None
            for what it is for.
        precision: 'fp32', or 'bf16' or 'fp16' where the backend can; as the weights are if None.
        threads: of the backend; its own choice if None.

    Raises:
        FileNotFoundError, CheckpointError: as of :func:`load_tracker`.
        ValueError, ImportError: as of :class:`mmct.runtime.Tracker`; ``threads`` is below 1.
    """
    if threads is not None:
        check_number('threads', threads, '[1, inf)', whole=True)
    if Path(model).suffix != '.py':
        return Tracker(model, backend=backend, precision=precision, threads=threads)
    return Tracker(_torch_network(Path(model), checkpoint, backend or 'torch', precision, threads))


def _torch_network(config: Path, checkpoint: str | PathLike | None, backend: str,
                   precision: str | None, threads: int | None) -> TorchNetwork:
    if backend not in TORCH_BACKENDS:
        raise ValueError(f'backend {backend} runs exported files, got the config {config}; '
                         f'backends for configs: {", ".join(TORCH_BACKENDS)}')
    if precision not in DTYPES:
        raise ValueError(f'backend {backend} computes in fp32, bf16, fp16, not in {precision}')
    if checkpoint is None:
        raise ValueError(f'the config {config} needs a checkpoint beside it')
    if threads:
        torch.set_num_threads(threads)
    tracker = load_tracker(config, checkpoint)
    if torch.cuda.is_available():
        tracker = tracker.cuda()
    return TorchNetwork(tracker, backend == 'compile', DTYPES[precision])


def fuse_for_inference(tracker: OSTrack) -> OSTrack:
    """The tracker with its batch norms folded into the convolutions before them: at test they are
    linear maps, and cost nothing there. It cannot be trained any more."""
    tracker.backbone.patch_embed = fuse_conv_bn(tracker.backbone.patch_embed.eval())
    tracker.head = fuse_conv_bn(tracker.head.eval())
    return tracker.eval()
