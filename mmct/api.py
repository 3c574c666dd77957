"""The shortest way to a tracker."""
from pathlib import Path

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
        a tracker in eval mode: ``init(frame, box)``, then ``track(frame)`` for each frame.

    Raises:
        FileNotFoundError: config or checkpoint is missing.
        CheckpointError: the weights are of another network.
    """
    if not Path(config).is_file():
        raise FileNotFoundError(f'config {config} does not exist')
    model = Config.fromfile(config).model
    tracker = MODELS.build(model.get('student', model))
    load_weights(tracker, checkpoint)
    return tracker.eval()
