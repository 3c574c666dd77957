"""Open a tracker by its config; no other part of mmct opens configs."""
from functools import partial
from os import PathLike
from pathlib import Path

import torch
from mmcv.cnn import fuse_conv_bn
from mmengine.config import Config
from mmtrack.registry import MODELS

from .checkpoint import load_weights
from .models.torch_network import DTYPES, TorchNetwork
from .models.trackers import OneStreamTracker
from .runtime.backends import OpenedNetwork


def load_tracker(config: str | PathLike, checkpoint: str | PathLike) -> OneStreamTracker:
    """Build a tracker and load its weights.

    Args:
        config: config file of a tracker, or of a compression: then its student is built.
        checkpoint: weights, see :func:`mmct.checkpoint.tracker_weights`.

    Returns:
        a tracker for inference only: ``init(frame, box)``, then ``track(frame)`` for each frame.
    """
    model = read_config(config).get('model')
    if not isinstance(model, dict):
        raise ValueError(f'config {config} has no model; give that of a tracker, or of its '
                         'compression')
    try:
        tracker = MODELS.build(model.get('student', model))
    except (AssertionError, AttributeError, KeyError, TypeError) as error:
        raise ValueError(f'config {config}: its model cannot be built: {said(error)}') from error
    if not isinstance(tracker, OneStreamTracker):
        raise ValueError(f'config {config} is of a {type(tracker).__name__}; expected that of a '
                         'tracker of mmct, or of its compression')
    load_weights(tracker, checkpoint)
    return fuse_for_inference(tracker)


def read_config(path: str | PathLike) -> Config:
    """Read a config; FileNotFoundError if there is no such file, ValueError if it cannot be
    read."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f'config {path} ' + (
            'is a folder; give a file in it' if path.is_dir() else 'does not exist'))
    try:
        return Config.fromfile(path)
    except Exception as error:  # a config is Python
        cause = error
        while isinstance(cause.__context__, ImportError):  # MMEngine's are long, and say less
            cause = cause.__context__
        raise ValueError(f'config {path} cannot be read: {said(cause)}') from error


def said(error: Exception) -> str:
    """Kind and text of an error of Python's or MMEngine's in a line."""
    text = error.args[0] if isinstance(error, KeyError) and error.args else error
    return f'{type(error).__name__}: {" ".join(str(text).split())}'


class OpenedTorchNetwork(OpenedNetwork, TorchNetwork):
    """The network of a config and its checkpoint."""


def open_eager(config: Path, checkpoint: str | PathLike | None, precision: str | None,
               threads: int | None, compiled: bool = False) -> OpenedTorchNetwork:
    """A config with its checkpoint as a network of the runtime, on a GPU if there is one; arguments
    as of :class:`mmct.runtime.Tracker`, errors also as of :func:`load_tracker`."""
    if checkpoint is None:
        raise ValueError(f'the config {config} needs a checkpoint, too: --checkpoint FILE, in '
                         'Python the second argument')
    if threads:
        torch.set_num_threads(threads)
    tracker = load_tracker(config, checkpoint)
    if torch.cuda.is_available():
        tracker = tracker.cuda()
    return OpenedTorchNetwork(tracker, compiled, DTYPES[precision])


open_compiled = partial(open_eager, compiled=True)


def fuse_for_inference(tracker: OneStreamTracker) -> OneStreamTracker:
    """The tracker with its batch norms folded into the convolutions before them. It cannot be
    trained any more."""
    tracker.backbone.patch_embed = fuse_conv_bn(tracker.backbone.patch_embed.eval())
    tracker.head = fuse_conv_bn(tracker.head.eval())
    return tracker.eval()
