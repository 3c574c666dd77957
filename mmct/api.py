"""The shortest way to a tracker."""
from pathlib import Path

from mmcv.cnn import fuse_conv_bn
from mmengine.config import Config
from mmtrack.registry import MODELS

from .checkpoint import load_weights
from .models import OSTrack


def load_tracker(config: str | Path, checkpoint: str | Path) -> OSTrack:
    """Build a tracker and load its weights.

    Args:
        config: config file of a tracker, or of a compression: then its student is built.
        checkpoint: weights, see :func:`mmct.checkpoint.tracker_weights`.

    Returns:
        a tracker for inference alone: ``init(frame, box)``, then ``track(frame)`` for each frame.

    Raises:
        FileNotFoundError: config or checkpoint is missing.
        CheckpointError: the weights are of another network.
    """
    if not Path(config).is_file():
        raise FileNotFoundError(f'config {config} does not exist')
    model = Config.fromfile(config).model
    tracker = MODELS.build(model.get('student', model))
    load_weights(tracker, checkpoint)
    return ready(tracker)


def ready(tracker: OSTrack) -> OSTrack:
    """Make a tracker ready for inference, and for that alone."""
    # Batch norm is a linear map at test; folded into the convs before it, it costs nothing.
    tracker.backbone.patch_embed = fuse_conv_bn(tracker.backbone.patch_embed.eval())
    tracker.head = fuse_conv_bn(tracker.head.eval())
    return tracker.eval()
